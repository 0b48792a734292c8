"""A warehouse's Prefect server -> what runs now and what runs next, when; or that there is none to ask."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.server_home import AUTH, FOLDER, known_settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

PATIENCE_SECONDS = 3.0
MOST_RUNS = 100  # looked at; of each deployment the next one is told


def upcoming(warehouse: Path) -> list[str]:
    """One line for each flow run that runs or is due next; a line that says why there are none."""
    home = warehouse.resolve() / FOLDER
    settings = known_settings(home)
    api = os.environ.get("PREFECT_API_URL") or (f"{settings.url}/api" if settings else "")
    if not api:
        return ["nothing is scheduled: `tunehouse up` starts a server that runs what is due"]
    if not _is_healthy(api):
        return [f"the Prefect server at {api} does not answer, so nothing that is due will run: `tunehouse up` starts it"]
    os.environ.setdefault("PREFECT_HOME", str(home / "client"))  # the user's own is not looked at
    with _client(api) as client:
        lines = [f"running: {_name(client, run)} since {_clock(run.start_time)}" for run in _runs(client, "RUNNING", "START_TIME_DESC")]
        next_runs = {run.deployment_id: run for run in reversed(_runs(client, "SCHEDULED", "EXPECTED_START_TIME_ASC"))}
        lines += [f"next: {_name(client, run)} at {_clock(run.expected_start_time)}" for run in reversed(next_runs.values())]
    return lines or ["nothing is scheduled: `tunehouse up PDF_OR_FOLDER` names what the nightly run works on"]


def _is_healthy(api: str) -> bool:
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=PATIENCE_SECONDS) as reply:  # noqa: S310  # the server's own address
            return bool(reply.status == 200)  # noqa: PLR2004
    except (OSError, ValueError, urllib.error.URLError):
        return False


@contextmanager
def _client(api: str) -> Iterator[SyncPrefectClient]:
    from prefect.client.orchestration import SyncPrefectClient

    with SyncPrefectClient(api, auth_string=os.environ.get("PREFECT_API_AUTH_STRING") or os.environ.get(AUTH)) as client:
        yield client


def _runs(client: SyncPrefectClient, state: str, sort: str) -> list[Any]:
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    chosen = FlowRunFilter.model_validate({"state": {"type": {"any_": [state]}}, "parent_task_run_id": {"is_null_": True}})
    return list(client.read_flow_runs(flow_run_filter=chosen, sort=FlowRunSort(sort), limit=MOST_RUNS))


def _name(client: SyncPrefectClient, run: Any) -> str:
    """The deployment that it runs, or its own name where it runs none."""
    return client.read_deployment(run.deployment_id).name if run.deployment_id else str(run.name)


def _clock(when: datetime | None) -> str:
    return when.astimezone().strftime("%Y-%m-%d %H:%M %Z") if when else "a time not known"
