"""Sentences that instruct -> statements and facts: imperatives told in the passive, ``Before X, do Y``, ``When X, Y happens``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks import extract_verbs as verbs
from tasks.extract_clauses import Statement, statements
from tasks.extract_draft import Found
from tasks.extract_finite import find_verb
from tasks.extract_grammar import Clause, split_phrases
from tasks.extract_quantities import read_quantity
from tasks.extract_questions import unique
from tasks.extract_tokens import DETERMINERS, PREPOSITIONS, SUBORDINATORS, Token, tokenise
from tasks.extract_verbs import word_list

if TYPE_CHECKING:
    from collections.abc import Iterator

CONDITION = re.compile(
    r"^(?P<intro>(?:When|If|Before|After|Once|Whenever|As soon as|In case of) [^,]{6,90}), (?P<main>[^,;]+(?:, (?:and|or) [^,;]+)?)$"
)
NEXT_ORDER = re.compile(r"; |,? and then |,? then |,? and ")
POINTS_BACK = re.compile(r"\b(?:it|they|them|this|these|he|she)\b")
MAX_OBJECT_WORDS = 8
MIN_ORDER_WORDS = 3


def imperative(sentence: str) -> list[Statement]:
    """``Tighten the bolts to 42 Nm.`` as ``the bolts must be tightened to 42 Nm``; ``Wait 5 minutes.`` as ``you must wait 5 minutes``."""
    made = []
    for part in orders(sentence.rstrip(".!")):
        clause = as_passive(part.split(", ")[0])
        if clause is None:
            break
        made.append(Statement(clause, sentence))
    return made


def orders(text: str) -> list[str]:
    """``Remove the guard and fit the spider`` as its two orders."""
    parts, begin = [], 0
    for link in NEXT_ORDER.finditer(text):
        following = tokenise(text[link.end() :])
        if len(following) > 1 and verbs.reading(following[0].low, "base") and _opens_object(following[1].low):
            parts.append(text[begin : link.start()])
            begin = link.end()
    return [*parts, text[begin:]]


def _opens_object(low: str) -> bool:
    return low in DETERMINERS | PREPOSITIONS | {"off", "up", "out", "down"} or low[:1].isdigit()


def as_passive(text: str) -> Clause | None:
    """An order as a clause about its object; None for what is no order."""
    tokens = tokenise(text)
    found = verbs.reading(tokens[0].low, "base") if len(tokens) >= MIN_ORDER_WORDS else None
    if found is None or tokens[0].low in word_list("not_orders") or _is_statement(tokens):
        return None
    phrases = split_phrases(text, tokens[1:])
    if not phrases or phrases[0].prep or found.base == "wait" or read_quantity(phrases[0].text):
        return Clause("you", "must", found.base, found.base, "", is_passive=False, phrases=phrases) if phrases else None
    thing = phrases[0].text
    if len(thing.split()) > MAX_OBJECT_WORDS or not (tokens[1].text[0].isalnum()) or re.match(r"(?:it|them|this|these|that)\b", thing):
        return None
    return Clause(thing, "must", f"be {verbs.participle(found.base)}", found.base, "", is_passive=True, phrases=phrases[1:])


def _is_statement(tokens: list[Token]) -> bool:
    """True where a sure verb follows before any subordinate clause: ``Supply lines are ...``."""
    at = find_verb(tokens)
    found = verbs.reading(tokens[at].low, "s") if at is not None else None
    is_sure = at is not None and (tokens[at].low in verbs.AUXILIARIES or (found is not None and found.base not in word_list("noun_like")))
    return is_sure and not any(t.low in SUBORDINATORS | {"that", "which", "who", "before", "after", "until"} for t in tokens[:at])


def introduced(sentence: str, vocabulary: frozenset[str]) -> Iterator[tuple[Found, str]]:
    """``When X, Y.`` asked as ``What happens when X?``; ``Before X, do Y.`` as ``What must be done before X?``."""
    match = CONDITION.match(sentence.rstrip("."))
    if match is None or POINTS_BACK.search(match["intro"]) or POINTS_BACK.match(match["main"]):
        return
    main, intro = match["main"], match["intro"][:1].lower() + match["intro"][1:]
    order = as_passive(main)
    clauses = [order] if order else [s.clause for s in statements(main[:1].upper() + main[1:] + ".", vocabulary)]
    if not clauses or (clauses[0].base == "be" and not clauses[0].is_passive):
        return
    what = _what_happens(clauses[0])
    questions = unique([f"{what} {intro}", f"{intro}, {what}", f"can you say {what} {intro}", f"{intro}, can you say {what}"])
    yield Found("condition", "procedure", main, questions, 3), sentence


def _what_happens(clause: Clause) -> str:
    if clause.aux in ("must", "should", "shall"):
        return "what must be done"
    is_past = clause.form == "past" or clause.aux in ("was", "were", "had")
    if clause.is_passive:
        return "what was done" if is_past else "what is done"
    return "what happened" if is_past else "what happens"


def core_of(step: str, vocabulary: frozenset[str]) -> Clause | None:
    """The first clause of a step, whether it is an order or a statement."""
    if not step:
        return None
    order = as_passive(orders(step.rstrip("."))[0].split(", ")[0])
    if order is not None:
        return order
    found = statements(step, vocabulary)
    return found[0].clause if found else None
