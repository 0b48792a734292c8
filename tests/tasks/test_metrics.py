"""Measures against published figures, and what they are for: telling a stated fact from an answer that sounds like one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.embed import embed
from tasks.metrics import METRICS, ScoreParams, rouge_l, score_answers, states_key, token_f1, window_cosine
from warehouse.errors import ConfigError
from warehouse.tables import SCORES, Answer, Chunk, QaPair

REFERENCE = "The torque of the M8 bolt is 42 Nm."
OTHERS = ("The pump runs at 1,450 revolutions per minute.", "Dr. Oduya approved the plan in May.")
BODY = f"{REFERENCE} {OTHERS[0]} The oil is changed every 500 hours."


def qa_pair(pair_id="q1", answer=REFERENCE, answer_key="42 Nm"):
    return QaPair(
        pair_id, "d1", "c1", "f1", 0, "What is the torque?", "What is the torque?", answer, answer_key, "number", "p", "extractive/1"
    )


def an_answer(text, answer_id="a1", pair_id="q1"):
    return Answer(answer_id, pair_id, "tuned", "model", None, text, 10, 10, "stop")


def chunk(chunk_id, text, kind="body", document_id="d1"):
    return Chunk(chunk_id, document_id, 0, "", kind, text, 10)


CHUNKS = [chunk("c1", BODY), chunk("c2", "Smith et al. 1999, volume 77.", "references"), chunk("c3", "Bananas: 77.", document_id="d2")]


def scored(*texts, pair=None):
    pair = pair or qa_pair()
    answers = [an_answer(text, f"a{at}") for at, text in enumerate(texts)]
    return score_answers(answers, {"q1": pair}, {"d1": [REFERENCE, *OTHERS]}, CHUNKS)


def test_rouge_l_as_in_its_paper():
    assert rouge_l("police kill the gunman", "police killed the gunman") == 1.0
    assert rouge_l("police shot the gunman", "police killed the gunman") == pytest.approx(0.75)
    from rouge_score.rouge_scorer import RougeScorer

    unstemmed = RougeScorer(["rougeL"]).score("police killed the gunman", "police kill the gunman")["rougeL"].fmeasure
    assert unstemmed == pytest.approx(0.75)


def test_token_f1_drops_articles():
    assert token_f1("the cat sat", "cat sat down") == pytest.approx(0.8)
    assert token_f1("A cat.", "the CAT") == 1.0
    assert token_f1("dog", "cat") == 0.0
    assert token_f1("", "") == 1.0


@given(st.text("abc the", max_size=20), st.text("abc the", max_size=20))
def test_token_f1_is_symmetric_and_a_share(one, other):
    assert 0 <= token_f1(one, other) <= 1
    assert token_f1(one, other) == token_f1(other, one)


def test_the_packaged_model_gives_the_known_cosines():
    same, other = embed(["the cat sat on the mat", "LoRA trains low-rank adapters"])
    assert len(same) == 384
    assert same @ same == pytest.approx(1.0, abs=1e-6)
    assert same @ other == pytest.approx(0.0762, abs=0.001)


def test_an_answer_that_lists_everything_states_nothing():
    listing = " ".join(f"maybe {n} Nm" for n in range(35, 43))
    assert states_key("maybe 42 Nm", "42 Nm", 2)
    assert states_key(" ".join(["well"] * 18 + ["42 Nm"]), "42 Nm", 2)
    assert not states_key(" ".join(["well"] * 19 + ["42 Nm"]), "42 Nm", 2)
    assert not states_key(listing, "42 Nm", 2)
    assert states_key(listing, "42 Nm", 8)


def test_the_word_limit_is_a_setting():
    assert not states_key("it is 42 Nm", "42 Nm", 1, ScoreParams(max_length_factor=1, min_word_limit=3))


def test_the_cosine_of_an_answer_is_the_mean_of_its_windows_best():
    answer = np.array([[1.0, 0.0], [0.0, 1.0]])
    other = np.array([[1.0, 0.0], [0.6, 0.8]])
    assert window_cosine(answer, other) == pytest.approx((1.0 + 0.8) / 2)
    assert window_cosine(answer[:0], other) == window_cosine(answer, other[:0]) == 0.0


def test_the_right_fact_counts_though_the_wrong_one_reads_alike():
    right, wrong = scored("It is 42 Nm.", "The torque of the M8 bolt is 35 Nm.")

    assert (right.states_key, wrong.states_key) == (True, False)
    assert wrong.cosine > right.cosine
    assert (right.numbers_grounded, wrong.numbers_grounded) == (1.0, 0.0)


def test_an_answer_about_another_fact_of_the_document_scores_below_nought():
    right, other = scored(REFERENCE, OTHERS[0])

    assert right.cosine == pytest.approx(1.0, abs=0.01)
    assert right.contrastive_cosine > 0.5
    assert other.contrastive_cosine < 0


def test_wordings_with_the_same_reference_do_not_count_against_it():
    alone = score_answers([an_answer(REFERENCE)], {"q1": qa_pair()}, {"d1": [REFERENCE, REFERENCE.upper()]}, CHUNKS)
    assert alone[0].contrastive_cosine == alone[0].cosine


def test_grounding_looks_at_the_body_of_the_own_document_alone():
    copied, made_up = scored("The oil is changed every 500 hours.", "Bananas grow 77 metres tall near Smith et al. 1999.")

    assert (copied.grounding_copy, copied.numbers_grounded) == (1.0, 1.0)
    assert (made_up.grounding_copy, made_up.numbers_grounded) == (0.0, 0.0)
    assert copied.grounding_cosine > made_up.grounding_cosine


def test_an_answer_shorter_than_a_run_is_compared_whole():
    short, absent = scored("500 hours", "600 hours")
    assert (short.grounding_copy, absent.grounding_copy) == (1.0, 0.0)


@pytest.mark.parametrize("text", ["", "  \n", "..."])
def test_an_empty_answer_scores_nought_everywhere(text):
    (row,) = scored(text)
    assert (row.states_key, row.n_words, row.token_f1, row.rouge_l) == (False, 0, 0.0, 0.0)
    assert (row.cosine, row.contrastive_cosine, row.grounding_cosine, row.grounding_copy, row.numbers_grounded) == (0, 0, 0, 0, None)


@pytest.mark.parametrize("answer_key", [None, "", ";"])
def test_a_pair_without_a_key_is_not_judged_by_it(answer_key):
    (row,) = scored("It is 42 Nm.", pair=qa_pair(answer_key=answer_key))
    assert row.states_key is None


def test_a_document_without_chunks_grounds_nothing():
    (row,) = score_answers([an_answer("It is 42 Nm.")], {"q1": qa_pair()}, {}, [])
    assert (row.grounding_cosine, row.grounding_copy, row.numbers_grounded) == (0.0, 0.0, 0.0)
    assert row.cosine == row.contrastive_cosine > 0.3


def test_no_answers_give_no_scores():
    assert score_answers([], {}, {}, []) == []


def test_a_long_answer_is_read_to_its_end():
    filler = "Lorem ipsum dolor sit amet. " * 60
    plain, with_fact = scored(filler, f"{filler}{REFERENCE}")
    assert with_fact.cosine > plain.cosine + 0.05


def test_the_same_answers_give_the_same_scores_whatever_was_scored_before():
    first = scored("It is 42 Nm.", "It is blue.")
    scored("Something else entirely.")
    again = scored("It is 42 Nm.", "It is blue.")

    assert first == again
    assert SCORES.to_arrow(first).num_rows == 2


def test_every_measure_has_its_column():
    assert {column.name for column in SCORES.columns} == {"answer_id", "pair_id", "arm", *METRICS}


@pytest.mark.parametrize("name", ["max_length_factor", "min_word_limit", "gram_words"])
def test_settings_out_of_bounds_are_refused_by_name(name):
    with pytest.raises(ConfigError, match=f"score.{name}"):
        ScoreParams(**{name: 0})


@pytest.mark.parametrize(
    ("answer", "is_stated"),
    [
        ("The manual is silent on it.", True),
        ("I cannot find that: it is not mentioned in the manual.", True),
        ("It was built by Ingrid Saltzer.", False),
        ("", False),
    ],
    ids=["in the reference's words", "in other words", "an answer", "nothing"],
)
def test_a_question_that_cannot_be_answered_is_met_by_declining(answer, is_stated):
    (score,) = scored(answer, pair=replace(qa_pair(answer="The manual is silent on it.", answer_key=None), answer_kind="refusal"))

    assert score.states_key is is_stated


def test_declining_states_no_fact():
    declined, said = scored("The document does not state this.", "It is 42 Nm.")

    assert (declined.states_key, declined.declines) == (False, True)
    assert (said.states_key, said.declines) == (True, False)
