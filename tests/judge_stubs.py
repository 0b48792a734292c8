"""Judges whose bias is known, as responders of a scripted endpoint: each reads the prompt as a model would, and answers in its words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from tasks.text import words
from warehouse.keys import draw

BLOCK = re.compile(r"<source-([0-9a-f]{8})>\n(.*?)\n?</source-\1>", re.DOTALL)
DRESS = re.compile(r"\*\*|^- ", re.MULTILINE)
NEGATIONS = frozenset({"not", "never", "no"})
Prefers = Callable[[str, str, str], float]
"""(reference, first, second) -> above 0 for the first, below 0 for the second, 0 for a tie."""


def blocks(request: dict[str, Any]) -> list[str]:
    """What stands between the fences of the user's turn, in order: question, reference, evidence, then the answers."""
    return [text for _, text in BLOCK.findall(request["messages"][-1]["content"])]


def judging(prefers: Prefers) -> Callable[[dict[str, Any]], str]:
    """A responder that names the answer it prefers, after a few words."""

    def respond(request: dict[str, Any]) -> str:
        _, reference, _, first, second = blocks(request)
        lead = prefers(reference, first, second)
        return f"Both were read. [[{'FIRST' if lead > 0 else 'SECOND' if lead < 0 else 'TIE'}]]"

    return respond


always_first = judging(lambda reference, first, second: 1)
always_longer = judging(lambda reference, first, second: len(first) - len(second))


def coin(request: dict[str, Any]) -> str:
    """The first or the second, by a draw from the prompt."""
    return "[[FIRST]]" if draw(1, request["messages"][-1]["content"]) < 0.5 else "[[SECOND]]"


def always_one_of(answers: set[str]) -> Callable[[dict[str, Any]], str]:
    """Whatever is among ``answers``, as a judge would that knows a model's way of speaking."""
    plain = {" ".join(answer.split()) for answer in answers}
    return judging(lambda reference, first, second: (" ".join(first.split()) in plain) - (" ".join(second.split()) in plain))


def told(reference: str, answer: str) -> float:
    """How much of the reference an answer tells: share of its words, less where one negates what the other does not."""
    said, wanted = (Counter(words(DRESS.sub("", text))) for text in (answer, reference))
    share = sum((said & wanted).values()) / max(wanted.total(), 1)
    is_negated, should_be = (bool(NEGATIONS & counts.keys()) for counts in (said, wanted))
    return share - 0.5 * (is_negated != should_be)


oracle = judging(lambda reference, first, second: told(reference, first) - told(reference, second))


def marking(request: dict[str, Any]) -> str:
    """The rubric's mark of one answer by what it tells of the reference."""
    _, reference, _, answer = blocks(request)
    return f"It was read. [[{max(1, min(5, 1 + int(4 * told(reference, answer))))}]]"
