"""Answer, reference and key -> pieces of the answer: what it shares with the reference, what it adds or lacks, where it states the key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from tasks.key_match import ITEM_SEPARATOR, states
from tasks.text import normalise

TOKEN = re.compile(r"\S+\s*")
MIN_SHARED = 1 / 2  # of the reference's words: an answer with fewer is another sentence, and word marks would only clutter it
Kind = Literal["same", "extra", "missing"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words of one kind and the blanks after it; ``missing`` words stand in the reference alone."""

    text: str
    kind: Kind = "same"
    is_key: bool = False

    @property
    def words(self) -> str:
        """Without the blanks after it, which a mark should not cover."""
        return self.text.rstrip()

    @property
    def gap(self) -> str:
        """The blanks after it."""
        return self.text[len(self.words) :]


@dataclass(frozen=True, slots=True)
class Marked:
    """An answer in pieces. ``is_compared`` is False where too little is shared to mark single words."""

    pieces: tuple[Piece, ...]
    is_compared: bool


def mark(answer: str, reference: str, answer_key: str | None = None) -> Marked:
    """``answer`` against ``reference`` word by word; words that state ``answer_key`` are named where it is given.

    Case, punctuation and spacing make no difference. Pieces other than ``missing``, joined, are the answer but for blanks.
    """
    said, wanted = TOKEN.findall(answer), TOKEN.findall(reference)
    keyed = key_tokens(said, answer_key)
    matcher = SequenceMatcher(None, [normalise(word) for word in said], [normalise(word) for word in wanted], autojunk=False)
    n_shared = sum(block.size for block in matcher.get_matching_blocks())
    if n_shared < MIN_SHARED * len(wanted):
        return Marked(_merged([Piece(word, is_key=at in keyed) for at, word in enumerate(said)]), is_compared=False)
    pieces: list[Piece] = []
    for kind, said_from, said_to, wanted_from, wanted_to in matcher.get_opcodes():
        own: Kind = "same" if kind == "equal" else "extra"
        if kind in ("delete", "replace", "equal"):
            pieces += [Piece(said[at], own, at in keyed) for at in range(said_from, said_to)]
        if kind in ("insert", "replace"):
            pieces += [Piece(word, "missing") for word in wanted[wanted_from:wanted_to]]
    return Marked(_merged(pieces), is_compared=True)


def mark_key(text: str, answer_key: str | None) -> tuple[Piece, ...]:
    """``text`` in pieces, the words that state ``answer_key`` named."""
    words = TOKEN.findall(text)
    keyed = key_tokens(words, answer_key)
    return _merged([Piece(word, is_key=at in keyed) for at, word in enumerate(words)])


def key_tokens(words: list[str], answer_key: str | None) -> set[int]:
    """Which of ``words`` state the key: for each of its items the first and shortest run that does."""
    found: set[int] = set()
    for item in (answer_key or "").split(ITEM_SEPARATOR):
        if not states("".join(words), item):
            continue
        end = next(end for end in range(1, len(words) + 1) if states("".join(words[:end]), item))
        start = next(start for start in range(end - 1, -1, -1) if states("".join(words[start:end]), item))
        found |= set(range(start, end))
    return found


def _merged(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Neighbours of one kind as one piece; what follows another piece is set off from it."""
    merged: list[Piece] = []
    for piece in pieces:
        last = merged[-1] if merged else None
        if last and (last.kind, last.is_key) == (piece.kind, piece.is_key):
            merged[-1] = Piece(last.text + piece.text, piece.kind, piece.is_key)
        else:
            if last and not last.gap:
                merged[-1] = Piece(f"{last.text} ", last.kind, last.is_key)
            merged.append(piece)
    return tuple(merged)
