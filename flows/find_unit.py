"""A unit's id, or a task run's -> the unit and its run: from commits, failures and run records; Prefect is asked last, if it is there.

So a unit is found on any machine that has the warehouse, also when Prefect's database is gone. Prefect knows more only where a process
was killed before it could land why: the names of its task runs end in the unit's id.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound, PrefectException

from tasks.units import Unit
from warehouse.errors import ConfigError, MissingPrerequisite
from warehouse.store import Warehouse
from warehouse.tables import RUN_UNITS, RUNS, UNIT_FAILURES, Run, RunUnit
from warehouse.views import ledger_rows

FEWEST_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Target:
    """A unit, and the run that it is done again for."""

    work: Unit
    run: Run


def find_unit(store: Warehouse, name: str, run_id: str | None = None) -> Target:
    """The unit that ``name`` names, and the newest run it is part of (or the run ``run_id``).

    Raises:
        MissingPrerequisite: there is none.
        ConfigError: several units' ids begin like that.
    """
    unit_id = _of_task_run(store, str(uuid.UUID(name))) if _is_task_run(name) else name
    units: list[RunUnit] = [row for row in ledger_rows(store, RUN_UNITS) if row.unit_id.startswith(unit_id)]
    runs: dict[str, Run] = {run.run_id: run for run in ledger_rows(store, RUNS) if run_id in (None, run.run_id)}
    placed = [row for row in units if row.run_id in runs]
    if not placed or len(unit_id) < FEWEST_DIGITS:
        raise MissingPrerequisite(
            f"{'run ' + run_id if run_id else 'no run'} has {'no' if run_id else 'a'} unit {unit_id}",
            where=str(store.root),
            mend="`tunehouse status` names units that failed; `tunehouse sql 'from run_units'` lists all",
        )
    if len({row.unit_id for row in placed}) > 1:
        raise ConfigError(f"the ids of {len({row.unit_id for row in placed})} units begin like that", where=name, mend="give more digits")
    row = max(placed, key=lambda row: (runs[row.run_id].started_at, row.run_id))
    return Target(Unit(row.unit_id, row.stage, row.label, row.reads), runs[row.run_id])


def _is_task_run(name: str) -> bool:
    """True for an id as Prefect writes it, with dashes: unit ids have none."""
    try:
        return "-" in name and bool(uuid.UUID(name))
    except ValueError:
        return False


def _of_task_run(store: Warehouse, task_run_id: str) -> str:
    """The unit that a task run landed, failed at, or worked on by what Prefect's server knows."""
    for commit in store.commits():
        if commit.task_run_id == task_run_id and commit.stage != "run":
            return commit.unit_id
    for failure in ledger_rows(store, UNIT_FAILURES):
        if failure.task_run_id == task_run_id:
            return str(failure.unit_id)
    try:
        with get_client(sync_client=True) as client:
            found = re.findall(r"\[([0-9a-f]+)\]$", client.read_task_run(uuid.UUID(task_run_id)).name)
    except (PrefectException, ObjectNotFound, httpx.HTTPError, OSError):
        found = []
    if not found:
        raise MissingPrerequisite(
            f"nothing here was landed or failed at by task run {task_run_id}",
            where=str(store.root),
            mend="the unit has been done again since, or by another warehouse; `tunehouse status` names units: give a unit's id",
        )
    return str(found[0])
