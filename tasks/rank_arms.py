"""One judge's outcomes over several contrasts -> one scale of strength for all arms, from three arms on.

Bradley and Terry 1952: the odds that arm i wins over arm j are exp(strength_i - strength_j); a tie is half a win each way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tasks.jackknife import jackknife
from tasks.statistics import WORTH, Outcome, ReportParams, clusters_of
from warehouse.keys import key
from warehouse.tables import ArmStrength

VERSION = 1
FEWEST_ARMS = 3  # two arms have a win rate


class Duel(NamedTuple):
    """One question between two arms. ``score``: of arm_a, 1, .5 or 0."""

    arm_a: str
    arm_b: str
    score: float


def bradley_terry(duels: Sequence[Duel], arms: Sequence[str]) -> dict[str, float] | None:
    """Each arm's strength in log-odds, centred on 0; None where no finite strengths exist (see :func:`connected_groups`)."""
    if len(arms) <= 1 or len(connected_groups(duels, arms)) > 1:
        return None
    import choix  # noqa: PLC0415  # pulls in scipy
    import numpy as np  # noqa: PLC0415

    strengths = choix.ilsr_pairwise_dense(np.array(_wins(duels, arms)), max_iter=1000, tol=1e-12)
    return {arm: float(strength) for arm, strength in zip(arms, strengths - strengths.mean(), strict=True)}


def connected_groups(duels: Sequence[Duel], arms: Sequence[str]) -> list[list[str]]:
    """Arms in groups within which wins and ties lead from every arm to every other; more than one group: no finite strengths exist."""
    import numpy as np  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415  # takes a second

    _, labels = connected_components(np.array(_wins(duels, arms)) > 0, directed=True, connection="strong")
    return [[arm for arm, own in zip(arms, labels, strict=True) if own == label] for label in dict.fromkeys(labels.tolist())]


def make_strengths(sets: Mapping[tuple[str, str, str], Sequence[Outcome]], params: ReportParams) -> list[ArmStrength]:
    """Rows for every judge and test set that compare three arms or more. ``sets``: by (judge, contrast, split) every planned question."""
    rows = []
    for judge, split in sorted({(judge, split) for judge, _, split in sets}):
        found = [
            (outcome, _duel(contrast, outcome.outcome))
            for (of, contrast, at), outcomes in sorted(sets.items())
            if (of, at) == (judge, split)
            for outcome in sorted(outcomes, key=str)
            if outcome.outcome is not None
        ]
        arms = sorted({arm for _, duel in found for arm in duel[:2]})
        if len(arms) >= FEWEST_ARMS:
            rows += _rows(judge, split, arms, found, params)
    return rows


def _rows(judge: str, split: str, arms: Sequence[str], found: Sequence[tuple[Outcome, Duel]], params: ReportParams) -> list[ArmStrength]:
    questions, duels = [question for question, _ in found], [duel for _, duel in found]
    clusters = clusters_of(questions, split, params)
    strengths = bradley_terry(duels, arms)
    groups = connected_groups(duels, arms)
    parted = " | ".join(", ".join(group) for group in groups)

    def figures(some: Sequence[Duel]) -> list[float] | None:
        found = bradley_terry(some, arms)
        return [found[arm] for arm in arms] if found else None

    intervals = jackknife(duels, clusters.keys, figures, params.alpha) if clusters.keys else None
    return [
        ArmStrength(
            arm_strength_id=key("arm strength", VERSION, judge, split, arm, params.alpha, found),
            judge=judge,
            split=split,
            arm=arm,
            n_arms=len(arms),
            n=sum(arm in duel[:2] for duel in duels),
            strength=strengths[arm] if strengths else None,
            low=intervals[rank][0] if intervals else None,
            high=intervals[rank][1] if intervals else None,
            is_connected=strengths is not None,
            unit=clusters.unit,
            n_units=clusters.n,
            note="" if strengths else f"no finite strengths: wins and ties do not lead round between {parted}",
        )
        for rank, arm in enumerate(arms)
    ]


def _duel(contrast: str, outcome: str) -> Duel:
    arm_a, arm_b = contrast.split(":")
    return Duel(arm_a, arm_b, WORTH[outcome])


def _wins(duels: Sequence[Duel], arms: Sequence[str]) -> list[list[float]]:
    """How often each arm (row) won over each other (column)."""
    at = {arm: rank for rank, arm in enumerate(arms)}
    wins = [[0.0] * len(arms) for _ in arms]
    for duel in duels:
        wins[at[duel.arm_a]][at[duel.arm_b]] += duel.score
        wins[at[duel.arm_b]][at[duel.arm_a]] += 1 - duel.score
    return wins
