"""Several settings -> a run of the pipeline for each, and a row. What the runs have in common is computed once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

import pyarrow as pa
from prefect.client.schemas.objects import State

from flows.console import fail
from flows.display import progress_display
from flows.doing import error_of
from flows.estimate import estimate, estimate_text
from flows.pipeline import pipeline
from flows.sweep_matrix import Sweep
from tasks.judge_trust import read_trust
from tasks.units import units_of
from warehouse.keys import key, unit_id
from warehouse.store import Warehouse
from warehouse.tables import RUN_RESULTS, RUNS, SPLITS, SWEEP_RUNS, TEST_SPLITS, RunResult, SweepRun
from warehouse.views import ledger_rows, query, write_duckdb

CHOOSING = (
    "The values are compared on questions that are there to judge the one chosen: the best of several looks better than it is. Confirm it "
    "on documents that no value has seen, and compare two values pairwise with `tunehouse compare-runs`."
)
OTHER_QUESTIONS = (
    "The values were not tested on the same questions: what a value keeps or drops is in its test sets too. `tunehouse compare-runs` "
    "compares two runs on the questions that both have."
)


def try_all(sweep: Sweep, told: Callable[[str], None]) -> list[SweepRun]:
    """Run the pipeline with every combination, landing a row after each; one that fails does not keep the others from being tried."""
    store = Warehouse(sweep.warehouse)
    tried = []
    for rank, trial in enumerate(sweep.trials):
        told(f"{trial.text}: {rank + 1} of {len(sweep.trials)}")
        with progress_display():
            state: State[Any] = pipeline(trial.config, return_state=True)
        tried.append(_outcome(store, sweep, rank, state))
        _land(store, sweep, tried[-1])
        told(f"{trial.text}: {_what_became(store, tried[-1])}")
    write_duckdb(store)
    return tried


def foresee(sweep: Sweep, told: Callable[[str], None]) -> bool:
    """Say of every combination what its run would ask of models; nothing is asked. False where one cannot be told."""
    store, is_told = Warehouse(sweep.warehouse), True
    for trial in sweep.trials:
        with progress_display():
            state: State[Any] = estimate(trial.config, return_state=True)
        told(f"{trial.text}:")
        if error := error_of(state):
            is_told = False
            fail(error)
        else:
            told(estimate_text(store, trial.config, str(state.result())))
    told("What the runs share is computed once, and asked of models once, whichever of them comes first.")
    return is_told


def sweep_rows(store: Warehouse, sweep: Sweep) -> list[dict[str, Any]]:
    """The sweep's rows of the view ``sweep`` on the headline contrast, and those of combinations that came to nothing."""
    contrast = sweep.trials[0].config.report.headline_contrast
    chosen = f"from sweep where sweep_id = '{sweep.sweep_id}' and coalesce(contrast, '{contrast}') = '{contrast}'"
    return list(query(store, f"select * {chosen}", "all").to_pylist())


def as_curve(curve: Sweep, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a sweep over one setting as they are plotted: ``setting`` and ``value`` name it and its value."""
    return [row | {"setting": curve.name, "value": curve.trials[row["rank"]].values[curve.name]} for row in rows]


def as_table(sweep: Sweep, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """The rows as they are printed: a line for each judge, test set and combination, with a column for each axis."""
    lines = [
        {
            **sweep.trials[row["rank"]].values,
            "taught": row["n_taught"],
            "judge": row["judge"],
            "test set": row["split"] or row["status"],
            **{name: row[name] for name in ("n", "rate", "low", "high", "p_value", "p_holm")},
            "units done": None if row["n_done"] is None else f"{row['n_done']} of {row['n_units']}",
        }
        for row in rows
    ]
    return pa.Table.from_pylist(lines)


def reservations(store: Warehouse, sweep: Sweep, rows: Sequence[dict[str, Any]]) -> list[str]:
    """What a reader must know: combinations without a verdict, judges that may not be believed, questions that differ."""
    texts = [trial.text for trial in sweep.trials]
    found = {f"{texts[row['rank']]} {row['status']}: {row['reason'].splitlines()[0]}" for row in rows if row["reason"]}
    runs = {row["run_id"]: texts[row["rank"]] for row in rows if row["judge"]}
    for run_id, text in runs.items():
        trust = read_trust(store, run_id)
        judges = {row["judge"] for row in rows if row["run_id"] == run_id}
        found |= {f"{judge} at {text}: {notice}" for judge in judges if (notice := trust.unfit_notice(judge))}
    questions = {frozenset(_questions(store, run_id)) for run_id in runs}
    return [*sorted(found), *([OTHER_QUESTIONS] if len(questions) > 1 else []), CHOOSING]


def _questions(store: Warehouse, run_id: str) -> set[str]:
    rows = store.rows(SPLITS, [work.unit_id for work in units_of(store, run_id, "split")])
    return {row.pair_id for row in rows if row.split in TEST_SPLITS}


def _outcome(store: Warehouse, sweep: Sweep, rank: int, state: State[Any]) -> SweepRun:
    """What became of one combination. The run is the one that the state's flow run began."""
    error = error_of(state)
    if error:
        fail(error)
    flow_run_id = str(state.state_details.flow_run_id)
    run_id = next((run.run_id for run in ledger_rows(store, RUNS) if run.flow_run_id == flow_run_id), None)
    ended = _result(store, run_id)
    status: Literal["completed", "incomplete", "failed"]
    status = "completed" if error is None else "incomplete" if ended and ended.status == "incomplete" else "failed"
    trial = sweep.trials[rank]
    name = key("sweep_run", sweep.sweep_id, trial.text)
    settings = json.dumps(trial.values, ensure_ascii=False)
    return SweepRun(name, sweep.sweep_id, sweep.name, rank, settings, run_id, status, "" if error is None else str(error))


def _land(store: Warehouse, sweep: Sweep, tried: SweepRun) -> None:
    """Land one combination's row beside those that stand, of this sweep or when it was run before."""
    ledger = unit_id("sweep", 1, [sweep.sweep_id])
    with store.lock(ledger):
        standing = store.rows(SWEEP_RUNS, [ledger]) if store.commit(ledger) else []
        others = [row for row in standing if row.sweep_run_id != tried.sweep_run_id]
        store.land(ledger, {SWEEP_RUNS: [*others, tried]}, stage="run", label=f"sweep {sweep.name}")


def _what_became(store: Warehouse, tried: SweepRun) -> str:
    ended = _result(store, tried.run_id)
    done = f"; {ended.n_units} units, {ended.n_units_done} done now" if ended else ""
    return f"{tried.status}, run {tried.run_id or 'none'}{done}"


def _result(store: Warehouse, run_id: str | None) -> RunResult | None:
    return next((row for row in ledger_rows(store, RUN_RESULTS) if row.run_id == run_id), None)
