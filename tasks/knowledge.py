"""Answers sampled from the untuned base model, without excerpts -> what it knew before, and the win rate within each part.

Teaching a fact that the base half knows works; teaching one that it does not know at all is slow and can cost others (Gekhman et al.
2024, arXiv:2405.05904). A win rate over all questions hides which of the two happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.formulas import cluster_interval, win_rate
from tasks.statistics import WORTH, Outcome, ReportParams, clusters_of
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import KnowledgeSlice, SliceRate

VERSION = 1
Slice = Literal["known", "maybe", "unknown"]
SLICES: tuple[Slice, ...] = ("known", "maybe", "unknown")


@dataclass(frozen=True, slots=True)
class KnowledgeParams:
    """When a fact counts as known before the tuning."""

    n_samples: int = 0
    """Answers drawn from the base model for each test question, without excerpts; 0: none, 4 or more tell something."""
    temperature: float = 0.5
    """How freely they are drawn; above 0, or they are all the same."""
    seed: int = 0
    """Draws them."""
    known_share: float = 1.0
    """From this share of samples that state the fact it counts as known; stated by fewer, but any: maybe; by none: unknown."""

    def __post_init__(self) -> None:
        """Refuse settings that could sort nothing."""
        if self.n_samples < 0:
            raise ConfigError(f"{self.n_samples} is below 0", where="answer.knowledge.n_samples", mend="use 0 for none")
        if self.temperature <= 0:
            raise ConfigError(f"{self.temperature} is not above 0", where="answer.knowledge.temperature", mend="use e.g. 0.5")
        if not 0 < self.known_share <= 1:
            raise ConfigError(f"{self.known_share} is out of bounds", where="answer.knowledge.known_share", mend="use a share above 0")


def slice_of(n_stated: int, n_samples: int, params: KnowledgeParams = KnowledgeParams()) -> Slice:
    """Known, maybe or unknown, from how many of the samples state the fact."""
    if not n_stated:
        return "unknown"
    return "known" if n_stated >= params.known_share * n_samples else "maybe"


def knowledge_slices(samples: Mapping[str, Sequence[bool]], params: KnowledgeParams = KnowledgeParams()) -> list[KnowledgeSlice]:
    """One row per question that was sampled. ``samples``: by pair_id whether each sampled answer states the fact."""
    return [
        KnowledgeSlice(pair_id, len(stated), sum(stated), slice_of(sum(stated), len(stated), params))
        for pair_id, stated in sorted(samples.items())
        if stated
    ]


def slice_rates(
    sets: Mapping[tuple[str, str, str], Sequence[Outcome]], slices: Sequence[KnowledgeSlice], params: ReportParams
) -> list[SliceRate]:
    """Three rows per judge, contrast and test set, empty ones too; none without slices.

    ``sets``: by (judge, contrast, split) every planned question; those that were not sampled are in no slice.
    """
    known = {row.pair_id: row.slice for row in slices}
    return [
        _row(judge, contrast, split, name, [q for q in outcomes if known.get(q.pair_id) == name], params)
        for (judge, contrast, split), outcomes in sorted(sets.items())
        for name in (SLICES if known else ())
    ]


def _row(judge: str, contrast: str, split: str, name: Slice, planned: Sequence[Outcome], params: ReportParams) -> SliceRate:
    scored = sorted(q for q in planned if q.outcome is not None)
    counts = Counter(q.outcome for q in scored)
    clusters = clusters_of(scored, split, params)
    scores = [WORTH[str(q.outcome)] for q in scored]
    interval = cluster_interval(scores, clusters.keys, params.alpha) if clusters.keys else None
    return SliceRate(
        slice_rate_id=key("slice rate", VERSION, judge, contrast, split, name, params, sorted(planned, key=str)),
        judge=judge,
        contrast=contrast,
        split=split,
        slice=name,
        n_planned=len(planned),
        n=len(scored),
        n_wins=counts["arm_a"],
        n_ties=counts["tie"],
        n_losses=counts["arm_b"],
        rate=win_rate(counts["arm_a"], counts["tie"], len(scored)),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        unit=clusters.unit,
        n_units=clusters.n,
    )
