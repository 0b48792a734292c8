"""Warehouse -> text for a terminal: what a run did, its verdict, and what is still to do."""

from __future__ import annotations

import json
from textwrap import shorten

from flows.failures import failure_rows
from flows.gone import gone_since
from flows.run_config import RunConfig
from flows.runs import STAGES, pending_units
from flows.saved import saved_text, spent_text
from flows.terminal import as_text
from tasks.first_facts import taught_notice
from tasks.forgetting import forgetting_text
from tasks.judge_trust import read_trust
from tasks.model_family import judge_notices, scorer_notice
from tasks.report import summary
from tasks.report_data import run_verdict
from tasks.units import units_of
from warehouse.store import Warehouse
from warehouse.tables import FORGETTING, RUN_RESULTS, RUNS
from warehouse.views import latest_started_run, ledger_rows, query

MOST_RUNS = 5
MOST_LISTED = 20
MOST_NAMED = 5
DETAIL_CHARS = 300


def run_summary(store: Warehouse, error: BaseException | None) -> str:
    """What the run that just ended did, its verdict, and what to do next."""
    results = ledger_rows(store, RUN_RESULTS)
    if not results:
        return ""
    last = max(results, key=lambda result: result.finished_at)
    lines = [f"run {last.run_id}: {last.status}; {last.n_units} units, {last.n_units_done} done now, {last.n_pending} pending"]
    if last.n_units_done == 0 and last.status == "completed":
        lines.append("0 units to do: everything stood committed from earlier runs")
    (run,) = [run for run in ledger_rows(store, RUNS) if run.run_id == last.run_id]
    lines += [*filter(None, [saved_text(store, last.run_id, run.started_at)]), *gone_lines(store, last.run_id)]
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
    text = summary(estimates, arm_rates, coverage, RunConfig.model_validate_json(landed.settings).report, read_trust(store, landed.run_id))
    settings = json.loads(landed.settings)
    found = filter(
        None, (scorer_notice(settings), *judge_notices(settings), taught_notice(settings), forgetting_line(store, landed.run_id))
    )
    return text + "".join(f"- {notice}\n" for notice in found)


def forgetting_line(store: Warehouse, run_id: str) -> str:
    """What the run's adapter forgot, if that was measured."""
    return forgetting_text(store.rows(FORGETTING, [work.unit_id for work in units_of(store, run_id, "forgetting")][:1]))


def gone_lines(store: Warehouse, run_id: str) -> list[str]:
    """Which documents are gone since the last run, if any."""
    gone = gone_since(store, run_id)
    if not gone:
        return []
    named = ", ".join(stone.file_name for stone in gone[:MOST_NAMED]) + (" ..." if len(gone) > MOST_NAMED else "")
    are = "document is" if len(gone) == 1 else "documents are"
    return [f"{len(gone)} {are} gone since the last run: {named}; `tunehouse sql tombstoned_documents` tells what was made of them"]


def status_text(store: Warehouse) -> str:
    """The latest runs, each stage of the newest one, what failed and how to redo it, what is still to come to, and what it cost."""
    runs = sorted(ledger_rows(store, RUNS), key=lambda run: run.started_at)
    if not runs:
        return "no run has been made here yet"
    results = {result.run_id: result for result in ledger_rows(store, RUN_RESULTS)}
    lines = []
    for run in runs[-MOST_RUNS:]:
        result = results.get(run.run_id)
        first_line = (result.message.splitlines() or [""])[0] if result else ""
        lines.append(f"{run.run_id}  {result.status if result else 'running or stopped'}  {first_line}".rstrip())
    newest = latest_started_run(store) or runs[-1].run_id  # judgements made elsewhere have no stages
    lines.append(f"run {newest}:")
    for stage in STAGES:
        units = units_of(store, newest, stage)
        n_done = sum(store.is_landed(work.unit_id) for work in units)
        lines.append(f"  {stage:<12} {n_done} of {len(units)} units done" if units else f"  {stage:<12} not planned yet")
    failures = failure_rows(store, newest)
    lines += [line for failure in failures[:MOST_LISTED] for line in _failure_lines(failure)]
    if len(failures) > MOST_LISTED:
        lines.append(f"  and {len(failures) - MOST_LISTED} more: `tunehouse sql failures`, `tunehouse sql stale_units`")
    named = {failure["unit_id"] for failure in failures}
    waiting = [work for work in pending_units(store, newest) if work.unit_id not in named]
    lines += [f"  to do: {work.stage} of {work.label} ({work.unit_id})" for work in waiting[:MOST_LISTED]]
    lines += [f"  and {len(waiting) - MOST_LISTED} more units to do"] if len(waiting) > MOST_LISTED else []
    forgot = filter(None, [forgetting_line(store, newest)])
    return "\n".join([*lines, *forgot, *gone_lines(store, newest), f"spent on this run's units: {spent_text(store, newest)}"])


def _failure_lines(failure: dict[str, str]) -> list[str]:
    detail = " ".join(failure["detail"].split())
    return [
        f"  {failure['reason']}: {failure['stage']} of {failure['name']}: {shorten(detail, DETAIL_CHARS, placeholder='…')}",
        f"    to redo: {failure['redo']}",
    ]
