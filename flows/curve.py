"""One setting, several values -> a run of the pipeline for each, and a row. What the runs have in common is computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import pyarrow as pa
from prefect.client.schemas.objects import State

from flows.console import fail
from flows.curve_values import Curve
from flows.display import progress_display
from flows.estimate import estimate, estimate_text
from flows.pipeline import pipeline
from tasks.judge_trust import read_trust
from tasks.units import units_of
from warehouse.keys import key, unit_id
from warehouse.store import Warehouse
from warehouse.tables import CURVE_POINTS, RUN_RESULTS, RUNS, SPLITS, TEST_SPLITS, CurvePoint, RunResult
from warehouse.views import ledger_rows, query, write_duckdb

CHOOSING = (
    "The values are compared on questions that are there to judge the one chosen: the best of several looks better than it is. Confirm it "
    "on documents that no value has seen, and compare two values pairwise with `tunehouse compare-runs`."
)
OTHER_QUESTIONS = (
    "The values were not tested on the same questions: what a value keeps or drops is in its test sets too. `tunehouse compare-runs` "
    "compares two runs on the questions that both have."
)


def draw_curve(curve: Curve, told: Callable[[str], None]) -> list[CurvePoint]:
    """Run the pipeline with every value, landing a row after each; one that fails does not keep the others from being tried."""
    store = Warehouse(curve.warehouse)
    points = []
    for rank, value in enumerate(curve.values):
        told(f"{curve.setting}={value.text}: {rank + 1} of {len(curve.values)}")
        with progress_display():
            state: State[Any] = pipeline(value.config, return_state=True)
        points.append(_point(store, curve, rank, state))
        _land(store, curve, points[-1])
        told(f"{curve.setting}={value.text}: {_what_became(store, points[-1])}")
    write_duckdb(store)
    return points


def foresee(curve: Curve, told: Callable[[str], None]) -> bool:
    """Say of every value what its run would ask of models; nothing is asked. False where one cannot be told."""
    store, is_told = Warehouse(curve.warehouse), True
    for value in curve.values:
        with progress_display():
            state: State[Any] = estimate(value.config, return_state=True)
        told(f"{curve.setting}={value.text}:")
        if error := _error(state):
            is_told = False
            fail(error)
        else:
            told(estimate_text(store, value.config, str(state.result())))
    told("What the values share is computed once, and asked of models once, whichever of them comes first.")
    return is_told


def curve_rows(store: Warehouse, curve: Curve) -> list[dict[str, Any]]:
    """The rows of the view ``curves`` on the headline contrast, and those of values that came to nothing."""
    contrast = curve.values[0].config.report.headline_contrast
    chosen = f"from curves where curve_id = '{curve.curve_id}' and coalesce(contrast, '{contrast}') = '{contrast}'"
    return list(query(store, f"select * {chosen}", "all").to_pylist())


def as_table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """The rows as they are printed: a line for each judge, test set and value."""
    lines = [
        {
            "value": row["value"],
            "taught": row["n_taught"],
            "judge": row["judge"],
            "test set": row["split"] or row["status"],
            **{name: row[name] for name in ("n", "rate", "low", "high", "p_value", "p_holm")},
            "units done": None if row["n_done"] is None else f"{row['n_done']} of {row['n_units']}",
        }
        for row in rows
    ]
    return pa.Table.from_pylist(lines)


def reservations(store: Warehouse, rows: Sequence[dict[str, Any]]) -> list[str]:
    """What a reader of the curve must know: values without a verdict, judges that may not be believed, questions that differ."""
    found = {f"{row['setting']}={row['value']} {row['status']}: {row['reason'].splitlines()[0]}" for row in rows if row["reason"]}
    runs = {row["run_id"]: row["value"] for row in rows if row["judge"]}
    for run_id, value in runs.items():
        trust = read_trust(store, run_id)
        judges = {row["judge"] for row in rows if row["run_id"] == run_id}
        found |= {f"{judge} at {value}: {notice}" for judge in judges if (notice := trust.unfit_notice(judge))}
    questions = {frozenset(_questions(store, run_id)) for run_id in runs}
    return [*sorted(found), *([OTHER_QUESTIONS] if len(questions) > 1 else []), CHOOSING]


def _questions(store: Warehouse, run_id: str) -> set[str]:
    rows = store.rows(SPLITS, [work.unit_id for work in units_of(store, run_id, "split")])
    return {row.pair_id for row in rows if row.split in TEST_SPLITS}


def _point(store: Warehouse, curve: Curve, rank: int, state: State[Any]) -> CurvePoint:
    """What became of one value. The run is the one that the state's flow run began."""
    error = _error(state)
    if error:
        fail(error)
    flow_run_id = str(state.state_details.flow_run_id)
    run_id = next((run.run_id for run in ledger_rows(store, RUNS) if run.flow_run_id == flow_run_id), None)
    ended = _result(store, run_id)
    status: Literal["completed", "incomplete", "failed"]
    status = "completed" if error is None else "incomplete" if ended and ended.status == "incomplete" else "failed"
    text = curve.values[rank].text
    name = key("curve_point", curve.curve_id, text)
    return CurvePoint(name, curve.curve_id, curve.setting, rank, text, run_id, status, "" if error is None else str(error))


def _error(state: State[Any]) -> BaseException | None:
    """Why a flow did not complete; None where it did."""
    outcome = None if state.is_completed() else state.result(raise_on_failure=False)
    return outcome if outcome is None or isinstance(outcome, BaseException) else RuntimeError(f"the flow ended {state.name}")


def _land(store: Warehouse, curve: Curve, point: CurvePoint) -> None:
    """Land one value's row beside those that stand, of this drawing or an earlier one."""
    ledger = unit_id("curve", 1, [curve.curve_id])
    with store.lock(ledger):
        standing = store.rows(CURVE_POINTS, [ledger]) if store.commit(ledger) else []
        others = [row for row in standing if row.curve_point_id != point.curve_point_id]
        store.land(ledger, {CURVE_POINTS: [*others, point]}, stage="run", label=f"curve {curve.setting}")


def _what_became(store: Warehouse, point: CurvePoint) -> str:
    ended = _result(store, point.run_id)
    done = f"; {ended.n_units} units, {ended.n_units_done} done now" if ended else ""
    return f"{point.status}, run {point.run_id or 'none'}{done}"


def _result(store: Warehouse, run_id: str | None) -> RunResult | None:
    return next((row for row in ledger_rows(store, RUN_RESULTS) if row.run_id == run_id), None)
