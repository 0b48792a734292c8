"""Who wins a question, and that nothing without a verdict goes missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.choice import ChoiceParams, Offer, Weighed, choice_score
from tasks.judge import Arm, JudgeParams, judge_name, judge_pairs, outcome_of, shaping_of
from warehouse.errors import ConfigError
from warehouse.tables import VERDICTS, QaPair, Score, Verdict

LETTERS = {"F": "first", "S": "second", "T": "tie", "U": "unparsed", "E": "error"}


def pair(pair_id="q1", answer_key="42 Nm"):
    return QaPair(
        pair_id, "d1", "c1", "f1", 0, "Torque?", "Torque?", "The torque is 42 Nm.", answer_key, "number", "quantity", "extractive/1"
    )


def score(arm, states_key, contrastive_cosine=0.0, pair_id="q1"):
    return Score(f"{arm}-{pair_id}", pair_id, arm, states_key, 5, 0.0, 0.0, 0.0, contrastive_cosine, 0.0, 0.0, None)


def judged(score_a, score_b, answer_key="42 Nm", **settings):
    (verdict,) = judge_pairs(
        "tuned:base", "similarity", (Arm({"q1": score_a}), Arm({"q1": score_b})), {"q1": pair("q1", answer_key)}, JudgeParams(**settings)
    )
    return verdict


def verdicts(ab="", ba="", none=""):
    said = {"ab": ab, "ba": ba, "none": none}
    return [
        Verdict(f"{order}{vote}", "tuned:base", "q1", "llm/1", order, vote, LETTERS[letter], "")
        for order, letters in said.items()
        for vote, letter in enumerate(letters)
    ]


@pytest.mark.parametrize(
    ("a_states", "b_states", "expected"), [(True, False, "first"), (False, True, "second"), (True, True, "tie"), (False, False, "tie")]
)
def test_the_arm_that_states_the_key_wins(a_states, b_states, expected):
    verdict = judged(score("tuned", a_states, -1.0), score("base", b_states, 1.0))

    assert verdict.verdict == expected
    assert (verdict.judge, verdict.order, verdict.vote) == ("similarity/1", "none", 0)
    assert "42 Nm" in verdict.reply


@pytest.mark.parametrize(("a", "b", "expected"), [(0.40, 0.30, "first"), (0.30, 0.40, "second"), (0.34, 0.30, "tie"), (0.30, 0.34, "tie")])
def test_without_a_key_the_closer_answer_wins_outside_the_tie_band(a, b, expected):
    verdict = judged(score("tuned", None, a), score("base", None, b), answer_key=None)

    assert verdict.verdict == expected
    assert f"tuned {a:.3f}" in verdict.reply


def test_a_wider_tie_band_makes_a_tie_of_a_win():
    assert judged(score("tuned", None, 0.40), score("base", None, 0.30), None, tie_band=0.2).verdict == "tie"


def test_a_question_that_an_arm_did_not_answer_is_an_error_row_that_names_the_arm():
    pairs = {name: pair(name) for name in ("q1", "q2", "q3")}
    scores_a = {"q1": score("tuned", True)}
    scores_b = {"q1": score("base", True), "q2": score("base", True, pair_id="q2")}

    rows = judge_pairs("tuned:base", "similarity", (Arm(scores_a), Arm(scores_b)), pairs)

    assert [(row.pair_id, row.verdict) for row in rows] == [("q1", "tie"), ("q2", "error"), ("q3", "error")]
    assert [row.reply for row in rows[1:]] == ["no scored answer by tuned", "no scored answer by tuned and base"]
    assert VERDICTS.to_arrow(rows).num_rows == 3


def test_no_questions_give_no_verdicts():
    assert judge_pairs("tuned:base", "similarity", (Arm({}), Arm({})), {}) == []


def test_the_same_scores_give_the_same_verdicts():
    sides = Arm({"q1": score("tuned", True)}), Arm({"q1": score("base", False)})
    one, other = (judge_pairs("tuned:base", "similarity", sides, {"q1": pair()}) for _ in range(2))
    assert one == other


def test_swapping_the_arms_turns_the_verdict_round():
    forth, back = judged(score("tuned", True), score("base", False)), judged(score("base", False), score("tuned", True))
    assert (forth.verdict, back.verdict) == ("first", "second")


def test_a_judge_says_which_version_it_is():
    assert judge_name("similarity", JudgeParams()) == "similarity/1"


def test_two_orders_that_disagree_are_a_tie():
    won = [outcome_of(verdicts(ab=two, ba=one)) for one, two in zip("FFFSSTFSFF", "SSFFFTSFFT", strict=True)]

    assert [won.count(name) for name in ("arm_a", "tie", "arm_b")] == [3, 4, 3]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"none": "F"}, "arm_a"),
        ({"none": "S"}, "arm_b"),
        ({"none": "T"}, "tie"),
        ({"none": "E"}, None),
        ({"ab": "FFS", "ba": "SSF"}, "arm_a"),
        ({"ab": "FFT", "ba": "SST"}, "arm_a"),
        ({"ab": "FTT", "ba": "SSS"}, "tie"),
        ({"ab": "FS", "ba": "SS"}, "tie"),
        ({"ab": "SSF", "ba": "FFF"}, "arm_b"),
        ({"ab": "FFF", "ba": "FFF"}, "tie"),
        ({"ab": "FFU", "ba": "SSS"}, None),
        ({"ab": "F"}, None),
        ({"ab": "FF", "ba": "S"}, None),
        ({}, None),
    ],
)
def test_votes_and_orders_make_one_outcome(said, expected):
    assert outcome_of(verdicts(**said)) == expected


@given(st.text("FST", min_size=1, max_size=5), st.data())
def test_a_judge_that_goes_by_place_alone_shows_no_winner(letters, data):
    assert outcome_of(verdicts(ab=letters, ba=letters)) == "tie"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("judges", ("oracle",)),
        ("judges", ()),
        ("contrasts", ("tuned",)),
        ("contrasts", ("tuned:tuned",)),
        ("contrasts", ("tuned:",)),
        ("contrasts", ("a:b:c",)),
        ("contrasts", ("tuned:base", "tuned:base")),
        ("contrasts", ()),
        ("tie_band", -0.1),
        ("tie_band", 1.1),
    ],
)
def test_settings_that_compare_nothing_are_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=f"judge.{name}"):
        JudgeParams(**{name: value})


def weighed(arm, own, other, pair_id="q1"):
    """An arm that finds the reference worth ``own`` nats and the other answer ``other``."""
    offer = Offer(pair_id, (pair_id, "q9"), ("The torque is 42 Nm.", "The torque is 35 Nm."))
    return choice_score(offer, Weighed([own, other], [-9.0, -9.0], [6, 6]), arm, "m", None, [])


def by_likelihood(choice_a, choice_b, **settings):
    arms = [
        Arm({"q1": score(name, None)}, {}, {"q1": choice} if choice else {}) for name, choice in (("tuned", choice_a), ("base", choice_b))
    ]
    (verdict,) = judge_pairs("tuned:base", "loglik", (arms[0], arms[1]), {"q1": pair()}, JudgeParams(**settings))
    return verdict


@pytest.mark.parametrize(("a", "b", "expected"), [(-1, -9, "first"), (-9, -1, "second"), (-1, -1, "tie"), (-9, -9, "tie")])
def test_the_arm_that_alone_finds_the_reference_the_likeliest_wins(a, b, expected):
    verdict = by_likelihood(weighed("tuned", a, -5), weighed("base", b, -5))

    assert (verdict.verdict, verdict.judge, verdict.order) == (expected, "loglik/1", "none")
    assert "acc_norm" in verdict.reply


def test_a_question_that_could_not_be_weighed_is_unscored_with_its_reason():
    few = choice_score(Offer("q1"), None, "base", "m", None, [])
    verdict, other = by_likelihood(weighed("tuned", -1, -5), few), by_likelihood(weighed("tuned", -1, -5), None)

    assert (verdict.verdict, verdict.reply) == ("error", "base: too_few_references")
    assert (other.verdict, other.reply) == ("error", "base: not weighed")
    assert outcome_of([verdict]) is None


def test_other_answers_offered_are_another_verdict_and_other_judges_do_not_see_them():
    params = JudgeParams(choice=ChoiceParams(n_others=1))
    one, same = (by_likelihood(weighed("tuned", -1, -5), weighed("base", -9, -5)) for _ in range(2))
    other = by_likelihood(weighed("tuned", -2, -5), choice_score(Offer("q1"), None, "base", "m", None, []))

    assert one == same
    assert one.verdict_id != other.verdict_id
    assert shaping_of("similarity", params) == shaping_of("similarity", JudgeParams()) == 0.05
    assert shaping_of("loglik", params) != shaping_of("loglik", JudgeParams())
