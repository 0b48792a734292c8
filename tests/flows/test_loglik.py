"""The judge loglik through the whole flow: every arm weighs the same answers, and nothing of another judge is done again."""

from __future__ import annotations

import pytest

from flows.rerun import rerun_unit
from flows.summary import verdict_text
from tasks.report_html import write_report
from warehouse.checks import run_checks
from warehouse.store import Warehouse
from warehouse.views import query

from .small_runs import done_since, records, run, save_pages, unit_of

pytestmark = pytest.mark.slow
ARMS = (
    "train.max_steps=12",
    "train.learning_rate=0.01",
    "answer.arms=[base, base_rag, tuned, reference]",
    "judge.contrasts=['tuned:base', 'tuned:reference']",
    "judge.controls.n_pairs=6",
    "judge.choice.max_length_factor=3",
)
WEIGHED = ("judge.judges=[similarity, loglik]",)


@pytest.fixture(scope="module")
def folder(prefect_server, tmp_path_factory):
    """A run judged by similarity alone, then once more with loglik beside it."""
    folder = tmp_path_factory.mktemp("loglik")
    save_pages(folder / "papers")
    run(folder / "papers", folder / "data", *ARMS)
    return folder


def rows(store, run_id, sql):
    return query(store, sql, run_id).to_pylist()


def test_every_arm_of_a_contrast_weighs_every_question_and_no_other_verdict_is_made_again(folder):
    store = Warehouse(folder / "data")
    before = records(store)
    run_id = run(folder / "papers", folder / "data", *ARMS, *WEIGHED)

    assert set(done_since(store, before).values()) == {"choose", "controls", "judge", "report"}
    assert {row["judge"] for row in rows(store, run_id, "select distinct judge from verdicts")} == {"similarity/1", "loglik/1"}
    n_asked = rows(store, run_id, "select count(*) as n from splits where starts_with(split, 'test_')")[0]["n"]
    per_arm = rows(store, run_id, "select arm, count(*) as n, count(acc_norm) as n_scored from choice_scores group by all order by all")
    assert [(row["arm"], row["n"]) for row in per_arm] == [("base", n_asked), ("reference", n_asked), ("tuned", n_asked)]
    scored = {row["arm"]: row["n_scored"] for row in per_arm}
    assert scored["base"] == scored["tuned"] > 0
    assert scored["reference"] == 0
    assert {row["reason"] for row in rows(store, run_id, "select reason from choice_scores where arm = 'reference'")} >= {"no_model"}
    assert [check.name for check in run_checks(store) if not check.holds] == []

    before = records(store)
    run(folder / "papers", folder / "data", *ARMS, *WEIGHED)
    assert done_since(store, before) == {}


def test_its_verdicts_are_those_that_its_scores_give_and_stand_in_summary_and_report(folder):
    store = Warehouse(folder / "data")
    run_id = run(folder / "papers", folder / "data", *ARMS, *WEIGHED)

    verdicts = {row["pair_id"]: row["verdict"] for row in rows(
        store, run_id, "select pair_id, verdict from verdicts where judge = 'loglik/1' and contrast = 'tuned:base'"
    )}  # fmt: skip
    right = {
        (row["arm"], row["pair_id"]): row["acc_norm"] for row in rows(store, run_id, "select arm, pair_id, acc_norm from choice_scores")
    }
    for pair_id, verdict in verdicts.items():
        a, b = right["tuned", pair_id], right["base", pair_id]
        assert verdict == ("error" if a is None or b is None else "tie" if a == b else "first" if a else "second")
    for row in rows(store, run_id, "from estimates where judge = 'loglik/1' and contrast = 'tuned:base'"):
        assert row["n"] + row["n_unscored"] == row["n_planned"]
    assert rows(store, run_id, "from choice_rates where arm = 'tuned' and n > 0")
    assert rows(store, run_id, "from specific_gains where contrast = 'tuned:base' and n > 0")

    put = {row["control"]: row["n"] for row in rows(store, run_id, "from control_rates where judge = 'loglik/1'")}
    assert all(put[name] > 0 for name in ("K1", "K2", "K3", "K4", "K6"))
    assert put["K7"] == put["K8"] == 0
    assert rows(store, run_id, "select distinct is_gate from control_rates where judge = 'loglik/1'") == [{"is_gate": False}]
    text = verdict_text(store, run_id)
    assert "the first arm finds the reference the likeliest answer and the second does not" in text
    assert "loglik/1" in write_report(store, run_id).read_text()


def test_what_an_arm_would_choose_is_weighed_again_alone_with_the_same_outcome(folder):
    store = Warehouse(folder / "data")
    run(folder / "papers", folder / "data", *ARMS, *WEIGHED)
    unit, before = unit_of(store, "choose", "tuned"), records(store)
    content = store.commit(unit).content

    said = rerun_unit(str(store.root), unit)

    assert set(done_since(store, before)) == {unit}
    assert Warehouse(store.root).commit(unit).content == content
    assert "its content is as before" in said
