"""What a judge is shown of one question, and what it says: the words that every judge shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tasks.curate_patterns import SOURCE_BLOCK
from warehouse.tables import ChoiceScore, Label, QaPair, Score

Ruling = Literal["first", "second", "tie", "unparsed", "error", "not_asked"]
Order = Literal["ab", "ba", "none"]


@dataclass(frozen=True, slots=True)
class Case:
    """One question with both arms' answers, and what they are held against."""

    pair: QaPair
    score_a: Score
    score_b: Score
    answer_a: str = ""
    answer_b: str = ""
    evidence: tuple[str, ...] = ()
    """The spans that the reference answer rests on, verbatim, in reading order."""
    labels: tuple[Label, ...] = ()
    """What people said of these two answers; nothing where they were not asked."""
    choices: tuple[ChoiceScore, ...] = ()
    """What both arms would choose, for the judge loglik."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """What a judge says of one case, shown in one order, asked once."""

    verdict: Ruling
    reply: str
    order: Order = "none"
    vote: int = 0


def without_source_block(answer: str) -> str:
    """``answer`` up to a list of sources at its end, which tells who wrote it and not what it says; whole where nothing else is in it."""
    found = SOURCE_BLOCK.search(answer)
    if not found:
        return answer
    at = found.start()
    kept = answer[: at + (answer[at] in ".!?")].rstrip()
    return kept or answer
