"""Flow *finetune*: the train set -> one LoRA adapter, tuned further to preferences where that is asked for, and what it forgot.

Needs only the warehouse and the base model, so any GPU worker can run it.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows import runs
from flows.doing import THREADS, do_one, landed
from flows.prefer import preference_units
from flows.run_config import RunConfig
from tasks import placebo, stages, train_params
from tasks.engine import is_adapter
from tasks.forgetting_unit import guard_unit
from tasks.general import replay_examples
from tasks.prefect_tasks import find_preferences, measure_forgetting, train_adapter, tune_adapter
from tasks.units import Unit, record_units, unit, units_of, without
from warehouse.errors import MissingPrerequisite
from warehouse.keys import key
from warehouse.store import Warehouse
from warehouse.tables import SPLITS

PLACEBO = "placebo"


@flow(
    name="finetune",
    flow_run_name="finetune {config.train.base_model}",
    task_runner=THREADS,
    persist_result=False,
)
def finetune(config: RunConfig, run_id: str | None = None) -> str:
    """Train a run's adapter from its newest whole checkpoint. Returns the run's id.

    Args:
        config: The run's settings; this flow reads the groups train, prefer and answer.
        run_id: The run to go on with; empty: the one that started last.
    """
    store = Warehouse(config.warehouse)
    run_id = runs.continue_run(store, run_id, needs="split")
    curated = landed(store, units_of(store, run_id, "curate"))
    (splitting,) = units_of(store, run_id, "split")
    planned = {work.stage: work for work in trainings(store, config, run_id)}
    sources: dict[str, Any] = {"curated": curated, "split": splitting}
    tuning: dict[str, Any] = {"train": config.train, "params": config.prefer}
    for stage, work in planned.items():
        what = f"stage {stage}"
        if stage in ("train", PLACEBO):
            do_one(train_adapter, store, work, what, **sources, params=config.train, is_placebo=stage == PLACEBO)
        elif stage == "preferences":
            do_one(find_preferences, store, work, what, **sources, **tuning)
        elif stage == "dpo":
            do_one(tune_adapter, store, work, what, trained=planned["train"], found=planned["preferences"], **tuning)
        else:
            do_one(measure_forgetting, store, work, what, trained=planned.get("dpo", planned["train"]), train=config.train)
    return run_id


def preflight_here(config: RunConfig) -> None:
    """Check every model before anything is paid for, and where this machine trains the base, that its memory suffices.

    Raises:
        MissingPrerequisite: it cannot be loaded, or not trained here.
    """
    from tasks.base_model import preflight

    for further in config.answer.models.values():
        if not is_adapter(further):
            preflight(further)
    if config.finetune_deployment:
        preflight(config.train.base_model)
    else:
        from tasks.train_estimate import preflight_training

        preflight_training(config.train)


def trainings(store: Warehouse, config: RunConfig, run_id: str) -> list[Unit]:
    """The units that make the run's adapters and measure what was forgotten, in order, recorded as the run's; one a stage."""
    curated = landed(store, units_of(store, run_id, "curate"))
    (splitting,) = units_of(store, run_id, "split")
    wanted = ["train", *([PLACEBO] if PLACEBO in config.answer.arms else [])]
    units = [train_unit(store, config, curated, splitting, stage) for stage in wanted]
    units += preference_units(store, config, curated, splitting, units[0])
    tuned = units[-1] if units[-1].stage == "dpo" else units[0]
    units.append(guard_unit(tuned, config.train))
    for work in units:
        record_units(store, run_id, work.stage, [work])
    return units


def train_unit(store: Warehouse, config: RunConfig, curated: list[Unit], splitting: Unit, stage: str) -> Unit:
    """The unit that trains the adapter: named by what it learns from, so that documents that are only tested on do not retrain it.

    Raises:
        MissingPrerequisite: there is nothing to train on, or the base model is not there.
    """
    from tasks.base_model import base_sha256, preflight

    preflight(config.train.base_model)
    pairs, splits = stages.kept_pairs(store, curated), store.rows(SPLITS, [splitting.unit_id])
    learnt = [
        [key(role, example) for example in stages.train_examples(pairs, splits, role, config.train)]
        for role in stages.ROLES
    ]  # fmt: skip
    if not learnt[0]:
        raise MissingPrerequisite(
            "the train set is empty",
            where=f"split of {len(curated)} documents, {len(pairs)} pairs kept",
            mend="add documents, lower split.unseen_document_share or raise train.max_pairs; `tunehouse sql rejections` shows what is lost",
        )
    learnt[0] += [key("replay", example) for example in replay_examples(len(learnt[0]), config.train)]
    settings = [without(config.train, *train_params.SHAPES_NO_RESULT), base_sha256(config.train.base_model)]
    versions = train_params.VERSION + (1000 * placebo.VERSION if stage == PLACEBO else 0)
    label = f"LoRA on {len(learnt[0])} pairs"
    inputs = [*learnt[0], "validation", *learnt[1]]
    return unit(stage, versions, label, inputs=inputs, also_reads=[*curated, splitting], settings=settings, is_named_by_content=True)
