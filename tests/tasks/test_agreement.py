"""Agreement of judges: known tables, scikit-learn and statsmodels, and judges that cannot disagree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.agreement import cohen_kappa, krippendorff_alpha, make_agreements, share_agreed
from tasks.jackknife import jackknife
from tasks.statistics import Outcome, ReportParams

PARAMS = ReportParams()
FLEISS = (
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
)  # fmt: skip


def test_kappa_of_a_known_table():
    votes = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert cohen_kappa(votes) == pytest.approx(0.4)
    assert share_agreed(votes) == pytest.approx(0.7)


def test_alpha_of_three_raters():
    assert krippendorff_alpha([("1", "1", "1"), ("0", "0", "0"), ("1", "1", "1"), ("0", "0", "1")]) == pytest.approx(0.685714, abs=1e-6)


def test_alpha_is_fleiss_kappa_but_for_the_small_sample():
    from statsmodels.stats.inter_rater import fleiss_kappa

    kappa = fleiss_kappa(FLEISS)
    votes = [tuple(str(kind) for kind, n in enumerate(row) for _ in range(n)) for row in FLEISS]
    assert kappa == pytest.approx(0.209931, abs=1e-6)
    assert krippendorff_alpha(votes) == pytest.approx(1 - (1 - kappa) * 139 / 140, abs=1e-12)


def test_a_missing_vote_is_left_out_not_counted_against():
    assert krippendorff_alpha([("a", "a", None), ("b", "b", "b"), (None, "a", None)]) == pytest.approx(1.0)
    assert cohen_kappa([("a", "a"), ("b", None), ("b", "b")]) == pytest.approx(1.0)


@pytest.mark.parametrize("votes", [[], [("tie", "tie")] * 5, [("tie", None)]])
def test_judges_that_say_one_thing_only_have_no_kappa(votes):
    assert cohen_kappa(votes) is None
    assert krippendorff_alpha(votes) is None


@settings(deadline=None)  # the first call imports scikit-learn
@given(st.lists(st.tuples(*[st.sampled_from("abc")] * 2), min_size=1, max_size=30))
def test_kappa_is_the_same_either_way_round_and_at_most_one(votes):
    kappa = cohen_kappa(votes)
    if kappa is not None:
        assert kappa <= 1
        assert cohen_kappa([(other, one) for one, other in votes]) == pytest.approx(kappa)


def test_the_jackknife_error_of_a_mean_is_its_standard_error():
    from scipy.stats import t

    values = [1.0, 2.0, 4.0, 7.0, 11.0]
    ((low, high),) = jackknife(values, range(5), lambda some: [sum(some) / len(some)])
    expected = t.interval(0.95, 4, loc=5.0, scale=(sum((v - 5) ** 2 for v in values) / 4 / 5) ** 0.5)
    assert (low, high) == pytest.approx(expected)
    assert jackknife(values, [0] * 5, lambda some: [0.0]) is None


def outcomes(said, n_documents=8):
    return [Outcome(f"q{at:03}", f"d{at % n_documents}", f"f{at}", outcome) for at, outcome in enumerate(said)]


def test_two_judges_are_one_row_and_three_are_four():
    first, second = ["arm_a", "arm_b", "tie", "arm_a"] * 10, ["arm_a", "arm_b", "tie", "tie"] * 10
    two = {("a/1", "x:y", "test_rephrased"): outcomes(first), ("b/1", "x:y", "test_rephrased"): outcomes(second)}
    (row,) = make_agreements(two, PARAMS)

    assert (row.judges, row.statistic, row.n, row.agreement) == (("a/1", "b/1"), "cohen", 40, 0.75)
    assert row.value == pytest.approx(cohen_kappa(list(zip(first, second, strict=True))))
    assert row.low <= row.value <= row.high

    rows = make_agreements(two | {("c/1", "x:y", "test_rephrased"): outcomes([None, "arm_a", "arm_b", "tie"] * 10)}, PARAMS)
    assert [(row.statistic, row.n) for row in rows] == [("cohen", 40), ("cohen", 30), ("cohen", 30), ("krippendorff", 40)]
    assert make_agreements({("a/1", "x:y", "test_rephrased"): outcomes(first)}, PARAMS) == []


def test_judges_that_share_no_question_have_a_row_without_a_value():
    rows = make_agreements({("a/1", "x:y", "s"): outcomes(["tie"]), ("b/1", "x:y", "s"): outcomes([None])}, PARAMS)
    assert [(row.n, row.agreement, row.value, row.low) for row in rows] == [(0, None, None, None)]
