"""A finished run -> what its adapter forgot, landed with the run, and a folder with the model to hand out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks import forgetting
from tasks.late_units import add_unit
from tasks.release_params import ReleaseParams
from tasks.units import Made, land_once, unit, units_of
from warehouse.store import Warehouse
from warehouse.tables import CONTROL_LIKELIHOODS, FORGETTING, Forgetting
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
    """What the adapter forgot: measured once, and landed with its run."""
    adapter = release.adapter
    trained = [work for work in units_of(store, release.run_id, "train") if work.unit_id == adapter.adapter_id]
    settings = [params.alpha, params.min_drop, release.params.dtype, forgetting.control_sha256()]
    work = unit("forgetting", forgetting.VERSION, f"adapter {adapter.adapter_id}", reads=trained, settings=settings)

    def make() -> Made:
        forgot = forgetting.measure(adapter.base_model, release.folder, adapter.adapter_id, release.params.dtype, params)
        return Made({CONTROL_LIKELIHOODS: forgot.items, FORGETTING: forgot.groups})

    land_once(store, work, make)
    add_unit(store, release.run_id, "forgetting", work)
    write_duckdb(store)
    rows: list[Forgetting] = store.rows(FORGETTING, [work.unit_id])
    return rows
