"""Flow *rerun-unit*: one unit of work done again, and with ``downstream`` what does not fit it any more. The other units stand.

Nothing here says what a unit is made from: the flow that plans the unit's stage is walked as it stands, with the settings of the unit's
run, and does what ``tasks.selection`` chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from prefect import flow

from flows import artifacts, runs
from flows.compare import compare
from flows.doing import THREADS, do_all
from flows.find_unit import Target, find_unit
from flows.finetune import finetune
from flows.ingest import cut_lot, read_unit
from flows.run_config import RunConfig, settings_of
from flows.saved import describe_rerun
from flows.synthesize import n_parts, synthesize
from tasks.find_files import find_files
from tasks.prefect_tasks import ingest_document
from tasks.selection import Reached, Selection, selecting
from tasks.units import parts_of, units_of
from warehouse.errors import MissingPrerequisite
from warehouse.store import Warehouse

Walk = Callable[[Warehouse, RunConfig, str], None]


@flow(name="rerun-unit", flow_run_name="rerun {unit}", task_runner=THREADS, persist_result=False)
def rerun_unit(warehouse: str, unit: str, downstream: bool = False, fresh: bool = False, run_id: str | None = None) -> str:
    """Do one unit of work again, as its run did it: one document at one stage, one batch of answers, one adapter. Returns what came of it.

    Args:
        warehouse: Folder that everything landed in.
        unit: The unit's id (32 hex digits, or as many as name one alone), or the id of the task run that did it or failed to.
        downstream: Also do what was made from it and does not fit it any more, as far as all that it is made from is there.
        fresh: Put every question to the model again; otherwise what it answered before is taken from the ledger.
        run_id: The run whose settings to use; empty: the newest one that the unit is part of.

    Raises:
        MissingPrerequisite: there is no such unit, the run no longer plans it, or what it is made from is missing.
        ConfigError: several units' ids begin like that, or the run's settings are another version's.
    """
    began = datetime.now(UTC).isoformat(timespec="milliseconds")
    store = Warehouse(warehouse)
    target = find_unit(store, unit, run_id)
    selection = Selection(target.work.unit_id, downstream, fresh)
    before = store.commit(target.work.unit_id)
    try:
        redo(store, target, selection)
    finally:
        runs.refresh_result(store, target.run.run_id)
        artifacts.publish_failures(store, target.run.run_id)
    text = describe_rerun(store, target, selection, before, began)
    artifacts.publish_text("rerun", text)
    return text


def redo(store: Warehouse, target: Target, selection: Selection) -> None:
    """Walk the flows of the unit's run from its stage on, doing what ``selection`` chooses.

    Raises:
        MissingPrerequisite: no flow plans the unit.
        ConfigError: the run's settings are another version's.
    """
    if not any(walks_from(target.work.stage)):
        raise MissingPrerequisite(
            f"{target.work.stage} is no part of a run's flows",
            where=f"unit {target.work.unit_id}",
            mend="give the command again that made it: what does not fit any more is made anew",
        )
    config = settings_of(target.run).model_copy(update={"warehouse": str(store.root)})
    with selecting(selection):
        try:
            for walk in walks_from(target.work.stage):
                walk(store, config, target.run.run_id)
                if not selection.is_reached:
                    break
        except Reached:
            return
    if not selection.is_reached:
        missing = [unit for unit in target.work.reads if not store.is_landed(unit)]
        raise MissingPrerequisite(
            f"run {target.run.run_id} does not plan {target.work.stage} of {target.work.label} now",
            where=f"unit {target.work.unit_id}",
            mend=f"redo what it reads first: `tunehouse rerun {missing[0]} --downstream`"
            if missing
            else "its file, tunehouse or what it is made from has changed since: `tunehouse run` makes what takes its place",
        )


def walks_from(stage: str) -> Iterator[Walk]:
    """What plans ``stage``, then what plans the stages after it."""
    is_there = False
    for stages, walk in WALKS:
        is_there = is_there or stage in stages
        if is_there:
            yield walk


def _read(store: Warehouse, config: RunConfig, run_id: str) -> None:
    """The run's files, as far as they are still there."""
    known = {work.unit_id for work in units_of(store, run_id, "ingest")}
    found = find_files([Path(source) for source in config.sources]).files
    calls = [
        (work, {"source": source, "params": config.ingest}) for source in found if (work := read_unit(source, config)).unit_id in known
    ]
    do_all(ingest_document, store, calls, "reading PDFs")


def _cut(store: Warehouse, config: RunConfig, run_id: str) -> None:
    for part, reading in enumerate(parts_of(store, run_id, "ingest")):
        cut_lot(store, config, run_id, part, reading)


def _synthesize(store: Warehouse, config: RunConfig, run_id: str) -> None:
    for part in range(n_parts(store, config, run_id)):
        synthesize.fn(config, run_id, part)


def _finetune(_: Warehouse, config: RunConfig, run_id: str) -> None:
    finetune.fn(config, run_id)


def _compare(_: Warehouse, config: RunConfig, run_id: str) -> None:
    compare.fn(config, run_id)


WALKS: tuple[tuple[tuple[str, ...], Walk], ...] = (
    (("ingest",), _read),
    (("chunk", "embed"), _cut),
    (("generate", "curate", "deduplicate", "split"), _synthesize),
    (("train", "placebo", "preferences", "dpo", "forgetting"), _finetune),
    (("retrieve", "answer", "probe", "elicit", "score", "choose", "controls", "judge", "report"), _compare),
)
"""Which part of which flow plans a stage, in order."""
