"""Tokens -> where the finite verb stands and how far its group reaches; unsure is no answer."""

from __future__ import annotations

from itertools import pairwise

from tasks import extract_verbs as verbs
from tasks.extract_tokens import (
    DETERMINERS,
    PREPOSITIONS,
    RELATIVES,
    SUBORDINATORS,
    Token,
    has_plural_head,
    is_adverb,
    is_plural,
    opens_complement,
)
from tasks.extract_verbs import word_list

SURE, PERHAPS, NO = 2, 1, 0
NO_VERB_AFTER = (DETERMINERS - {"all", "each", "both"}) | PREPOSITIONS | {"of", "and", "or", "to"}
BREAKS = frozenset({",", "and", "or", "but", "before", "after", "until", "since", "than", "as", "it", "they", "he", "she"})
ENDS_PARTICIPLE = PREPOSITIONS | SUBORDINATORS | {"", "as", "and", "or", ","}
NAME_WORDS = 4  # a subject that is a bare name is short: 'NAME stores records'


def find_verb(tokens: list[Token], first: int = 1) -> int | None:
    """Index of the first finite verb that belongs to no relative clause; None where there is none or the choice is unsure."""
    in_relative = False
    perhaps: int | None = None
    at = first
    while at < len(tokens):
        low = tokens[at].low
        if low in RELATIVES and perhaps is None:
            in_relative = True
        elif low in SUBORDINATORS or (perhaps is not None and low in RELATIVES | BREAKS):
            break
        elif (strength := _strength(tokens, at)) and not (perhaps is not None and strength == PERHAPS):
            if in_relative:
                in_relative = False
                at = group_end(tokens, at)
                continue
            if strength == SURE:
                return at
            perhaps = at
        at += 1
    return perhaps


def _strength(tokens: list[Token], at: int) -> int:
    token, before = tokens[at], tokens[at - 1]
    if token.low in verbs.AUXILIARIES:
        return SURE
    if token.is_capital or before.low in NO_VERB_AFTER:
        return NO
    if (found := verbs.reading(token.low, "s")) is not None:
        return _strength_of_s(tokens, at) if found.base in word_list("noun_like") else SURE
    if (found := verbs.reading(token.low, "past")) is not None:
        return PERHAPS if _is_past(tokens, at, found.base) else NO
    found = verbs.reading(token.low, "base")
    if found is None or not has_plural_head(tokens, at - 1):
        return NO
    return PERHAPS if found.base not in word_list("noun_like") or opens_complement(tokens, at + 1) else NO


def _strength_of_s(tokens: list[Token], at: int) -> int:
    """For words such as ``stores`` and ``tests``, which may be plural nouns."""
    beyond = next((t.low for t in tokens[at + 1 :] if not is_adverb(t.low)), "")
    is_next = at + 1 < len(tokens) and tokens[at + 1].low == beyond
    if verbs.reading(beyond, "base") and not (is_next and beyond in word_list("noun_like")):
        return NO  # 'tests typically present'
    after_name = tokens[at - 1].is_capital and at < NAME_WORDS and not is_plural(tokens[at - 1].low)
    return PERHAPS if after_name or opens_complement(tokens, at + 1) else NO


def _is_past(tokens: list[Token], at: int, base: str) -> bool:
    """False for what is more likely a participle behind its noun: ``code files sampled from ...``."""
    if not verbs.is_participle(tokens[at].low):
        return True
    following = tokens[at + 1].low if at + 1 < len(tokens) else ""
    if following in ENDS_PARTICIPLE:
        return base in word_list("intransitive")
    if is_adverb(tokens[at - 1].low):
        return True
    another = any(verbs.reading(b.low, "s", "base") and a.low not in verbs.MODALS | {"to", "not"} for a, b in pairwise(tokens))
    return opens_complement(tokens, at + 1) or not another


def group_end(tokens: list[Token], at: int) -> int:
    """Index after the verb group that begins at ``at``: auxiliaries, adverbs and the verb they lead to."""
    end = at + 1
    if tokens[at].low not in verbs.AUXILIARIES:
        return end
    while end < len(tokens):
        low = tokens[end].low
        if low in ("be", "been", "being", "have", "not") or (is_adverb(low) and end + 1 < len(tokens)):
            end += 1
            continue
        before = next((t.low for t in reversed(tokens[at:end]) if not is_adverb(t.low)), "")
        return end + 1 if _goes_on(before, low, tokens, end) else end
    return end


def _goes_on(before: str, low: str, tokens: list[Token], at: int) -> bool:
    """True where ``low`` is the verb that the auxiliary ``before`` asks for."""
    if before in verbs.BE | {"be", "been", "being"}:
        return verbs.is_participle(low) or verbs.reading(low, "ing") is not None
    if before in verbs.MODALS | verbs.DO:
        return verbs.is_base(low)
    is_adjective = low in word_list("participial_adjectives") and not opens_complement(tokens, at + 1)
    return before in verbs.HAVE and verbs.is_participle(low) and not is_adjective
