"""What a generator hands on: a stated fact, ways to ask for it, and what the answer must say."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.tables import AnswerKind


@dataclass(frozen=True, slots=True)
class Draft:
    """A fact of one chunk. ``char_from`` and ``n_chars`` are code points in ``chunk.text``: the verbatim evidence."""

    char_from: int
    n_chars: int
    questions: tuple[str, ...]
    answer: str
    answer_key: str | None
    answer_kind: AnswerKind
    pattern: str


@dataclass(frozen=True, slots=True)
class Found:
    """A fact of one clause, before its sentence lends it evidence and answer. Lower ``cost`` = surer pattern."""

    pattern: str
    kind: AnswerKind
    key: str
    questions: tuple[str, ...]
    cost: int = 1
