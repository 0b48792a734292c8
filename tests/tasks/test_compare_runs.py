"""Two runs on the questions that both tested."""

from __future__ import annotations

import pytest

from tasks.compare_runs import Side, compare_runs
from tasks.formulas import mcnemar_p, permutation_p, sign_flip_p
from tasks.statistics import ReportParams
from warehouse.tables import Score, SplitRow, Verdict

PARAMS = ReportParams()


def side(run_id, states, *, n_documents=8, f1=0.5, split="test_unseen_fact", judge="similarity/1", verdicts=()):
    """``states``: by question number whether arm tuned states the fact."""
    splits = [SplitRow(f"q{at:03}", f"d{at % n_documents}", f"f{at}", f"l{at}", split) for at in states]
    scores = [Score(f"tuned-{at}", f"q{at:03}", "tuned", value, 4, f1, 0.5, 0.5, 0.1, 0.5, 0.5, None) for at, value in states.items()]
    ruled = [Verdict(f"v{at}", "tuned:base", f"q{at:03}", judge, "none", 0, verdict, "") for at, verdict in enumerate(verdicts)]
    return Side(run_id, splits, scores, ruled)


def of(rows, measure):
    (row,) = [row for row in rows if row.measure == measure]
    return row


def test_a_run_that_gained_facts_shows_it_question_by_question():
    new = side("r2", {at: at % 4 != 0 for at in range(80)})
    old = side("r1", {at: at % 2 == 0 for at in range(80)})
    row = of(compare_runs(new, old, PARAMS), "states_key")

    assert (row.run_a, row.run_b, row.subject, row.split, row.n) == ("r2", "r1", "tuned", "test_unseen_fact", 80)
    assert (row.mean_a, row.mean_b, row.gain, row.n_better, row.n_worse) == (0.75, 0.5, 0.25, 40, 20)
    assert row.mcnemar_p == pytest.approx(mcnemar_p(20, 40))
    signs, documents = [(at % 4 != 0) - (at % 2 == 0) for at in range(80)], [at % 8 for at in range(80)]
    assert row.p_value == pytest.approx(sign_flip_p(signs, documents))


def test_what_every_document_shows_is_a_difference():
    row = of(
        compare_runs(side("r2", dict.fromkeys(range(80), True)), side("r1", {at: at % 3 == 0 for at in range(80)}), PARAMS), "states_key"
    )
    assert row.is_difference
    assert 0 < row.low < row.gain < row.high
    assert row.p_holm >= row.p_value


def test_only_shared_questions_of_one_set_are_compared_and_the_others_counted():
    rows = compare_runs(side("r2", dict.fromkeys(range(10), True)), side("r1", dict.fromkeys(range(5, 20), True)), PARAMS)
    row = of(rows, "states_key")
    assert (row.n, row.n_only_a, row.n_only_b, row.gain, row.is_difference) == (5, 5, 10, 0.0, False)

    moved = compare_runs(side("r2", {0: True}), side("r1", {0: True}, split="test_rephrased"), PARAMS)
    assert {(row.split, row.n) for row in moved} == {("test_rephrased", 0), ("test_unseen_fact", 0)}


def test_a_continuous_measure_is_tested_by_permutation_of_documents():
    new, old = side("r2", dict.fromkeys(range(40), True), f1=0.7), side("r1", dict.fromkeys(range(40), True), f1=0.5)
    row = of(compare_runs(new, old, PARAMS), "token_f1")

    assert (row.gain, row.n_better, row.mcnemar_p) == (pytest.approx(0.2), 40, None)
    assert row.p_value == permutation_p([1.0] * 8) == 2 / 256


def test_verdicts_are_compared_within_one_judge_version_alone():
    new = side("r2", {0: True, 1: True}, verdicts=["first", "tie"])
    same = side("r1", {0: True, 1: True}, verdicts=["second", "tie"])
    row = of(compare_runs(new, same, PARAMS), "outcome")
    assert (row.subject, row.gain, row.n_better) == ("similarity/1 tuned:base", 0.5, 1)

    other = side("r1", {0: True, 1: True}, verdicts=["second", "tie"], judge="similarity/2")
    assert [row for row in compare_runs(new, other, PARAMS) if row.measure == "outcome"] == []


def test_a_run_against_itself_never_differs():
    one = side("r1", {at: at % 3 == 0 for at in range(30)}, verdicts=["first", "error", "tie"])
    rows = compare_runs(one, one._replace(run_id="r2"), PARAMS)
    assert {(row.gain, row.p_value, row.is_difference) for row in rows} <= {(0.0, 1.0, False), (0.0, None, False)}


def test_nothing_in_common_gives_no_rows():
    assert compare_runs(side("r2", {}), side("r1", {}), PARAMS) == []


def test_the_same_input_gives_the_same_rows():
    new, old = side("r2", {at: at % 4 != 0 for at in range(40)}), side("r1", {at: at % 2 == 0 for at in range(40)})
    shuffled = new._replace(splits=new.splits[::-1], scores=new.scores[::-1])
    assert compare_runs(shuffled, old, PARAMS) == compare_runs(new, old, PARAMS)
