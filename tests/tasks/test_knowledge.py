"""What the base model knew before the tuning, and the win rate within each part."""

from __future__ import annotations

import pytest

from tasks.knowledge import KnowledgeParams, knowledge_slices, slice_of, slice_rates
from tasks.statistics import Outcome, ReportParams
from warehouse.errors import ConfigError


@pytest.mark.parametrize(("n_stated", "slice_"), [(0, "unknown"), (1, "maybe"), (3, "maybe"), (4, "known")])
def test_a_fact_is_known_where_every_sample_states_it(n_stated, slice_):
    assert slice_of(n_stated, 4) == slice_


def test_known_may_be_asked_of_fewer_samples():
    assert slice_of(3, 4, KnowledgeParams(known_share=0.75)) == "known"


def test_every_sampled_question_is_in_one_slice():
    rows = knowledge_slices({"q2": [False, False], "q1": [True, True], "q3": [True, False], "q4": []})
    assert [(row.pair_id, row.n_samples, row.n_stated, row.slice) for row in rows] == [
        ("q1", 2, 2, "known"),
        ("q2", 2, 0, "unknown"),
        ("q3", 2, 1, "maybe"),
    ]


def test_the_win_rate_of_each_slice_adds_up_to_that_of_all():
    outcomes = [Outcome(f"q{at:02}", f"d{at % 7}", f"f{at}", "arm_a" if at % 3 else "tie") for at in range(60)]
    slices = knowledge_slices({q.pair_id: [at % 2 == 0, at % 4 == 0] for at, q in enumerate(outcomes)})
    rows = slice_rates({("j/1", "tuned:base", "test_unseen_fact"): [*outcomes, Outcome("q99", "d", "f", "arm_b")]}, slices, ReportParams())

    assert [(row.slice, row.n) for row in rows] == [("known", 15), ("maybe", 15), ("unknown", 30)]
    assert sum(row.n_wins + row.n_ties / 2 for row in rows) == 40 + 10
    assert all(row.low <= row.rate <= row.high for row in rows)


def test_without_samples_there_are_no_slices():
    assert knowledge_slices({}) == []
    assert slice_rates({("j/1", "tuned:base", "test_unseen_fact"): []}, [], ReportParams()) == []


@pytest.mark.parametrize("values", [{"n_samples": -1}, {"temperature": 0.0}, {"known_share": 0.0}, {"known_share": 1.1}])
def test_settings_that_sort_nothing_are_refused(values):
    with pytest.raises(ConfigError):
        KnowledgeParams(**values)
