"""The win rate at equal length: published cases, statsmodels, and what happens where it cannot be told."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.length_control import fit, gaps_of, is_separated, length_control, sigmoid
from tasks.statistics import Outcome, ReportParams

PARAMS = ReportParams()
MIRROR = {"arm_a": "arm_b", "arm_b": "arm_a", "tie": "tie", None: None}


def two_groups(won_longer, n_longer, won_shorter, n_shorter):
    scores = [1.0] * won_longer + [0.0] * (n_longer - won_longer) + [1.0] * won_shorter + [0.0] * (n_shorter - won_shorter)
    return scores, [1.0] * n_longer + [-1.0] * n_shorter


def test_theta_beta_and_their_errors_on_a_known_case():
    scores, x = two_groups(80, 100, 40, 100)
    found = fit(scores, x, range(200))
    plain = math.sqrt(199 / 200)  # without the small-sample factor

    assert (found.theta, found.beta) == pytest.approx((0.490415, 0.895880), abs=1e-6)
    assert (found.theta_se * plain, found.beta_se * plain) == pytest.approx((0.161374, 0.161374), abs=1e-6)
    assert sigmoid(found.theta) == pytest.approx(0.620204, abs=1e-6)
    assert [sigmoid(found.theta + way * 1.959964 * found.theta_se * plain) for way in (-1, 1)] == pytest.approx(
        [0.543421, 0.691408], abs=3e-6
    )


@pytest.mark.parametrize(("groups", "raw", "controlled"), [((90, 120, 8, 40), 0.6125, 0.464102), ((27, 30, 30, 70), 0.57, 0.722074)])
def test_length_can_turn_a_verdict_round(groups, raw, controlled):
    scores, x = two_groups(*groups)
    assert np.mean(scores) == pytest.approx(raw)
    assert sigmoid(fit(scores, x, range(len(x))).theta) == pytest.approx(controlled, abs=1e-6)


def test_the_fit_is_scikit_learns_without_penalty_on_rows_doubled_for_ties():
    from sklearn.linear_model import LogisticRegression

    draw = random.Random(7)
    x = [draw.uniform(-1, 1) for _ in range(120)]
    scores = [draw.choice((0.0, 0.5, 1.0)) if draw.random() < 0.5 else float(value > 0) for value in x]
    design, label = [[1.0, value] for value in x] * 2, [1] * len(x) + [0] * len(x)
    weight = [*scores, *(1 - score for score in scores)]
    theirs = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=1000).fit(design, label, sample_weight=weight).coef_[0]

    found = fit(scores, x, range(120))
    assert (found.theta, found.beta) == pytest.approx(theirs, abs=1e-5)


def test_a_judge_that_always_takes_the_longer_answer_is_found_out():
    draw = random.Random(0)
    lengths = [(draw.randint(50, 500), draw.randint(50, 500)) for _ in range(200)]
    gaps = gaps_of(lengths)
    found = fit([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in lengths], gaps.x, range(200))

    assert found.is_separated
    assert (found.theta_se, found.beta_se) == (None, None)
    assert found.beta > 2
    assert sigmoid(found.theta) == pytest.approx(0.5, abs=0.05)


def test_what_separates():
    assert is_separated([1, 1, 0, 0], [0.5, 0.2, -0.1, -0.2])
    assert is_separated([1, 1, 0, 0], [-0.5, -0.2, 0.1, 0.2])
    assert is_separated([1, 1], [0.1, -0.3])
    assert is_separated([1, 1, 0], [1.0, -1.0, 1.0])  # one side has wins alone: no finite fit either
    assert not is_separated([1, 0, 1, 0], [0.5, 0.2, -0.1, -0.2])
    assert not is_separated([0.5, 0.5], [0.1, -0.3])


def test_equal_gaps_cannot_be_told_from_the_arm():
    asked = [Outcome(f"q{at}", f"d{at % 8}", f"f{at}", "arm_a") for at in range(16)]
    row = length_control(asked, {q.pair_id: (30, 20) for q in asked}, "test_rephrased", "tuned:base", "j/1", PARAMS)

    assert (row.is_identifiable, row.rate_at_equal_length, row.low, row.beta) == (False, None, None, None)
    assert "not identifiable" in row.method


def test_gaps_that_are_all_far_from_nought_cannot_be_told_from_each_other():
    gaps = gaps_of([(0, 130), (0, 150)])

    assert 0 < abs(gaps.x[0] - gaps.x[1]) < 1e-6
    assert fit([0.5, 0.5], gaps.x, ["d1", "d2"]) is None


def test_one_arm_that_is_nearly_always_longer_is_an_extrapolation():
    assert gaps_of([(30 + at, 20) for at in range(20)]).is_extrapolated
    assert not gaps_of([(20 + at, 20 + (at * 7) % 20) for at in range(20)]).is_extrapolated
    assert gaps_of([]) is None
    assert gaps_of([(5, 4)]) is None


def some_questions(n=120, seed=3):
    draw = random.Random(seed)
    asked = [Outcome(f"q{at:03}", f"d{at % 10}", f"f{at}", draw.choice(["arm_a", "arm_b", "tie"])) for at in range(n)]
    return asked, {q.pair_id: (draw.randint(20, 400), draw.randint(20, 400)) for q in asked}


def test_a_row_carries_an_interval_over_documents():
    asked, lengths = some_questions()
    row = length_control(asked, lengths, "test_rephrased", "tuned:base", "j/1", PARAMS)

    assert (row.n, row.unit, row.n_units) == (120, "document", 10)
    assert row.low < row.rate_at_equal_length < row.high
    assert row.beta_low < row.beta < row.beta_high
    assert "t(9)" in row.method
    assert not row.is_separated


def test_questions_without_both_answers_or_a_verdict_are_left_out():
    asked, lengths = some_questions()
    silent = [Outcome("unscored", "d1", "f", None), Outcome("unanswered", "d1", "f", "arm_a")]
    again = length_control([*asked, *silent], lengths | {"unscored": (5, 9)}, "test_rephrased", "tuned:base", "j/1", PARAMS)

    assert again == length_control(asked, lengths, "test_rephrased", "tuned:base", "j/1", PARAMS)


def test_no_questions_give_a_row_that_says_so():
    row = length_control([], {}, "test_rephrased", "tuned:base", "j/1", PARAMS)
    assert (row.n, row.rate, row.rate_at_equal_length, row.unit) == (0, None, None, "none")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_swapping_the_arms_mirrors_it_and_the_order_of_rows_changes_nothing(seed, shuffler):
    asked, lengths = some_questions(40, seed)
    ours = length_control(asked, lengths, "test_rephrased", "tuned:base", "j/1", PARAMS)
    mirrored = length_control(
        [q._replace(outcome=MIRROR[q.outcome]) for q in asked],
        {name: (b, a) for name, (a, b) in lengths.items()},
        "test_rephrased",
        "base:tuned",
        "j/1",
        PARAMS,
    )

    assert mirrored.rate_at_equal_length == pytest.approx(1 - ours.rate_at_equal_length, abs=1e-6)
    assert (mirrored.beta, mirrored.gap_in_sd) == pytest.approx((ours.beta, -ours.gap_in_sd), abs=1e-6)
    assert length_control(shuffler.sample(asked, 40), lengths, "test_rephrased", "tuned:base", "j/1", PARAMS) == ours


@settings(deadline=None)  # the first call imports statsmodels
@given(st.integers(2, 30))
def test_all_ties_stay_one_half(n):
    asked, lengths = some_questions(n)
    row = length_control([q._replace(outcome="tie") for q in asked], lengths, "test_rephrased", "tuned:base", "j/1", PARAMS)
    assert (row.rate, row.rate_at_equal_length) == pytest.approx((0.5, 0.5))
