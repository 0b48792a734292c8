"""Sentence -> what its abbreviations stand for: ``Long Name (LN)``, ``LN (Long Name)``, ``LN stands for Long Name``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.extract_draft import Found
from tasks.extract_facts import clean_key
from tasks.extract_questions import unique

if TYPE_CHECKING:
    from collections.abc import Iterator

BEHIND = re.compile(r"(?P<long>(?:[\w’'-]+ ){1,8})\((?P<short>[A-Z][A-Za-z0-9&-]{1,9})\)")  # noqa: RUF001  # as printed
BEFORE = re.compile(r"\b(?P<short>[A-Z][A-Za-z0-9&-]{1,9}) \((?P<long>[^()]{5,70})\)")
STANDS_FOR = re.compile(r"\b(?P<short>[A-Z][A-Za-z0-9&-]{1,9}),? (?:which )?(?:stands for|is short for|is an abbreviation (?:of|for)) (?P<long>[^,.;()]{4,70})")  # fmt: skip  # noqa: E501
SMALL_WORDS = frozenset({"of", "and", "the", "for", "in", "on", "to", "with", "a", "by", "from"})


def acronyms(sentence: str) -> Iterator[tuple[Found, str]]:
    """(fact, answer) for each abbreviation whose letters its long form accounts for, asked in both directions."""
    for form in (BEHIND, BEFORE, STANDS_FOR):
        for match in form.finditer(sentence):
            long, short = expansion(match["long"].strip(), match["short"], from_end=form is BEHIND), match["short"]
            if re.fullmatch(r"[A-Z0-9-]+s", short) and long.endswith("s"):
                long, short = re.sub(r"ies$", "y", long) if long.endswith("ies") else long[:-1], short[:-1]
            if long:
                answer = f"{short} stands for {long}."
                yield Found("acronym", "acronym", clean_key(long), _ask_long(short), 0), answer
                yield Found("abbreviation", "acronym", short, _ask_short(clean_key(long)), 2), f"{long[:1].upper()}{long[1:]} is abbreviated as {short}."  # fmt: skip  # noqa: E501


def expansion(text: str, short: str, *, from_end: bool) -> str:
    """The words of ``text`` whose initials spell ``short`` (a plural s and small words left out); empty where none do."""
    letters = re.sub(r"[^a-z0-9]", "", re.sub(r"(?<=[A-Z])s$", "", short).casefold())
    tokens = text.split()
    starts = range(len(tokens) - 1, -1, -1) if from_end else (0,)
    for start in starts:
        chosen = tokens[start:]
        if (
            chosen[0].casefold() not in SMALL_WORDS
            and len(letters) > 1
            and letters in (_initials(chosen, small=False), _initials(chosen, small=True))
        ):
            return " ".join(chosen)
    return ""


def _initials(tokens: list[str], *, small: bool) -> str:
    parts = [part for token in tokens if small or token.casefold() not in SMALL_WORDS for part in re.split(r"[-/]", token) if part]
    return "".join(part[0].casefold() if not part[1:].isupper() else part.casefold() for part in parts)


def _ask_long(short: str) -> tuple[str, ...]:
    return unique(
        [
            f"what does {short} stand for",
            f"what is the full form of {short}",
            f"which words does the abbreviation {short} shorten",
            f"{short} is short for what",
            f"how is the acronym {short} written out in full",
            f"can you say what {short} stands for",
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
