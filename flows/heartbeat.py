"""Flow runs within another -> their signs of life, from a thread that ends with them.

By these the server tells a flow run whose process is gone (:mod:`flows.server_setup`). Prefect's own thread looks up once a second whether
to end, and the flow run waits for it: up to a second for each of a run's flow runs, in which nothing is done.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.events import emit_event
from prefect.flows import FlowStateHook
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, get_current_settings, temporary_settings

HEARTBEAT = "prefect.flow-run.heartbeat"
_asked: ContextVar[int | None] = ContextVar("asked", default=None)


@contextmanager
def beating() -> Iterator[list[FlowStateHook[Any, Any]]]:
    """Hooks for the ``on_running`` of the flow that is run in the block: it is heard of as often as Prefect's setting says."""
    seconds = get_current_settings().flows.heartbeat_frequency or _asked.get()
    if seconds is None:
        yield []
        return
    ended = threading.Event()

    def begin(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001  # as Prefect calls it
        threading.Thread(target=copy_context().run, args=(_beat, flow_run, seconds, ended), daemon=True).start()

    token = _asked.set(seconds)  # flow runs within this one find the setting off
    try:
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            yield [begin]
    finally:
        ended.set()
        _asked.reset(token)


def _beat(flow_run: FlowRun, seconds: float, ended: threading.Event) -> None:
    resource = {"prefect.resource.id": f"prefect.flow-run.{flow_run.id}", "prefect.resource.name": flow_run.name}
    while not ended.is_set():
        emit_event(HEARTBEAT, resource)
        ended.wait(seconds)
