"""Sentence -> facts stated aside: ``the foreman, NAME, ...`` and ``There are 17 crops in the memory.``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.extract_clauses import NAMED_APPOSITION
from tasks.extract_draft import Found
from tasks.extract_quantities import read_quantity
from tasks.extract_questions import unique

if TYPE_CHECKING:
    from collections.abc import Iterator

EXISTENTIAL = re.compile(
    r"^There (?P<be>are|were|is|was) (?P<what>[^,;]+?)(?P<where> (?:in|on|at|per|between|inside|along|for|under) [^,;]+)?(?:, [^;]+)?\.$"
)


def named_roles(sentence: str) -> Iterator[tuple[Found, str]]:
    """(fact, answer) for a name that stands beside its role."""
    for match in NAMED_APPOSITION.finditer(sentence):
        role = match["role"][:1].lower() + match["role"][1:]
        asked = [f"what is the name of {role}", f"who is named as {role}", f"by what name is {role} given", f"can you name {role}"]
        yield Found("role", "name", match["name"], unique(asked), 1), sentence


def existentials(sentence: str) -> Iterator[tuple[Found, str]]:
    """(fact, answer) for a number of things that there are."""
    match = EXISTENTIAL.match(sentence)
    quantity = read_quantity(match["what"]) if match else None
    if match is None or quantity is None or quantity.measure or quantity.after:
        return
    where, be, things = match["where"] or "", match["be"], quantity.counted
    asked = [
        f"how many {things} {be} there{where}",
        f"what number of {things} {be} there{where}",
        f"can you say how many {things} there {be}{where}",
        f"there {be} how many {things}{where}",
    ]
    yield Found("existential", "number", quantity.core, unique(asked), 0), sentence
