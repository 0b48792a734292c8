"""Flow *compare*: test questions -> every arm's answers, their scores, verdicts on each contrast, and the estimates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from prefect import flow

from flows import artifacts, runs
from flows.doing import THREADS, do_one, do_or_fail, landed
from flows.elsewhere import is_on_its_own
from flows.judging import Batch, judge_all
from flows.run_config import RunConfig
from tasks import answer, embed, metrics, outcomes, retrieve
from tasks.answer import Question
from tasks.prefect_tasks import answer_batch, estimate_run, retrieve_corpus, score_batch
from tasks.stages import AnswerBatch, DocumentUnits, ReportInputs, kept_pairs
from tasks.units import Unit, record_units, unit, units_of, without
from warehouse.keys import key
from warehouse.store import Warehouse
from warehouse.tables import CHUNKS, RETRIEVALS, SPLITS, TEST_SPLITS


@flow(name="compare", flow_run_name="compare", task_runner=THREADS, persist_result=False)
def compare(config: RunConfig, run_id: str | None = None) -> str:
    """Answer the test questions with every arm, score, judge and estimate. Returns the run's id.

    Args:
        config: The run's settings; this flow reads the groups retrieve, answer, score, judge and report.
        run_id: The run to go on with; empty: the one that started last.
    """
    store = Warehouse(config.warehouse)
    run_id = runs.continue_run(store, run_id, needs="train")
    curated = landed(store, units_of(store, run_id, "curate"))
    (splitting,) = units_of(store, run_id, "split")
    batches = test_batches(store, config, curated, splitting)
    retrieving = retrieve_excerpts(store, config, run_id, curated, splitting)
    answering = answer_arms(store, config, run_id, batches, retrieving)
    scoring = score_arms(store, config, run_id, batches, answering)
    judging = judge_all(store, config, run_id, curated, batches, scoring)
    inputs = ReportInputs(splitting, tuple(answering.values()), tuple(scoring.values()), tuple(judging), config.answer.arms, config.judge)
    reads = [splitting, *answering.values(), *scoring.values(), *judging]
    settings = [config.report, config.answer.arms, config.judge, outcomes.VERSIONS]
    estimating = unit("report", outcomes.VERSION, "estimates", reads=reads, settings=settings)
    record_units(store, run_id, "report", [estimating])
    do_one(estimate_run, store, estimating, "estimating", inputs=inputs, params=config.report)
    artifacts.publish(store, run_id, config.report)
    if is_on_its_own():
        runs.finish_run(store, run_id, message="", is_at_end=True)
    return run_id


def test_batches(store: Warehouse, config: RunConfig, curated: Sequence[Unit], splitting: Unit) -> list[Batch]:
    """The test questions in batches of one document each, so that a new document moves no old batch."""
    tested = {row.pair_id for row in store.rows(SPLITS, [splitting.unit_id]) if row.split in TEST_SPLITS}
    batches: list[Batch] = []
    for work in curated:
        _, chunked, generated = work.reads
        questions = sorted((pair for pair in kept_pairs(store, [work]) if pair.pair_id in tested), key=lambda pair: pair.pair_id)
        for start in range(0, len(questions), config.answer.batch_size):
            some = tuple(questions[start : start + config.answer.batch_size])
            label = f"{work.label}, questions {start + 1} to {start + len(some)}"
            cut, made = Unit(chunked, "chunk", work.label), Unit(generated, "generate", work.label)
            batches.append((DocumentUnits(some[0].document_id, cut, made, replace(work, label=label)), some))
    return batches


def retrieve_excerpts(store: Warehouse, config: RunConfig, run_id: str, curated: Sequence[Unit], splitting: Unit) -> Unit:
    """Find the chunks nearest to every test question, over all documents."""
    embedded = landed(store, units_of(store, run_id, "embed"))
    settings = [config.retrieve, embed.model_identity(config.embed.model), config.embed.window_words]
    pairs = [name for work in curated for name in (work.unit_id, work.reads[2])]
    reads = [splitting, *embedded]
    retrieving = unit("retrieve", retrieve.VERSION, "test questions", reads=reads, also_reads=pairs, settings=settings)
    record_units(store, run_id, "retrieve", [retrieving])
    arguments = {"curated": curated, "split": splitting, "embedded": embedded, "params": config.retrieve, "embed_params": config.embed}
    do_one(retrieve_corpus, store, retrieving, "retrieving", **arguments)
    return retrieving


def answer_arms(
    store: Warehouse, config: RunConfig, run_id: str, batches: Sequence[Batch], retrieving: Unit
) -> dict[tuple[str, int], Unit]:
    """Every arm answers every batch. Returns the unit of each (arm, batch number)."""
    from tasks.base_model import base_sha256

    adapters = {stage: units_of(store, run_id, stage) for stage in ("train", "placebo")}
    (splitting,) = units_of(store, run_id, "split")
    texts = {chunk.chunk_id: chunk.text for work in units_of(store, run_id, "chunk") for chunk in store.rows(CHUNKS, [work.unit_id])}
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in store.rows(RETRIEVALS, [retrieving.unit_id]):
        found[row.pair_id].append((row.rank, row.chunk_id))
    base = base_sha256(config.train.base_model)
    settings = [without(config.answer, "arms", "batch_size"), base]
    units: dict[tuple[str, int], Unit] = {}
    calls = []
    for arm in config.answer.arms:
        adapter = adapters["placebo" if arm == "placebo" else "train"][0] if answer.uses_adapter(arm) else None
        for number, (sources, pairs) in enumerate(batches):
            chosen = {
                pair.pair_id: [name for _, name in sorted(found[pair.pair_id])] if answer.uses_excerpts(arm) else [] for pair in pairs
            }
            questions = tuple(Question(p.pair_id, p.question, tuple(texts[name] for name in chosen[p.pair_id])) for p in pairs)
            inputs = [arm, *(key(question) for question in questions)]
            label = f"{arm}, {sources.curated.label}"
            reads = [*([adapter] if adapter else []), sources.generated]
            asked_by = [sources.curated, splitting, *([retrieving] if answer.uses_excerpts(arm) else [])]  # they are in the name
            work = unit(
                "answer", answer.VERSION, label,
                inputs=inputs, reads=reads, also_reads=asked_by, settings=settings, is_named_by_content=True,
            )  # fmt: skip
            units[arm, number] = work
            calls.append((work, {"batch": AnswerBatch(arm, questions, adapter), "model": config.train.base_model, "params": config.answer}))
    record_units(store, run_id, "answer", list(units.values()))
    do_or_fail(answer_batch, store, calls, "answering")
    return units


def score_arms(
    store: Warehouse, config: RunConfig, run_id: str, batches: Sequence[Batch], answering: dict[tuple[str, int], Unit]
) -> dict[tuple[str, int], Unit]:
    """Measure every batch of answers. Returns the unit of each (arm, batch number)."""
    settings = [config.score, embed.model_identity(config.embed.model), config.embed.window_words]
    units, calls = {}, []
    for (arm, number), answered in answering.items():
        sources, _ = batches[number]
        reads = [answered, sources.curated, sources.chunked]
        work = unit("score", metrics.VERSION, answered.label, reads=reads, also_reads=[sources.generated], settings=settings)
        units[arm, number] = work
        calls.append((work, {"answered": answered, "sources": sources, "params": config.score, "embed_params": config.embed}))
    record_units(store, run_id, "score", list(units.values()))
    do_or_fail(score_batch, store, calls, "scoring")
    return units
