"""Chunks -> question/answer pairs with their evidence: a generator drafts facts, this stage gives them ids, titles and page spans."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tasks.extract_chunk import chunk_drafts, surroundings
from tasks.extract_spans import PageSpans
from tasks.generate_draft import Drafted, Dropped, Stated, Stretch
from tasks.generate_llm_params import LlmGenerateParams
from tasks.generate_rows import STAGE, Generated, Manner, lay_out, rejection
from warehouse.errors import ConfigError, MissingPrerequisite
from warehouse.keys import shaping

if TYPE_CHECKING:
    from tasks.generate_scene import Nearest
    from tasks.prompt import Ask
    from warehouse.tables import Chunk, ChunkPage, Document, Page, PageLine

VERSION = 2
"""Of the extractive generator; the llm generator has its own."""
ASKED_KINDS = frozenset({"body", "table"})
__all__ = ["ASKED_KINDS", "GENERATORS", "STAGE", "VERSION", "GenerateParams", "Generated", "Model", "generate_pairs", "named_by"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GenerateParams:
    """How question/answer pairs are made from chunks."""

    method: Literal["extractive", "llm"] = "extractive"
    """Which generator: extractive reads facts off sentence patterns and needs no model; llm asks the language model of generate.llm."""
    source_in_question: bool = True
    """Name the document's title once in every question, so that the question stands alone among many documents."""
    wordings: int = 5
    """Most wordings of one fact's question (extractive)."""
    min_wordings: int = 3
    """A fact that can be asked for in fewer wordings than this is left out (extractive)."""
    max_keys_per_sentence: int = 4
    """Most different things asked about one sentence (extractive)."""
    max_facts_per_chunk: int = 60
    """Most facts taken from one chunk, in reading order (extractive)."""
    max_key_words: int = 10
    """Answer keys longer than this, in words, are dropped: nobody repeats them verbatim. Lists keep theirs (extractive)."""
    llm: LlmGenerateParams = field(default_factory=LlmGenerateParams)
    """How a language model makes pairs; read only where method is llm."""

    def __post_init__(self) -> None:
        if self.method not in GENERATORS:
            raise ConfigError(f"no generator {self.method!r}", where="generate.method", mend=f"use one of {', '.join(sorted(GENERATORS))}")
        for name in ("min_wordings", "max_keys_per_sentence", "max_facts_per_chunk", "max_key_words"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{getattr(self, name)} is too few", where=f"generate.{name}", mend="use at least 1")
        if self.wordings < self.min_wordings:
            raise ConfigError(
                f"wordings {self.wordings} is below min_wordings {self.min_wordings}",
                where="generate.wordings",
                mend="raise wordings or lower min_wordings",
            )
        if self.method == "llm" and not self.llm.model.model:
            raise ConfigError(
                "the llm generator has no model",
                where="generate.llm.model.model",
                mend="name one, e.g. openai/gpt-4o-mini, and its base_url",
            )


@dataclass(frozen=True, slots=True)
class Model:
    """What a generator that asks a model works with."""

    ask: Ask
    nearest: Nearest


Generator = Callable[["Document", Sequence["Chunk"], GenerateParams, Model | None], Drafted]


def extractive(document: Document, chunks: Sequence[Chunk], params: GenerateParams, _: Model | None) -> Drafted:
    """Facts read off sentence patterns and table rows; no model."""
    around = surroundings(chunks)
    drafted = Drafted()
    for chunk in chunks:
        drafts = chunk_drafts(chunk, around, params) if chunk.kind in ASKED_KINDS else []
        if chunk.kind in ASKED_KINDS and not drafts:
            drafted.dropped.append(Dropped(chunk.chunk_id, "no_pattern", chunk.section))
        drafted.stated.extend(
            Stated(
                chunk.chunk_id,
                (Stretch(chunk.chunk_id, draft.char_from, draft.n_chars),),
                draft.questions,
                draft.answer,
                draft.answer_key,
                draft.answer_kind,
                draft.pattern,
            )
            for draft in drafts
        )
    log.debug("%s: %d facts", document.title, len(drafted.stated))
    return drafted


def llm(document: Document, chunks: Sequence[Chunk], params: GenerateParams, model: Model | None) -> Drafted:
    """Facts in a language model's words, each resting on spans of the chunks.

    Raises:
        MissingPrerequisite: there is no model to ask.
    """
    from tasks.generate_llm import ask_document  # noqa: PLC0415  # pydantic and rapidfuzz, which the settings do not need

    if model is None:
        raise MissingPrerequisite("there is no model to ask", where="generate.llm", mend="hand generate_pairs a Model")
    asked = [chunk for chunk in chunks if chunk.kind in ASKED_KINDS]
    return asyncio.run(ask_document(document, asked, params.llm, model.ask, model.nearest))


GENERATORS: dict[str, Generator] = {"extractive": extractive, "llm": llm}


def named_by(params: GenerateParams) -> tuple[int, dict[str, Any]]:
    """(version, settings) that name a document's unit: of one generator, never of another, and with the prompts where a model is asked."""
    settings: dict[str, Any] = shaping(params)
    if params.method != "llm":
        return VERSION, {name: value for name, value in settings.items() if name != "llm"}
    from tasks import generate_llm  # noqa: PLC0415

    shared = {name: settings[name] for name in ("method", "source_in_question", "llm")}
    return generate_llm.VERSION, shared | {"prompts": generate_llm.prompt_hashes()}


def generate_pairs(
    document: Document,
    chunks: Sequence[Chunk],
    chunk_pages: Sequence[ChunkPage],
    pages: Sequence[Page],
    lines: Sequence[PageLine],
    params: GenerateParams,
    model: Model | None = None,
) -> Generated:
    """Every wording of every fact that the generator finds in one document's body and table chunks. ``model``: where it asks one.

    A chunk that is not asked about, or gave nothing, is a row of ``rejected``; so is a pair whose quote does not stand in the page's
    text, and one whose question stands twice.
    """
    ordered = sorted(chunks, key=lambda chunk: chunk.rank)
    drafted = GENERATORS[params.method](document, ordered, params, model)
    drafted.dropped.extend(
        Dropped(chunk.chunk_id, f"kind_{chunk.kind}", chunk.section) for chunk in ordered if chunk.kind not in ASKED_KINDS
    )
    texts = {chunk.chunk_id: chunk.text for chunk in chunks}
    made = lay_out(document, drafted, texts, PageSpans(chunk_pages, pages, lines), _manner(params))
    spoken_for = {pair.chunk_id for pair in made.pairs} | {row.item_id for row in made.rejected}
    made.rejected.extend(
        rejection(document.document_id, Dropped(chunk.chunk_id, "no_pair_left", chunk.section))
        for chunk in chunks
        if chunk.chunk_id not in spoken_for
    )
    log.info("%s: %d pairs from %d chunks", document.title, len(made.pairs), len(chunks))
    return made


def _manner(params: GenerateParams) -> Manner:
    if params.method != "llm":
        return Manner(f"{params.method}-{VERSION}", params.source_in_question, params.min_wordings, needs_first=False)
    from tasks.generate_llm import generator_name  # noqa: PLC0415

    return Manner(generator_name(params.llm), params.source_in_question)
