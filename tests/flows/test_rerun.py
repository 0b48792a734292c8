"""Single units done again: the unit alone, or with what does not fit it any more; found by task run or unit, with or without Prefect."""

import collections
import os
import shutil
import subprocess
import sys
import time
import zlib
from dataclasses import replace

import pytest

from flows.find_unit import find_unit
from flows.rerun import WALKS, rerun_unit
from flows.run_config import RunConfig
from flows.runs import STAGES
from flows.summary import status_text
from tasks.providers import close_providers
from tasks.providers.scripted_answers import FAULTS, Answer
from tasks.providers.scripted_server import ScriptedServer
from warehouse.checks import run_checks
from warehouse.errors import ConfigError, MissingPrerequisite, RetryableUnits, TunehouseError
from warehouse.store import Warehouse
from warehouse.tables import EVIDENCE, QA_PAIRS, RUNS, TABLES
from warehouse.views import ledger_rows, query

from ..tasks.scripted_generators import GoodGenerator
from .conftest import ROOT
from .small_runs import NAMES, blocked, contents, done_since, records, run, settings, unit_of

pytestmark = pytest.mark.slow
OFF_BY_DEFAULT = ("placebo", "preferences", "dpo", "probe", "elicit", "choose")


def rerun(store: Warehouse, unit: str, **options) -> str:
    return rerun_unit(str(store.root), unit, **options)


def broken_claims(store: Warehouse) -> dict:
    return {check.name: check.offenders.to_pylist()[:3] for check in run_checks(Warehouse(store.root)) if not check.holds}


def test_every_stage_is_planned_by_one_walk():
    planned = [stage for stages, _ in WALKS for stage in stages]

    assert [stage for stage in STAGES if planned.count(stage) != 1] == []


@pytest.mark.long
@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in OFF_BY_DEFAULT])
def test_a_unit_of_any_stage_is_redone_alone_with_the_same_outcome(store, stage):
    unit, before = unit_of(store, stage), records(store)
    content = store.commit(unit).content

    said = rerun(store, unit)

    assert set(done_since(store, before)) == {unit}
    assert Warehouse(store.root).commit(unit).content == content
    assert "its content is as before" in said
    assert "nothing that was made from it is stale" in said
    assert store.verify() == []
    assert broken_claims(store) == {}


def test_a_successful_task_run_is_redone_by_its_id_and_what_stood_is_counted(store):
    unit, before = unit_of(store, "generate", NAMES[1]), records(store)
    task_run_id = store.commit(unit).task_run_id

    said = rerun(store, task_run_id)

    assert set(done_since(store, before)) == {unit}
    assert f"stood, and was not paid for again: {len(contents(store)) - 1} units" in said
    assert Warehouse(store.root).commit(unit).task_run_id != task_run_id


def with_a_pair_less(store: Warehouse, unit: str) -> None:
    """Land a generate unit as if it had been made with one fact fewer."""
    commit, (chunk, *_) = store.commit(unit), store.rows(QA_PAIRS, [unit])
    pairs = [pair for pair in store.rows(QA_PAIRS, [unit]) if pair.fact_id != chunk.fact_id]
    kept = {pair.pair_id for pair in pairs}
    rest = {
        table: store.rows(table, [unit])
        for part in commit.parts
        for table in TABLES
        if table.name == part.table and table not in {QA_PAIRS, EVIDENCE}
    }
    evidence = [row for row in store.rows(EVIDENCE, [unit]) if row.pair_id in kept]
    store.land(unit, {**rest, QA_PAIRS: pairs, EVIDENCE: evidence}, stage=commit.stage, label=commit.label, reads=commit.reads)


def test_another_outcome_makes_what_was_made_from_it_stale_and_downstream_rebuilds_that_alone(store):
    first = contents(store)
    unit = unit_of(store, "generate", NAMES[0])
    with_a_pair_less(store, unit)
    curating = unit_of(store, "curate", NAMES[0])

    stale = {row["stage"] for row in query(store, "from stale_units where is_certain").to_pylist()}
    assert stale >= {"curate", "deduplicate", "split", "retrieve"}
    assert "no_unit_is_stale" in broken_claims(store)
    before = records(store)
    said = rerun(store, curating, downstream=True)

    others = {unit_of(store, stage, name) for stage in ("ingest", "chunk", "embed", "generate", "curate") for name in NAMES}
    done = collections.Counter(done_since(store, before).values())
    assert set(done_since(store, before)) & others == {curating}
    assert done["curate"] == done["deduplicate"] == done["split"] == done["report"] == 1
    assert "rebuilt: deduplicate 1, split 1" in said
    assert "nothing that was made from it is stale" in said
    assert "no_unit_is_stale" not in broken_claims(store)
    assert contents(store) != first

    rerun(store, unit, downstream=True)

    assert contents(store) == first
    assert broken_claims(store) == {}
    assert query(store, "select status, n_pending from run_results").to_pylist() == [{"status": "completed", "n_pending": 0}]


def test_downstream_rebuilds_what_it_can_and_names_what_waits_for_units_that_were_never_done(store):
    scored = {arm: unit_of(store, "score", f"{arm},") for arm in ("base", "base_rag", "tuned")}
    verdicts = {arm: unit_of(store, "judge", f"tuned:{arm},") for arm in ("base", "base_rag")}
    for unit in (scored["base"], *verdicts.values()):
        store.retract(unit)
    before = records(store)

    said = rerun(store, scored["tuned"], downstream=True)

    assert done_since(store, before) == {scored["tuned"]: "score", verdicts["base_rag"]: "judge"}
    assert f"which also reads 1 units that have not been done, such as {scored['base']}" in said
    assert "tunehouse run" in said


@pytest.mark.long
def test_the_next_run_redoes_what_is_stale_and_nothing_else(store, pages):
    with_a_pair_less(store, unit_of(store, "generate", NAMES[0]))
    before = records(store)

    run(pages, store.root)

    done = done_since(store, before)
    known = {unit: stage for unit, stage in done.items() if unit in before}
    assert (
        {"curate", "deduplicate", "split"}
        <= set(known.values())
        <= {"curate", "deduplicate", "split", "retrieve", "answer", "score", "judge"}
    )
    assert list(done.values()).count("curate") == 1
    assert query(store, "from stale_units where is_certain and run_id = (select max(run_id) from runs)").to_pylist() == []
    assert "no_unit_is_stale" not in broken_claims(store)


@pytest.mark.long
def test_a_failed_task_run_leaves_its_reason_and_is_redone_alone_also_with_prefects_database_gone(finished_run, pages, tmp_path):
    like, store = Warehouse(finished_run), Warehouse(tmp_path / "data")
    unit = unit_of(like, "generate", NAMES[0])
    mend = blocked(like, store, unit)

    with pytest.raises(RetryableUnits, match=f"generate of .*{NAMES[0]}"):
        run(pages, store.root)

    (failure,) = query(store, "from failures").to_pylist()
    assert (failure["unit_id"], failure["stage"], failure["error_type"]) == (unit, "generate", "TunehouseError")
    assert "could not be landed" in failure["error"]
    assert failure["redo"] == f"tunehouse rerun {unit}"
    with pytest.raises(TunehouseError, match="could not be landed"):
        rerun(store, failure["task_run_id"])
    mend()
    before = records(store)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    words = ["-m", "flows.cli", "rerun", failure["task_run_id"], "--warehouse", str(store.root)]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "it had not been landed before" in done.stdout
    assert done_since(store, before) == {unit: "generate"}
    assert query(store, "from failures").to_pylist() == []
    rerun(store, unit, downstream=True)
    assert contents(store) == contents(like)
    assert broken_claims(store) == {}


@pytest.mark.long
def test_a_task_run_that_neither_landed_nor_failed_is_found_by_its_name_in_prefect(store, pages):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import TaskRunFilter

    run(pages, store.root)  # nothing to do: its task runs land nothing
    unit = unit_of(store, "judge")
    with get_client(sync_client=True) as client:
        ends = time.monotonic() + 60
        while not (found := client.read_task_runs(task_run_filter=TaskRunFilter.model_validate({"name": {"like_": f"[{unit[:12]}]"}}))):
            assert time.monotonic() < ends, "Prefect did not record the task run"
            time.sleep(0.5)
    names = {str(task_run.id): task_run for task_run in found}
    skipped = next(name for name in names if name != store.commit(unit).task_run_id)

    assert find_unit(store, skipped).work.unit_id == unit
    assert names[skipped].name.startswith("judge: similarity")


def test_ids_that_name_nothing_or_too_much_are_refused(store):
    unit = unit_of(store, "split")

    assert find_unit(store, unit[:12]).work.unit_id == unit
    with pytest.raises(MissingPrerequisite, match="tunehouse status"):
        find_unit(store, unit[:3])
    with pytest.raises(MissingPrerequisite, match="no run has a unit 0000"):
        find_unit(store, "0" * 32)
    with pytest.raises(MissingPrerequisite, match="landed or failed"):
        find_unit(store, "00000000-0000-4000-8000-000000000000")
    with pytest.raises(MissingPrerequisite, match="run r0 has no unit"):
        find_unit(store, unit, "r0")


def test_a_run_whose_settings_another_version_wrote_is_named(store):
    unit = unit_of(store, "split")
    (row,) = ledger_rows(store, RUNS)
    changed = replace(row, settings=row.settings.replace('"workers":', '"n_workers":'))
    store.land("changed", {RUNS: [changed]}, stage="run")

    with pytest.raises(ConfigError, match="not those of this version"):
        rerun(store, unit)


@pytest.mark.long
def test_a_unit_that_its_run_does_not_plan_any_more_is_named_and_nothing_is_touched(store, pages, tmp_path):
    unit = unit_of(store, "ingest", NAMES[0])
    kept = tmp_path / "kept.pdf"
    shutil.move(pages / f"{NAMES[0]}.pdf", kept)
    before = records(store)

    try:
        with pytest.raises(MissingPrerequisite, match="does not plan ingest of"):
            rerun(store, unit)
    finally:
        shutil.move(kept, pages / f"{NAMES[0]}.pdf")

    assert done_since(store, before) == {}
    assert broken_claims(store) == {}


class Halting(GoodGenerator):
    """A good generator that fails at one request of eleven until it is told to heal; always at the same ones."""

    is_healed = False

    def __call__(self, request: dict) -> Answer:
        turn = zlib.crc32(request["messages"][-1]["content"].encode()) % 11
        return super().__call__(request) if self.is_healed or turn else FAULTS["500"]()


def asked_of(server: ScriptedServer, folder, warehouse) -> RunConfig:
    model = {"model": "openai/writer", "base_url": server.base_url, "api_key_env": "", "timeout_seconds": 60, "max_attempts": 1}
    price = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}
    config = settings(folder, warehouse)
    data = config.model_dump(mode="json") | {
        "generate": {"method": "llm", "llm": {"model": model, "questions_per_chunk": 2, "refine_share": 0.0}},
        "budget": {"prices": {"openai/writer": price}},
    }
    return RunConfig.model_validate(data)


@pytest.mark.long
def test_a_unit_that_asked_a_model_asks_only_what_failed_nothing_when_redone_and_all_when_afresh(prefect_server, pages, tmp_path):
    from flows.ingest import ingest
    from flows.synthesize import synthesize

    generator = Halting()
    with ScriptedServer(generator) as server:
        config = asked_of(server, pages, tmp_path / "data")
        store, run_id = Warehouse(config.warehouse), ingest(config)
        with pytest.raises(RetryableUnits):
            synthesize(config, run_id)
        unit = unit_of(store, "generate", NAMES[0])
        calls = query(store, f"select status, count(*) as n from llm_calls where unit_id = '{unit}' group by all", run_id).to_pylist()
        by_status = {row["status"]: row["n"] for row in calls}
        assert by_status["retryable"] > 0 < by_status["ok"]
        assert f"tunehouse rerun {unit}" in status_text(store)

        generator.is_healed, before = True, server.n_requests
        rerun(store, unit)
        n_healed = server.n_requests - before
        n_calls = query(store, f"select count(*) as n from llm_calls where unit_id = '{unit}'", run_id).to_pylist()[0]["n"]
        assert by_status["retryable"] <= n_healed < n_calls
        assert Warehouse(store.root).is_landed(unit)

        before = server.n_requests
        said = rerun(store, unit)
        assert server.n_requests == before
        assert "its content is as before" in said
        assert f"{n_calls + sum_of_other_calls(store, run_id, unit)} calls, $0.0" in said

        rerun(store, unit, fresh=True)
        assert server.n_requests - before >= n_calls
    close_providers()


def sum_of_other_calls(store: Warehouse, run_id: str, unit: str) -> int:
    return query(store, f"select count(*) as n from llm_calls where unit_id <> '{unit}'", run_id).to_pylist()[0]["n"]
