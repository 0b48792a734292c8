"""Chunks -> question/answer pairs with their evidence: a generator drafts facts, this stage gives them ids, titles and page spans."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tasks.extract_chunk import chunk_drafts, surroundings
from tasks.extract_spans import PageSpans
from tasks.extract_titles import with_title
from tasks.text import normalise
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import Evidence, QaPair, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tasks.extract_chunk import Surroundings
    from tasks.extract_draft import Draft
    from warehouse.tables import Chunk, ChunkPage, Document, Page, PageLine

VERSION = 2
STAGE = "generate"
ASKED_KINDS = frozenset({"body", "table"})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GenerateParams:
    """How question/answer pairs are made from chunks."""

    method: Literal["extractive"] = "extractive"
    """Which generator: extractive reads facts off sentence patterns and needs no model."""
    source_in_question: bool = True
    """Name the document's title once in every question, so that the question stands alone among many documents."""
    wordings: int = 5
    """Most wordings of one fact's question."""
    min_wordings: int = 3
    """A fact that can be asked for in fewer wordings than this is left out."""
    max_keys_per_sentence: int = 4
    """Most different things asked about one sentence."""
    max_facts_per_chunk: int = 60
    """Most facts taken from one chunk, in reading order."""
    max_key_words: int = 10
    """Answer keys longer than this, in words, are dropped: nobody repeats them verbatim. Lists keep theirs."""

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


@dataclass(frozen=True, slots=True)
class Generated:
    """What one document gave: pairs, the spans they rest on, and a row for each chunk or pair that was left out."""

    pairs: list[QaPair] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def extractive(chunk: Chunk, around: Surroundings, params: GenerateParams) -> list[Draft]:
    """Facts read off sentence patterns and table rows; no model."""
    return chunk_drafts(chunk, around, params)


GENERATORS: dict[str, Callable[[Chunk, Surroundings, GenerateParams], list[Draft]]] = {"extractive": extractive}


def generate_pairs(
    document: Document,
    chunks: Sequence[Chunk],
    chunk_pages: Sequence[ChunkPage],
    pages: Sequence[Page],
    lines: Sequence[PageLine],
    params: GenerateParams,
) -> Generated:
    """Every wording of every fact that the generator finds in one document's body and table chunks.

    A chunk that is not asked about, or gave nothing, is a row of ``rejected``; so is a pair whose quote does not stand in the page's
    text, and one whose question stands twice.
    """
    spans = PageSpans(chunk_pages, pages, lines)
    around = surroundings(chunks)
    made = Generated()
    for chunk in sorted(chunks, key=lambda chunk: chunk.rank):
        drafts = GENERATORS[params.method](chunk, around, params) if chunk.kind in ASKED_KINDS else []
        if not drafts:
            reason = "no_pattern" if chunk.kind in ASKED_KINDS else f"kind_{chunk.kind}"
            made.rejected.append(_rejected(chunk.chunk_id, document.document_id, reason, chunk.section))
        for draft in drafts:
            _add(made, document, chunk, draft, spans, params)
    _drop_unfit(made, params)
    spoken_for = {pair.chunk_id for pair in made.pairs} | {row.item_id for row in made.rejected}
    made.rejected.extend(
        _rejected(chunk.chunk_id, document.document_id, "no_pair_left", chunk.section)
        for chunk in chunks
        if chunk.chunk_id not in spoken_for
    )
    log.info("%s: %d pairs from %d chunks", document.title, len(made.pairs), len(chunks))
    return made


def _add(made: Generated, document: Document, chunk: Chunk, draft: Draft, spans: PageSpans, params: GenerateParams) -> None:
    """One draft's pairs and evidence; rejected where its span and the page's text differ."""
    printed = chunk.text[draft.char_from : draft.char_from + draft.n_chars]
    places = spans.locate(chunk.chunk_id, draft.char_from, draft.n_chars)
    fact_id = key(document.document_id, normalise(printed))
    generator = f"{params.method}-{VERSION}"
    for wording, bare in enumerate(draft.questions):
        pair_id = key(document.document_id, fact_id, normalise(bare), draft.answer_key, generator)
        if _letters(place.quote for place in places) != _letters([printed]):
            made.rejected.append(_rejected(pair_id, document.document_id, "not_in_text", printed[:80]))
            continue
        question = with_title(bare, document.title, pair_id) if params.source_in_question else bare
        made.pairs.append(
            QaPair(
                pair_id=pair_id,
                document_id=document.document_id,
                chunk_id=chunk.chunk_id,
                fact_id=fact_id,
                wording=wording,
                question=question,
                bare_question=bare,
                answer=draft.answer,
                answer_key=draft.answer_key,
                answer_kind=draft.answer_kind,
                pattern=draft.pattern,
                generator=generator,
            )
        )
        made.evidence.extend(
            Evidence(
                key(pair_id, rank), pair_id, document.document_id, rank, place.page, place.char_from, place.n_chars, place.quote, place.box
            )
            for rank, place in enumerate(places)
        )


def _letters(texts: Iterable[str]) -> str:
    return "".join("".join(text.split()) for text in texts)


def _drop_unfit(made: Generated, params: GenerateParams) -> None:
    """Take out questions that stand twice, then facts that are left with too few wordings; each drop is a row.

    With the same key the later of two equal questions is a copy; with different keys neither can be judged.
    """
    by_question: dict[str, list[QaPair]] = defaultdict(list)
    for pair in made.pairs:
        by_question[normalise(pair.bare_question)].append(pair)
    dropped: dict[str, str] = {}
    for first, *more in by_question.values():
        if any(normalise(pair.answer_key or pair.answer) != normalise(first.answer_key or first.answer) for pair in more):
            dropped |= dict.fromkeys((pair.pair_id for pair in (first, *more)), "ambiguous_question")
        else:
            dropped |= {pair.pair_id: "repeated_question" for pair in more if pair.pair_id != first.pair_id}
    n_left = Counter(_fact(pair) for pair in made.pairs if pair.pair_id not in dropped)
    dropped |= {p.pair_id: "few_wordings" for p in made.pairs if p.pair_id not in dropped and n_left[_fact(p)] < params.min_wordings}
    made.rejected.extend(
        _rejected(pair.pair_id, pair.document_id, dropped[pair.pair_id], pair.bare_question)
        for pair in made.pairs
        if pair.pair_id in dropped
    )
    made.pairs[:] = {pair.pair_id: pair for pair in made.pairs if pair.pair_id not in dropped}.values()
    made.evidence[:] = {row.evidence_id: row for row in made.evidence if row.pair_id not in dropped}.values()
    made.rejected[:] = {row.rejection_id: row for row in made.rejected}.values()


def _fact(pair: QaPair) -> tuple[str, str | None, str]:
    return pair.fact_id, pair.answer_key, pair.pattern


def _rejected(item_id: str, document_id: str, reason: str, detail: str) -> Rejected:
    return Rejected(key(STAGE, item_id, reason), STAGE, item_id, document_id, reason, detail)
