"""Settings and inputs -> units of work: what each stage is asked to do, named so that the same work has the same name everywhere.

A unit's id hashes its stage, the stage's version, the ids it reads and the settings that its stage reads. Changing a setting therefore
renames (and recomputes) what reads it and nothing else; a unit that stands committed is never done twice.

A unit that is done again keeps its name. Its commit then holds another content, or the same; in the first case the units that were made
from the old one are stale, and count as not done until they are made anew.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks import selection
from warehouse.commits import Origin
from warehouse.errors import TunehouseError
from warehouse.journal import discard_journal
from warehouse.keys import key, shaping, unit_id
from warehouse.schema import Table
from warehouse.store import Warehouse
from warehouse.tables import RUN_UNITS, UNIT_FAILURES, RunUnit, UnitFailure

KEPT_CHARS = 2_000
log = logging.getLogger(__name__)


SHORT_ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of work: one document, one batch of answers or one adapter at one stage."""

    unit_id: str
    stage: str
    label: str
    reads: tuple[str, ...] = ()
    """The upstream units whose rows it reads."""

    @property
    def short_id(self) -> str:
        """As many of the id's digits as tell it from any other in practice."""
        return self.unit_id[:SHORT_ID_LENGTH]

    watches: tuple[str, ...] | None = None
    """Those whose content it must have been made from as it is now; None: all that it reads. Its name vouches for the others."""
    is_again: bool = False
    """To be done though it stands committed."""
    is_fresh: bool = False
    """To be done without what a model answered before."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of a unit: ``is_new`` when this call did the work, ``n_retryable`` when part of it must be asked again."""

    unit: Unit
    is_new: bool
    n_retryable: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """What a stage made: rows by table, other files already in place below the warehouse, and how many rows must be asked again."""

    tables: Mapping[Table, Sequence[Any]]
    files: Sequence[Path] = field(default=())
    n_retryable: int = 0


def unit(
    stage: str,
    version: int,
    label: str,
    *,
    inputs: Sequence[str] = (),
    reads: Sequence[Unit | str] = (),
    settings: object = None,
    also_reads: Sequence[Unit | str] = (),
    is_named_by_content: bool = False,
) -> Unit:
    """Name a unit of work from content ids (``inputs``), the upstream units that it reads, and the settings that its stage reads.

    ``also_reads``: upstream units whose rows it reads too, and which ``inputs`` or ``reads`` imply. With ``is_named_by_content`` the
    content ids say all that matters of those: a change there that matters gives another unit, and no other makes this one stale.
    """
    named, also = (tuple(work if isinstance(work, str) else work.unit_id for work in some) for some in (reads, also_reads))
    every = tuple(dict.fromkeys((*named, *also)))
    return Unit(unit_id(stage, version, [*inputs, *named], settings), stage, label, every, named if is_named_by_content else None)


def without(params: Any, *names: str) -> dict[str, Any]:
    """A stage's settings less those that shape no result, such as a batch size: the ones named, and the ones marked TECHNICAL."""
    return {name: value for name, value in shaping(params).items() if name not in names}


def land_once(store: Warehouse, work: Unit, make: Callable[[], Made], origin: Origin | None = None) -> Landed:
    """Do a unit's work unless it stands committed. Of several callers at once one works and the others wait and find it done."""
    if not work.is_again and store.is_landed(work.unit_id):
        return Landed(work, is_new=False)
    with store.lock(work.unit_id):
        if not work.is_again and store.is_landed(work.unit_id):
            return Landed(work, is_new=False)
        reads = store.contents(work.reads if work.watches is None else work.watches)  # before the work: what changes meanwhile is noticed
        began = time.monotonic()
        made = make()
        store.land(
            work.unit_id,
            made.tables,
            stage=work.stage,
            label=work.label,
            files=made.files,
            n_retryable=made.n_retryable,
            origin=origin,
            reads=reads,
            work_seconds=time.monotonic() - began,
        )
        if made.n_retryable == 0:
            discard_journal(store, work.unit_id)
    return Landed(work, is_new=True, n_retryable=made.n_retryable)


def record_failure(store: Warehouse, work: Unit, error: Exception, origin: Origin) -> None:
    """Land why a unit was not: what SQL and `tunehouse status` tell of it, and how `tunehouse rerun` finds it."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    name = key("unit_failure", work.unit_id, origin.task_run_id or now)
    text = str(error)[:KEPT_CHARS]
    row = UnitFailure(
        name, work.unit_id, work.stage, work.label, type(error).__name__, text, now, origin.flow_run_id, origin.task_run_id
    )  # fmt: skip
    ledger = unit_id("unit_failure", 1, [name])
    try:
        with store.lock(ledger):
            store.land(ledger, {UNIT_FAILURES: [row]}, stage="run", label=f"{work.stage} {work.label}", origin=origin)
    except (TunehouseError, OSError) as other:  # a full disk, most likely what failed the unit too: its own error is the one to raise
        log.warning("why %s of %s failed could not be landed: %s", work.stage, work.label, other)


def record_units(store: Warehouse, run_id: str, stage: str, units: Sequence[Unit], part: int = 0) -> None:
    """Say which units a run is made of at one stage: landed before the work, so that what is pending can be told.

    A record that says this already is left as it is, and so is the whole record while a unit of the run is done again.
    """
    chosen = selection.current()
    if chosen and not chosen.is_recording:
        return
    ledger = unit_id("run_units", 1, [run_id, stage, str(part)])
    rows = [
        RunUnit(unit_id("run_unit", 1, [run_id, stage, work.unit_id])[:20], run_id, stage, work.unit_id, rank, work.label, work.reads)
        for rank, work in enumerate({work.unit_id: work for work in units}.values(), start=part * 1_000_000)
    ]
    with store.lock(ledger):
        if store.commit(ledger) is None or store.rows(RUN_UNITS, [ledger]) != sorted(rows, key=lambda row: row.run_unit_id):
            store.land(ledger, {RUN_UNITS: rows}, stage="run", label=f"{run_id} {stage}")


def units_of(store: Warehouse, run_id: str, stage: str) -> list[Unit]:
    """The units a run is made of at one stage, in order."""
    return [work for part in parts_of(store, run_id, stage) for work in part]


def parts_of(store: Warehouse, run_id: str, stage: str) -> list[list[Unit]]:
    """The same, by the flow run that they were planned in."""
    parts: list[list[Unit]] = []
    while (commit := store.commit(unit_id("run_units", 1, [run_id, stage, str(len(parts))]))) is not None:
        rows: list[RunUnit] = sorted(store.rows(RUN_UNITS, [commit.unit_id]), key=lambda row: row.rank)
        parts.append([Unit(row.unit_id, row.stage, row.label, row.reads) for row in rows])
    return parts
