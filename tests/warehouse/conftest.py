"""Warehouses with a run in them."""

from pathlib import Path

import pytest

from tasks.units import Unit, record_units
from warehouse.store import Warehouse
from warehouse.tables import RUN_RESULTS, RUNS, VERDICTS, Document, Run, RunResult, Verdict


def make_verdict(pair_id: str, verdict: str = "first", *, order: str = "none") -> Verdict:
    return Verdict(f"{pair_id}-{order}", "tuned:base", pair_id, "similarity/1", order, 0, verdict, "")


def make_document(document_id: str, name: str = "manual.pdf", *, sha256: str | None = None) -> Document:
    content = sha256 or document_id * 3
    return Document(document_id, content, name, None, "Manual", "metadata", 1, 1, 9, 9, "ok", None, (), None)


def land_run(store: Warehouse, run_id: str, stage: str, unit_ids: list[str], *, status: str = "completed", at: str = "2026-01-01") -> None:
    store.land(f"run-{run_id}", {RUNS: [Run(run_id, at, "", "{}", "{}", None, None, "{}")]}, stage="run")
    record_units(store, run_id, stage, [Unit(unit, stage, unit) for unit in unit_ids])
    store.land(f"end-{run_id}", {RUN_RESULTS: [RunResult(run_id, at, status, 1, 1, 0, 0, "")]}, stage="run")


@pytest.fixture
def store(tmp_path: Path) -> Warehouse:
    made = Warehouse(tmp_path / "data")
    made.prepare()
    return made


@pytest.fixture
def judged(store: Warehouse) -> Warehouse:
    """Two units of verdicts: ``old`` in run r1, ``old`` and ``new`` in run r2."""
    store.land("old", {VERDICTS: [make_verdict("q1")]}, stage="judge")
    store.land("new", {VERDICTS: [make_verdict("q2", "tie")]}, stage="judge")
    land_run(store, "r1", "judge", ["old"], at="2026-01-01")
    land_run(store, "r2", "judge", ["old", "new"], at="2026-01-02")
    return store
