"""A run that has ended and a unit that is done afterwards -> the run is made of that unit too: a gate, a comparison with another run."""

from __future__ import annotations

from tasks.units import Unit, parts_of, record_units
from warehouse.keys import unit_id
from warehouse.store import Warehouse


def add_unit(store: Warehouse, run_id: str, stage: str, work: Unit) -> None:
    """Say that a run is made of one more, landed, unit; said twice it counts once."""
    with store.lock(unit_id("add_unit", 1, [run_id, stage])):
        parts = parts_of(store, run_id, stage)
        if work.unit_id not in {known.unit_id for part in parts for known in part}:
            record_units(store, run_id, stage, [work], part=len(parts))
