from itertools import combinations

import numpy as np
import pytest

from tasks.deduplicate import REASONS, DeduplicateParams, _near, deduplicate, question_vectors, what_is_said
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import REJECTED, QaPair


def make_pair(
    bare: str, answer_key: str | None, *, fact: str, document: str = "manual", answer: str | None = None, title: str | None = None
) -> QaPair:
    asked = f'According to "{title or document}", {bare}'
    answer = answer or f"It is {answer_key}."
    pair_id = f"{document}/{fact}/{key(bare)[:4]}"
    return QaPair(pair_id, document, "c1", f"{document}/{fact}", 0, asked, bare, answer, answer_key, "number", "predicate", "extractive/1")


FLANGE = make_pair("At what torque is the outlet flange fastened?", "24.5 Nm", fact="flange")
FLANGE_AGAIN = make_pair("At what torque is the outlet flange being fastened?", "24.5 Nm", fact="flange table")


def dropped(pairs: list[QaPair], **params: float) -> list[tuple[str, str]]:
    return [(row.reason, row.item_id) for row in deduplicate(pairs, DeduplicateParams(**params))]


def test_the_older_of_two_equal_questions_of_a_document_stays():
    younger = make_pair("at what Torque is the outlet  flange fastened ?", "24.5 Nm", fact="flange")

    (row,) = deduplicate([FLANGE, younger])

    assert (row.stage, row.reason, row.item_id, row.detail) == ("deduplicate", "equal_question", younger.pair_id, f"of {FLANGE.pair_id}")


def test_an_equal_question_with_another_answer_is_dropped_and_said_to_be_so():
    younger = make_pair(FLANGE.bare_question, "30 Nm", fact="other flange")

    assert dropped([FLANGE, younger]) == [("equal_question_other_answer", younger.pair_id)]


def test_two_manuals_may_answer_one_question_differently():
    other = make_pair(FLANGE.bare_question, "30 Nm", fact="flange", document="other manual")

    assert dropped([FLANGE, other]) == []


def test_two_documents_that_answer_one_question_alike_ask_it_once():
    copy = make_pair(FLANGE.bare_question, "24.5 Nm", fact="flange", document="second edition")

    assert dropped([FLANGE, copy]) == [("equal_question", copy.pair_id)]


def test_without_titles_one_question_cannot_have_two_answers():
    bare = "Which torque does the flange need?"
    one, other = (make_pair(bare, said, fact="f", document=document, title="same") for said, document in (("1 Nm", "a"), ("2 Nm", "b")))

    assert dropped([one, other]) == [("equal_question_other_answer", other.pair_id)]


def test_nearly_the_same_question_with_the_same_answer_is_dropped():
    (row,) = deduplicate([FLANGE, FLANGE_AGAIN])

    assert (row.reason, row.item_id) == ("near_duplicate", FLANGE_AGAIN.pair_id)
    assert row.detail.startswith(f"of {FLANGE.pair_id}, cosine 0.9")


def test_the_older_document_s_pair_stays_whatever_its_id():
    copy = make_pair(FLANGE_AGAIN.bare_question, "24.5 Nm", fact="a", document="a second edition")

    assert dropped([FLANGE, copy]) == [("near_duplicate", copy.pair_id)]
    assert dropped([copy, FLANGE]) == [("near_duplicate", FLANGE.pair_id)]


def test_wordings_of_one_fact_stay_however_near():
    wording = make_pair(FLANGE_AGAIN.bare_question, "24.5 Nm", fact="flange")

    assert dropped([FLANGE, wording]) == []


def test_another_answer_or_another_figure_makes_another_question():
    other_answer = make_pair(FLANGE_AGAIN.bare_question, "30 Nm", fact="other flange")
    m8 = make_pair("Which torque is set for the M8 bolt?", "10 Nm", fact="m8")
    m6 = make_pair("Which torque is set for the M6 bolt?", "10 Nm", fact="m6")

    assert dropped([FLANGE, other_answer, m8, m6], min_cosine=0.8) == []


def test_a_chain_of_neighbours_loses_only_what_is_near_to_a_pair_that_stays():
    chain = [
        make_pair(f"At what torque is the {name} flange fastened?", "24.5 Nm", fact=name)
        for name in ("outlet", "outer outlet", "outer", "inner")
    ]
    vectors = question_vectors(chain)
    limit = 0.9
    kept: list[QaPair] = []
    for pair in chain:  # the definition, one by one
        if all(vectors[pair.pair_id] @ vectors[other.pair_id] < limit for other in kept):
            kept.append(pair)

    gone = {item for _, item in dropped(chain, min_cosine=limit)}

    assert gone == {pair.pair_id for pair in chain} - {pair.pair_id for pair in kept}
    assert gone


def test_block_by_block_finds_what_a_comparison_of_all_with_all_finds():
    random = np.random.default_rng(0)
    table = random.normal(size=(83, 6)).astype(np.float32)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    expected = {(j, i) for i, j in combinations(range(83), 2) if table[i] @ table[j] >= 0.6}

    for rows, columns in ((7, 10), (512, 2048), (1, 1), (10, 3)):
        found = [(younger, older) for younger, older, _ in _near(table, DeduplicateParams(0.6, rows, columns))]
        assert len(found) == len(set(found))
        assert set(found) == expected
    assert len(expected) > 50


def test_a_key_is_read_as_the_judge_reads_it():
    assert what_is_said(make_pair("a", "the 1,200 ms", fact="f")) == what_is_said(make_pair("b", "1200 ms", fact="g"))
    assert what_is_said(make_pair("a", "seal; housing", fact="f")) == what_is_said(make_pair("b", "Housing; seal", fact="g"))
    assert what_is_said(make_pair("a", None, fact="f", answer="Close it.")) == "close it"


def test_what_was_dropped_from_a_document_does_not_change_when_a_document_is_added():
    old = [FLANGE, FLANGE_AGAIN, make_pair("How heavy is the pump?", "42 kg", fact="mass")]
    new = [
        make_pair("What is the mass of the pump?", "42 kg", fact="mass", document="new"),
        make_pair("How heavy is it?", "42 kg", fact="m", document="new"),
    ]

    before, after = deduplicate(old), deduplicate([*old, *new])

    assert [row for row in after if row.document_id == "manual"] == before


def test_the_same_input_gives_the_same_rows_and_they_fit_the_table():
    pairs = [FLANGE, FLANGE_AGAIN, make_pair(FLANGE.bare_question, "30 Nm", fact="other flange")]

    rows = deduplicate(pairs)

    assert rows == deduplicate(pairs)
    assert REJECTED.to_arrow(rows).num_rows == 2
    assert {row.reason for row in rows} <= set(REASONS)


def test_nothing_comes_of_nothing():
    assert deduplicate([]) == []


@pytest.mark.parametrize("bad", [{"min_cosine": 0}, {"min_cosine": 1.1}, {"block_rows": 0}])
def test_a_setting_out_of_bounds_is_refused_by_name(bad):
    with pytest.raises(ConfigError, match=f"deduplicate.{next(iter(bad))}"):
        DeduplicateParams(**bad)
