"""Units -> rows: what each stage reads from the warehouse, the pure function it calls, and the tables it makes. No Prefect here."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from tasks.answer import Speaker, answer_questions, given_answers
from tasks.answer_params import AnswerParams
from tasks.budget import Budget
from tasks.choice_rates import choice_figures
from tasks.chunk import ChunkParams, chunk_document
from tasks.deduplicate import DeduplicateParams
from tasks.embed import EmbedParams
from tasks.engine import Question
from tasks.find_files import SourceFile
from tasks.first_facts import first_facts
from tasks.general import replay_examples
from tasks.judge import JudgeParams
from tasks.metrics import ScoreParams
from tasks.outcomes import figures, outcome_sets
from tasks.placebo import derange
from tasks.probe import probe_figures
from tasks.read_pdf import IngestParams, read_document
from tasks.retrieve import RetrieveParams
from tasks.served_calls import ServedCalls
from tasks.split import SplitParams
from tasks.statistics import ReportParams
from tasks.train_params import TrainExample, TrainParams
from tasks.units import Made, Unit
from tasks.weights import put_in_place, training_folder
from warehouse import tables as t
from warehouse.errors import MissingPrerequisite
from warehouse.store import Warehouse

if TYPE_CHECKING:
    from warehouse.schema import Table

ROLES: tuple[Literal["train", "validation"], ...] = ("train", "validation")
"""Sets that shape an adapter."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DocumentUnits:
    """The units that hold one document's rows."""

    document_id: str
    chunked: Unit
    generated: Unit
    curated: Unit


@dataclass(frozen=True, slots=True)
class AnswerBatch:
    """Test questions that one arm answers together, with the adapter's unit and the excerpts that the arm works with."""

    arm: str
    questions: tuple[Question, ...]
    adapter: Unit | None
    given: tuple[str, ...] = ()
    """What it answers, in the questions' order, where no model is asked."""


@dataclass(frozen=True, slots=True)
class ReportInputs:
    """Everything that a run's figures are made from."""

    split: Unit
    answered: tuple[Unit, ...]
    scored: tuple[Unit, ...]
    judged: tuple[Unit, ...]
    arms: tuple[str, ...]
    judge: JudgeParams
    probed: tuple[Unit, ...] = ()
    answer: AnswerParams = field(default_factory=AnswerParams)
    chosen: tuple[Unit, ...] = ()


def rows(store: Warehouse, table: Table, units: Sequence[Unit]) -> list[Any]:
    """The table's rows in these units, in order."""
    return store.rows(table, [work.unit_id for work in units])


def _read(store: Warehouse, table: Table, work: Unit) -> list[Any]:
    """The table's rows in the units that ``work`` reads."""
    return store.rows(table, work.reads)


def ingest(source: SourceFile, params: IngestParams) -> Made:
    """One file -> ``documents pages page_lines sections``."""
    read = read_document(source, params)
    made: dict[Table, Sequence[Any]] = {t.DOCUMENTS: [read.document]}
    made |= {t.PAGES: read.pages, t.PAGE_LINES: read.lines, t.SECTIONS: read.sections}
    return Made(made, n_retryable=read.n_retryable)


def chunk(store: Warehouse, work: Unit, params: ChunkParams) -> Made:
    """One document -> ``chunks chunk_pages``."""
    (document,) = _read(store, t.DOCUMENTS, work)
    pages, lines, sections = (_read(store, table, work) for table in (t.PAGES, t.PAGE_LINES, t.SECTIONS))
    chunked = chunk_document(document, pages, lines, sections, params)
    return Made({t.CHUNKS: chunked.chunks, t.CHUNK_PAGES: chunked.chunk_pages})


def embed(store: Warehouse, work: Unit, params: EmbedParams) -> Made:
    """One document's chunks -> ``chunk_vectors``."""
    from tasks.retrieve import embed_chunks  # noqa: PLC0415  # pulls in sentence-transformers

    documents = {document.document_id: document for document in _read(store, t.DOCUMENTS, work)}
    return Made({t.CHUNK_VECTORS: embed_chunks(_read(store, t.CHUNKS, work), documents, params)})


def document_pairs(store: Warehouse, curated: Unit) -> list[t.QaPair]:
    """Every pair of one document: those that its generator made, and those that reviewers rewrote, which its curation made."""
    return store.rows(t.QA_PAIRS, [*curated.reads, curated.unit_id])


def kept_pairs(store: Warehouse, curated: Sequence[Unit]) -> list[t.QaPair]:
    """The pairs that curation kept, in the units' order. ``curated`` units name the generate units that they read."""
    pairs: list[t.QaPair] = []
    for work in curated:
        kept = {row.pair_id for row in rows(store, t.KEPT_PAIRS, [work])}
        pairs += [pair for pair in document_pairs(store, work) if pair.pair_id in kept]
    return pairs


def _evidence(store: Warehouse, curated: Sequence[Unit], pairs: Sequence[t.QaPair]) -> list[t.Evidence]:
    wanted = {pair.pair_id for pair in pairs}
    spans = (row for work in curated for row in store.rows(t.EVIDENCE, [*work.reads, work.unit_id]))
    return [row for row in spans if row.pair_id in wanted]


def deduplicate(store: Warehouse, curated: Sequence[Unit], params: DeduplicateParams, embed_params: EmbedParams) -> Made:
    """All kept pairs -> a ``rejected`` row for each that an older pair makes superfluous."""
    from tasks.deduplicate import deduplicate as find_duplicates  # noqa: PLC0415  # pulls in numpy

    return Made({t.REJECTED: find_duplicates(kept_pairs(store, curated), params, embed_params)})


def surviving_pairs(store: Warehouse, curated: Sequence[Unit], deduplicated: Unit) -> list[t.QaPair]:
    """Kept pairs less the duplicates."""
    dropped = {row.item_id for row in rows(store, t.REJECTED, [deduplicated])}
    return [pair for pair in kept_pairs(store, curated) if pair.pair_id not in dropped]


def split(store: Warehouse, curated: Sequence[Unit], deduplicated: Unit, params: SplitParams, embed_params: EmbedParams) -> Made:
    """Surviving pairs -> ``splits``, audited for leaks, and a ``rejected`` row for each pair that no set may hold."""
    from tasks.audit import audit_split, refuse_leaks  # noqa: PLC0415  # pulls in numpy
    from tasks.split import split_pairs  # noqa: PLC0415

    pairs = surviving_pairs(store, curated, deduplicated)
    evidence = _evidence(store, curated, pairs)
    parents = {pair.pair_id: pair.parent_id for work in curated for pair in document_pairs(store, work) if pair.parent_id}
    result = split_pairs(pairs, evidence, params, embed_params, parents)
    for empty in result.empty_sets:
        log.warning("%s is empty: %s", empty.split, empty.why)
    refuse_leaks(audit_split(pairs, evidence, result.rows, params, embed_params, parents))
    return Made({t.SPLITS: result.rows, t.REJECTED: result.rejected})


def train_examples(
    pairs: Sequence[t.QaPair], splits: Sequence[t.SplitRow], role: Literal["train", "validation"], params: TrainParams
) -> list[TrainExample]:
    """The pairs of one set as the trainer takes them, by pair_id; of the train set no more than ``params.max_pairs``."""
    wanted = {row.pair_id for row in splits if row.split == role}
    found = [pair for pair in pairs if pair.pair_id in wanted]
    chosen = sorted(first_facts(found, params) if role == "train" else found, key=lambda pair: pair.pair_id)
    return [TrainExample(pair.pair_id, pair.question, pair.answer) for pair in chosen]


def train(
    store: Warehouse, work: Unit, curated: Sequence[Unit], split_unit: Unit, params: TrainParams, *, is_placebo: bool = False
) -> Made:
    """Train and validation pairs -> ``adapters training_runs training_steps training_examples`` and the adapter's files.

    A placebo learns the same questions with wrong answers, and lands them in ``placebo_answers``.
    """
    trainer = importlib.import_module("tasks.train")  # torch and peft take seconds
    pairs, splits = kept_pairs(store, curated), rows(store, t.SPLITS, [split_unit])
    examples = {role: train_examples(pairs, splits, role, params) for role in ROLES}
    wrong: list[t.PlaceboAnswer] = []
    if is_placebo:
        learnt = {example.pair_id for some in examples.values() for example in some}
        wrong = derange([pair for pair in pairs if pair.pair_id in learnt], work.unit_id, params.seed)
        answers = {row.pair_id: row.answer for row in wrong}
        examples = {role: [replace(one, answer=answers[one.pair_id]) for one in some] for role, some in examples.items()}
    trained = trainer.train_adapter(
        [*examples["train"], *replay_examples(len(examples["train"]), params)],
        examples["validation"],
        params,
        training_folder(store, work),
        work.unit_id,
    )
    made = {
        t.ADAPTERS: [trained.adapter],
        t.TRAINING_RUNS: [trained.run],
        t.TRAINING_STEPS: trained.steps,
        t.TRAINING_EXAMPLES: trained.examples,
        t.PLACEBO_ANSWERS: wrong,
    }
    return Made(made, files=put_in_place(store, work, trained.files))


def discard_checkpoints(store: Warehouse, work: Unit) -> None:
    """Delete what a training could go on from, now that it is committed; also where a run was killed between the two."""
    folder = store.root / "weights" / work.unit_id
    if (folder / "checkpoints").is_dir():
        importlib.import_module("tasks.train").discard_checkpoints(folder)


def retrieve(
    store: Warehouse,
    curated: Sequence[Unit],
    split_unit: Unit,
    embedded: Sequence[Unit],
    params: RetrieveParams,
    embed_params: EmbedParams,
) -> Made:
    """Test questions -> ``retrievals``."""
    from tasks.retrieve import retrieve as find_chunks  # noqa: PLC0415  # pulls in numpy

    tested = {row.pair_id for row in rows(store, t.SPLITS, [split_unit]) if row.split in t.TEST_SPLITS}
    questions = [pair for pair in kept_pairs(store, curated) if pair.pair_id in tested]
    return Made({t.RETRIEVALS: find_chunks(questions, rows(store, t.CHUNK_VECTORS, embedded), params, embed_params)})


def answer(store: Warehouse, work: Unit, batch: AnswerBatch, model: str, params: AnswerParams, budget: Budget) -> Made:
    """One batch of questions -> ``answers`` of one arm; of one that is served also ``llm_calls``.

    Raises:
        MissingPrerequisite: the arm's adapter does not move the model's outputs.
    """
    if batch.given:
        said = zip(batch.questions, batch.given, strict=True)
        return Made({t.ANSWERS: given_answers([(question.pair_id, text) for question, text in said], batch.arm)})
    who, calls = speaker(store, batch, model), ServedCalls(store, work, budget)
    said_by_model = answer_questions(batch.questions, who.arm, model, who.adapter, who.adapter_id, params, who.adapter_sha256, calls)
    return Made({t.ANSWERS: said_by_model, **calls.tables()})


def speaker(store: Warehouse, batch: AnswerBatch, model: str) -> Speaker:
    """Who answers a batch: the base, with the adapter that its unit made.

    Raises:
        MissingPrerequisite: the adapter does not move the model's outputs.
    """
    folder = adapter_id = sha256 = None
    if batch.adapter:
        (adapter,) = rows(store, t.ADAPTERS, [batch.adapter])
        if not adapter.is_live:
            raise MissingPrerequisite(
                "the adapter does not change what the model says, so nothing is judged with it",
                where=f"adapter {adapter.adapter_id}, max_logit_change {adapter.max_logit_change:g}",
                mend="train longer or with a higher train.learning_rate; `tunehouse sql training_steps` shows the loss",
            )
        folder, adapter_id, sha256 = store.root / adapter.folder, adapter.adapter_id, adapter.sha256
    return Speaker(batch.arm, model, folder, adapter_id, sha256)


def score(store: Warehouse, answered: Unit, sources: DocumentUnits, params: ScoreParams, embed_params: EmbedParams) -> Made:
    """One batch of answers -> ``scores``, measured against the references and chunks of their document."""
    from tasks.metrics import score_answers  # noqa: PLC0415  # pulls in numpy and rouge-score

    pairs = {pair.pair_id: pair for pair in document_pairs(store, sources.curated)}
    kept = {row.pair_id for row in rows(store, t.KEPT_PAIRS, [sources.curated])}
    references = {sources.document_id: sorted({pair.answer for pair in pairs.values() if pair.pair_id in kept})}
    chunks = rows(store, t.CHUNKS, [sources.chunked])
    return Made({t.SCORES: score_answers(rows(store, t.ANSWERS, [answered]), pairs, references, chunks, params, embed_params)})


def report(store: Warehouse, inputs: ReportInputs, params: ReportParams) -> Made:
    """Verdicts, scores and answers -> ``estimates arm_rates`` and the tables beside them."""
    verdicts, scores = rows(store, t.VERDICTS, inputs.judged), rows(store, t.SCORES, inputs.scored)
    answers, splits = rows(store, t.ANSWERS, inputs.answered), rows(store, t.SPLITS, [inputs.split])
    made = figures(verdicts, scores, answers, splits, inputs.arms, inputs.judge, params)
    if inputs.probed:
        sets = outcome_sets(verdicts, splits, inputs.judge)
        made |= probe_figures(rows(store, t.PROBES, inputs.probed), splits, sets, inputs.answer, params)
    if inputs.chosen:
        made |= choice_figures(rows(store, t.CHOICE_SCORES, inputs.chosen), splits, inputs.judge.contrasts, params)
    return Made(made)
