"""Settings and inputs -> units of work: what each stage is asked to do, named so that the same work has the same name everywhere.

A unit's id hashes its stage, the stage's version, the ids it reads and the settings that its stage reads. Changing a setting therefore
renames (and recomputes) what reads it and nothing else; a unit that stands committed is never done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from warehouse.keys import unit_id
from warehouse.schema import Table
from warehouse.store import Origin, Warehouse
from warehouse.tables import RUN_UNITS, RunUnit


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of work: one document, one batch of answers or one adapter at one stage."""

    unit_id: str
    stage: str
    label: str
    reads: tuple[str, ...] = ()
    """The upstream units whose rows it reads."""


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
    is_named_by_reads: bool = True,
) -> Unit:
    """Name a unit of work from content ids (``inputs``), the upstream units that it reads, and the settings that its stage reads.

    With ``is_named_by_reads`` False the content ids say all that matters: other changes upstream do not rename the unit.
    """
    upstream = tuple(work if isinstance(work, str) else work.unit_id for work in reads)
    ids = [*inputs, *(upstream if is_named_by_reads else ())]
    return Unit(unit_id(stage, version, ids, settings), stage, label, upstream)


def without(params: Any, *names: str) -> dict[str, Any]:
    """A stage's settings less those that shape no result, such as a batch size."""
    return {name: value for name, value in asdict(params).items() if name not in names}


def land_once(store: Warehouse, work: Unit, make: Callable[[], Made], origin: Origin | None = None) -> Landed:
    """Do a unit's work unless it stands committed. Of several callers at once one works and the others wait and find it done."""
    if store.is_landed(work.unit_id):
        return Landed(work, is_new=False)
    with store.lock(work.unit_id):
        if store.is_landed(work.unit_id):
            return Landed(work, is_new=False)
        made = make()
        store.land(
            work.unit_id,
            made.tables,
            stage=work.stage,
            label=work.label,
            files=made.files,
            n_retryable=made.n_retryable,
            origin=origin,
        )
    return Landed(work, is_new=True, n_retryable=made.n_retryable)


def record_units(store: Warehouse, run_id: str, stage: str, units: Sequence[Unit], part: int = 0) -> None:
    """Say which units a run is made of at one stage: landed before the work, so that what is pending can be told."""
    ledger = unit_id("run_units", 1, [run_id, stage, str(part)])
    rows = [
        RunUnit(unit_id("run_unit", 1, [run_id, stage, work.unit_id])[:20], run_id, stage, work.unit_id, rank, work.label, work.reads)
        for rank, work in enumerate({work.unit_id: work for work in units}.values(), start=part * 1_000_000)
    ]
    with store.lock(ledger):
        store.land(ledger, {RUN_UNITS: rows}, stage="run", label=f"{run_id} {stage}")


def units_of(store: Warehouse, run_id: str, stage: str) -> list[Unit]:
    """The units a run is made of at one stage, in order."""
    rows: list[RunUnit] = []
    part = 0
    while (commit := store.commit(unit_id("run_units", 1, [run_id, stage, str(part)]))) is not None:
        rows += store.rows(RUN_UNITS, [commit.unit_id])
        part += 1
    return [Unit(row.unit_id, row.stage, row.label, row.reads) for row in sorted(rows, key=lambda row: row.rank)]
