"""A finished run -> what its adapter forgot, landed with the run, and a folder with the model to hand out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.forgetting_unit import guard_unit, measure_forgetting
from tasks.late_units import add_unit
from tasks.prefer_unit import tuned_units
from tasks.release_params import ReleaseParams
from tasks.units import land_once
from warehouse.store import Warehouse
from warehouse.tables import FORGETTING, Forgetting
from warehouse.views import write_duckdb

if TYPE_CHECKING:
    from tasks.export_model import Release
    from tasks.model_card import How


@dataclass(frozen=True, slots=True)
class Order:
    """What to write, and where."""

    how: How
    folder: Path
    licence: str = "unknown"
    dtype: str | None = None
    allow_forgetting: bool = False


def release_model(store: Warehouse, run: str | None, order: Order, params: ReleaseParams) -> list[str]:
    """Write a run's model (None: the latest finished run's). Returns the lines that load it.

    Raises:
        GateRefused: a release gate does not let it pass.
        MissingPrerequisite: the run has no adapter, or its base is not there.
        ConfigError: the folder holds something already.
    """
    from tasks.export_model import export_model, find_release, refuse_order

    release = find_release(store, run, params)
    refuse_order(release, order.how, order.folder)
    found = guard(store, release, params)
    return export_model(
        store,
        release,
        found,
        order.how,
        order.folder,
        params,
        dtype=order.dtype,
        licence=order.licence,
        allow_forgetting=order.allow_forgetting,
    )


def guard(store: Warehouse, release: Release, params: ReleaseParams) -> list[Forgetting]:
    """What the adapter forgot: measured with its run, or here where that run was an older version's."""
    (tuned,) = tuned_units(store, release.run_id)
    work = guard_unit(tuned, release.params, params)
    land_once(store, work, lambda: measure_forgetting(store, tuned, release.params, params))
    add_unit(store, release.run_id, "forgetting", work)
    write_duckdb(store)
    rows: list[Forgetting] = store.rows(FORGETTING, [work.unit_id])
    return rows
