"""What people said of two answers, without knowing whose they were -> the ballots of the judge human.

A label is on the words that were shown, so it holds in every run that has the same two answers to the same question. Each person has one
vote and the majority decides; where there is none, it is a tie.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.ballot import Ballot, Case
from tasks.control_cases import CONTROLS
from warehouse.errors import ConfigError
from warehouse.tables import Label

Shown = tuple[str, str, str, str, str]
"""What a label is on: contrast, pair_id, the control or nothing, and the two answers."""


@dataclass(frozen=True, slots=True)
class HumanJudgeParams:
    """People as a judge: what `tunehouse label` puts before them, and whose labels count."""

    reviewers: tuple[str, ...] = ()
    """People whose labels count, by name; none named: everybody's."""
    control_share: float = 0.2
    """Questions with a known outcome planted among the real ones: 0.2 is one for every five. 0: none, and then nobody is tested."""
    controls: tuple[str, ...] = ("K1", "K2", "K3", "K6")
    """Which controls are planted, in turn."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a setting out of bounds."""
        if not 0 <= self.control_share <= 1:
            raise ConfigError(f"{self.control_share} is no share", where="judge.human.control_share", mend="use a number from 0 to 1")
        unknown = [name for name in self.controls if name not in CONTROLS]
        if unknown or len(set(self.controls)) < len(self.controls) or not self.controls:
            raise ConfigError(
                f"{list(self.controls)} is empty, names one twice or one that is not there",
                where="judge.human.controls",
                mend=f"use any of {', '.join(CONTROLS)}",
            )


def counted(labels: Iterable[Label], params: HumanJudgeParams) -> list[Label]:
    """The labels of those whose word counts, in a fixed order."""
    chosen = (label for label in labels if not params.reviewers or label.reviewer in params.reviewers)
    return sorted(chosen, key=lambda label: (label.reviewer, label.label_id))


def by_answers(labels: Iterable[Label]) -> dict[Shown, tuple[Label, ...]]:
    """Labels by what they are on."""
    found: dict[Shown, list[Label]] = defaultdict(list)
    for label in labels:
        found[label.contrast, label.pair_id, label.control, label.answer_a, label.answer_b].append(label)
    return {shown: tuple(some) for shown, some in found.items()}


def vote(cases: Sequence[Case]) -> list[list[Ballot]]:
    """Every case's ballots: one for each person who decided, first meaning the first arm. Not asked where nobody was shown the case.

    One that everybody passed over is unparsed: it was asked, and may be hard because of its answers.
    """
    return [_ballots(case.labels) for case in cases]


def said(label: Label) -> Literal["first", "second", "tie", "skip"]:
    """A label's verdict with first meaning ``answer_a``, wherever that was shown."""
    swapped: Mapping[str, Literal["first", "second"]] = {"first": "second", "second": "first"}
    return swapped.get(label.verdict, label.verdict) if label.order == "ba" else label.verdict


def _ballots(labels: Sequence[Label]) -> list[Ballot]:
    if not labels:
        return [Ballot("not_asked", "not in the sample that people labelled")]
    votes = [(label, said(label)) for label in sorted(labels, key=lambda label: label.reviewer)]
    decided = [(label, verdict) for label, verdict in votes if verdict != "skip"]
    if not decided:
        return [Ballot("unparsed", f"passed over by {', '.join(label.reviewer for label, _ in votes)}")]
    return [
        Ballot(verdict, f"{label.reviewer}: {label.verdict}, shown in order {label.order}", "none", rank)
        for rank, (label, verdict) in enumerate(decided)
    ]
