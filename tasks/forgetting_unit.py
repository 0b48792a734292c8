"""An adapter's unit -> the unit that measures what it forgot: with its run, and for runs of older versions when it is handed out."""

from __future__ import annotations

from tasks import forgetting, stages
from tasks.release_params import ReleaseParams
from tasks.train_params import TrainParams
from tasks.units import Made, Unit, unit
from warehouse import tables as t
from warehouse.errors import MissingPrerequisite
from warehouse.store import Warehouse


def guard_unit(tuned: Unit, train: TrainParams, params: ReleaseParams = ReleaseParams()) -> Unit:  # noqa: B008  # frozen
    """The unit that measures what the adapter of ``tuned`` forgot."""
    quantized = [] if train.quantize == "none" else [train.quantize]
    settings = [params.alpha, params.min_drop, train.dtype, forgetting.control_sha256(), *quantized]
    return unit("forgetting", forgetting.VERSION, f"adapter {tuned.unit_id}", reads=[tuned], settings=settings)


def measure_forgetting(store: Warehouse, trained: Unit, train: TrainParams, params: ReleaseParams = ReleaseParams()) -> Made:  # noqa: B008
    """An adapter and the general control set -> ``control_likelihoods forgetting``.

    Raises:
        MissingPrerequisite: the unit has no adapter, or a model cannot be loaded.
    """
    adapters = stages.rows(store, t.ADAPTERS, [trained])
    if not adapters:
        raise MissingPrerequisite("there is no adapter to measure", where=f"unit {trained.unit_id}", mend="run again: it is trained first")
    (adapter,) = adapters
    place = store.root / adapter.folder
    forgot = forgetting.measure(adapter.base_model, place, adapter.adapter_id, train.dtype, params, train.quantize)
    return Made({t.CONTROL_LIKELIHOODS: forgot.items, t.FORGETTING: forgot.groups})
