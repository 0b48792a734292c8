"""One document's QA pairs -> kept pairs, and a ``rejected`` row for every other: the first rule that fails names the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tasks.curate_rules import Context, first_failure
from tasks.embed import EmbedParams, embed
from tasks.key_match import states
from tasks.text import fold, ngrams, words
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import Chunk, Document, Evidence, KeptPair, Page, QaPair, Rejected

VERSION = 1
STAGE = "curate"
GROUNDING_NGRAM = 4  # D12 is calibrated on runs of four words
BODY_KINDS = ("body", "table", "caption")
EMPTY_WORDS = frozenset(
    words(
        "a an the of in on at to for from by with and or as is are was were be been do does did has have had can could may might must "
        "shall should will would what which who whom whose when where why how many much long often according this that these those it "
        "its there if not name list give state describe explain define called named"
    )
)


@dataclass(frozen=True, slots=True)
class CurateParams:
    """How strict the rules are that each pair must pass."""

    max_citation_marks: float = 10.0
    """Years, venues, links and author names per 100 words from which a chunk counts as a list of references (D1)."""
    min_reference_words: int = 40
    """Chunks shorter than this, in words, are not judged by their citation marks (D1)."""
    min_title_words: int = 4
    """Quoted strings of at least this many words are taken for titles (D3, D4)."""
    title_likeness: float = 0.8
    """A quoted string this like the document's title, but not it, is an altered title: 0 to 1 (D4)."""
    min_question_words: int = 6
    """Fewest words of a question as asked, the title included (D5)."""
    max_question_words: int = 45
    """Most words of a question without the title (D5)."""
    max_affiliations: int = 2
    """Most universities, institutes, departments ... that an answer may name (D8)."""
    max_fragment_words: int = 12
    """Answers in prose longer than this, in words, must end in a full stop, question or exclamation mark (D10)."""
    min_grounded_share: float = 0.03
    """Flag pairs with a smaller share of the answer's 4-grams found in the document, unless the quote states the key (D12)."""
    min_answerable_share: float = 0.5
    """Flag pairs with a smaller share of the question's content words found in the document (D13)."""
    max_speculative_share: float = 0.02
    """Largest share of opinion words (might, perhaps, think ...) that the source does not use (D14)."""
    example_ngram: int = 6
    """A question that shares this many words in a row with a prompt's example is dropped (D2)."""
    max_example_cosine: float = 0.55
    """A question this near to a prompt's example, by cosine, is dropped (D2)."""

    def __post_init__(self) -> None:
        for name in ("title_likeness", "min_grounded_share", "min_answerable_share", "max_speculative_share", "max_example_cosine"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{getattr(self, name)} is no share", where=f"curate.{name}", mend="use a number from 0 to 1")
        for name in ("min_title_words", "min_question_words", "example_ngram"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{getattr(self, name)} is too few", where=f"curate.{name}", mend="use at least 1")
        for name in ("max_citation_marks", "min_reference_words", "max_affiliations", "max_fragment_words"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{getattr(self, name)} is negative", where=f"curate.{name}", mend="use 0 or more")
        if self.max_question_words < self.min_question_words:
            raise ConfigError(
                "no question could be long enough", where="curate.max_question_words", mend=f"use at least {self.min_question_words}"
            )


@dataclass(frozen=True, slots=True)
class Curated:
    """What became of a document's pairs: each is kept or rejected, once, in the order in which they came."""

    kept: list[KeptPair]
    rejected: list[Rejected]


@dataclass(frozen=True, slots=True)
class _Body:
    """What stands in a document's body, references and front matter left out."""

    grams: frozenset[tuple[str, ...]]
    words: frozenset[str]


def curate_document(
    document: Document,
    pairs: Sequence[QaPair],
    evidence: Sequence[Evidence],
    chunks: Sequence[Chunk],
    pages: Sequence[Page],
    params: CurateParams = CurateParams(),
    *,
    prompt_examples: Sequence[str] = (),
    embed_params: EmbedParams | None = None,
) -> Curated:
    """Ask every rule of every pair. What a rule sees is the pair and its own document, so a new document changes nothing here.

    ``prompt_examples``: questions shown to the generator in its prompt (D2); only where there are some is anything embedded.
    """
    by_id = {chunk.chunk_id: chunk for chunk in chunks}
    sources = {chunk.chunk_id: fold(f"{chunk.section}\n{chunk.text}") for chunk in chunks}
    page_texts = {page.page: page.text for page in pages}
    spans = _spans_by_pair(evidence)
    body = _body(chunks)
    example_grams = frozenset(gram for example in prompt_examples for gram in ngrams(words(example), params.example_ngram))
    cosines = _example_cosines(pairs, prompt_examples, embed_params or EmbedParams())
    curated = Curated([], [])
    for pair in pairs:
        context = Context(
            title=document.title,
            chunk=by_id.get(pair.chunk_id),
            source=sources.get(pair.chunk_id, ""),
            evidence=spans.get(pair.pair_id, ()),
            page_texts=page_texts,
            params=params,
            example_grams=example_grams,
            example_cosine=cosines.get(pair.pair_id, 0.0),
        )
        if finding := first_failure(pair, context):
            reason, detail = finding
            curated.rejected.append(Rejected(key(STAGE, pair.pair_id, reason), STAGE, pair.pair_id, pair.document_id, reason, detail))
        else:
            curated.kept.append(_measure(pair, context, body))
    return curated


def grounded_share(answer: str, question: str, grams: frozenset[tuple[str, ...]]) -> float:
    """Share of the answer's 4-grams, those of the question left out, that stand in ``grams`` (D12). 1.0 where none is left to find."""
    wanted = ngrams(words(answer), GROUNDING_NGRAM) - ngrams(words(question), GROUNDING_NGRAM)
    return len(wanted & grams) / len(wanted) if wanted else 1.0


def answerable_share(bare_question: str, known: frozenset[str]) -> float:
    """Share of the question's content words, plural or not, that stand in ``known`` (D13). 1.0 for a question without any."""
    asked = {token for token in words(bare_question) if token not in EMPTY_WORDS}
    return sum(not {token, token + "s", token.removesuffix("s")}.isdisjoint(known) for token in asked) / len(asked) if asked else 1.0


def _measure(pair: QaPair, context: Context, body: _Body) -> KeptPair:
    """D12 and D13 flag and never drop. An answer whose key the quote itself states is grounded, in whatever words it is given."""
    params = context.params
    is_quoted = pair.answer_key is not None and states(" ".join(span.quote for span in context.evidence), pair.answer_key)
    grounded = grounded_share(pair.answer, pair.question, body.grams)
    answerable = answerable_share(pair.bare_question, body.words)
    flags = []
    if grounded < params.min_grounded_share and not is_quoted:
        flags.append("low_groundedness")
    if answerable < params.min_answerable_share:
        flags.append("low_answerability")
    return KeptPair(
        pair_id=pair.pair_id,
        document_id=pair.document_id,
        grounded_share=grounded,
        answerable_share=answerable,
        n_question_words=len(words(pair.question)),
        n_answer_words=len(words(pair.answer)),
        flags=tuple(flags),
    )


def _body(chunks: Iterable[Chunk]) -> _Body:
    texts = [words(chunk.text) for chunk in chunks if chunk.kind in BODY_KINDS]
    grams = frozenset(gram for tokens in texts for gram in ngrams(tokens, GROUNDING_NGRAM))
    return _Body(grams, frozenset(token for tokens in texts for token in tokens))


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
