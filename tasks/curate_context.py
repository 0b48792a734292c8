"""What a curation rule is told: the pair's own document and settings, and nothing of other documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.embed import EmbedParams, embed
from tasks.language import first_sure_language
from tasks.text import fold, ngrams, words
from warehouse.tables import Chunk, Document, Evidence, Page, QaPair

if TYPE_CHECKING:
    from tasks.curate import CurateParams

ASKED_KINDS = ("body", "table")
Finding = tuple[str, str]
"""(reason code, detail)."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule may look at beside the pair."""

    title: str
    chunk: Chunk | None
    """The pair's own; None where its document has no such chunk."""
    source: str
    """Heading and text of the chunk, and of the others that the evidence stands in, folded."""
    evidence: tuple[Evidence, ...]
    page_texts: Mapping[int, str]
    params: CurateParams
    others: tuple[Chunk, ...] = ()
    """Further chunks of the document that hold a quote which the pair's own does not."""
    refusal: str = ""
    """What the generator answers to a question that the document does not answer."""
    language: str | None = None
    """Of the chunk, else of the document; None where it cannot be told."""
    example_grams: frozenset[tuple[str, ...]] = frozenset()
    example_cosine: float = 0.0
    """Of the question and the nearest example of the generator's prompt."""

    @property
    def excerpt(self) -> str:
        """The text that the pair rests on, as a person or a model should see it."""
        return "\n\n".join(_titled(chunk) for chunk in (self.chunk, *self.others) if chunk)


Rule = Callable[[QaPair, Context], Finding | None]


def make_contexts(
    document: Document,
    pairs: Sequence[QaPair],
    evidence: Iterable[Evidence],
    chunks: Sequence[Chunk],
    pages: Sequence[Page],
    params: CurateParams,
    *,
    refusal: str = "",
    prompt_examples: Sequence[str] = (),
    embed_params: EmbedParams | None = None,
) -> dict[str, Context]:
    """What the rules are told of each pair, by pair_id. ``prompt_examples``: questions shown to the generator in its prompt."""
    sources = _Sources(document.title, chunks, params)
    page_texts = {page.page: page.text for page in pages}
    spans = _spans_by_pair(evidence)
    example_grams = frozenset(gram for example in prompt_examples for gram in ngrams(words(example), params.example_ngram))
    cosines = _example_cosines(pairs, prompt_examples, embed_params or EmbedParams())
    contexts = {}
    for pair in pairs:
        own, quoted = sources.by_id.get(pair.chunk_id), spans.get(pair.pair_id, ())
        others = sources.others(own, quoted)
        contexts[pair.pair_id] = Context(
            title=document.title,
            chunk=own,
            source=" ".join(sources.folded[chunk.chunk_id] for chunk in (own, *others) if chunk),
            evidence=quoted,
            page_texts=page_texts,
            params=params,
            others=others,
            refusal=refusal,
            language=sources.language(own) if params.same_language else None,
            example_grams=example_grams,
            example_cosine=cosines.get(pair.pair_id, 0.0),
        )
    return contexts


class _Sources:
    """A document's chunks, each looked at once."""

    def __init__(self, title: str, chunks: Sequence[Chunk], params: CurateParams) -> None:
        self.by_id = {chunk.chunk_id: chunk for chunk in chunks}
        self.folded = {chunk.chunk_id: fold(f"{chunk.section}\n{chunk.text}") for chunk in chunks}
        self.spaced = {chunk.chunk_id: " ".join(chunk.text.split()) for chunk in chunks}
        self.ranked = sorted(chunks, key=lambda chunk: (chunk.kind not in ASKED_KINDS, chunk.rank))
        self.certainty = params.language_certainty
        self.whole = f"{title}\n" + "\n".join(chunk.text for chunk in chunks if chunk.kind in ASKED_KINDS)

    def others(self, own: Chunk | None, evidence: Sequence[Evidence]) -> tuple[Chunk, ...]:
        """The chunks beside ``own`` that hold its missing quotes, the first for each, chunks that may be asked about before the rest."""
        if own is None:
            return ()
        quotes = [" ".join(span.quote.split()) for span in evidence]
        missing = [quote for quote in quotes if quote and quote not in self.spaced[own.chunk_id]]
        holders = (next((chunk for chunk in self.ranked if quote in self.spaced[chunk.chunk_id]), None) for quote in missing)
        return tuple(dict.fromkeys(chunk for chunk in holders if chunk))

    def language(self, own: Chunk | None) -> str | None:
        """Of the chunk, else of all that is asked about; what only holds figures has none of its own."""
        return first_sure_language([own.text if own else "", self.whole], self.certainty)


def _titled(chunk: Chunk) -> str:
    return f"{chunk.section}\n{chunk.text}" if chunk.section else chunk.text


def _spans_by_pair(evidence: Iterable[Evidence]) -> dict[str, tuple[Evidence, ...]]:
    spans: dict[str, tuple[Evidence, ...]] = {}
    for span in sorted(evidence, key=lambda span: span.rank):
        spans[span.pair_id] = (*spans.get(span.pair_id, ()), span)
    return spans


def _example_cosines(pairs: Sequence[QaPair], examples: Sequence[str], params: EmbedParams) -> Mapping[str, float]:
    if not examples or not pairs:
        return {}
    near = (embed([pair.bare_question for pair in pairs], params) @ embed(examples, params).T).max(axis=1)
    return {pair.pair_id: float(cosine) for pair, cosine in zip(pairs, near, strict=True)}
