"""A run's record: what it started with, which documents are older than others, and how it ended."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from prefect.runtime import flow_run

from flows.run_config import RunConfig
from tasks.find_files import SourceFile
from tasks.units import Unit, units_of
from warehouse.errors import MissingPrerequisite
from warehouse.journal import discard_budget, sweep_journals
from warehouse.keys import unit_id
from warehouse.store import Warehouse
from warehouse.tables import DOCUMENTS, RUN_RESULTS, RUN_UNITS, RUNS, Document, Run, RunResult, RunUnit
from warehouse.views import latest_started_run, ledger_rows, write_duckdb

PACKAGES = ("tunehouse", "prefect", "duckdb", "pyarrow", "pymupdf", "torch", "transformers", "peft", "sentence-transformers")
STAGES = (
    "ingest", "chunk", "embed", "generate", "curate", "deduplicate", "split",
    "train", "placebo", "preferences", "dpo", "forgetting",
    "retrieve", "answer", "probe", "elicit", "score", "choose", "controls", "judge", "report",
)  # fmt: skip


def start_run(store: Warehouse, config: RunConfig) -> str:
    """Land the run's settings, versions and commit; return its id. A flow run that is retried continues the run it began."""
    store.prepare()
    flow_run_id = str(flow_run.get_id() or "")
    for run in ledger_rows(store, RUNS):
        if flow_run_id and run.flow_run_id == flow_run_id:
            return str(run.run_id)
    now = datetime.now(UTC)
    run_id = f"{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"
    commit, is_dirty = git_state()
    seeds = {"split": config.split.seed, "train": config.train.seed}
    run = Run(
        run_id,
        now.isoformat(timespec="milliseconds"),
        flow_run_id,
        config.model_dump_json(),
        json.dumps(versions()),
        commit,
        is_dirty,
        json.dumps(seeds),
    )
    ledger = unit_id("run", 1, [run_id])
    with store.lock(ledger):
        store.land(ledger, {RUNS: [run]}, stage="run", label=run_id)
    return run_id


def continue_run(store: Warehouse, run_id: str | None, needs: str) -> str:
    """The named run, or the one that started last, which must have units of stage ``needs``.

    Raises:
        MissingPrerequisite: there is none.
    """
    run_id = run_id or latest_started_run(store)
    if run_id is None or not units_of(store, run_id, needs):
        raise MissingPrerequisite(
            f"run {run_id or '(none)'} has no {needs} units",
            where=str(store.root),
            mend="run the flow of the stage before, or `tunehouse run`",
        )
    return run_id


def finish_run(store: Warehouse, run_id: str, *, message: str, is_at_end: bool, is_dry: bool = False) -> RunResult:
    """Land how the run ended, and bring ``warehouse.duckdb`` up to date. ``is_dry``: it was only to say what it would ask."""
    (run,) = [row for row in ledger_rows(store, RUNS) if row.run_id == run_id]
    units = [work for stage in STAGES for work in units_of(store, run_id, stage)]
    commits = {work.unit_id: store.commit(work.unit_id) for work in units}
    n_pending = sum(1 for commit in commits.values() if commit is None or not commit.is_whole)
    n_done = sum(1 for commit in commits.values() if commit and commit.committed_at >= run.started_at)
    documents: list[Document] = store.rows(DOCUMENTS, [work.unit_id for work in units if work.stage == "ingest"])
    n_warnings = sum(1 for document in documents if document.status != "ok")
    ended: Literal["completed", "incomplete", "estimated"] = "estimated" if is_dry else "incomplete" if n_pending else "completed"
    status = ended if is_at_end else "failed"
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    result = RunResult(run_id, now, status, len(commits), n_done, n_pending, n_warnings, message)
    ledger = unit_id("run_result", 1, [run_id])
    with store.lock(ledger):
        store.land(ledger, {RUN_RESULTS: [result]}, stage="run", label=run_id)
    store.sweep()
    sweep_journals(store)
    if status == "completed":
        discard_budget(store, run_id)
    write_duckdb(store)
    return result


def refresh_result(store: Warehouse, run_id: str) -> None:
    """Land anew how a run ended, after one of its units was done again. A run that never ended stays so."""
    for result in ledger_rows(store, RUN_RESULTS):
        if result.run_id == run_id:
            finish_run(store, run_id, message=result.message, is_at_end=result.status != "failed", is_dry=result.status == "estimated")


def by_age(store: Warehouse, sources: Sequence[SourceFile]) -> list[SourceFile]:
    """Sources with those that an earlier finished run knew first, in that run's order; new ones follow by name.

    Where two rows say the same, the older document's stays: so a document that joins later never displaces what was there.
    """
    finished = {result.run_id for result in ledger_rows(store, RUN_RESULTS) if result.status != "failed"}
    started = {run.run_id: run.started_at for run in ledger_rows(store, RUNS)}
    seen: dict[str, tuple[str, int]] = {}
    units: list[RunUnit] = [row for row in ledger_rows(store, RUN_UNITS) if row.stage == "ingest" and row.run_id in finished]
    for row in sorted(units, key=lambda row: (started[row.run_id], row.rank)):
        for document in store.rows(DOCUMENTS, [row.unit_id]):
            seen.setdefault(document.document_id, (started[row.run_id], row.rank))
    newest = ("~", 0)
    return sorted(sources, key=lambda source: (*seen.get(source.document_id, newest), source.file_name, source.document_id))


def versions() -> dict[str, str]:
    """Python's and the main packages' versions."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def git_state() -> tuple[str | None, bool | None]:
    """The checkout's commit and whether it has uncommitted changes; (None, None) outside a checkout."""
    folder = Path(__file__).resolve().parents[1]
    try:
        head, status = (
            subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=10).stdout  # noqa: S603, S607
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None, None
    return head.strip(), bool(status.strip())


def pending_units(store: Warehouse, run_id: str) -> list[Unit]:
    """The run's units without a whole commit."""
    return [work for stage in STAGES for work in units_of(store, run_id, stage) if not store.is_landed(work.unit_id)]
