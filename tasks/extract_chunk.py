"""Chunk -> drafts: every sentence's facts with their questions, checked to stand alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tasks.extract_acronyms import acronyms
from tasks.extract_asides import existentials, named_roles
from tasks.extract_clauses import statements
from tasks.extract_doubts import NEEDS_KEY, is_doubtful_sentence
from tasks.extract_draft import Draft, Found
from tasks.extract_examples import example_ranges
from tasks.extract_glosses import glosses
from tasks.extract_orders import imperative, introduced
from tasks.extract_patterns import facts, whole_subject
from tasks.extract_sentences import Sentence, sentences
from tasks.extract_steps import sequences
from tasks.extract_tables import table_facts
from tasks.key_match import states
from tasks.text import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tasks.extract_examples import Range
    from tasks.generate import GenerateParams
    from warehouse.tables import Chunk

# pronouns that point at nothing: 'what is it that', 'how many are there'
EMPTY_PRONOUNS = re.compile(
    r"\b(?:is it that|such as|that is|by itself|by themselves|(?:are|is|were|was) there|there (?:are|is|were|was))\b", re.IGNORECASE
)
POINTS_ELSEWHERE = re.compile(
    r"\b(?:it|they|them|this|these|those|such|he|she|him|her|his|former|latter|we|us|our|here|aforementioned|ones|"
    r"itself|themselves|above-mentioned|there|another|your|my)\b|\bone (?:is|was|that|has|of them)\b|"
    r"\bthe (?:second|first|third|two|three|above|below)(?= (?:is|are|was|were|has|have|and|or|in|to|by|be|do)\b|\?)",
    re.IGNORECASE,
)
POSSESSIVE = re.compile(r"\b(?:its|their)\b", re.IGNORECASE)
VAGUE_KEY = re.compile(r"(?:same|following|either|both|other)\b")
LOWER_WORD = re.compile(r"(?<![\w.-])[a-z][a-z'-]+\b")
MIN_QUESTION_WORDS, MAX_QUESTION_WORDS = 3, 40
"""Without the title: from ``What is X?`` to what can be read in one breath."""
OWNER_WORDS = 3
"""``its`` and ``their`` may stand behind more words than these, in which their owner is named."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a sentence cannot tell about its document: words that it writes in lower case, and where its chunks hold example text."""

    vocabulary: frozenset[str] = frozenset()
    examples: Mapping[str, Sequence[Range]] = field(default_factory=dict)


def surroundings(chunks: Sequence[Chunk]) -> Surroundings:
    """Read off all chunks of one document."""
    lower = frozenset(word for chunk in chunks if chunk.kind == "body" for word in LOWER_WORD.findall(chunk.text))
    return Surroundings(lower, example_ranges(chunks))


def chunk_drafts(chunk: Chunk, around: Surroundings, params: GenerateParams) -> list[Draft]:
    """At most ``params.max_facts_per_chunk`` drafts in reading order, each with at least ``params.min_wordings`` questions."""
    vocabulary, examples = around.vocabulary, around.examples.get(chunk.chunk_id, ())
    if chunk.kind == "table":
        drafts = table_facts(chunk.text)
    else:
        drafts = sequences(chunk.text, chunk.section, vocabulary)
        drafts += glosses(chunk.text, vocabulary)
        for sentence in sentences(chunk.text):
            drafts += _sentence_drafts(sentence, vocabulary, params)
    stated = [draft for draft in drafts if not any(begin <= draft.char_from < end for begin, end in examples)]
    checked = [good for draft in stated if (good := _checked(draft, params))]
    return sorted(checked, key=lambda draft: draft.char_from)[: params.max_facts_per_chunk]


def _sentence_drafts(sentence: Sentence, vocabulary: frozenset[str], params: GenerateParams) -> list[Draft]:
    """The surest facts of one sentence, each with its own key."""
    drafts: list[Draft] = []
    if is_doubtful_sentence(sentence.text, vocabulary):
        return drafts
    for fact, answer in sorted(_facts_of(sentence, vocabulary), key=lambda found: found[0].cost):
        draft = Draft(sentence.char_from, sentence.n_chars, fact.questions, answer, fact.key or None, fact.kind, fact.pattern)
        good = _checked(draft, params)
        if good is not None and len(drafts) < params.max_keys_per_sentence and not _is_known(good, drafts):
            drafts.append(good)
    return drafts


def _facts_of(sentence: Sentence, vocabulary: frozenset[str]) -> Iterator[tuple[Found, str]]:
    yield from acronyms(sentence.text)
    if sentence.text.startswith("There "):
        yield from existentials(sentence.text)
        return
    yield from named_roles(sentence.text)
    yield from introduced(sentence.text, vocabulary)
    ordered = imperative(sentence.text)
    if not ordered:
        yield from whole_subject(sentence.text, vocabulary)
    for statement in ordered or statements(sentence.text, vocabulary):
        for fact in facts(statement.clause):
            yield fact, statement.answer


def _is_known(draft: Draft, drafts: Iterable[Draft]) -> bool:
    return any(draft.answer_key == other.answer_key or set(draft.questions) & set(other.questions) for other in drafts)


def _checked(draft: Draft, params: GenerateParams) -> Draft | None:
    """The draft with the questions that stand alone; None where too few do, or the key does not fit the answer."""
    key = draft.answer_key
    if key is not None and ";" not in key and (len(key.split()) > params.max_key_words or POINTS_ELSEWHERE.match(key)):
        key = None
    if POINTS_ELSEWHERE.match(EMPTY_PRONOUNS.sub(" ", draft.answer)) or POSSESSIVE.match(draft.answer):
        return None
    if key is None and draft.pattern in NEEDS_KEY:
        return None
    is_vague = key is not None and draft.answer_kind != "text" and (POINTS_ELSEWHERE.search(key) or VAGUE_KEY.match(key))
    if key is not None and (is_vague or not states(draft.answer, key)):
        return None
    offers_choice = draft.answer_kind == "comparison"
    good = [q for q in draft.questions if stands_alone(q) and (key is None or offers_choice or not states(q, key))]
    return replace(draft, questions=tuple(good[: params.wordings]), answer_key=key) if len(good) >= params.min_wordings else None


def stands_alone(question: str) -> bool:
    """True where the question points at nothing outside itself and has a length that can be read."""
    text = EMPTY_PRONOUNS.sub(" ", question)
    if POINTS_ELSEWHERE.search(text) or not MIN_QUESTION_WORDS <= len(words(question)) <= MAX_QUESTION_WORDS:
        return False
    possessive = POSSESSIVE.search(text)
    return possessive is None or len(words(text[: possessive.start()])) > OWNER_WORDS
