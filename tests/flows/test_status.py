"""State told plainly: names and tags of task runs, progress, failures with the command that redoes each, and what `status` says."""

import json
import subprocess
import sys
import time

import pytest

from flows.failures import failure_rows
from flows.markup import inert
from flows.progress_artifacts import ProgressArtifacts
from flows.saved import saved_text
from flows.summary import run_summary, status_text
from tasks.units import Made, Unit, land_once, record_failure, record_units
from warehouse.commits import Origin
from warehouse.errors import RetryableUnits, TunehouseError
from warehouse.store import Warehouse
from warehouse.tables import DOCUMENTS, RUNS, Document, Run
from warehouse.views import query

from .conftest import ROOT
from .small_runs import NAMES, blocked, run, unit_of

HOSTILE = "<img src=x onerror=alert(1)>[click](javascript:x).pdf"


def document(name: str, status: str = "ok") -> Document:
    reason = None if status == "ok" else f"it is {status}"
    return Document(name[:8], name * 9, name, None, name, "file_name", 1, 1, 9, 9, status, reason, (), None)


@pytest.fixture
def troubled(tmp_path) -> Warehouse:
    """A run with a unit that failed, one to be asked again, one that is stale, one that was not come to, and a file that is locked."""
    made = Warehouse(tmp_path / "data")
    made.prepare()
    made.land("run-r1", {RUNS: [Run("r1", "2026-01-01", "", '{"sources": []}', "{}", None, None, "{}")]}, stage="run")
    reading = [Unit(f"read-{n}", "ingest", name) for n, name in enumerate(("a.pdf", "slow.pdf", "locked.pdf"))]
    for work, status in zip(reading, ("ok", "timeout", "needs_password"), strict=True):
        read = Made({DOCUMENTS: [document(work.label, status)]}, n_retryable=int(status == "timeout"))
        land_once(made, work, lambda read=read: read)
    cut = Unit("cut-0", "chunk", "a.pdf", ("read-0",))
    land_once(made, cut, lambda: Made({}))
    made.land("read-0", {DOCUMENTS: [document("b.pdf")]}, stage="ingest", label="a.pdf")
    failed, waiting = Unit("made-0", "generate", HOSTILE, ("cut-0",)), Unit("split-0", "split", "1 documents", ("made-0",))
    record_failure(made, failed, TunehouseError("the endpoint is down", where="it", mend="start it"), Origin("f1", "t1"))
    for stage, units in (("ingest", reading), ("chunk", [cut]), ("generate", [failed]), ("split", [waiting])):
        record_units(made, "r1", stage, units)
    return made


def test_every_failure_has_its_reason_and_the_command_that_redoes_it(troubled):
    rows = [(row["reason"], row["stage"], row["name"], row["redo"]) for row in failure_rows(troubled, "r1")]

    assert rows == [
        ("TunehouseError", "generate", HOSTILE, "tunehouse rerun made-0"),
        ("retryable", "ingest", "slow.pdf", "tunehouse rerun read-1"),
        ("stale", "chunk", "a.pdf", "tunehouse rerun cut-0 --downstream"),
        ("needs_password", "ingest", "locked.pdf", "mend the file, then run again"),
    ]
    details = [row["detail"] for row in failure_rows(troubled, "r1")]
    assert details[0].startswith("the endpoint is down")
    assert details[1] == "1 to be asked again; it is timeout"


def test_status_tells_stages_failures_and_what_is_to_do(troubled):
    said = status_text(troubled)

    assert "r1  running or stopped" in said
    assert "  ingest       2 of 3 units done" in said
    assert "  chunk        0 of 1 units done" in said
    assert f"TunehouseError: generate of {HOSTILE}: the endpoint is down" in said
    assert "to redo: tunehouse rerun made-0" in said
    assert "to do: split of 1 documents (split-0)" in said
    assert "spent on this run's units: 4 units" in said


def test_without_a_server_status_says_what_would_start_one(troubled):
    code = "import os, sys; os.environ.pop('PREFECT_API_URL', None); from flows.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "status", "--warehouse", str(troubled.root)], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert done.returncode == 0, done.stderr
    assert "`tunehouse up` starts a server" in done.stdout


def test_what_stood_before_a_moment_is_told_apart_from_what_was_done_since(troubled):
    assert saved_text(troubled, "r1", "2000-01-01") == ""
    said = saved_text(troubled, "r1", "9000-01-01")
    assert said.startswith("stood, and was not paid for again: 4 units, 0.0 s")
    assert "done now" not in said


@pytest.mark.parametrize("backslashes", ["", "\\", "\\\\"])
def test_no_bracket_of_a_documents_opens_a_link_however_it_is_escaped(backslashes):
    before_it = inert(f"{backslashes}[click](javascript:x)").partition("[")[0]

    assert len(before_it) % 2 == 1  # an odd number: the last one holds for the bracket
    assert "<" not in inert("<script>")


def in_a_flow(function):
    from prefect import flow

    return flow(function, persist_result=False, validate_parameters=False)


def artifacts(key: str) -> list[dict]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        found = client.request("POST", "/artifacts/filter", json={"sort": "CREATED_DESC", "limit": 50}).json()
    return [artifact for artifact in found if artifact["key"] == key]


@pytest.mark.slow
def test_failures_are_a_table_artifact_in_which_nothing_is_run(prefect_server, troubled):
    from flows.artifacts import publish_failures

    in_a_flow(publish_failures)(troubled, "r1")

    rows = json.loads(artifacts("failures")[0]["data"])
    assert [row["redo"] for row in rows][:2] == ["tunehouse rerun made-0", "tunehouse rerun read-1"]
    assert rows[0]["name"] == inert(HOSTILE) != HOSTILE
    assert rows[0].keys() == {"stage", "name", "reason", "detail", "redo"}


@pytest.mark.slow
def test_progress_is_renewed_every_few_seconds_and_at_the_end_and_is_inert(prefect_server, monkeypatch):
    monkeypatch.setattr("flows.progress_artifacts.SECONDS_BETWEEN", 3600.0)
    listener = ProgressArtifacts()
    key = f"reading-pdfs-{time.monotonic_ns()}"

    def work() -> None:
        for n_done in range(5):
            listener(key, n_done, 4, HOSTILE)
        listener("one thing", 0, 1, "")

    in_a_flow(work)()

    (shown,) = artifacts(key)
    assert (shown["type"], shown["data"]) == ("progress", 100.0)
    assert shown["description"] == f"{key}: 4 of 4 &lt;img src=x onerror=alert(1)>\\[click](javascript:x).pdf"
    assert artifacts("one-thing") == []


@pytest.mark.slow
def test_a_run_that_fails_at_a_document_names_it_everywhere(finished_run, pages, tmp_path):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter

    like, store = Warehouse(finished_run), Warehouse(tmp_path / "data")
    unit = unit_of(like, "curate", NAMES[0])
    blocked(like, store, unit)

    with pytest.raises(RetryableUnits) as caught:
        run(pages, store.root)

    assert f"curate of {like.commit(unit).label}" in str(caught.value)
    assert f"to redo: tunehouse rerun {unit}" in status_text(store)
    assert f"({NAMES[0]}.pdf)" in status_text(store)
    assert "1 pending" in run_summary(store, caught.value)
    (failed,) = json.loads(artifacts("failures")[0]["data"])
    assert (failed["stage"], failed["redo"]) == ("curate", f"tunehouse rerun {unit}")
    run_id = query(store, "select run_id from runs").to_pylist()[0]["run_id"]
    with get_client(sync_client=True) as client:
        # A unit of the same text has the same id in every run: the others' stand in the same server.
        of_run = FlowRunFilter.model_validate({"tags": {"all_": [f"run:{run_id}"]}})
        chosen = TaskRunFilter.model_validate({"name": {"like_": f"[{unit[:12]}]"}})
        ends = time.monotonic() + 60
        while not (found := client.read_task_runs(flow_run_filter=of_run, task_run_filter=chosen)):
            assert time.monotonic() < ends, "Prefect did not record the task run"
            time.sleep(0.5)
    assert found[0].name == f"curate: {failed['name']} [{unit[:12]}]"
