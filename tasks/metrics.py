"""Answers -> scores: what can be said of an answer without a judge, against its reference and against its document."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.curate_patterns import REFUSAL
from tasks.embed import EmbedParams, embed, windows
from tasks.key_match import key_items, states
from tasks.text import contains_words, fold, ngrams, normalise, numbers, words
from warehouse.errors import ConfigError
from warehouse.tables import Answer, Chunk, ChunkKind, QaPair, Score

if TYPE_CHECKING:
    import numpy as np

VERSION = 2
ARTICLES = frozenset({"a", "an", "the"})
BODY_KINDS: tuple[ChunkKind, ...] = ("body", "table", "caption")


@dataclass(frozen=True, slots=True)
class ScoreParams:
    """How answers are measured."""

    max_length_factor: float = 3.0
    """An answer longer than this many times its reference does not count as stating the fact: whoever lists everything states nothing."""
    min_word_limit: int = 20
    """Answers up to this many words are never too long, however short the reference."""
    gram_words: int = 4
    """Runs of this many words count as copied when they stand in the document."""

    def __post_init__(self) -> None:
        """Refuse limits under which no answer could count."""
        if self.max_length_factor < 1:
            raise ConfigError(f"{self.max_length_factor} is below 1", where="score.max_length_factor", mend="use at least 1")
        if self.min_word_limit < 1:
            raise ConfigError(f"{self.min_word_limit} is below 1", where="score.min_word_limit", mend="use at least 1")
        if self.gram_words < 1:
            raise ConfigError(f"{self.gram_words} is below 1", where="score.gram_words", mend="use at least 1")


@dataclass(frozen=True, slots=True)
class Background:
    """What the answers about one document are measured against: its references and its body, each text in embedded windows."""

    references: Mapping[str, np.ndarray]
    body: np.ndarray
    body_texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One answer with all that a metric may look at. ``vectors``: (windows, dimensions), no rows for an answer without words."""

    answer: str
    pair: QaPair
    vectors: np.ndarray
    background: Background
    params: ScoreParams


def states_key(answer: str, answer_key: str, n_reference_words: int, params: ScoreParams = ScoreParams()) -> bool:
    """True when the answer states the key and is no longer than the word limit; see :mod:`tasks.key_match` for what counts."""
    limit = max(params.max_length_factor * n_reference_words, params.min_word_limit)
    return len(words(answer)) <= limit and states(answer, answer_key)


def declines(answer: str, refusal: str) -> bool:
    """True when ``answer`` says that it cannot be told: in the words of ``refusal``, or in those that refusals are known by."""
    return contains_words(answer, refusal) or bool(REFUSAL.search(fold(answer)))


def token_f1(answer: str, reference: str) -> float:
    """Token F1 as for SQuAD (Rajpurkar et al. 2016, arXiv:1606.05250): articles and punctuation dropped; 0 to 1."""
    said, wanted = ([word for word in words(text) if word not in ARTICLES] for text in (answer, reference))
    n_common = sum((Counter(said) & Counter(wanted)).values())
    return 2 * n_common / (len(said) + len(wanted)) if n_common else float(said == wanted)


def rouge_l(answer: str, reference: str) -> float:
    """ROUGE-L F with the Porter stemmer (Lin 2004); 0 to 1."""
    return float(_rouge().score(reference, answer)["rougeL"].fmeasure)


def window_cosine(answer: np.ndarray, other: np.ndarray) -> float:
    """Mean over the answer's windows of the best cosine with a window of the other text; 0 where either has no words."""
    return float((answer @ other.T).max(axis=1).mean()) if len(answer) and len(other) else 0.0


def grounding_copy(answer: str, background: Background, gram_words: int) -> float:
    """Share of the answer's runs of ``gram_words`` words that stand in the body; a shorter answer is one run. 0 for an empty one."""
    tokens = words(answer)
    n = min(gram_words, len(tokens))
    grams = ngrams(tokens, n) if n else set()
    return len(grams & _body_grams(background.body_texts, n)) / len(grams) if grams else 0.0


def numbers_grounded(answer: str, background: Background) -> float | None:
    """Share of the answer's numbers that stand in the body; None for an answer without numbers."""
    found = numbers(answer)
    return len(found & _body_numbers(background.body_texts)) / len(found) if found else None


def contrastive_cosine(case: Case) -> float:
    """Cosine with the own reference minus the mean cosine with the document's other references; the cosine alone where there are none.

    Taking off what any answer about this document gets leaves what is due to this question.
    """
    own = normalise(case.pair.answer)
    others = [window_cosine(case.vectors, vectors) for text, vectors in case.background.references.items() if normalise(text) != own]
    return _cosine(case) - (sum(others) / len(others) if others else 0.0)


def _cosine(case: Case) -> float:
    return window_cosine(case.vectors, case.background.references[case.pair.answer])


def states_fact(answer: str, pair: QaPair, params: ScoreParams = ScoreParams()) -> bool | None:
    """Whether the answer states what the pair asks for; None for a pair without a key.

    For a question that the document does not answer, whether the answer says so.
    """
    if pair.answer_kind == "refusal":
        return declines(answer, pair.answer)
    key = pair.answer_key
    return states_key(answer, key, len(words(pair.answer)), params) if key and key_items(key) else None


METRICS: dict[str, Callable[[Case], Any]] = {
    "states_key": lambda case: states_fact(case.answer, case.pair, case.params),
    "n_words": lambda case: len(words(case.answer)),
    "token_f1": lambda case: token_f1(case.answer, case.pair.answer),
    "rouge_l": lambda case: rouge_l(case.answer, case.pair.answer),
    "cosine": _cosine,
    "contrastive_cosine": contrastive_cosine,
    "grounding_cosine": lambda case: window_cosine(case.vectors, case.background.body),
    "grounding_copy": lambda case: grounding_copy(case.answer, case.background, case.params.gram_words),
    "numbers_grounded": lambda case: numbers_grounded(case.answer, case.background),
    "declines": lambda case: declines(case.answer, case.pair.answer if case.pair.answer_kind == "refusal" else ""),
}
"""Column of ``scores`` -> how it is measured."""


def score_answers(
    answers: Sequence[Answer],
    pairs: Mapping[str, QaPair],
    document_references: Mapping[str, Sequence[str]],
    chunks: Sequence[Chunk],
    params: ScoreParams = ScoreParams(),
    embed_params: EmbedParams = EmbedParams(),  # noqa: B008  # frozen
) -> list[Score]:
    """One row per answer, in the answers' order.

    ``pairs`` by pair_id; ``document_references``: per document_id the reference answers of its pairs; ``chunks`` of those documents
    (others are ignored).
    """
    texts = {answer.answer_id: windows(answer.answer, embed_params.window_words) if words(answer.answer) else [] for answer in answers}
    vectors = _embed_each(texts, embed_params)
    backgrounds = {
        document_id: _background(
            tuple(sorted({*document_references.get(document_id, ()), *(p.answer for p in pairs.values() if p.document_id == document_id)})),
            tuple(chunk.text for chunk in chunks if chunk.document_id == document_id and chunk.kind in BODY_KINDS),
            embed_params,
        )
        for document_id in {pairs[answer.pair_id].document_id for answer in answers}
    }
    scores = []
    for answer in answers:
        pair = pairs[answer.pair_id]
        case = Case(answer.answer, pair, vectors[answer.answer_id], backgrounds[pair.document_id], params)
        scores.append(
            Score(answer_id=answer.answer_id, pair_id=answer.pair_id, arm=answer.arm, **{name: of(case) for name, of in METRICS.items()})
        )
    return scores


@functools.lru_cache(maxsize=64)
def _background(references: tuple[str, ...], body: tuple[str, ...], params: EmbedParams) -> Background:
    """Embedded once for all arms and batches of a document, apart from the answers: so its vectors do not depend on what was answered."""
    texts = {f"reference {text}": windows(text, params.window_words) for text in references}
    texts["body"] = [piece for text in body for piece in windows(text, params.window_words)]
    vectors = _embed_each(texts, params)
    return Background({text: vectors[f"reference {text}"] for text in references}, vectors["body"], body)


def _embed_each(texts: Mapping[str, Sequence[str]], params: EmbedParams) -> dict[str, np.ndarray]:
    """The vectors of each name's texts, embedded in one call."""
    table = embed([text for group in texts.values() for text in group], params)
    vectors, at = {}, 0
    for name, group in texts.items():
        vectors[name] = table[at : at + len(group)]
        at += len(group)
    return vectors


@functools.lru_cache(maxsize=64)
def _body_grams(body: tuple[str, ...], n: int) -> set[tuple[str, ...]]:
    return set().union(*(ngrams(words(text), n) for text in body))


@functools.lru_cache(maxsize=64)
def _body_numbers(body: tuple[str, ...]) -> set[str]:
    return set().union(*(numbers(text) for text in body))


@functools.cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer  # noqa: PLC0415  # pulls in nltk

    return RougeScorer(["rougeL"], use_stemmer=True)
