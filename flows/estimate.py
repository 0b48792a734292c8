"""Flow *estimate*: PDFs -> chunks, and what a run would ask of models from there on, in calls, tokens and money. Nothing is asked."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from prefect import flow

from flows import runs
from flows.doing import THREADS, guarded, in_parts, landed
from flows.elsewhere import for_documents, subflow
from flows.ingest import discover, ingest_lot, refuse_nothing_usable
from flows.run_config import RunConfig
from flows.spending import models_asked, refuse_unpriced
from flows.synthesize import curate_units, generate_units
from flows.terminal import as_text
from tasks.estimate_calls import Calls, as_row, expected_pairs, generation_calls, scoring_calls, total
from tasks.units import Unit, units_of
from warehouse.keys import unit_id
from warehouse.store import Warehouse
from warehouse.tables import CALL_ESTIMATES, CHUNKS, DOCUMENTS, QA_PAIRS, CallEstimate, Chunk
from warehouse.views import ledger_rows


@flow(name="estimate", flow_run_name="estimate", task_runner=THREADS, persist_result=False)
def estimate(config: RunConfig) -> str:
    """Read and cut the PDFs, which costs nothing, and land what the run would ask of models. Returns the run's id.

    Args:
        config: Every setting of the run.

    Raises:
        ConfigError: the budget is limited and a model has no price, or nothing can be read.
    """
    store = Warehouse(config.warehouse)
    run_id = runs.start_run(store, config)
    error = guarded(lambda: up_to_chunks(store, config, run_id))
    runs.finish_run(store, run_id, message=str(error or "nothing was asked"), is_at_end=error is None, is_dry=True)
    if error:
        raise error
    return run_id


def up_to_chunks(store: Warehouse, config: RunConfig, run_id: str) -> None:
    """The stages that cost nothing, and the estimate of the others."""
    refuse_unpriced(config)
    for part, sources in in_parts(discover(store, config, run_id), config):
        subflow(ingest_lot, config, run_id, for_documents(config), part=part, sources=sources)
    refuse_nothing_usable(store, run_id)
    land_estimates(store, config, run_id)


def land_estimates(store: Warehouse, config: RunConfig, run_id: str) -> list[CallEstimate]:
    """Say what the run is expected to ask from here on: a row for each stage that asks a model, landed before it begins."""
    if not models_asked(config):
        return []
    rows = expected(store, config, run_id)
    ledger = unit_id("call_estimates", 1, [run_id])
    with store.lock(ledger):
        if store.commit(ledger) is None:  # a run that is retried keeps the estimate that it began with
            store.land(ledger, {CALL_ESTIMATES: rows}, stage="run", label=f"{run_id} estimates")
    return rows


def expected(store: Warehouse, config: RunConfig, run_id: str) -> list[CallEstimate]:
    """Calls of each stage that asks a model, over all documents. A document whose unit stands whole is asked nothing more there."""
    chunking = landed(store, units_of(store, run_id, "chunk"))
    models = {stage: tuple(dict.fromkeys(params.model for params in asked)) for stage, asked in models_asked(config).items()}
    calls: dict[tuple[str, str], list[Calls]] = {(stage, model): [] for stage, named in models.items() for model in named}
    n_pairs = 0.0
    for cut, generating in zip(chunking, generate_units(store, config, run_id, chunking), strict=True):
        chunks: list[Chunk] = store.rows(CHUNKS, [cut.unit_id])
        is_made = store.is_landed(generating.unit_id)
        if "generate" in models and not is_made:
            (document,) = store.rows(DOCUMENTS, cut.reads)
            calls["generate", models["generate"][0]].append(generation_calls(document.title, chunks, config.generate))
        n_made = len(store.rows(QA_PAIRS, [generating.unit_id])) if is_made else expected_pairs(chunks, config.generate)
        if "curate" in models and not (is_made and _is_curated(store, config, generating)):
            calls["curate", models["curate"][0]].append(scoring_calls(n_made, chunks, config.curate.scorer))
        n_pairs += n_made
    if "judge" in models or "answer" in models:
        from tasks.estimate_judging import answering_calls, control_calls, judging_calls, n_test_questions

        n_questions = n_test_questions(n_pairs, config.generate, config.split)
        for model in models.get("answer", ()):
            calls["answer", model].append(answering_calls(n_questions, config.answer, model))
        for model in models.get("judge", ()):
            calls["controls", model].append(control_calls(config.judge, model))
            calls["judge", model].append(judging_calls(n_questions, config.judge, model))
    return [as_row(run_id, stage, model, total(some), config.budget) for (stage, model), some in calls.items()]


def _is_curated(store: Warehouse, config: RunConfig, generating: Unit) -> bool:
    (curating,), _ = curate_units(store, config, [generating])
    return store.is_landed(curating.unit_id)


def estimate_text(store: Warehouse, config: RunConfig, run_id: str) -> str:
    """What a run would ask, as a table with its sum, and whether its budget is enough."""
    rows: list[CallEstimate] = [row for row in ledger_rows(store, CALL_ESTIMATES) if row.run_id == run_id]
    if not rows:
        return "0 calls, 0 US dollars: no stage asks a model (generate.method, curate.scorer.model)"
    n_calls, costs = sum(row.n_calls for row in rows), [row.cost_usd for row in rows]
    usd = None if None in costs else sum(cost or 0.0 for cost in costs)
    money = "no price in budget.prices" if usd is None else f"{usd:.4f} US dollars"
    lines = [as_text(_table(rows)), f"{n_calls} calls, {money}; nothing was asked. What stands in the ledger already is not subtracted."]
    limits = config.budget
    if limits.max_calls is not None and n_calls > limits.max_calls:
        lines.append(f"budget.max_calls {limits.max_calls} would stop the run; it can be taken up again")
    if limits.max_usd is not None and usd is not None and usd > limits.max_usd:
        lines.append(f"budget.max_usd {limits.max_usd:g} would stop the run; it can be taken up again")
    return "\n".join(lines)


def _table(rows: Sequence[CallEstimate]) -> pa.Table:
    names = ("stage", "model", "n_calls", "n_prompt_tokens", "n_reply_tokens", "cost_usd")
    return pa.table({name: [getattr(row, name) for row in rows] for name in names})
