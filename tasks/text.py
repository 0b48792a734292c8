"""Text -> words, n-grams, numbers, sentences: the one way in which every stage normalises what it compares."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

WORD = re.compile(r"[^\W_]+(?:['’.,/:-][^\W_]+)*", re.UNICODE)  # noqa: RUF001  # the typographic apostrophe joins words too
NUMBER = re.compile(r"(?<![^\W_])[+-]?\d+(?:[.,]\d+)*")
ABBREVIATIONS = frozenset(
    {
        *("e.g", "i.e", "etc", "vs", "cf", "al", "fig", "figs", "eq", "eqs", "sec", "no", "nos", "vol", "pp", "approx", "resp", "ca"),
        *("dr", "mr", "mrs", "ms", "prof", "inc", "ltd", "co", "st", "dept", "ref", "refs", "est", "min", "max"),
    }
)
SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]*(?=\s+|$)")  # noqa: RUF001  # closing quotes as printed
TYPOGRAPHIC = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "\u00a0": " ", "\u202f": " "})  # noqa: RUF001


def fold(text: str) -> str:
    """NFKC, typographic quotes, dashes and spaces made plain, white space folded to single blanks, lower case."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(TYPOGRAPHIC).split()).casefold()


def words(text: str) -> list[str]:
    """The words of folded ``text`` in order, punctuation dropped; ``3.5``, ``K-2`` and ``state-of-the-art`` are one word each."""
    return WORD.findall(fold(text))


def normalise(text: str) -> str:
    """The words of ``text`` joined by blanks: equal for texts that differ in case, punctuation and spacing alone."""
    return " ".join(words(text))


def ngrams(tokens: Sequence[str], n: int) -> set[tuple[str, ...]]:
    """The set of runs of ``n`` words; empty when there are fewer."""
    return {tuple(tokens[at : at + n]) for at in range(len(tokens) - n + 1)}


def numbers(text: str) -> set[str]:
    """The numbers in ``text`` as written, thousands commas dropped (``1,200`` -> ``1200``), a sign kept."""
    return {re.sub(r",(?=\d{3}(?:\D|$))", "", match) for match in NUMBER.findall(fold(text))}


def contains_words(text: str, wanted: str) -> bool:
    """True when the words of ``wanted`` stand in ``text`` next to each other, at word bounds; False for an empty ``wanted``."""
    needle = normalise(wanted)
    return bool(needle) and f" {needle} " in f" {normalise(text)} "


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence, white space at both ends left out; also cut at paragraph ends (newlines).

    Abbreviations, initials and decimal points end no sentence.
    """
    spans = []
    at = 0
    for line in text.split("\n"):
        spans += [(at + start, at + end) for start, end in _spans_of_line(line)]
        at += len(line) + 1
    return spans


def _spans_of_line(line: str) -> list[tuple[int, int]]:
    cuts = [match.end() for match in SENTENCE_END.finditer(line) if _ends_sentence(line, match)]
    spans = []
    for start, end in zip([0, *cuts], [*cuts, len(line)], strict=True):
        piece = line[start:end]
        if piece.strip():
            spans.append((start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())))
    return spans


def _ends_sentence(line: str, match: re.Match[str]) -> bool:
    following = line[match.end() :].lstrip()
    if not following:
        return True
    if not (following[0].isupper() or following[0].isdigit() or following[0] in "\"'“‘(["):  # noqa: RUF001
        return False
    if line[match.start()] != ".":
        return True
    before = re.search(r"(\S+)$", line[: match.start()])
    last = before.group(1).lstrip("([\"'“").casefold() if before else ""
    is_initial = len(last) == 1 and last.isalpha()
    return not (is_initial or last in ABBREVIATIONS)
