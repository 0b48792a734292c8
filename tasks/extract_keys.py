"""Phrase -> what must be said of it and how it is asked for: keys, names, persons, attributes with a quantity."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks import extract_verbs as verbs
from tasks.extract_quantities import RANGE, read_quantity
from tasks.extract_tokens import PRONOUNS, tokenise
from tasks.extract_verbs import word_list

LEADING = re.compile(r"^(?:the|an?|its|their|both|either|some|any|all|each|every|our|his|her) ", re.IGNORECASE)
TRAILING = re.compile(r" (?:together|alone|only|again|respectively|altogether)$")
RELATIVE = re.compile(
    r",? (?:(?:that|which|who|whose|where|whom|when|including|such as)\b"
    r"|(?:[a-z]+ly )?[a-z]+ed (?:by|for|in|to|from|with|on|at|as|under|over)(?= )).*$"
)
ATTRIBUTE_OF = re.compile(r"^(?:an?|the|its|their)? ?(?P<name>[a-z][\w-]*(?: [a-z][\w-]*){0,3}) of (?P<value>.+)$")
TITLED = re.compile(r"\b(?:Professor|Inspector|Captain|Dr)\b")
# two or three capitalised words, alone or behind a role in small letters
PERSON = re.compile(
    r"(?:^|(?<![\w-])[a-z][a-z-]* )(?P<name>(?:(?:Dr|Prof|Mr|Ms|Mrs)\.? )?[A-Z][a-zà-ÿ]+(?: [A-Z]\.)*(?: (?:van|von|de|del|la))?"
    r"(?: [A-Z][a-zà-ÿ]+(?:-[A-Z][a-z]+)?){1,2})$"
)
CODE = re.compile(r"[A-Za-z]-?\d|\d-?[A-Za-z]")
HEAD_END = re.compile(r",| and | together with | of | from | for | in | at ")


@dataclass(frozen=True, slots=True)
class Attribute:
    """``a range of 30 m``: its name and its value as it must be said."""

    name: str
    value: str


def clean_key(text: str) -> str:
    """What must be said: without leading article, relative clause and closing marks."""
    key = TRAILING.sub("", RELATIVE.sub("", text).strip(" ,.;:\"“”'"))
    while (shorter := LEADING.sub("", key)) != key:
        key = shorter
    return key


def is_named(text: str) -> bool:
    """True where a word is capitalised or a code such as ``LB-5``; the first word too, so not for the start of a sentence."""
    return any(token.is_capital or CODE.search(token.text) for token in tokenise(text))


def who_or_what(text: str, *, acts: bool = False) -> str:
    """``who`` for a role, and where ``acts`` (the verb is one that people do) for what looks like a name; else ``what``."""
    heads = HEAD_END.split(clean_key(text))
    named = any((match := PERSON.search(head)) and _is_person(match["name"]) for head in heads)
    role = any(token.text.removesuffix("s") in word_list("roles") or token.text in word_list("roles") for token in tokenise(heads[0]))
    return "who" if (acts and named) or role or TITLED.search(heads[0]) else "what"


def _is_person(name: str) -> bool:
    """False for titles in capitals: ``Open Domain Question Answering`` is mostly verbs, a ``Fund`` is no person."""
    words = re.findall(r"[^\W\d]+", name)
    n_verbs = sum(bool(verbs.readings(word.casefold())) for word in words)
    return not word_list("not_of_persons") & set(words) and 2 * n_verbs <= len(words)


def is_pronoun(text: str) -> bool:
    """True where the phrase is or begins with a pronoun, so that it points elsewhere."""
    first = text.casefold().split()[:1]
    return not first or first[0] in PRONOUNS | {"itself", "himself", "there", "here"}


def first_word(text: str) -> str:
    """The first word in small letters; empty for blank text."""
    return (text.casefold().split() or [""])[0]


def holds_clause(text: str) -> bool:
    """True where a finite verb stands in ``text`` outside relative clauses: it runs on into another clause."""
    lows = {token.low for token in tokenise(RELATIVE.sub("", text))}
    return bool(verbs.AUXILIARIES & lows) and not {"when", "if", "while", "that", "which", "who"} & lows


def read_attribute(text: str) -> Attribute | None:
    """``a range of 30 m`` -> (range, 30 m); None unless a known kind of measure has a number for value."""
    match = ATTRIBUTE_OF.match(text)
    if match is None or match["name"].split()[-1] not in word_list("measured"):
        return None
    quantity = read_quantity(match["value"])
    if quantity is None:
        return Attribute(match["name"], match["value"]) if re.fullmatch(RANGE, match["value"]) else None
    return Attribute(match["name"], match["value"] if quantity.after.strip() else quantity.core)
