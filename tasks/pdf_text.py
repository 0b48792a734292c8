"""Printed lines -> running text: line ends joined, hyphenated words put together against the document's own vocabulary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

LAST_WORD = re.compile(r"[^\W_][\w'’-]*$")  # noqa: RUF001  # typographic apostrophe
FIRST_WORD = re.compile(r"^[\w'’]+(?:-[\w'’]+)*")  # noqa: RUF001
WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
LONGEST_WORD = 80
COMPOUND_PART = 4  # letters; shorter words are often the halves of longer ones
HYPHENS = "-\u2010\u2011\u00ad"
SUSPENDED = frozenset({"and", "or", "to", "nor", "und", "oder"})  # "pre- and post-training" keeps its blank


def vocabulary(lines: Iterable[str]) -> Counter[str]:
    """How often each word (hyphenated compounds whole, in lower case) is printed; the halves of words cut at a line's end do not count."""
    counted: Counter[str] = Counter()
    is_cut = False
    for line in lines:
        start = line.find(" ") + 1 or len(line) if is_cut else 0
        is_cut = line[-1:] in HYPHENS
        end = line.rfind(" ") + 1 if is_cut else len(line)
        counted.update(WORD.findall(line[start:end].casefold()))
    return counted


def join_point(before: str, after: str, known: Mapping[str, int]) -> tuple[str, str]:
    """How two printed lines of one paragraph join: (``before`` as it is to stand, what goes between).

    A hyphen at the line's end is dropped, kept, or kept with a blank after it.
    """
    if not before or not after:
        return before, ""
    if before[-1] == "\u00ad":
        return before[:-1], ""
    if before[-1] in HYPHENS and len(before) > 1 and not before[-2].isspace():
        return _at_hyphen(before, after, known)
    is_cut_without_blank = before[-1] in "/\u2013\u2014" and len(before) > 1 and not before[-2].isspace()
    return before, "" if is_cut_without_blank else " "


def _at_hyphen(before: str, after: str, known: Mapping[str, int]) -> tuple[str, str]:
    stem, following = LAST_WORD.search(before[-LONGEST_WORD:-1]), FIRST_WORD.match(after)
    if not stem or not following or not following.group()[0].isalpha() or not stem.group()[-1].isalpha():
        return before, ""
    head, tail = stem.group().casefold(), following.group().casefold()
    if tail in SUSPENDED:
        return before, " "
    n_joined, n_hyphenated = known.get(head + tail, 0), known.get(f"{head}-{tail}", 0)
    last = head.rsplit("-", 1)[-1]
    if "-" in head:  # "state-of-the-" + "art": only the last part can be a cut word
        n_joined += known.get(last + tail, 0)
    if n_joined != n_hyphenated:
        return (before[:-1], "") if n_joined > n_hyphenated else (before, "")
    is_name = not following.group()[0].islower() or (stem.group().isupper() and len(head) > 1) or len(last) == 1
    is_address = "/" in before.rsplit(" ", 1)[-1] or "@" in before.rsplit(" ", 1)[-1]
    are_words = min(len(head), len(tail)) >= COMPOUND_PART and known.get(head, 0) > 0 and known.get(tail, 0) > 0  # "human-" + "generated"
    is_compound = are_words or ("-" in head and known.get(last, 0) > 0)
    return (before, "") if is_name or is_address or is_compound else (before[:-1], "")


def join_lines(lines: Sequence[str], known: Mapping[str, int] | None = None) -> str:
    """The lines as one run of text."""
    text = ""
    for line in lines:
        head, between = join_point(text, line, known or {})
        text = head + between + line
    return text


def pull_remainder(before: str, after: str, known: Mapping[str, int]) -> tuple[str, str]:
    """(``before`` with the rest of its cut last word, what is left of ``after``), for a word cut at a page's end."""
    head, between = join_point(before, after, known)
    if between:
        return before, after
    rest, _, left = after.partition(" ")
    return head + rest, left
