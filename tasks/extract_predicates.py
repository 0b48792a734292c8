"""Clause -> facts about what a thing is: values, dimensions, definitions, identities, meanings and names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks import extract_verbs as verbs
from tasks.extract_doubts import is_whole_key
from tasks.extract_draft import Found
from tasks.extract_keys import clean_key, is_named, is_pronoun, who_or_what
from tasks.extract_lists import COMPARED, list_items
from tasks.extract_quantities import RANGE, read_date, read_quantity
from tasks.extract_questions import DROPPED, object_gap, predicate, subject_gap, unique
from tasks.extract_verbs import word_list

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.extract_grammar import Clause
    from tasks.extract_quantities import Quantity

DIMENSIONS = {
    "thick": "thickness", "long": "length", "wide": "width", "high": "height", "deep": "depth", "tall": "height", "old": "age",
    "heavy": "weight", "away": "distance", "apart": "spacing", "broad": "width",
}  # fmt: skip
HIGH = "pressure temperature speed voltage rate price cost fee limit accuracy score"
LONG = "length duration period interval time lifetime"
GROWS = {name: how for how, names in (("high", HIGH), ("long", LONG)) for name in names.split()}
HEAD_END = re.compile(r",? (?:that|which|who|whose|where|of|for|with|in|on|at|from|to|by|between|used|made|designed|based|called|when) ")
KEY_END = re.compile(r",? (?:that|which|who|whose|where|for|with|in|on|at|from|to|by|used|made|designed|based) ")
NO_TERM = re.compile(r"(?:the|an?|each|every) ", re.IGNORECASE)
CUT_TARGET = re.compile(r",? (?:from|into|to (?:an?|the)) ")
MAX_DEFINITION_WORDS = 10
TELLING_WORDS = 4
"""A description longer than this, in words, defines even a common noun; ``is a pump`` defines nothing."""
UNMISTAKABLE_WORDS = 5
"""A description longer than this, in words, can be asked back: what is meant by it."""


def predicates(clause: Clause) -> Iterator[Found]:
    """``X is 12 bar``, ``X is 19 mm thick``, ``X is a controller that ...``, ``X are A, B and C``, ``the chair is NAME``."""
    if clause.base != "be" or clause.is_passive or not clause.phrases or clause.phrases[0].prep or clause.aux not in verbs.BE:
        return
    text, rest = clause.phrases[0].text, clause.phrases[1:]
    quantity = read_quantity(text)
    adjective = quantity.after.strip() if quantity else ""
    whole = " ".join(str(p) for p in clause.phrases if p.prep not in DROPPED)
    if quantity and adjective in DIMENSIONS:
        yield Found("dimension", "number", quantity.core, _ask_dimension(clause, quantity, adjective), 0)
    elif (quantity and not adjective) or re.fullmatch(RANGE, text):
        asked = _ask_value(clause, f"how many {quantity.counted}" if quantity else "")
        yield Found("value", "number", quantity.core if quantity else text, asked, 0)
    elif read_date(text):
        yield Found("date", "number", text, predicate(clause, ("when",), rest=rest), 0)
    elif COMPARED.match(whole):
        return
    elif "," in whole and (items := list_items(whole)):
        yield Found("list", "list", "; ".join(items), predicate(clause, (who_or_what(items[0]), "which"), rest=()), 1)
    elif re.match(r"(?:an?|the|one of) ", text):
        yield from _definition(clause, whole)
    elif is_named(text.split()[0]) and not is_pronoun(text):
        yield Found("identity", "name", clean_key(text), predicate(clause, (who_or_what(text),), rest=rest), 1)


def _ask_dimension(clause: Clause, quantity: Quantity, adjective: str) -> tuple[str, ...]:
    rest = clause.phrases[1:]
    asked = ("how far away" if adjective == "away" else f"how {adjective}", f"how many {quantity.counted} {adjective}")
    of = f"what is the {DIMENSIONS[adjective]} of {clause.subject} {' '.join(map(str, rest))}" if clause.aux == "is" else ""
    return unique([*predicate(clause, asked, rest=rest), of])


def _ask_value(clause: Clause, unit: str) -> tuple[str, ...]:
    rest = clause.phrases[1:]
    tail = " ".join([*(str(p) for p in rest if p.prep not in DROPPED), clause.intro])
    how = GROWS.get(HEAD_END.split(clause.subject)[0].split()[-1].casefold(), "")
    asked = ["what", *([f"how {how}"] if how else []), *([unit] if unit and clause.aux in ("are", "were") else [])]
    do = {"is": "does", "are": "do"}.get(clause.aux, "did")
    *fronted, _, indirect = predicate(clause, asked, rest=rest)
    value = [f"what value {do} {clause.subject} have {tail}"] if how or not unit else []
    return unique([*fronted, *value, f"{clause.subject} {clause.aux} {unit or 'what'} {tail}", indirect])


def _definition(clause: Clause, whole: str) -> Iterator[Found]:
    head, key = HEAD_END.split(whole)[0], definition_key(whole)
    noun, n_words = head.split()[-1], len(whole.split())
    is_term = is_named(clause.subject) or not NO_TERM.match(clause.subject)
    is_kind = noun.isalpha() and noun not in word_list("vague_nouns") and " and " not in head and " " in key and clause.aux in ("is", "was")
    who = who_or_what(whole)
    what = "who" if who == "who" and is_named(clause.subject) else "what"
    asked = [*([what] if is_term or n_words > TELLING_WORDS else []), *([f"what kind of {noun}"] if is_kind else [])]
    if not asked or is_pronoun(whole) or is_pronoun(clause.subject) or re.match(r"(?:the )?one\b", whole):
        return
    first, *more = predicate(clause, asked, rest=())
    if is_term and clause.aux in ("is", "are"):
        defined = [] if who == "who" else [f"how {clause.aux} {clause.subject} defined"]
        more = [*defined, *more, f"what is meant by {clause.subject}"]
    if key and key.casefold() not in word_list("vague_nouns"):
        yield Found("definition", "definition", key, unique([first, *more]), 1)
    if is_term and n_words > UNMISTAKABLE_WORDS and not is_pronoun(clause.subject):
        yield Found("defined_term", "term", clean_key(clause.subject), subject_gap(clause, who), 3)


def definition_key(whole: str) -> str:
    """What must be said of a definition: its noun phrase, as far as a relative clause or a purpose where the noun alone says nothing.

    ``a technique used to shrink models`` -> ``technique used to shrink models``; empty where that is too long to be repeated verbatim.
    """
    short = clean_key(KEY_END.split(whole)[0])
    is_cut = CUT_TARGET.match(whole[whole.find(short) + len(short) :]) is not None
    if is_whole_key(short) and not is_cut and not _has_empty_head(short):
        return short
    longer = re.split(r",| (?:that|which|who|where|when) ", whole)[0].removeprefix("a ").removeprefix("an ").removeprefix("the ")
    n_words = len(longer.split())
    return longer if longer != short and n_words <= MAX_DEFINITION_WORDS and is_whole_key(longer) else ""


def _has_empty_head(key: str) -> bool:
    """True where the noun is a generic one and nothing behind ``of`` tells more: ``key capability``, not ``process of editing text``."""
    return " of " not in key and not is_whole_key(re.split(r" (?:of|and|or) ", key)[0])


def meanings(clause: Clause) -> Iterator[Found]:
    """``Code E14 means that ...``: asks what it means."""
    said = " ".join(map(str, clause.phrases))
    if clause.base not in ("mean", "indicate", "signal", "signify", "denote") or clause.aux or not re.match(r"(?:that|an?|the) ", said):
        return
    questions = [
        *object_gap(clause, 0)[:1],
        f"what is {verbs.participle(clause.base)} by {clause.subject}",
        f"can you say what {clause.subject} {clause.verb_group}",
        f"what meaning does {clause.subject} have",
    ]
    yield Found("meaning", "definition", clean_key(said.removeprefix("that ")), unique(questions), 2)


def naming(clause: Clause) -> Iterator[Found]:
    """``X is called Y``: asks for the name."""
    if clause.base not in word_list("naming") or not clause.is_passive or not clause.phrases:
        return
    first, aux, subject = clause.phrases[0], clause.aux, clause.subject
    if first.prep or is_pronoun(first.text):
        return
    be = "was" if aux in ("was", "were") else "is"
    questions = [
        f"what {aux} {subject} {clause.verb}",
        f"what name {be} given to {subject}",
        f"what is the name of {subject}",
        f"by what name {be} {subject} known" if aux in ("is", "was") else "",
        f"can you say what {subject} {clause.verb_group}",
    ]
    yield Found("naming", "name" if is_named(first.text) else "term", clean_key(first.text), unique(questions), 0)
