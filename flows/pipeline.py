"""Flow *pipeline*: PDFs -> documents -> chunks -> pairs -> split -> adapter -> answers -> verdicts -> estimates, on one screen."""

from __future__ import annotations

from prefect import flow, tags

from flows import artifacts, runs
from flows.compare import compare
from flows.doing import THREADS, guarded, in_parts, refuse_pending
from flows.elsewhere import ended, for_asking, for_documents, now, part_of, subflow
from flows.estimate import land_estimates
from flows.finetune import finetune, preflight_here, trainings
from flows.ingest import discover, ingest_lot, refuse_nothing_usable
from flows.run_config import RunConfig
from flows.spending import refuse_unpriced
from flows.synthesize import n_parts, synthesize
from tasks.units import units_of
from warehouse.store import Warehouse


@flow(name="pipeline", flow_run_name="pipeline", task_runner=THREADS, persist_result=False)
def pipeline(config: RunConfig) -> str:
    """The whole run: PDFs to verdict. What stands in the warehouse is not done again. Returns the run's id.

    Args:
        config: Every setting of the run; each stage's are a group of their own.

    Raises:
        TunehouseError: something only a person can mend. The warehouse keeps what was landed; the next run continues from it.
        RetryableUnits: the end was reached, but some units are still to do.
    """
    began = now()
    store = Warehouse(config.warehouse)
    run_id = runs.start_run(store, config)
    with tags(f"run:{run_id}"):
        error = guarded(lambda: whole_run(store, config, run_id))
    runs.finish_run(store, run_id, message=str(error or ""), is_at_end=error is None)
    artifacts.publish_end(store, run_id, began)
    if error:
        raise error
    refuse_pending(store, [work for stage in runs.STAGES for work in units_of(store, run_id, stage)])
    return ended(store, run_id, runs.STAGES, began)


def whole_run(store: Warehouse, config: RunConfig, run_id: str) -> None:
    """Every stage in order; each reads from the warehouse what the one before landed."""
    preflight_here(config)  # before anything is paid for
    refuse_unpriced(config)
    for part, sources in in_parts(discover(store, config, run_id), config):
        subflow(ingest_lot, config, run_id, for_documents(config), part=part, sources=sources)
    refuse_nothing_usable(store, run_id)
    land_estimates(store, config, run_id)
    for part in range(n_parts(store, config, run_id)):
        subflow(synthesize, config, run_id, for_asking(config), part=part)
    if not all(store.is_landed(work.unit_id) for work in trainings(store, config, run_id)):
        part_of(finetune, config.finetune_deployment, config, run_id)
    part_of(compare, config.compare_deployment, config, run_id)
