"""Sentence -> facts stated aside: ``the foreman, NAME, ...`` and ``There are 17 crops in the memory.``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.extract_draft import Found
from tasks.extract_quantities import read_quantity
from tasks.extract_questions import unique
from tasks.extract_sentences import NAMED_APPOSITION

if TYPE_CHECKING:
    from collections.abc import Iterator

EXISTENTIAL = re.compile(r"^There (?P<be>are|were|is|was) (?P<what>[^,;]+?)(?P<where> (?:in|on|at|per|between|inside|along|for|under) [^,;]+)?(?:, [^;]+)?\.$")


def named_roles(sentence: str) -> Iterator[tuple[Found, str]]:
    """(fact, answer) for a name that stands beside its role."""
    for match in NAMED_APPOSITION.finditer(sentence):
        role, name = match["role"][:1].lower() + match["role"][1:], match["name"]
        questions = unique(
            [f"what is the name of {role}", f"who is named as {role}", f"by what name is {role} given", f"can you name {role}"]
        )
        yield Found("role", "name", name, questions, 1), sentence


def existentials(sentence: str) -> Iterator[tuple[Found, str]]:
    """(fact, answer) for a number of things that there are."""
    match = EXISTENTIAL.match(sentence)
    quantity = read_quantity(match["what"]) if match else None
    if match is None or quantity is None or quantity.measure or quantity.after:
        return
    where, be = match["where"] or "", match["be"]
    questions = unique(
        [
            f"how many {quantity.counted} {be} there{where}",
            f"what number of {quantity.counted} {be} there{where}",
            f"can you say how many {quantity.counted} there {be}{where}",
            f"there {be} how many {quantity.counted}{where}",
        ]
    )
    yield Found("existential", "number", quantity.core, questions, 0), sentence
