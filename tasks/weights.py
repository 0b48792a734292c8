"""A training unit -> the folder that its adapter is trained in. While it is trained again, the adapter that stands stays in use."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tasks.units import Unit
from warehouse.store import Warehouse

WEIGHTS = "weights"


def training_folder(store: Warehouse, work: Unit) -> Path:
    """Where the unit trains: in its place below the warehouse, or beside that while an adapter stands there."""
    root = store.root / WEIGHTS / ".again" if work.is_again else store.root
    return root / WEIGHTS / work.unit_id  # an adapter's row names the last two parts


def put_in_place(store: Warehouse, work: Unit, files: Sequence[Path]) -> list[Path]:
    """The adapter's files in the unit's place. Whoever calls holds the unit's lock and lands it next.

    The old commit goes first: a process that is killed here leaves a unit still to do, never a commit whose adapter is another one.
    """
    if not work.is_again:
        return list(files)
    store.retract(work.unit_id)
    place = store.root / WEIGHTS / work.unit_id
    place.mkdir(parents=True, exist_ok=True)
    placed = [path.replace(place / path.name) for path in files]
    shutil.rmtree(training_folder(store, work))
    return placed
