"""Every Prefect task: one unit of work each. Read what the unit needs, compute, land.

The warehouse is the only memory: no result persistence, no cache keys. A task whose unit stands committed returns
``Completed(name="Landed")`` without work, so a retried or repeated flow does only what is missing, on any worker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.concurrency.sync import concurrency
from prefect.runtime import flow_run, task_run
from prefect.states import Completed

from tasks import choice_unit, curate_unit, forgetting_unit, generate_unit, judge_unit, prefer_unit, probe_unit, stages
from tasks.answer_params import AnswerParams
from tasks.budget import Budget
from tasks.choice import Offer
from tasks.choice_unit import ByModel
from tasks.chunk import ChunkParams
from tasks.control_cases import ControlCase
from tasks.curate import CurateParams
from tasks.deduplicate import DeduplicateParams
from tasks.embed import EmbedParams
from tasks.find_files import SourceFile
from tasks.generate import GenerateParams
from tasks.judge import JudgeParams
from tasks.metrics import ScoreParams
from tasks.prefer_params import PreferParams
from tasks.read_pdf import IngestParams
from tasks.retrieve import RetrieveParams
from tasks.split import SplitParams
from tasks.statistics import ReportParams
from tasks.train_params import TrainParams
from tasks.units import Landed, Made, Unit, land_once, record_failure
from warehouse.commits import Origin
from warehouse.store import Warehouse
from warehouse.tables import Label, Review

LANDED = "Landed"
GPU_SLOT = "gpu-slot"
"""The server's limit on trainings at the same time; where it has none of that name, nothing waits."""
LEASE_SECONDS = 120.0
"""A slot whose holder was killed is free again after this long."""
NAME = "{work.stage}: {work.label} [{work.short_id}]"
"""By the id in it the task run's page, and `tunehouse rerun`, know the unit."""


def _land(store: Warehouse, work: Unit, make: Callable[[], Made]) -> Landed | State[Landed]:
    origin = Origin(str(flow_run.get_id() or ""), str(task_run.get_id() or ""))
    try:
        landed = land_once(store, work, make, origin)
    except Exception as error:
        record_failure(store, work, error, origin)
        raise
    return landed if landed.is_new else Completed(name=LANDED, message="stands committed", data=landed)


def _on_gpu(make: Callable[[], Made]) -> Callable[[], Made]:
    """``make`` when its turn on the GPU comes."""

    def when_free() -> Made:
        with concurrency(GPU_SLOT, lease_duration=LEASE_SECONDS):
            return make()

    return when_free


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def ingest_document(store: Warehouse, work: Unit, source: SourceFile, params: IngestParams) -> Landed | State[Landed]:
    """One file -> its document row, pages, lines and sections. No retries: a slow file is slow in a minute too."""
    return _land(store, work, lambda: stages.ingest(source, params))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def chunk_document(store: Warehouse, work: Unit, params: ChunkParams) -> Landed | State[Landed]:
    """One document -> its chunks."""
    return _land(store, work, lambda: stages.chunk(store, work, params))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def embed_document(store: Warehouse, work: Unit, params: EmbedParams) -> Landed | State[Landed]:
    """One document's chunks -> their vectors."""
    return _land(store, work, lambda: stages.embed(store, work, params))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def generate_document(
    store: Warehouse, work: Unit, params: GenerateParams, embed_params: EmbedParams, budget: Budget
) -> Landed | State[Landed]:
    """One document's chunks -> question/answer pairs with evidence."""
    return _land(store, work, lambda: generate_unit.generate(store, work, params, embed_params, budget))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def curate_document(
    store: Warehouse, work: Unit, params: CurateParams, budget: Budget, reviews: Sequence[Review] = (), refusal: str = ""
) -> Landed | State[Landed]:
    """One document's pairs -> those that pass every rule and review, and a row for each that does not."""
    return _land(store, work, lambda: curate_unit.curate(store, work, params, budget, reviews=reviews, refusal=refusal))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def deduplicate_corpus(
    store: Warehouse, work: Unit, curated: Sequence[Unit], params: DeduplicateParams, embed_params: EmbedParams
) -> Landed | State[Landed]:
    """All kept pairs, older documents first -> a row for each that says what an older one says."""
    return _land(store, work, lambda: stages.deduplicate(store, curated, params, embed_params))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def split_corpus(
    store: Warehouse, work: Unit, curated: Sequence[Unit], deduplicated: Unit, params: SplitParams, embed_params: EmbedParams
) -> Landed | State[Landed]:
    """All surviving pairs -> train, validation and test sets by lineage; a leak fails the task, naming both ids."""
    return _land(store, work, lambda: stages.split(store, curated, deduplicated, params, embed_params))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def train_adapter(
    store: Warehouse, work: Unit, curated: Sequence[Unit], split: Unit, params: TrainParams, is_placebo: bool = False
) -> Landed | State[Landed]:
    """The train set -> one LoRA adapter. A repeated task continues from the newest whole checkpoint."""
    landed = _land(store, work, _on_gpu(lambda: stages.train(store, work, curated, split, params, is_placebo=is_placebo)))
    stages.discard_checkpoints(store, work)
    return landed


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def find_preferences(
    store: Warehouse, work: Unit, curated: Sequence[Unit], split: Unit, train: TrainParams, params: PreferParams
) -> Landed | State[Landed]:
    """A multiple-choice file, or train questions put to the base -> preference pairs; one that asks what a test set asks fails the task."""
    return _land(store, work, _on_gpu(lambda: prefer_unit.find_preferences(store, curated, split, train, params)))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def tune_adapter(
    store: Warehouse, work: Unit, trained: Unit, found: Unit, train: TrainParams, params: PreferParams
) -> Landed | State[Landed]:
    """An adapter and preference pairs -> the adapter tuned further. A repeated task continues from the newest whole checkpoint."""
    landed = _land(store, work, _on_gpu(lambda: prefer_unit.tune(store, work, trained, found, train, params)))
    stages.discard_checkpoints(store, work)
    return landed


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def measure_forgetting(store: Warehouse, work: Unit, trained: Unit, train: TrainParams) -> Landed | State[Landed]:
    """An adapter and the general control set -> what was forgotten."""
    return _land(store, work, _on_gpu(lambda: forgetting_unit.measure_forgetting(store, trained, train)))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def retrieve_corpus(
    store: Warehouse,
    work: Unit,
    curated: Sequence[Unit],
    split: Unit,
    embedded: Sequence[Unit],
    params: RetrieveParams,
    embed_params: EmbedParams,
) -> Landed | State[Landed]:
    """The test questions -> the chunks nearest to each."""
    return _land(store, work, lambda: stages.retrieve(store, curated, split, embedded, params, embed_params))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def answer_batch(
    store: Warehouse, work: Unit, batch: stages.AnswerBatch, model: str, params: AnswerParams, budget: Budget
) -> Landed | State[Landed]:
    """One batch of questions -> one arm's answers."""
    return _land(store, work, lambda: stages.answer(store, work, batch, model, params, budget))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def probe_batch(
    store: Warehouse, work: Unit, batch: probe_unit.ProbeBatch, model: str, params: AnswerParams, score_params: ScoreParams, budget: Budget
) -> Landed | State[Landed]:
    """One batch of questions -> one arm's answers when it is asked otherwise."""
    return _land(store, work, lambda: probe_unit.ask_otherwise(store, work, batch, model, params, score_params, budget))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def best_prompted_batch(
    store: Warehouse, work: Unit, probed: Sequence[Unit], split: Unit, pair_ids: Sequence[str], params: AnswerParams, report: ReportParams
) -> Landed | State[Landed]:
    """One batch of questions -> the base's answers with the prompt that serves it best."""
    return _land(store, work, lambda: probe_unit.best_prompted(store, probed, split, pair_ids, params, report))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def score_batch(
    store: Warehouse, work: Unit, answered: Unit, sources: stages.DocumentUnits, params: ScoreParams, embed_params: EmbedParams
) -> Landed | State[Landed]:
    """One batch of answers -> measures that need no judge."""
    return _land(store, work, lambda: stages.score(store, answered, sources, params, embed_params))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def judge_controls(
    store: Warehouse,
    work: Unit,
    judge: str,
    cases: Sequence[ControlCase],
    params: JudgeParams,
    budget: Budget,
    score_params: ScoreParams,
    embed_params: EmbedParams,
    labels: Sequence[Label] = (),
    by_model: ByModel | None = None,
) -> Landed | State[Landed]:
    """Questions whose winner is known -> how often one judge finds it."""
    measures = score_params, embed_params
    return _land(store, work, lambda: judge_unit.judge_controls(store, work, judge, cases, params, budget, *measures, labels, by_model))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def choose_batch(
    store: Warehouse,
    work: Unit,
    batch: stages.AnswerBatch,
    offers: Sequence[Offer],
    identity: Sequence[str],
    model: str,
    params: AnswerParams,
) -> Landed | State[Landed]:
    """One batch of questions -> how likely one arm finds the reference among other answers."""
    return _land(store, work, lambda: choice_unit.choose(store, batch, offers, model, params, identity))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def judge_batch(store: Warehouse, work: Unit, batch: judge_unit.JudgeBatch, params: JudgeParams, budget: Budget) -> Landed | State[Landed]:
    """One batch of questions -> one judge's verdicts on one contrast."""
    return _land(store, work, lambda: judge_unit.judge(store, work, batch, params, budget))


@task(task_run_name=NAME, cache_policy=NO_CACHE, persist_result=False)
def estimate_run(store: Warehouse, work: Unit, inputs: stages.ReportInputs, params: ReportParams) -> Landed | State[Landed]:
    """All verdicts -> win rates with their uncertainty."""
    return _land(store, work, lambda: stages.report(store, inputs, params))
