"""QA pair and its document's body -> the measures that flag and never drop: groundedness (D12) and answerability (D13)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tasks.curate_context import Context
from tasks.key_match import states
from tasks.text import ngrams, words
from warehouse.tables import Chunk, KeptPair, QaPair

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
class Body:
    """What stands in a document's body, references and front matter left out."""

    grams: frozenset[tuple[str, ...]]
    words: frozenset[str]


def body_of(chunks: Iterable[Chunk]) -> Body:
    """The runs of four words and the words of a document's body, tables and captions."""
    texts = [words(chunk.text) for chunk in chunks if chunk.kind in BODY_KINDS]
    grams = frozenset(gram for tokens in texts for gram in ngrams(tokens, GROUNDING_NGRAM))
    return Body(grams, frozenset(token for tokens in texts for token in tokens))


def grounded_share(answer: str, question: str, grams: frozenset[tuple[str, ...]]) -> float:
    """Share of the answer's 4-grams, those of the question left out, that stand in ``grams`` (D12). 1.0 where none is left to find."""
    wanted = ngrams(words(answer), GROUNDING_NGRAM) - ngrams(words(question), GROUNDING_NGRAM)
    return len(wanted & grams) / len(wanted) if wanted else 1.0


def answerable_share(bare_question: str, known: frozenset[str]) -> float:
    """Share of the question's content words, plural or not, that stand in ``known`` (D13). 1.0 for a question without any."""
    asked = {token for token in words(bare_question) if token not in EMPTY_WORDS}
    return sum(not {token, token + "s", token.removesuffix("s")}.isdisjoint(known) for token in asked) / len(asked) if asked else 1.0


def measure(pair: QaPair, context: Context, body: Body) -> KeptPair:
    """The row of a pair that stays. An answer whose key the quote itself states is grounded, in whatever words it is given.

    A refusal is grounded in nothing and its question not answerable, as they should be: it is measured, and not flagged.
    """
    params = context.params
    is_quoted = pair.answer_key is not None and states(" ".join(span.quote for span in context.evidence), pair.answer_key)
    grounded = grounded_share(pair.answer, pair.question, body.grams)
    answerable = answerable_share(pair.bare_question, body.words)
    flags = []
    if grounded < params.min_grounded_share and not is_quoted and pair.answer_kind != "refusal":
        flags.append("low_groundedness")
    if answerable < params.min_answerable_share and pair.answer_kind != "refusal":
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
