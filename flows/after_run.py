"""Finished runs -> what is asked of them afterwards: a gate, a comparison of two; and judgements made elsewhere -> a run of their own."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

from flows.runs import git_state, versions
from tasks import compare_runs, gate, import_judgements
from tasks.gate import GateParams
from tasks.judge_trust import read_trust
from tasks.late_units import add_unit
from tasks.report_data import run_verdict
from tasks.statistics import ReportParams
from tasks.units import Made, land_once, record_units, unit, units_of
from warehouse.errors import ConfigError
from warehouse.keys import unit_id
from warehouse.store import Warehouse
from warehouse.tables import (
    ESTIMATES,
    FLIP_RATES,
    GATES,
    IMPORTED_JUDGEMENTS,
    RUN_COMPARISONS,
    RUN_RESULTS,
    RUN_UNITS,
    RUNS,
    SCORES,
    SPLITS,
    VERDICTS,
    Gate,
    Run,
    RunComparison,
    RunResult,
)  # fmt: skip
from warehouse.views import ledger_rows, write_duckdb


def gate_run(store: Warehouse, run_id: str | None, judge: str | None, split: str | None, params: GateParams) -> Gate:
    """Hold a run (None: the latest finished one) to a rule, and land the outcome with that run.

    Raises:
        MissingPrerequisite: no run has come to its verdict.
        ConfigError: the run has no such contrast, judge or test set, or several judges and none named.
    """
    run, estimates, _ = run_verdict(store, run_id)
    reads = [work for stage in ("report", "controls", "judge") for work in units_of(store, run.run_id, stage)]
    estimate = gate.choose(estimates, params.contrast, judge, split)
    rates = store.rows(FLIP_RATES, [work.unit_id for work in reads])
    flips = next((row for row in rates if (row.contrast, row.split) == (estimate.contrast, estimate.split)), None)
    settings = [params, estimate.judge, estimate.split]
    label = f"{estimate.contrast} on {estimate.split} by {estimate.judge}"
    work = unit("gate", gate.VERSION, label, reads=reads, settings=settings)
    held = gate.hold(estimate, flips, params, read_trust(store, run.run_id))
    land_once(store, work, lambda: Made({GATES: [held]}))
    add_unit(store, run.run_id, "gate", work)
    write_duckdb(store)
    return held


def compare_two_runs(store: Warehouse, run_a: str, run_b: str) -> list[RunComparison]:
    """What both runs say of the questions that both tested; lands with ``run_a``, whose report settings count.

    Raises:
        MissingPrerequisite: a run is not there, or has not come to its verdict.
        ConfigError: the two are one, or have no test question in common.
    """
    if run_a == run_b:
        raise ConfigError(f"{run_a} is compared with itself", where="compare-runs", mend="`tunehouse sql run_history` lists the runs")
    first, _, _ = run_verdict(store, run_a)
    run_verdict(store, run_b)
    params = ReportParams(**json.loads(first.settings).get("report", {}))
    a, b = _side(store, run_a), _side(store, run_b)
    reads = [work for run_id in (run_a, run_b) for stage in ("split", "score", "judge") for work in units_of(store, run_id, stage)]
    work = unit("compare_runs", compare_runs.VERSION, f"{run_a} v {run_b}", inputs=[run_a, run_b], reads=reads, settings=params)
    rows = compare_runs.compare_runs(a, b, params)
    if not any(row.n for row in rows):
        raise ConfigError("the two runs tested no question in common", where=f"{run_a}, {run_b}", mend="compare runs over the same PDFs")
    land_once(store, work, lambda: Made({RUN_COMPARISONS: rows}))
    add_unit(store, run_a, "compare_runs", work)
    write_duckdb(store)
    return rows


def _side(store: Warehouse, run_id: str) -> compare_runs.Side:
    tables = ((SPLITS, "split"), (SCORES, "score"), (VERDICTS, "judge"))
    splits, scores, verdicts = (store.rows(table, [work.unit_id for work in units_of(store, run_id, stage)]) for table, stage in tables)
    return compare_runs.Side(run_id, splits, scores, verdicts)


def import_log(store: Warehouse, path: Path, contrast: str, judge: str) -> RunResult:
    """Judgements made elsewhere -> a run of their own; the same file under the same names is one run, however often it is imported.

    Raises:
        ConfigError: the file cannot be read, holds no verdict or contradicts itself, or the contrast does not compare two arms.
    """
    arms = contrast.split(":")
    if len(arms) != 2 or not all(arms) or arms[0] == arms[1]:  # noqa: PLR2004  # arm_a and arm_b
        raise ConfigError(f"{contrast!r} does not compare two arms", where="--contrast", mend="write arm_a:arm_b, e.g. tuned:base")
    try:
        log = import_judgements.read_log(path.read_bytes(), path.name)
    except OSError as error:
        raise ConfigError(f"the log cannot be read: {error.strerror}", where=str(path), mend="name a text file") from error
    params = ReportParams()
    rows = import_judgements.judgements(log, contrast, judge, params)
    version = import_judgements.VERSION
    judged = unit("import", version, path.name, inputs=[log.sha256], settings=[contrast, judge])
    estimated = unit("report", version, f"estimate of {path.name}", reads=[judged], settings=[params, contrast, judge])
    store.prepare()
    with store.lock(unit_id("import_log", version, [judged.unit_id])):
        results: dict[str, RunResult] = {result.run_id: result for result in ledger_rows(store, RUN_RESULTS)}
        for row in ledger_rows(store, RUN_UNITS):
            if row.unit_id == judged.unit_id and row.run_id in results:
                return results[row.run_id]
        land_once(store, judged, lambda: Made({IMPORTED_JUDGEMENTS: rows.entries, VERDICTS: rows.verdicts}))
        land_once(store, estimated, lambda: Made({ESTIMATES: [rows.estimate]}))
        run = _imported_run()
        store.land(unit_id("run", 1, [run.run_id]), {RUNS: [run]}, stage="run", label=run.run_id)
        record_units(store, run.run_id, "import", [judged])
        record_units(store, run.run_id, "report", [estimated])
        n_silent = log.n_loaded - len(log.cases)
        message = f"{path.name}: {len(log.cases)} judgements; {n_silent} of {log.n_loaded} loaded entries have no verdict"
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        result = RunResult(run.run_id, now, "imported", 2, 2, 0, 0, message)
        store.land(unit_id("run_result", 1, [run.run_id]), {RUN_RESULTS: [result]}, stage="run", label=run.run_id)
    write_duckdb(store)
    return result


def _imported_run() -> Run:
    now = datetime.now(UTC)
    commit, is_dirty = git_state()
    run_id = f"{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"
    return Run(run_id, now.isoformat(timespec="milliseconds"), "", "{}", json.dumps(versions()), commit, is_dirty, "{}")
