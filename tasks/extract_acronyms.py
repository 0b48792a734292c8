"""Sentence -> what its abbreviations stand for: ``Long Name (LN)``, ``LN (Long Name)``, ``LN stands for Long Name``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.extract_draft import Found
from tasks.extract_keys import clean_key
from tasks.extract_questions import unique

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHORT = r"(?P<short>[A-Z][A-Za-z0-9&-]{1,9})"
BEHIND = re.compile(rf"(?P<long>(?:[\w’'-]+ ){{1,8}})\({_SHORT}\)")  # noqa: RUF001  # as printed
BEFORE = re.compile(rf"\b{_SHORT} \((?P<long>[^()]{{5,70}})\)")
STANDS_FOR = re.compile(rf"\b{_SHORT},? (?:which )?(?:stands for|is short for|is an abbreviation (?:of|for)) (?P<long>[^,.;()]{{4,70}})")
POSSESSIVE_END = re.compile(r"(?:(?<=s)[’']|[’']s)$")  # noqa: RUF001  # as printed
SMALL_WORDS = frozenset({"of", "and", "the", "for", "in", "on", "to", "with", "a", "by", "from"})


def acronyms(sentence: str) -> Iterator[tuple[Found, str]]:
    """(fact, answer) for each abbreviation whose letters its long form accounts for, asked in both directions."""
    for form in (BEHIND, BEFORE, STANDS_FOR):
        for match in form.finditer(sentence):
            long, short = _singular(
                expansion(POSSESSIVE_END.sub("", match["long"].strip()), match["short"], from_end=form is BEHIND), match["short"]
            )
            if not long:
                continue
            key = clean_key(long)
            yield Found("acronym", "acronym", key, _ask_long(short), 0), f"{short} stands for {long}."
            yield Found("abbreviation", "acronym", short, _ask_short(key), 2), f"{long[:1].upper()}{long[1:]} is abbreviated as {short}."


def _singular(long: str, short: str) -> tuple[str, str]:
    """Long form and abbreviation in the singular where both are plural: ``LLMs``."""
    if not re.fullmatch(r"[A-Z0-9-]+s", short) or not long.endswith("s"):
        return long, short
    return (re.sub(r"ies$", "y", long) if long.endswith("ies") else long[:-1]), short[:-1]


def expansion(text: str, short: str, *, from_end: bool) -> str:
    """The words of ``text`` whose initials spell ``short`` (a plural s and small words left out); empty where none do."""
    letters = re.sub(r"[^a-z0-9]", "", re.sub(r"(?<=[A-Z])s$", "", short).casefold())
    tokens = text.split()
    for start in range(len(tokens) - 1, -1, -1) if from_end else (0,):
        chosen = tokens[start:]
        spells = letters in (_initials(chosen, small=False), _initials(chosen, small=True))
        if spells and len(letters) > 1 and chosen[0].casefold() not in SMALL_WORDS:
            return " ".join(chosen)
    return ""


def _initials(tokens: list[str], *, small: bool) -> str:
    parts = [part for token in tokens if small or token.casefold() not in SMALL_WORDS for part in re.split(r"[-/]", token) if part]
    return "".join(part.casefold() if part[1:].isupper() else part[0].casefold() for part in parts)


def _ask_long(short: str) -> tuple[str, ...]:
    return unique(
        [
            f"what does {short} stand for",
            f"what is the full form of {short}",
            f"which words does the abbreviation {short} shorten",
            f"{short} is short for what",
            f"how is the acronym {short} written out in full",
        ]
    )


def _ask_short(long: str) -> tuple[str, ...]:
    return unique(
        [
            f"what is the abbreviation of {long}",
            f"how is {long} abbreviated",
            f"which abbreviation is used for {long}",
            f"what short form does {long} have",
        ]
    )
