"""Chunks -> where each holds example text: prompts, sample questions and their answers, which state nothing that the document claims.

An example begins at a line that opens like one (``USER:``, ``Question:``, ``EXAMPLE:``, ``System Message``), runs on over chunks and
pages, and ends at the next section, table, caption, named bullet or heading that runs into the authors' own words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from warehouse.tables import Chunk

Range = tuple[int, int]

OPENS = re.compile(
    r"^\W{0,3}(?:"
    r"(?:SYSTEM|USER|ASSISTANT|SUGGESTER|EDITOR|HUMAN|TEACHER|STUDENT)\b(?: ?\d+)?(?:\s*:|\s*$|\s+[A-Z])"
    r"|(?:Question|Documents?|Instruction(?: \d+)?|Context|Prompt|Passage|Critique|Input|Output|Response|Suggester|Editor|Options"
    r"|Error Analysis|Final Verdict|(?:User|System) [Mm]essage|(?:Student|Problem [Ss]etter)['’]?s? ?[\w ]{0,20})\s*:"  # noqa: RUF001
    r"|(?:Seed|Sample|Random|Transformed) (?:[Pp]roblem|[Qq]uestion|[Ss]eed|[Pp]rompt)\b|EXAMPLE\b"
    r"|Examples?(?: \d+)?: ?(?:Q\b|Question|Input|Prompt|$)|##\s?\w|(?:User|System) Message\s*$|(?:[\w-]+ ){1,4}Example\s*$"
    r"|You (?:are an? [\w -]*(?:assistant|agent|evaluator|expert|judge)|will be (?:given|provided|presented))"
    r"|(?=.{0,80}\bSystem Message (?:You|As)\b))"
)
TEMPLATE = re.compile(r"\{\w+\}")
"""A prompt with a gap, ``USER: {question}``, is all of its example; nothing follows it."""
CLOSES = re.compile(
    r"^[•▪–] (?!\w+ \d+:)[A-Z][\w/&-]*(?: [\w/&-]+){0,4}: [A-Z]"  # noqa: RUF001  # as printed
    r"|^(?:[A-Z][\w&-]* (?:(?:of|and|for|the|in|to|with|-|&) )?){2,6}(?:We|Our|The) [a-z]"
)


def example_ranges(chunks: Sequence[Chunk]) -> dict[str, list[Range]]:
    """(start, end) of each stretch of example text, in code points of its chunk's text, by chunk id; chunks without one are left out."""
    found: dict[str, list[Range]] = {}
    section, in_example = "", False
    for chunk in sorted(chunks, key=lambda chunk: chunk.rank):
        if chunk.kind != "body" or chunk.section != section:
            in_example = False
        section = chunk.section
        if chunk.kind != "body":
            continue
        begin, at = (0 if in_example else -1), 0
        for line in chunk.text.split("\n"):
            if not in_example and OPENS.match(line) and TEMPLATE.search(line):
                found.setdefault(chunk.chunk_id, []).append((at, at + len(line)))
            elif not in_example and OPENS.match(line):
                begin, in_example = at, True
            elif in_example and CLOSES.match(line) and not OPENS.match(line):
                found.setdefault(chunk.chunk_id, []).append((begin, at))
                in_example = False
            at += len(line) + 1
        if in_example:
            found.setdefault(chunk.chunk_id, []).append((begin, len(chunk.text)))
    return {chunk_id: [(begin, end) for begin, end in ranges if end > begin] for chunk_id, ranges in found.items()}
