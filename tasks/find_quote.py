"""Quote and text -> where the quote stands: to the letter, else with spacing and typography folded, else nearly (rapidfuzz).

A model copies nearly, so the search is lenient; what lands is always the text's own words at the offsets found. A near match whose
numbers or negations differ from the quote's is no match: it says something else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rapidfuzz import fuzz

from tasks.text import TYPOGRAPHIC, numbers, sentence_spans, words

NEGATIONS = frozenset(words("no not never none neither nor without cannot can't don't doesn't didn't isn't aren't wasn't weren't won't"))
AMBIGUOUS_WORDS = 3
"""A quote of at most this many words that stands more than once points nowhere."""
ELLIPSIS = re.compile(r"\s*(?:\[\s*(?:\.{3}|…)\s*\]|\.{3,}|…)\s*")
QUOTATION_MARKS = " \t\n\"'“”‘’«»"  # noqa: RUF001  # as printed


@dataclass(frozen=True, slots=True)
class FoundQuote:
    """Where a quote stands, in code points of the text, and how it was found; ``score`` is 100 unless nearly."""

    char_from: int
    n_chars: int
    how: Literal["exact", "folded", "near"]
    score: float = 100.0


def find_quote(quote: str, text: str, min_score: float) -> FoundQuote | None:
    """The first place where ``quote`` stands in ``text`` between word bounds; None where nothing is near enough.

    ``min_score``: 0 to 100, least ``partial_ratio`` of the folded texts for a near match; above 100 only the other two ways count.
    """
    wanted = quote.strip(QUOTATION_MARKS)
    if not words(wanted):
        return None
    if places := list(_places(wanted, text)):
        return FoundQuote(places[0], len(wanted), "exact") if _is_one_place(wanted, places) else None
    needle, _ = _folded(wanted)
    hay, origins = _folded(text)
    if places := list(_places(needle, hay)):
        return _unfolded(places[0], len(needle), origins, "folded", 100.0) if _is_one_place(needle, places) else None
    return _nearest(needle, hay, origins, text, min_score)


def quoted_parts(quote: str) -> list[str]:
    """The parts of a quote that leaves words out (``...``), each of which must be found; the quote itself where it leaves none out."""
    return [part for part in ELLIPSIS.split(quote) if words(part)] or [quote]


def widened(text: str, char_from: int, n_chars: int) -> tuple[int, int]:
    """(char_from, n_chars) of the whole sentences that a stretch of ``text`` touches: two quotes of one sentence rest on the same span."""
    end = char_from + n_chars
    touched = [(start, stop) for start, stop in sentence_spans(text) if start < end and char_from < stop]
    if not touched:
        return char_from, n_chars
    start, stop = min(touched[0][0], char_from), max(touched[-1][1], end)
    return start, stop - start


def _places(wanted: str, text: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        if not (_joins(text[at - 1 : at], wanted[0]) or _joins(wanted[-1], text[end : end + 1])):
            yield at
        at = text.find(wanted, at + 1)


def _joins(left: str, right: str) -> bool:
    return left.isalnum() and right.isalnum()


def _is_one_place(wanted: str, places: list[int]) -> bool:
    return len(places) == 1 or len(words(wanted)) > AMBIGUOUS_WORDS


def _folded(text: str) -> tuple[str, list[int]]:
    """Text without case, accents, typography and invisible characters, blanks single; and the place in ``text`` of each letter."""
    letters: list[str] = []
    origins: list[int] = []
    for at, letter in enumerate(text):
        plain = unicodedata.normalize("NFKD", letter).translate(TYPOGRAPHIC).casefold()
        for piece in plain:
            kind = unicodedata.category(piece)
            if kind in ("Cf", "Mn") or (piece.isspace() and (not letters or letters[-1] == " ")):
                continue
            letters.append(" " if piece.isspace() else "-" if kind == "Pd" else piece)
            origins.append(at)
    folded = "".join(letters).rstrip(" ")
    return folded, origins[: len(folded)]


def _unfolded(at: int, length: int, origins: list[int], how: Literal["folded", "near"], score: float) -> FoundQuote:
    start, last = origins[at], origins[at + length - 1]
    return FoundQuote(start, last + 1 - start, how, score)


def _nearest(needle: str, hay: str, origins: list[int], text: str, min_score: float) -> FoundQuote | None:
    if len(needle) > len(hay) or len(words(needle)) <= AMBIGUOUS_WORDS:
        return None
    alignment = fuzz.partial_ratio_alignment(needle, hay, score_cutoff=min_score)
    if alignment is None or alignment.dest_end <= alignment.dest_start:
        return None
    start, end = alignment.dest_start, alignment.dest_end
    while start > 0 and _joins(hay[start - 1], hay[start]):
        start -= 1
    while end < len(hay) and _joins(hay[end - 1], hay[end]):
        end += 1
    found = _unfolded(start, end - start, origins, "near", alignment.score)
    stands = text[found.char_from : found.char_from + found.n_chars]
    return found if _claims(needle) == _claims(stands) else None


def _claims(text: str) -> tuple[set[str], list[str]]:
    return numbers(text), sorted(NEGATIONS.intersection(words(text)))
