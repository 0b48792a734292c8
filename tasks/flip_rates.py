"""Scores of two arms -> flips: the questions on which exactly one of them states the reference fact, gained and lost.

A net gain hides what a tuning broke: twenty facts gained and ten lost is not ten gained. The rows behind are the view ``flips``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tasks.formulas import cluster_interval, flips, mcnemar_p
from tasks.statistics import Outcome, ReportParams, clusters_of
from warehouse.keys import key
from warehouse.tables import TEST_SPLITS, FlipRate, Score, SplitRow

VERSION = 1
DIFFERENCE = (-1.0, 1.0)


class Pairing(NamedTuple):
    """One question that both arms answered. ``a``, ``b``: whether each states the fact."""

    pair_id: str
    document_id: str
    lineage_id: str
    a: bool
    b: bool


def make_flip_rates(scores: Sequence[Score], splits: Sequence[SplitRow], contrasts: Sequence[str], params: ReportParams) -> list[FlipRate]:
    """One row per contrast and test set, empty ones too; a question counts where both arms' answers can be said to state its key or not."""
    states: dict[tuple[str, str], bool] = {(z.arm, z.pair_id): z.states_key for z in scores if z.states_key is not None}
    return [
        flip_rate(_pairings(states, contrast, [row for row in splits if row.split == split]), split, contrast, params)
        for contrast in contrasts
        for split in TEST_SPLITS
    ]


def flip_rate(pairings: Sequence[Pairing], split: str, contrast: str, params: ReportParams) -> FlipRate:
    """One test set's row."""
    asked = sorted(pairings)
    n_negative, n_positive = sum(q.b and not q.a for q in asked), sum(q.a and not q.b for q in asked)
    shares = flips(n_negative, n_positive, len(asked))
    clusters = clusters_of([Outcome(q.pair_id, q.document_id, q.lineage_id, "tie") for q in asked], split, params)
    negative = cluster_interval([float(q.b and not q.a) for q in asked], clusters.keys, params.alpha) if clusters.keys else None
    gain = cluster_interval([float(q.a) - float(q.b) for q in asked], clusters.keys, params.alpha, DIFFERENCE) if clusters.keys else None
    return FlipRate(
        flip_rate_id=key("flip rate", VERSION, contrast, split, params, asked),
        contrast=contrast,
        split=split,
        n=len(asked),
        n_negative=n_negative,
        n_positive=n_positive,
        negative_rate=shares.negative if shares else None,
        negative_low=negative.low if negative else None,
        negative_high=negative.high if negative else None,
        positive_rate=shares.positive if shares else None,
        gain=shares.gain if shares else None,
        gain_low=gain.low if gain else None,
        gain_high=gain.high if gain else None,
        mcnemar_p=mcnemar_p(n_negative, n_positive) if asked else None,
        unit=clusters.unit,
        n_units=clusters.n,
        method=f"{negative.method if negative else 'no interval'}; {clusters.scope}",
    )


def _pairings(states: Mapping[tuple[str, str], bool], contrast: str, asked: Sequence[SplitRow]) -> list[Pairing]:
    arm_a, arm_b = contrast.split(":")
    return [
        Pairing(q.pair_id, q.document_id, q.lineage_id, states[arm_a, q.pair_id], states[arm_b, q.pair_id])
        for q in asked
        if (arm_a, q.pair_id) in states and (arm_b, q.pair_id) in states
    ]
