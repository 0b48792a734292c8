"""Chunk text -> facts of ``Label: gloss`` lines: which term, agent or thing it is that the gloss describes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks import extract_verbs as verbs
from tasks.extract_doubts import is_bare, n_telling
from tasks.extract_draft import Draft
from tasks.extract_finite import find_verb
from tasks.extract_keys import first_word, holds_clause
from tasks.extract_questions import unique
from tasks.extract_sentences import clean_sentence
from tasks.extract_tokens import RELATIVES, starts_like_verb, tokenise
from tasks.extract_verbs import word_list
from tasks.text import sentence_spans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.extract_tokens import Token

LINE = re.compile(
    r"^(?:[•·▪◦*–—-] |\(?\d{1,2}[.)] )?"  # noqa: RUF001  # as printed
    r"(?P<label>[A-Z][\w/&’'-]*(?: [\w/&’'-]+){0,4})"  # noqa: RUF001
    r"(?: \((?:[^()]|\([^()]*\))*\))?: ?(?P<gloss>\S.*)$",
    re.MULTILINE,
)
ABOUT_LABEL = re.compile(r"^(?:This (?P<kind>[a-z]+)|It) (?P<said>.+)$")
TALKS_OF_TEXT = re.compile(r"(?:an? )?(?:short|brief|overview|summary|survey|list|example|see)\b", re.IGNORECASE)
VERBAL = re.compile(r"(?:[A-Z][a-z]+ly )?[A-Za-z][a-z-]{2,}ing\b(?! (?:is|are|was|were|has|can|may|must)\b)")
PLURAL_THAT = re.compile(r"[A-Z][a-z]+s that ")
NO_LABEL = re.compile(
    r"(?:example|note|step|question|answer|problem|suggestion|instruction|input|output|warning|caution|figure|table)\b|.*\d$",
    re.IGNORECASE,
)
MIN_TELLING = 3
"""A gloss with fewer content words may describe several things."""


def glosses(text: str, vocabulary: frozenset[str]) -> Iterator[Draft]:
    """One draft a line whose label is a term and whose first sentence is a noun phrase, or a statement about ``this`` or ``it``."""
    for match in LINE.finditer(text):
        begin, end = sentence_spans(match["gloss"])[0]
        printed, label = match["gloss"][begin:end], match["label"]
        gloss = clean_sentence(printed[:1].upper() + printed[1:])
        statement = ABOUT_LABEL.match(printed.rstrip("."))
        if NO_LABEL.match(label) or is_bare(label):
            continue
        asked = _ask_statement(statement) if statement else _ask_phrase(gloss.rstrip("."))
        if asked and n_telling(asked[0]) >= MIN_TELLING - bool(statement):
            key = label if label.isupper() or label.casefold() not in vocabulary else label.casefold()
            answer = f"{label}: {printed}"
            yield Draft(match.start("label"), match.start("gloss") + end - match.start("label"), asked, answer, key, "term", "gloss")


def _ask_statement(statement: re.Match[str]) -> tuple[str, ...]:
    """``This agent generates poems``: which agent generates poems."""
    said, kind = statement["said"], statement["kind"]
    if not starts_like_verb(said) or re.match(r"(?:is|can be|was) (?:important|difficult|hard|possible|necessary|clear)\b", said):
        return ()
    which = f"which {kind}" if kind else "what"
    named = f"the {kind} that" if kind else "what"
    return unique([f"{which} {said}", f"can you name {named} {said}", f"{which} is it that {said}"])


def _ask_phrase(gloss: str) -> tuple[str, ...]:
    """``The process of altering text``: which term is used for it. Sentences and orders are left to other patterns."""
    tokens = tokenise(gloss)
    is_doing = VERBAL.match(gloss) is not None
    is_phrase = is_doing or PLURAL_THAT.match(gloss) or first_word(gloss) in ("a", "an", "the")
    states = holds_clause(gloss) or _has_verb(tokens, is_doing=is_doing)
    if not is_phrase or TALKS_OF_TEXT.match(gloss) or states:
        return ()
    low = gloss[:1].lower() + gloss[1:]
    return unique([f"which term is used for {low}", f"what is described as {low}", f"which name is given to {low}"])


def _has_verb(tokens: list[Token], *, is_doing: bool) -> bool:
    """True where a finite verb stands before any relative clause: the gloss is a sentence. Nouns after ``adding`` may look like verbs."""
    until = next((at for at, token in enumerate(tokens) if token.low in RELATIVES), len(tokens))
    if not is_doing:
        return find_verb(tokens[:until]) is not None
    found = (verbs.reading(token.low, "s") for token in tokens[1:until])
    return any(verb is not None and verb.base not in word_list("noun_like") for verb in found)
