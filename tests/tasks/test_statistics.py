"""Which interval is given, what it speaks about, and when a difference may be claimed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.statistics import Outcome, ReportParams, adjust, arm_rate, clusters_of, estimate
from warehouse.errors import ConfigError

JUDGE, CONTRAST = "similarity/1", "tuned:base"
MIRROR = {"arm_a": "arm_b", "arm_b": "arm_a", "tie": "tie", None: None}


def questions(outcomes, n_documents, n_families=None):
    n_families = n_families or len(outcomes)
    return [Outcome(f"q{at}", f"d{at % n_documents}", f"f{at % n_families}", outcome) for at, outcome in enumerate(outcomes)]


many = st.lists(st.sampled_from(["arm_a", "arm_b", "tie", None]), max_size=40)


def test_counts_rate_and_bounds_of_a_set():
    row = estimate(questions(["arm_a"] * 6 + ["tie"] * 2 + ["arm_b"] * 1 + [None], 10), "test_rephrased", CONTRAST, JUDGE)

    assert (row.n_planned, row.n, row.n_wins, row.n_ties, row.n_losses, row.n_unscored) == (10, 9, 6, 2, 1, 1)
    assert row.rate == pytest.approx(7 / 9)
    assert (row.bound_low, row.bound_high) == pytest.approx((0.7, 0.8))


def test_the_published_log_as_an_estimate():
    sizes, wins = (29, 15, 10, 14, 17, 16, 27, 11, 15, 7), (14, 8, 7, 11, 12, 11, 21, 9, 12, 3)
    rows = [
        Outcome(f"q{document}-{at}", f"d{document}", f"f{document}-{at}", "arm_a" if at < won else "arm_b")
        for document, (n, won) in enumerate(zip(sizes, wins, strict=True))
        for at in range(n)
    ]
    row = estimate(rows, "test_unseen_document", CONTRAST, JUDGE)

    assert (row.n, row.n_wins, row.n_losses, row.unit, row.n_units) == (161, 108, 53, "document", 10)
    assert (row.low, row.high) == pytest.approx((0.5613, 0.7803), abs=1e-4)
    assert row.p_value == 14 / 1024
    assert row.mde == pytest.approx(0.1355, abs=0.001)
    assert row.is_difference


def test_the_unit_is_the_document_from_six_documents_on():
    assert clusters_of(questions(["tie"] * 12, 6), "test_rephrased", ReportParams()).unit == "document"
    assert clusters_of(questions(["tie"] * 12, 5), "test_rephrased", ReportParams()).unit == "fact"


def test_below_six_documents_the_fact_family_counts_and_the_scope_says_so():
    row = estimate(questions(["arm_a"] * 20, 2, 10), "test_unseen_fact", CONTRAST, JUDGE)

    assert (row.unit, row.n_units, row.is_difference) == ("fact", 10, True)
    assert row.scope == "about these documents only (2 documents, 10 fact families)"


def test_below_six_documents_nothing_is_said_about_unseen_documents():
    row = estimate(questions(["arm_a"] * 20, 5), "test_unseen_document", CONTRAST, JUDGE)

    assert (row.low, row.high, row.p_value, row.mde, row.unit, row.is_difference) == (None, None, None, None, "none", False)
    assert row.rate == 1.0
    assert row.scope == "interval not estimable (5 documents)"


def test_unscored_documents_do_not_count_as_units():
    outcomes = questions(["arm_a"] * 5 + [None], 6)
    assert estimate(outcomes, "test_unseen_document", CONTRAST, JUDGE).unit == "none"


def test_one_fact_family_is_not_estimable():
    row = estimate(questions(["arm_a"] * 5, 1, 1), "test_rephrased", CONTRAST, JUDGE)
    assert (row.low, row.unit, row.scope) == (None, "none", "interval not estimable (1 fact family)")


def test_five_units_give_no_p_and_so_no_difference():
    row = estimate(questions(["arm_a"] * 50, 1, 5), "test_rephrased", CONTRAST, JUDGE)

    assert row.low > 0.5
    assert (row.p_value, row.is_difference) == (None, False)


def test_an_interval_alone_claims_no_difference():
    five_of_six = estimate(questions(["arm_a"] * 5 + ["tie"], 6) * 4, "test_rephrased", CONTRAST, JUDGE)
    six_of_six = estimate(questions([*["arm_a"] * 9, *["tie"] * 51], 6), "test_rephrased", CONTRAST, JUDGE)

    assert five_of_six.low > 0.5
    assert five_of_six.p_value == pytest.approx(2 / 32)
    assert not five_of_six.is_difference
    assert six_of_six.p_value == pytest.approx(2 / 64)
    assert six_of_six.is_difference


def test_a_loss_is_a_difference_too():
    row = estimate(questions(["arm_b"] * 24, 8), "test_rephrased", CONTRAST, JUDGE)
    assert (row.rate, row.is_difference) == (0.0, True)
    assert row.high < 0.5


def test_an_empty_set_is_a_row_that_says_so():
    row = estimate([], "test_unseen_document", CONTRAST, JUDGE)
    assert (row.n_planned, row.rate, row.low, row.bound_low, row.unit, row.scope) == (0, None, None, None, "none", "no questions")


def test_a_set_without_any_verdict_is_bounded_by_nought_and_one():
    row = estimate(questions([None] * 3, 3), "test_rephrased", CONTRAST, JUDGE)
    assert (row.n, row.rate, row.bound_low, row.bound_high, row.scope) == (0, None, 0.0, 1.0, "no question was scored")


def test_an_arm_rate_has_the_same_units():
    stated = questions(["arm_a"] * 9 + ["arm_b"] * 3, 6)
    row = arm_rate(stated, "tuned", "test_unseen_document", n_planned=14, n_answered=13)

    assert (row.n_planned, row.n_answered, row.n_keyed, row.n_stated, row.rate) == (14, 13, 12, 9, 0.75)
    assert (row.unit, row.n_units) == ("document", 6)
    assert row.low < 0.75 < row.high
    few = arm_rate(questions(["arm_a"] * 4, 2), "tuned", "test_unseen_document", n_planned=4, n_answered=4)
    assert (few.rate, few.low, few.unit) == (1.0, None, "none")
    assert arm_rate([], "tuned", "test_rephrased", n_planned=0, n_answered=0).rate is None


@given(many, st.integers(1, 9))
def test_swapping_the_arms_turns_the_estimate_round(outcomes, n_documents):
    ours = estimate(questions(outcomes, n_documents), "test_rephrased", CONTRAST, JUDGE)
    theirs = estimate(questions([MIRROR[outcome] for outcome in outcomes], n_documents), "test_rephrased", "base:tuned", JUDGE)

    assert (theirs.n_wins, theirs.n_losses, theirs.is_difference) == (ours.n_losses, ours.n_wins, ours.is_difference)
    assert theirs.p_value == pytest.approx(ours.p_value)
    if ours.rate is not None:
        assert theirs.rate == pytest.approx(1 - ours.rate)


@given(st.integers(1, 30), st.integers(1, 9))
def test_nothing_but_ties_is_one_half(n, n_documents):
    row = estimate(questions(["tie"] * n, n_documents), "test_rephrased", CONTRAST, JUDGE)
    assert row.rate == 0.5
    assert row.p_value in (None, 1.0)
    assert not row.is_difference


@given(many, st.randoms())
def test_the_order_of_the_questions_changes_nothing(outcomes, random):
    rows = questions(outcomes, 7)
    shuffled = rows[:]
    random.shuffle(shuffled)
    assert estimate(rows, "test_rephrased", CONTRAST, JUDGE) == estimate(shuffled, "test_rephrased", CONTRAST, JUDGE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", 0.0),
        ("alpha", 0.5),
        ("power", 0.01),
        ("power", 1.0),
        ("min_documents", 1),
        ("min_units_for_p", 1),
        ("max_unscored_share", 2.0),
        ("headline_contrast", "tuned"),
    ],
)
def test_settings_out_of_bounds_are_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=f"report.{name}"):
        ReportParams(**{name: value})


def test_the_tests_of_one_judge_are_one_family():
    params = ReportParams()
    clear = [estimate(questions(["arm_a"] * 60, 10), split, contrast, judge, params) for split, contrast, judge in FAMILY]
    none = estimate(questions(["arm_a"] * 5, 5), "test_unseen_document", CONTRAST, JUDGE, params)
    adjusted = adjust([*clear, none], params)

    assert [row.p_value for row in clear] == [2 / 1024] * 4
    assert [row.p_holm for row in adjusted] == pytest.approx([6 / 1024] * 3 + [2 / 1024, None])
    assert [row.n_tests for row in adjusted] == [3, 3, 3, 1, 3]


def test_what_one_test_shows_may_be_too_little_among_six():
    params = ReportParams()
    rows = [estimate(questions(["arm_a"] * 21, 7), "test_rephrased", f"{arm}:base", JUDGE, params) for arm in "abcdef"]

    assert [row.is_difference for row in rows] == [True] * 6
    assert {row.p_holm for row in adjust(rows, params)} == {6 * 2 / 2**7}
    assert [row.is_difference for row in adjust(rows, params)] == [False] * 6


FAMILY = [
    ("test_rephrased", CONTRAST, JUDGE),
    ("test_unseen_fact", CONTRAST, JUDGE),
    ("test_rephrased", "tuned:base_rag", JUDGE),
    ("test_rephrased", CONTRAST, "other/1"),
]


@settings(deadline=None)  # the first call imports scipy
@given(st.integers(1, 40), st.integers(1, 9))
def test_all_ties_are_one_half_and_no_difference(n, n_documents):
    row = estimate(questions(["tie"] * n, n_documents), "test_rephrased", CONTRAST, JUDGE)
    assert (row.rate, row.is_difference) == (0.5, False)
    assert row.p_value in (None, 1.0)


@settings(deadline=None)  # the first call imports scipy
@given(many, st.integers(1, 9))
def test_an_unscored_question_only_widens_the_bounds(outcomes, n_documents):
    rows = questions(outcomes, n_documents)
    more = [*rows, Outcome("silent", "d0", "f0", None)]
    before, after = (estimate(some, "test_rephrased", CONTRAST, JUDGE) for some in (rows, more))

    assert (after.rate, after.low, after.high, after.p_value) == (before.rate, before.low, before.high, before.p_value)
    if before.bound_low is not None and before.bound_high is not None:
        assert after.bound_low <= before.bound_low
        assert after.bound_high >= before.bound_high
