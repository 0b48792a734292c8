"""Task and units -> what became of each: submit all, report progress, let the rest finish when one fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from prefect import Task
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, TagsContext
from prefect.futures import PrefectFuture, as_completed
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from flows.elsewhere import Runner
from flows.progress_artifacts import ProgressArtifacts
from flows.run_config import RunConfig
from tasks import progress, selection, stopping
from tasks.units import Unit
from warehouse.errors import RetryableUnits, TunehouseError
from warehouse.store import Warehouse

log = logging.getLogger(__name__)

THREADS: Runner = cast("Runner", ThreadPoolTaskRunner(max_workers=2))


def do_all(task: Task[..., Any], store: Warehouse, calls: Sequence[tuple[Unit, dict[str, Any]]], what: str) -> dict[str, BaseException]:
    """Run ``task`` on every unit; return the error of each unit that failed, by unit id. Other units finish.

    Raises:
        Reached: a unit was to be done again, and nothing more can be done now (:mod:`tasks.selection`).
    """
    if chosen := selection.current():
        calls = [(work, arguments) for planned, arguments in calls if (work := chosen.choose(store, planned))]
    failed: dict[str, BaseException] = {}
    stopping.withdraw()
    with progress.listening(ProgressArtifacts()), _stopping_what_runs():
        futures = {_submit(task, store, work, arguments): work for work, arguments in calls}
        progress.report(what, 0, len(calls))
        for n_done, future in enumerate(as_completed(list(futures)), start=1):
            work = futures[future]
            if error := _error_of(future):
                failed[work.unit_id] = error
                log.error("%s of %s failed: %s", work.stage, work.label, error)
            progress.report(what, n_done, len(calls), work.label)
    if chosen:
        chosen.go_on_or_raise(failed.values())
    return failed


@contextmanager
def _stopping_what_runs() -> Iterator[None]:
    """When the block is left by a signal, Prefect's or Ctrl-C, have what runs in threads stop too: no signal reaches those."""
    try:
        yield
    except BaseException:
        stopping.ask()
        raise


def _submit(task: Task[..., Any], store: Warehouse, work: Unit, arguments: dict[str, Any]) -> PrefectFuture[Any]:
    with TagsContext(current_tags=set()):  # for a task run with tags Prefect asks the server for slots: 0.1 s a task, more when it is busy
        # nothing in the arguments waits for another task: quoted, Prefect does not search them three times for what might
        as_is = quote if _is_on_threads() else _unquoted
        future: PrefectFuture[Any] = task.submit(as_is(store), as_is(work), **{name: as_is(value) for name, value in arguments.items()})
    return future


def _is_on_threads() -> bool:
    """Whether this flow's tasks run in threads of its process. Dask takes a quote, which is a tuple, for one of its own and unpacks it."""
    context = FlowRunContext.get()
    return context is not None and isinstance(context.task_runner, ThreadPoolTaskRunner)


def _unquoted(value: Any) -> Any:
    return value


def _error_of(future: PrefectFuture[Any]) -> BaseException | None:
    """The error of a task run that has ended; its result is asked for only then, since Prefect fetches it through another thread."""
    future.wait()
    if future.state.is_completed():
        return None
    outcome = future.result(raise_on_failure=False)
    return outcome if isinstance(outcome, BaseException) else None


def error_of(state: State[Any]) -> BaseException | None:
    """Why a flow run did not complete; None where it did."""
    outcome = None if state.is_completed() else state.result(raise_on_failure=False)
    return outcome if outcome is None or isinstance(outcome, BaseException) else RuntimeError(f"the flow ended {state.name}")


def do_one(task: Task[..., Any], store: Warehouse, work: Unit, what: str, **arguments: Any) -> None:
    """Run ``task`` on a unit that everything after it needs; its error ends the flow."""
    for error in do_all(task, store, [(work, arguments)], what).values():
        raise error


def do_or_fail(task: Task[..., Any], store: Warehouse, calls: Sequence[tuple[Unit, dict[str, Any]]], what: str) -> None:
    """Run ``task`` on every unit, then raise the first error there was: for stages whose units are all needed."""
    for error in do_all(task, store, calls, what).values():
        raise error


def in_parts(items: Sequence[Any], config: RunConfig) -> Iterator[tuple[int, list[Any]]]:
    """(part, items) with at most ``documents_per_flow_run`` in each; one empty part for none."""
    size = config.documents_per_flow_run
    for part, start in enumerate(range(0, max(len(items), 1), size)):
        yield part, list(items[start : start + size])


def landed(store: Warehouse, units: Iterable[Unit]) -> list[Unit]:
    """Those of the units that have a commit, in order."""
    return [work for work in units if store.commit(work.unit_id)]


def refuse_pending(store: Warehouse, units: Sequence[Unit]) -> None:
    """Raise if any unit is not whole.

    Raises:
        RetryableUnits: naming the first few.
    """
    pending = [work for work in units if not store.is_landed(work.unit_id)]
    if pending:
        named = "; ".join(f"{work.stage} of {work.label}" for work in pending[:5])
        raise RetryableUnits(
            f"{len(pending)} of {len(units)} units are still to do: {named}",
            where=str(store.root),
            mend="run again: only these are asked for. `tunehouse status` shows why they failed",
        )


def guarded(work: Callable[[], None]) -> TunehouseError | None:
    """Call ``work``; an error of ours is returned, so that a run can record how it ended before it fails."""
    try:
        work()
    except TunehouseError as error:
        return error
    return None
