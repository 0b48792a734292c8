"""Flow runs within another: the server hears of each, and none waits for the thread that says so."""

import threading
import time
from pathlib import Path

import pytest
from prefect import flow
from prefect.events.clients import AssertingEventsClient
from prefect.events.worker import EventsWorker
from prefect.runtime import flow_run
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, get_current_settings, temporary_settings

from flows.elsewhere import subflow
from flows.heartbeat import HEARTBEAT
from flows.run_config import RunConfig

seen: dict[str, str] = {}


@flow(name="innermost", persist_result=False)
def innermost(config: RunConfig, run_id: str) -> str:
    seen["innermost"] = str(flow_run.get_id())
    return run_id


@flow(name="inner", persist_result=False)
def inner(config: RunConfig, run_id: str) -> str:
    seen["inner"] = str(flow_run.get_id())
    seen["prefect's own"] = str(get_current_settings().flows.heartbeat_frequency)
    subflow(innermost, config, run_id)
    return run_id


@flow(name="outer", persist_result=False)
def outer(config: RunConfig) -> None:
    subflow(inner, config, "a-run")


@pytest.fixture
def events(prefect_server):
    EventsWorker.set_client_override(AssertingEventsClient)
    yield AssertingEventsClient
    EventsWorker.set_client_override(None)


def heard_of(client: type[AssertingEventsClient]) -> set[str]:
    sent = [event for made in client.all for event in made.events]
    return {event.resource.id.removeprefix("prefect.flow-run.") for event in sent if event.event == HEARTBEAT}


def until(holds) -> bool:
    ends = time.monotonic() + 20
    while not holds() and time.monotonic() < ends:
        time.sleep(0.05)
    return bool(holds())


def beating_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "_beat" in str(getattr(thread, "_args", ""))]


def test_the_server_hears_of_every_flow_within_another_and_no_thread_stays(events, tmp_path: Path):
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 30}):
        outer(RunConfig(sources=(str(tmp_path),), warehouse=str(tmp_path / "data")))

    assert seen["prefect's own"] == "None"
    assert until(lambda: {seen["inner"], seen["innermost"]} <= heard_of(events))
    assert until(lambda: not beating_threads())


def test_without_heartbeats_asked_for_there_are_none(events, tmp_path: Path):
    outer(RunConfig(sources=(str(tmp_path),), warehouse=str(tmp_path / "data")))

    assert not {seen["inner"], seen["innermost"]} & heard_of(events)
