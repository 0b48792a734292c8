"""Settings -> where work is done: threads or Dask processes for documents, another worker's deployment for what wants a GPU."""

from __future__ import annotations

import copy
import importlib.util
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from prefect import Flow
from prefect.deployments import run_deployment
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.states import Completed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.heartbeat import beating
from flows.run_config import RunConfig
from flows.spending import PAIR_STAGES, models_asked
from tasks.units import units_of
from warehouse.errors import MissingPrerequisite, RetryableUnits
from warehouse.store import Warehouse

Runner = TaskRunner[PrefectFuture[Any]]
POLL_SECONDS = 2.0


def on_threads(config: RunConfig) -> Runner:
    """Threads of this process, as many as the settings say."""
    return cast("Runner", ThreadPoolTaskRunner(max_workers=config.workers))


def for_documents(config: RunConfig) -> Runner:
    """What works on documents: threads, Dask processes of this machine, or a running Dask cluster.

    Raises:
        MissingPrerequisite: Dask is wanted and not installed.
    """
    if config.runner == "threads":
        return on_threads(config)
    if importlib.util.find_spec("prefect_dask") is None:
        raise MissingPrerequisite(
            "Dask is not installed", where="runner: dask", mend="`pip install -e '.[dask]'`, or set runner to threads"
        )
    from prefect_dask.task_runners import DaskTaskRunner

    if config.dask_address:
        return cast("Runner", DaskTaskRunner(address=config.dask_address))
    import dask

    dask.config.set({"distributed.worker.daemon": False})  # each PDF is read in a process of its own, and daemons may start none
    local = {"n_workers": config.workers, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": logging.ERROR}
    return cast("Runner", DaskTaskRunner(cluster_kwargs=local))


def for_asking(config: RunConfig, stages: Sequence[str] = PAIR_STAGES) -> Runner:
    """What works on units of ``stages`` that ask a model: as many threads of this process as keep its slots full.

    Such a unit waits for replies nearly all of its time, so threads beyond ``workers`` cost memory and hardly any computing; where no
    model is asked, the work is done as other documents' work is.
    """
    asked = [params for stage, models in models_asked(config).items() if stage in stages for params in models]
    if not asked:
        return for_documents(config)
    n_threads = max(config.workers, *(params.max_concurrency for params in asked))
    return cast("Runner", ThreadPoolTaskRunner(max_workers=n_threads))


def subflow(flow: Flow[..., str], config: RunConfig, run_id: str, runner: Runner | None = None, **arguments: Any) -> None:
    """Run a flow as part of another, in this process; ``runner`` None: on threads."""
    inner = copy.copy(flow)  # with_options would work the form of all settings out again: 0.25 s
    inner.task_runner = runner or on_threads(config)
    with beating() as hooks:
        inner.on_running_hooks = hooks
        inner(config, run_id, **arguments)


def part_of(flow: Flow[..., str], deployment: str, config: RunConfig, run_id: str) -> None:
    """Run a flow as part of another: here, or where its deployment's worker is when ``deployment`` names one (waits for its end).

    The parent must not sit in the work pool that it waits for, whose slot it would hold.

    Raises:
        RetryableUnits: the other worker's flow run did not complete.
    """
    if not deployment:
        subflow(flow, config, run_id)
        return
    parameters = {"config": config.model_dump(mode="json"), "run_id": run_id}
    done: Any = run_deployment(deployment, parameters=parameters, poll_interval=POLL_SECONDS)
    if done.state is None or not done.state.is_completed():
        ended = f"{done.state.name}: {done.state.message}" if done.state else "without a state"
        raise RetryableUnits(
            f"{deployment} ended {ended}",
            where=f"flow run {done.name} ({done.id})",
            mend="mend that, then retry this run: what was landed stands",
        )


def now() -> str:
    """The time as commit records tell it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def ended(store: Warehouse, run_id: str, stages: Iterable[str], began: str) -> str:
    """How a flow ends well: its result is the run's id, its state says how many units were done since ``began`` and how many stood."""
    commits = [store.commit(work.unit_id) for stage in stages for work in units_of(store, run_id, stage)]
    n_done = sum(1 for commit in commits if commit and commit.committed_at >= began)
    message = f"{n_done} of {len(commits)} units done, the others stood" if n_done else f"0 units to do: all {len(commits)} stood"
    return cast("str", Completed(message=message, data=run_id))  # Prefect takes the state for the result that it carries


def is_on_its_own() -> bool:
    """True in a flow run that no other flow run started."""
    return flow_run.get_parent_flow_run_id() is None
