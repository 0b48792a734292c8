"""A judge's errors undone: a published case, coverage on simulated judges, and what cannot be calibrated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.calibration import Labels, corrected, labels_of, make_calibrations, rogan_gladen
from tasks.statistics import Outcome, ReportParams

PARAMS = ReportParams()


def test_a_known_case():
    assert rogan_gladen(0.671, 0.85, 0.90) == pytest.approx(0.694667, abs=1e-6)


@pytest.mark.parametrize(("specificity", "sensitivity"), [(0.5, 0.5), (0.3, 0.6), (0.0, 1.0)])
def test_a_judge_no_better_than_chance_cannot_be_corrected(specificity, sensitivity):
    with pytest.raises(ValueError, match="not above 1"):
        rogan_gladen(0.6, specificity, sensitivity)


@given(st.floats(0, 1), st.floats(0.51, 1), st.floats(0.51, 1))
def test_correcting_undoes_what_the_judge_does(truth, specificity, sensitivity):
    said = truth * sensitivity + (1 - truth) * (1 - specificity)
    assert rogan_gladen(said, specificity, sensitivity) == pytest.approx(truth, abs=1e-6)


def test_a_perfect_judge_changes_nothing_but_its_labels_still_leave_doubt():
    few, many = (corrected(0.6, 400, Labels(n, n, n, n)) for n in (20, 2000))
    assert few.rate == many.rate == pytest.approx(0.6)
    assert few.high - few.low > many.high - many.low


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    draw = np.random.default_rng(4)
    truth, sensitivity, specificity, n, n_labelled = 0.6, 0.85, 0.8, 300, 80
    hits, n_valid = 0, 0
    for _ in range(1000):
        said = draw.binomial(n, truth * sensitivity + (1 - truth) * (1 - specificity)) / n
        positive = int(draw.binomial(n_labelled, truth))
        labels = Labels(
            positive,
            int(draw.binomial(positive, sensitivity)),
            n_labelled - positive,
            int(draw.binomial(n_labelled - positive, specificity)),
        )
        found = corrected(said, n, labels)
        n_valid += 1
        hits += found.low <= truth <= found.high
    assert 0.93 <= hits / n_valid <= 0.98


def sets(judge, human, n_documents=8):
    def of(outcomes):
        return [Outcome(f"q{at:03}", f"d{at % n_documents}", f"f{at}", outcome) for at, outcome in enumerate(outcomes)]

    return {("llm/1", "tuned:base", "test_unseen_fact"): of(judge), ("human/ann", "tuned:base", "test_unseen_fact"): of(human)}


def test_a_judge_is_calibrated_by_the_rows_that_a_person_labelled():
    judge = ["arm_a"] * 60 + ["tie"] * 20 + ["arm_b"] * 20
    human = [None] * 40 + ["arm_a"] * 16 + ["arm_b"] * 4 + ["tie"] * 18 + ["arm_a"] * 2 + ["arm_b"] * 19 + ["tie"]
    win, loss = make_calibrations(sets(judge, human), PARAMS)

    assert (win.outcome, loss.outcome) == ("win", "loss")
    assert (win.n, win.n_labelled, win.n_labelled_so, win.said) == (100, 60, 18, 0.6)
    assert (win.sensitivity, win.specificity) == pytest.approx((16 / 18, 38 / 42))
    assert win.rate == pytest.approx(rogan_gladen(0.6, 38 / 42, 16 / 18))
    assert win.low < win.rate < win.high
    assert win.is_valid
    assert loss.rate is not None


def test_labels_that_speak_against_the_judge_give_no_rate_but_the_reason():
    win, _ = make_calibrations(sets(["arm_a"] * 10 + ["arm_b"] * 10, ["arm_b"] * 10 + ["arm_a"] * 10), PARAMS)
    assert (win.rate, win.low, win.is_valid) == (None, None, False)
    assert "not above 1" in win.note


def test_labels_of_one_kind_leave_an_error_rate_unknown():
    win, _ = make_calibrations(sets(["arm_a"] * 10, ["arm_a"] * 10), PARAMS)
    assert (win.specificity, win.rate, win.is_valid) == (None, None, False)
    assert "one error rate is unknown" in win.note


def test_without_labels_there_are_no_rows():
    assert make_calibrations({("llm/1", "tuned:base", "test_rephrased"): [Outcome("q", "d", "f", "tie")]}, PARAMS) == []
    assert make_calibrations({}, PARAMS) == []
    assert make_calibrations(sets(["arm_a"], [None]), PARAMS) == []


def test_rows_that_only_one_has_do_not_count():
    assert labels_of({"a": "arm_a", "b": "tie"}, {"b": "arm_a", "c": "arm_a"}, "arm_a") == (1, 0, 0, 0)
