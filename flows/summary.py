"""Warehouse -> text for a terminal: what a run did, its verdict, and what is still to do."""

from __future__ import annotations

from flows.run_config import RunConfig
from flows.runs import STAGES, pending_units
from flows.terminal import as_text
from tasks.report import summary
from tasks.report_data import run_verdict
from tasks.units import units_of
from warehouse.store import Warehouse
from warehouse.tables import RUN_RESULTS, RUNS
from warehouse.views import ledger_rows, query


def run_summary(store: Warehouse, error: BaseException | None) -> str:
    """What the run that just ended did, its verdict, and what to do next."""
    results = ledger_rows(store, RUN_RESULTS)
    if not results:
        return ""
    last = max(results, key=lambda result: result.finished_at)
    lines = [f"run {last.run_id}: {last.status}; {last.n_units} units, {last.n_units_done} done now, {last.n_pending} pending"]
    if last.n_units_done == 0 and last.status == "completed":
        lines.append("0 units to do: everything stood committed from earlier runs")
    if last.n_warnings:
        lines.append(f"warning: {last.n_warnings} files could not be read whole:")
        lines.append(
            as_text(query(store, "select file_name, status, reason from documents where status <> 'ok' order by all", last.run_id))
        )
    if error is None or last.status == "incomplete":
        lines.append(verdict_text(store, last.run_id))
    return "\n".join(lines)


def verdict_text(store: Warehouse, run: str | None = None) -> str:
    """A run's headline, rates and coverage, as Markdown.

    Raises:
        MissingPrerequisite: no run has been made, or the run has not come to its verdict.
    """
    landed, estimates, arm_rates = run_verdict(store, run)
    coverage = query(store, "from coverage", landed.run_id).to_pylist()
    return summary(estimates, arm_rates, coverage, RunConfig.model_validate_json(landed.settings).report)


def status_text(store: Warehouse) -> str:
    """The latest runs, each stage of the newest one, and the units that it still has to do."""
    runs = sorted(ledger_rows(store, RUNS), key=lambda run: run.started_at)
    if not runs:
        return "no run has been made here yet"
    results = {result.run_id: result for result in ledger_rows(store, RUN_RESULTS)}
    lines = []
    for run in runs[-5:]:
        result = results.get(run.run_id)
        first_line = (result.message.splitlines() or [""])[0] if result else ""
        lines.append(f"{run.run_id}  {result.status if result else 'running or stopped'}  {first_line}")
    newest = runs[-1].run_id
    for stage in STAGES:
        units = units_of(store, newest, stage)
        n_done = sum(store.is_landed(work.unit_id) for work in units)
        lines.append(f"  {stage:<12} {n_done} of {len(units)} units done" if units else f"  {stage:<12} not planned yet")
    pending = pending_units(store, newest)
    lines += [f"  pending: {work.stage} of {work.label} ({work.unit_id})" for work in pending[:20]]
    return "\n".join(lines)
