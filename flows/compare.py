"""Flow *compare*: test questions -> every arm's answers, their scores, verdicts on each contrast, and the estimates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from prefect import flow

from flows import artifacts, runs
from flows.choosing import choose_arms
from flows.doing import THREADS, do_one, do_or_fail, landed
from flows.elsewhere import is_on_its_own
from flows.judging import Batch, judge_all
from flows.probing import answer_best_prompted, ask_otherwise
from flows.run_config import RunConfig
from flows.spending import budget_of, calling
from tasks import answer, choice_rates, embed, knowledge, metrics, outcomes, prompt_spread, retrieve
from tasks.answer_params import GIVEN, OWN_ANSWER, PROMPTED, REFERENCE, uses_adapter, uses_excerpts
from tasks.engine import Question
from tasks.prefect_tasks import answer_batch, estimate_run, retrieve_corpus, score_batch
from tasks.prefer_unit import tuned_units
from tasks.stages import AnswerBatch, DocumentUnits, ReportInputs, kept_pairs
from tasks.units import Unit, record_units, unit, units_of
from warehouse.keys import key, shaping
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
    asked = arm_batches(store, config, run_id, batches, retrieving)
    answering = answer_arms(store, config, run_id, batches, asked, retrieving)
    probing = ask_otherwise(store, config, run_id, batches, asked, answering, splitting) if config.answer.is_probing else []
    if PROMPTED in config.answer.arms:
        prompted = [work for purpose, work in probing if purpose == "prompt"]
        answering |= answer_best_prompted(store, config, run_id, batches, prompted, splitting)
    scoring = score_arms(store, config, run_id, batches, answering)
    choosing = choose_arms(store, config, run_id, curated, splitting, batches, asked)
    judging = judge_all(store, config, run_id, curated, batches, scoring, choosing)
    probed = tuple(work for _, work in probing)
    inputs = ReportInputs(
        splitting, tuple(answering.values()), tuple(scoring.values()), tuple(judging), config.answer.arms, config.judge,
        probed, config.answer, tuple(choosing.values()),
    )  # fmt: skip
    reads = [splitting, *answering.values(), *scoring.values(), *judging, *probed, *choosing.values()]
    settings = [config.report, config.answer.arms, config.judge, outcomes.VERSIONS]
    if choosing:
        settings.append(choice_rates.VERSION)
    if probed:
        settings += [prompt_spread.VERSION, knowledge.VERSION, config.answer.elicitation.seed, config.answer.knowledge]
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


def arm_batches(
    store: Warehouse, config: RunConfig, run_id: str, batches: Sequence[Batch], retrieving: Unit
) -> dict[tuple[str, int], AnswerBatch]:
    """What each arm is asked of each batch, by (arm, batch number): the questions, its excerpts and its adapter, or what it answers.

    The best-prompted base is not among them: it is asked nothing of its own.
    """
    adapters = {"train": tuned_units(store, run_id), "placebo": units_of(store, run_id, "placebo")}
    texts = {chunk.chunk_id: chunk.text for work in units_of(store, run_id, "chunk") for chunk in store.rows(CHUNKS, [work.unit_id])}
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in store.rows(RETRIEVALS, [retrieving.unit_id]):
        found[row.pair_id].append((row.rank, row.chunk_id))
    asked = {}
    for arm in (arm for arm in config.answer.arms if arm != PROMPTED):
        adapter = adapters["placebo" if arm == "placebo" else "train"][0] if uses_adapter(arm) else None
        for number, (_, pairs) in enumerate(batches):
            chosen = {pair.pair_id: [name for _, name in sorted(found[pair.pair_id])] if uses_excerpts(arm) else [] for pair in pairs}
            questions = tuple(Question(p.pair_id, p.question, tuple(texts[name] for name in chosen[p.pair_id])) for p in pairs)
            given = tuple(pair.answer if arm == REFERENCE else config.answer.refusal for pair in pairs) if arm in GIVEN else ()
            asked[arm, number] = AnswerBatch(arm, questions, adapter, given)
    return asked


def answer_arms(
    store: Warehouse,
    config: RunConfig,
    run_id: str,
    batches: Sequence[Batch],
    asked: Mapping[tuple[str, int], AnswerBatch],
    retrieving: Unit,
) -> dict[tuple[str, int], Unit]:
    """Every arm answers every batch. Returns the unit of each (arm, batch number)."""
    (splitting,) = units_of(store, run_id, "split")
    budget = budget_of(store, config, run_id)
    own = {name: value for name, value in shaping(config.answer).items() if name in OWN_ANSWER}
    base = config.train.base_model
    settings = {arm: [] if arm in GIVEN else [own, *answer.weights_of(arm, base, config.answer)] for arm in config.answer.arms}
    units: dict[tuple[str, int], Unit] = {}
    calls = []
    for (arm, number), batch in asked.items():
        sources, _ = batches[number]
        inputs = [arm, *(key(question) for question in batch.questions), *batch.given]
        reads = [*([batch.adapter] if batch.adapter else []), sources.generated]
        asked_by = [sources.curated, splitting, *([retrieving] if uses_excerpts(arm) else [])]  # they are in the name
        work = unit(
            "answer", answer.VERSION, f"{arm}, {sources.curated.label}",
            inputs=inputs, reads=reads, also_reads=asked_by, settings=settings[arm], is_named_by_content=True,
        )  # fmt: skip
        units[arm, number] = work
        calls.append((work, {"batch": batch, "model": base, "params": config.answer, "budget": budget}))
    record_units(store, run_id, "answer", list(units.values()))
    with calling(config, budget, "answer"):
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
