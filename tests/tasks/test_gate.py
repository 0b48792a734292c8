"""A rule and the figures it holds against: what passes, what fails, and what it refuses to guess."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.flip_rates import Pairing, flip_rate
from tasks.gate import GateParams, choose, hold
from tasks.statistics import Outcome, ReportParams, estimate
from warehouse.errors import ConfigError

PARAMS = ReportParams()
CONTRAST = "tuned:base_rag"


def made(outcomes, split="test_unseen_document", judge="similarity/1", n_documents=10):
    asked = [Outcome(f"q{at:03}", f"d{at % n_documents}", f"f{at}", outcome) for at, outcome in enumerate(outcomes)]
    return estimate(asked, split, CONTRAST, judge, PARAMS)


def lost(n_lost, n=100, split="test_unseen_document"):
    return flip_rate([Pairing(f"q{at:03}", f"d{at % 10}", f"f{at}", at >= n_lost, b=True) for at in range(n)], split, CONTRAST, PARAMS)


GOOD = made(["arm_a" if at % 7 < 5 else "tie" if at % 7 == 5 else "arm_b" for at in range(100)])


def test_a_clear_win_passes():
    gate = hold(GOOD, lost(1), GateParams(max_negative_flips=0.05))
    assert (gate.is_passed, gate.reasons) == (True, ())
    assert (gate.win_rate, gate.negative_flips) == (GOOD.low, lost(1).negative_high)


def test_the_rate_may_pass_where_its_low_end_does_not():
    narrow = made(["arm_a"] * 26 + ["arm_b"] * 24)
    careful, bold = hold(narrow, None, GateParams()), hold(narrow, None, GateParams(basis="rate"))

    assert narrow.low < 0.5 < narrow.rate
    assert (careful.is_passed, bold.is_passed) == (False, True)
    assert careful.reasons[0].startswith("low end of the win rate")


def test_too_many_negative_flips_fail_a_clear_win():
    gate = hold(GOOD, lost(9), GateParams(max_negative_flips=0.05))
    assert not gate.is_passed
    assert gate.reasons == (f"high end of the negative flip rate {lost(9).negative_high:.3f} is above 0.05",)
    assert hold(GOOD, lost(9), GateParams()).is_passed


def test_what_is_not_known_does_not_pass():
    few = made(["arm_a"] * 20, n_documents=3)
    assert hold(few, None, GateParams()).reasons == ("win rate unknown: interval not estimable (3 documents)",)
    assert hold(few, None, GateParams(basis="rate")).is_passed
    assert not hold(GOOD, None, GateParams(max_negative_flips=0.5)).is_passed
    assert not hold(made([]), None, GateParams(basis="rate")).is_passed


def test_questions_without_a_verdict_fail_it():
    gate = hold(made(["arm_a"] * 95 + [None] * 5), None, GateParams())
    assert gate.reasons == ("share of questions without a verdict 0.050 is above 0.02",)


def test_the_same_rule_on_the_same_figures_is_the_same_row():
    assert hold(GOOD, lost(1), GateParams()) == hold(GOOD, lost(1), GateParams())
    assert hold(GOOD, lost(1), GateParams()).gate_id != hold(GOOD, lost(1), GateParams(min_win_rate=0.6)).gate_id


SETS = [made(["arm_a"] * 20, split) for split in ("test_rephrased", "test_unseen_fact", "test_unseen_document")]


def test_the_untaught_set_is_looked_at_unless_another_is_named():
    assert choose(SETS, CONTRAST).split == "test_unseen_document"
    few = [*SETS[:2], made(["arm_a"] * 6, n_documents=2)]
    assert choose(few, CONTRAST).split == "test_unseen_fact"
    assert choose(SETS, CONTRAST, split="test_rephrased").split == "test_rephrased"


def test_recall_of_what_was_taught_is_never_looked_at_unasked():
    with pytest.raises(ConfigError, match="untaught"):
        choose([SETS[0], made([], "test_unseen_fact"), made([])], CONTRAST)


def test_a_judge_is_named_with_or_without_its_version():
    two = [*SETS, *(replace(row, judge="llm/1") for row in SETS)]
    with pytest.raises(ConfigError, match="llm/1, similarity/1"):
        choose(two, CONTRAST)
    assert choose(two, CONTRAST, "llm").judge == choose(two, CONTRAST, "llm/1").judge == "llm/1"


@pytest.mark.parametrize(
    ("words", "named"), [({"contrast": "a:b"}, CONTRAST), ({"judge": "nobody"}, "similarity/1"), ({"split": "train"}, "test_rephrased")]
)
def test_what_is_not_there_is_an_error_that_names_what_is(words, named):
    with pytest.raises(ConfigError, match=named):
        choose(SETS, **({"contrast": CONTRAST} | words))


@pytest.mark.parametrize(
    "values", [{"contrast": "tuned"}, {"basis": "high"}, {"min_win_rate": 1.5}, {"max_negative_flips": -0.1}, {"max_unscored_share": 2.0}]
)
def test_a_rule_that_means_nothing_is_refused(values):
    with pytest.raises(ConfigError):
        GateParams(**values)
