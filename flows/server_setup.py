"""A running Prefect server -> one that has tunehouse's pools, limits, automation and deployments: ``python -m flows.server_setup``.

A process of its own, because Prefect reads its settings when it is imported and those of the caller are not the server's.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from prefect.automations import AutomationCore, EventTrigger, Posture
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from tasks.prefect_tasks import GPU_SLOT

POOLS = {"cpu": 4, "gpu": 1}
"""Flow runs at the same time in each work pool."""
LIMITS = {GPU_SLOT: 1}
ZOMBIES = "tunehouse: a run whose process is gone has crashed"
ENDS = ("Completed", "Failed", "Cancelled", "Crashed")
SILENT_SECONDS = 90
"""Three heartbeats: a run that was not heard of for this long has no process any more."""


async def prepare(client: PrefectClient) -> None:
    """Make the pools, limits and the automation that are not there yet; what somebody changed stays changed."""
    for name, limit in POOLS.items():
        try:
            await client.read_work_pool(name)
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            await client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=template, concurrency_limit=limit))
    for name, limit in LIMITS.items():
        try:
            await client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            await client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=limit))
    if not await client.read_automations_by_name(ZOMBIES):
        await client.create_automation(zombie_automation())


def zombie_automation() -> AutomationCore:
    """A flow run whose heartbeat stops becomes Crashed, so that it can be retried (Prefect's docs, "detect zombie flows")."""
    ends = {f"prefect.flow-run.{state}" for state in ENDS}
    trigger = EventTrigger(
        after={"prefect.flow-run.heartbeat"},
        expect={"prefect.flow-run.heartbeat", *ends},
        match={"prefect.resource.id": ["prefect.flow-run.*"]},
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=SILENT_SECONDS),
    )
    crashed = ChangeFlowRunState(
        name="Crashed",
        state=StateType.CRASHED,
        force=False,  # what has ended since stays as it ended
        message=f"No sign of life for {SILENT_SECONDS} seconds: its process or machine is gone. Retry does what is missing.",
    )
    return AutomationCore(name=ZOMBIES, trigger=trigger, actions=[crashed], enabled=True)


def deploy(file: Path) -> str:
    """Deploy everything in ``file``; return what Prefect said."""
    words = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--prefect-file", str(file), "--all"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"})  # noqa: S603
    return done.stdout + done.stderr


async def deployed(client: PrefectClient) -> dict[str, dict[str, Any]]:
    """``flow/deployment`` -> its pool and active schedules, of everything on the server."""
    flows = {flow.id: flow.name for flow in await client.read_flows()}
    found = {}
    for row in await client.read_deployments():
        schedules = [f"{when(plan.schedule)}{'' if plan.active else ' (paused)'}" for plan in row.schedules]
        found[f"{flows[row.flow_id]}/{row.name}"] = {"pool": row.work_pool_name, "schedules": schedules}
    return found


def when(schedule: Any) -> str:
    """A schedule in words."""
    if cron := getattr(schedule, "cron", None):
        return f"{cron} {schedule.timezone}"
    return f"every {schedule.interval}" if hasattr(schedule, "interval") else str(schedule.rrule)


def wanted(file: Path) -> set[str]:
    """``flow/deployment`` of everything in ``file``; the flow bears its function's name, with dashes."""
    listed = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
    return {f"{entry['entrypoint'].rpartition(':')[2].replace('_', '-')}/{entry['name']}" for entry in listed}


async def main(file: Path, *, is_current: bool) -> dict[str, Any]:
    """Bring the server to what ``file`` says; ``is_current``: it was deployed as it stands.

    Returns what is deployed, what is missing, and what Prefect said.
    """
    async with get_client() as client:
        await prepare(client)
        found = await deployed(client)
        said = ""
        if not is_current or wanted(file) - set(found):
            said = deploy(file)
            found = await deployed(client)
        return {"deployments": found, "missing": sorted(wanted(file) - set(found)), "said": said}


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(asyncio.run(main(Path(sys.argv[1]), is_current=sys.argv[2:] == ["current"]))))
