"""Chunk -> drafts: every sentence's facts with their questions, checked to stand alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.extract_acronyms import acronyms
from tasks.extract_draft import Draft, Found
from tasks.extract_patterns import facts
from tasks.extract_sentences import Sentence, sentences, statements
from tasks.extract_asides import existentials, named_roles
from tasks.extract_steps import imperative, introduced, sequences
from tasks.extract_tables import table_facts
from tasks.key_match import states
from tasks.text import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tasks.generate import GenerateParams
    from warehouse.tables import Chunk

CLEFT = re.compile(r"\b(?:is it that|that is|by itself|by themselves|(?:are|is|were|was) there|there (?:are|is|were|was))\b", re.IGNORECASE)
POINTS_ELSEWHERE = re.compile(
    r"\b(?:it|they|them|this|these|those|such|he|she|him|her|his|former|latter|we|us|our|here|aforementioned|ones|"
    r"itself|themselves|above-mentioned|authors'|there|another)\b|\bone (?:is|was|that|has|of them)\b|"
    r"\bthe (?:second|first|third|two|three|above|below)(?= (?:is|are|was|were|has|have|and|or|in|to|by|be|do)\b|\?)",
    re.IGNORECASE,
)  # fmt: skip
POSSESSIVE = re.compile(r"\b(?:its|their)\b", re.IGNORECASE)


def chunk_drafts(chunk: Chunk, params: GenerateParams) -> list[Draft]:
    """At most ``params.max_facts_per_chunk`` drafts in reading order, each with at least ``params.min_wordings`` questions."""
    vocabulary = frozenset(re.findall(r"(?<![\w.-])[a-z][a-z'-]+\b", chunk.text))
    drafts = list(table_facts(chunk.text)) if chunk.kind == "table" else []
    if chunk.kind == "body":
        drafts += sequences(chunk.text, chunk.section, vocabulary)
        for sentence in sentences(chunk.text):
            drafts += _sentence_drafts(sentence, vocabulary, params)
    drafts = [draft for draft in (_checked(draft, params) for draft in drafts) if draft]
    return sorted(drafts, key=lambda draft: draft.char_from)[: params.max_facts_per_chunk]


def _sentence_drafts(sentence: Sentence, vocabulary: frozenset[str], params: GenerateParams) -> list[Draft]:
    """The surest facts of one sentence, each with its own key."""
    found = sorted(_facts_of(sentence, vocabulary), key=lambda pair: pair[0].cost)
    drafts: list[Draft] = []
    for fact, answer in found:
        draft = _checked(_draft(sentence, fact, answer), params)
        if draft is not None and len(drafts) < params.max_keys_per_sentence and not _is_known(draft, drafts):
            drafts.append(draft)
    return drafts


def _facts_of(sentence: Sentence, vocabulary: frozenset[str]) -> Iterator[tuple[Found, str]]:
    yield from acronyms(sentence.text)
    if sentence.text.startswith("There "):
        yield from existentials(sentence.text)
        return
    yield from named_roles(sentence.text)
    yield from introduced(sentence.text, vocabulary)
    for statement in [*imperative(sentence.text), *statements(sentence.text, vocabulary)]:
        for fact in facts(statement.clause):
            yield fact, statement.answer


def _is_known(draft: Draft, drafts: Iterable[Draft]) -> bool:
    return any(draft.answer_key == other.answer_key or set(draft.questions) & set(other.questions) for other in drafts)


def _draft(sentence: Sentence, fact: Found, answer: str) -> Draft:
    return Draft(sentence.char_from, sentence.n_chars, fact.questions, answer, fact.key or None, fact.kind, fact.pattern)


def _checked(draft: Draft, params: GenerateParams) -> Draft | None:
    """The draft with the questions that stand alone; None where too few do, or the key does not fit the answer."""
    key = draft.answer_key
    if key is not None and ";" not in key and len(key.split()) > params.max_key_words:
        key = None
    if key is not None and (not states(draft.answer, key) or ((POINTS_ELSEWHERE.search(key) or re.match(r"(?:same|following|either|both|other)\b", key)) and draft.answer_kind != "text")):
        return None
    if POINTS_ELSEWHERE.match(draft.answer) or POSSESSIVE.match(draft.answer):
        return None
    good = [q for q in draft.questions if stands_alone(q) and not (key and draft.answer_kind != "comparison" and states(q, key))]
    if len(good) < params.min_wordings:
        return None
    return Draft(draft.char_from, draft.n_chars, tuple(good[: params.wordings]), draft.answer, key, draft.answer_kind, draft.pattern)


def stands_alone(question: str) -> bool:
    """True where the question points at nothing outside itself and has a length that can be read."""
    text = CLEFT.sub(" ", question)
    if POINTS_ELSEWHERE.search(text) or not 3 <= len(words(question)) <= 40:  # noqa: PLR2004  # 'What is X?' to the limit of rule D5
        return False
    subject = re.search(r"\b(?:its|their)\b", text, re.IGNORECASE)
    return subject is None or len(words(text[: subject.start()])) > 3  # noqa: PLR2004  # its owner stands before it
