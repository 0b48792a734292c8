"""What a tuning gained and what it broke."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.flip_rates import Pairing, flip_rate, make_flip_rates
from tasks.statistics import ReportParams
from warehouse.tables import Score, SplitRow

PARAMS = ReportParams()
CONTRAST = "tuned:base"


def pairings(states, n_documents=10):
    return [Pairing(f"q{at:03}", f"d{at % n_documents}", f"f{at}", a, b) for at, (a, b) in enumerate(states)]


def test_a_known_case():
    row = flip_rate(pairings([(False, True)] * 15 + [(True, False)] * 35 + [(True, True)] * 150), "test_rephrased", CONTRAST, PARAMS)

    assert (row.n, row.n_negative, row.n_positive) == (200, 15, 35)
    assert (row.negative_rate, row.positive_rate, row.gain) == pytest.approx((0.075, 0.175, 0.10))
    assert row.mcnemar_p == pytest.approx(0.00660045, abs=1e-8)
    assert row.negative_low < 0.075 < row.negative_high
    assert row.gain_low < 0.10 < row.gain_high


def test_the_exact_test_is_that_of_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar

    table = [[150, 35], [15, 0]]
    row = flip_rate(pairings([(False, True)] * 15 + [(True, False)] * 35 + [(True, True)] * 150), "test_rephrased", CONTRAST, PARAMS)

    assert row.mcnemar_p == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert mcnemar(table, exact=False, correction=False).statistic == pytest.approx(8.0)
    assert mcnemar(table, exact=False, correction=True).statistic == pytest.approx(7.22)


def test_no_flip_in_a_few_documents_is_no_proof_of_none():
    row = flip_rate(pairings([(True, True)] * 60, 6), "test_rephrased", CONTRAST, PARAMS)
    assert (row.negative_rate, row.negative_low) == (0.0, 0.0)
    assert row.negative_high > 0.3


@settings(deadline=None)  # the first call imports scipy
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40), st.integers(1, 9))
def test_swapping_the_arms_turns_gains_into_losses(states, n_documents):
    ours = flip_rate(pairings(states, n_documents), "test_rephrased", CONTRAST, PARAMS)
    theirs = flip_rate(pairings([(b, a) for a, b in states], n_documents), "test_rephrased", "base:tuned", PARAMS)

    assert (theirs.n_negative, theirs.n_positive, theirs.mcnemar_p) == (ours.n_positive, ours.n_negative, ours.mcnemar_p)
    if ours.gain is not None:
        assert theirs.gain == pytest.approx(-ours.gain)
    if ours.gain_low is not None:
        assert (theirs.gain_low, theirs.gain_high) == pytest.approx((-ours.gain_high, -ours.gain_low), abs=1e-9)


def score(arm, pair_id, states):
    return Score(f"{arm}-{pair_id}", pair_id, arm, states, 4, 0.5, 0.5, 0.5, 0.1, 0.5, 0.5, None)


def test_only_questions_with_a_key_that_both_arms_answered_count():
    splits = [SplitRow(f"q{at}", "d", f"f{at}", f"l{at}", "test_unseen_fact") for at in range(4)]
    splits.append(SplitRow("taught", "d", "f", "l", "train"))
    said = {"q0": (True, False), "q1": (None, True), "q2": (False, True), "taught": (True, False)}
    scores = [score(arm, pair, states) for pair, both in said.items() for arm, states in zip(("tuned", "base"), both, strict=True)]
    rows = make_flip_rates([*scores, score("tuned", "q3", True)], splits, [CONTRAST], PARAMS)

    assert [(row.split, row.n, row.n_negative, row.n_positive) for row in rows] == [
        ("test_rephrased", 0, 0, 0),
        ("test_unseen_fact", 2, 1, 1),
        ("test_unseen_document", 0, 0, 0),
    ]
    assert (rows[0].negative_rate, rows[0].mcnemar_p) == (None, None)
