"""Arms that no model answers, the best-prompted base, and what is asked beside, through the whole flow."""

import shutil

import pytest

from warehouse.checks import run_checks
from warehouse.store import Warehouse
from warehouse.views import query

from .small_runs import done_since, records, run

pytestmark = pytest.mark.slow

MORE_ARMS = (
    "answer.arms=[base, base_rag, tuned, tuned_rag, base_prompted, reference, refusal]",
    "judge.contrasts=['tuned:base', 'tuned:base_rag', 'tuned_rag:base_rag', 'reference:base', 'reference:refusal', 'tuned:base_prompted']",
    "answer.elicitation.wordings=[{name: brief, before: Answer briefly.}]",
    "answer.formats.n_questions=2",
    "answer.formats.wordings=[{name: bullets, marks: bullets}, {name: system, system: Answer the question.}]",
    "answer.knowledge.n_samples=2",
)


@pytest.fixture(scope="module")
def asked(finished_run, pages, tmp_path_factory):
    """A small run's warehouse, and what a run with more arms and other ways of asking does in it: unit -> stage."""
    store = Warehouse(shutil.copytree(finished_run, tmp_path_factory.mktemp("arms") / "data"))
    before = records(store)
    run(pages, store.root, *MORE_ARMS)
    return store, done_since(store, before)


def test_asking_more_leaves_every_unit_of_a_default_run_as_it_is(asked):
    store, done = asked
    planned = query(store, "select label, unit_id from run_units where stage = 'answer'", "all").to_pylist()
    answered = {row["label"].partition(",")[0] for row in planned if row["unit_id"] in done}

    assert answered == {"reference", "refusal"}
    assert {"probe", "elicit", "report"} <= set(done.values())
    assert not {"train", "retrieve", "split", "generate"} & set(done.values())
    first, last = (
        set(query(store, f"select unit_id from run_units where stage = 'score' and run_id = ({which})", "all").column(0).to_pylist())
        for which in ("select min(run_id) from runs", "select max(run_id) from runs")
    )
    assert first < last


def test_the_reference_states_every_fact_and_the_refusal_none(asked):
    store, _ = asked
    rates = query(store, "select arm, sum(n_stated) as n_right, sum(n_keyed) as n_all from arm_rates where arm like 're%' group by arm")
    stated = {row["arm"]: (row["n_right"], row["n_all"]) for row in rates.to_pylist()}
    sums = "sum(n_wins) as w, sum(n_ties) as t, sum(n_losses) as l"
    won = query(store, f"select contrast, {sums} from estimates where contrast like 'reference%' group by contrast")
    by_contrast = {row["contrast"]: row for row in won.to_pylist()}
    answers = query(store, "select distinct answer, model from answers where arm = 'refusal'").to_pylist()

    assert stated["reference"][0] == stated["reference"][1] > 0
    assert stated["refusal"][0] == 0
    assert by_contrast["reference:refusal"]["w"] > 0 == by_contrast["reference:refusal"]["l"] == by_contrast["reference:refusal"]["t"]
    assert by_contrast["reference:base"]["l"] == 0
    assert answers == [{"answer": "The document does not state this.", "model": ""}]


def test_the_best_prompted_base_answers_every_test_question_with_what_it_said_to_one_of_the_prompts(asked):
    store, _ = asked
    rows = query(
        store,
        "select a.pair_id, count(p.probe_id) as n from answers a left join probes p on p.pair_id = a.pair_id and p.answer = a.answer"
        " and p.purpose = 'prompt' where a.arm = 'base_prompted' group by all",
    ).to_pylist()

    assert len(rows) == query(store, "select count(*) as n from answers where arm = 'base'").to_pylist()[0]["n"]
    assert all(row["n"] >= 1 for row in rows)


def test_formats_and_knowledge_come_to_their_views(asked):
    store, _ = asked
    shapes = query(store, "select purpose, arm, count(distinct variant) as n from probes group by all order by all").to_pylist()
    spread = query(store, "select distinct what, name, n_formats from prompt_spread where what = 'arm' order by all").to_pylist()
    slices = query(store, "select sum(n_planned) as n from knowledge_win_rate where contrast = 'tuned:base'").to_pylist()
    sampled = query(store, "select count(distinct pair_id) as n from probes where purpose = 'sample'").to_pylist()
    n_judges = query(store, "select count(distinct judge) as n from estimates").to_pylist()[0]["n"]

    assert [(row["purpose"], row["arm"], row["n"]) for row in shapes] == [
        ("format", "base", 3), ("format", "base_rag", 3), ("format", "tuned", 3), ("format", "tuned_rag", 3),
        ("prompt", "base", 2), ("sample", "base", 2),
    ]  # fmt: skip
    assert [(row["name"], row["n_formats"]) for row in spread] == [(arm, 3) for arm in ("base", "base_rag", "tuned", "tuned_rag")]
    assert slices[0]["n"] == sampled[0]["n"] * n_judges > 0
    assert query(store, "select count(*) as n from elicitations").to_pylist()[0]["n"] > 0


def test_what_is_asked_beside_breaks_no_claim_and_a_second_run_does_nothing(asked, pages):
    store, _ = asked
    before = records(store)
    run(pages, store.root, *MORE_ARMS)

    assert done_since(store, before) == {}
    assert [(check.name, check.offenders.to_pylist()[:3]) for check in run_checks(store) if not check.holds] == []
