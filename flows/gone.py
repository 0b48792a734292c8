"""A run's files, the last run's documents -> tombstones: which documents are gone from the sources.

A run that does not find a file is simply made of fewer units: the other documents keep theirs, and their sets. The tombstone says that a
document was there, so that `tombstoned_documents` and `adapters_that_saw` can tell what was made of it and which adapters learnt it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tasks.find_files import SourceFile
from tasks.units import units_of
from warehouse.keys import key, unit_id
from warehouse.store import Warehouse
from warehouse.tables import DOCUMENTS, RUN_RESULTS, RUNS, TOMBSTONES, Run, Tombstone
from warehouse.views import ledger_rows


def land_tombstones(store: Warehouse, run_id: str, found: Sequence[SourceFile]) -> list[Tombstone]:
    """Land and return a tombstone for each document of the last finished run over the same sources whose content is not found now.

    A file that was renamed, or of which a copy is left, is not gone. A document that comes back is known again by its content.
    """
    last = last_run(store, run_id)
    if last is None:
        return []
    there = {source.sha256 for source in found}
    documents = store.rows(DOCUMENTS, [work.unit_id for work in units_of(store, last.run_id, "ingest")])
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    gone = [
        Tombstone(key("tombstone", d.document_id, last.run_id), d.document_id, d.sha256, d.file_name, d.title, last.run_id, run_id, now)
        for d in documents
        if d.sha256 not in there and d.duplicate_of is None
    ]
    for stone in gone:
        ledger = unit_id("tombstone", 1, [stone.tombstone_id])
        with store.lock(ledger):
            if store.commit(ledger) is None:  # the run that noticed first is the one to name
                store.land(ledger, {TOMBSTONES: [stone]}, stage="run", label=f"gone: {stone.file_name}")
    return gone


def last_run(store: Warehouse, run_id: str) -> Run | None:
    """The last finished run before this one that looked through the same sources; None where there is none."""
    runs: dict[str, Run] = {run.run_id: run for run in ledger_rows(store, RUNS)}
    finished = [runs[result.run_id] for result in ledger_rows(store, RUN_RESULTS) if result.status != "failed"]
    before = [run for run in finished if run.started_at < runs[run_id].started_at]
    same = [run for run in before if _sources(run) == _sources(runs[run_id])]
    return max(same, key=lambda run: run.started_at, default=None)


def _sources(run: Run) -> set[str]:
    """Where the run looked, however it was written down."""
    return {str(Path(source).resolve()) for source in json.loads(run.settings).get("sources", ())}


def gone_since(store: Warehouse, run_id: str) -> list[Tombstone]:
    """The documents that the last run over the same sources had and this one has not."""
    last = last_run(store, run_id)
    reads = [work.unit_id for work in units_of(store, run_id, "ingest")]
    there = {document.sha256 for document in store.rows(DOCUMENTS, reads)}
    return [stone for stone in ledger_rows(store, TOMBSTONES) if last and stone.last_run_id == last.run_id and stone.sha256 not in there]
