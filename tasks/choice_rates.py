"""What arms would choose -> how often each finds the reference the likeliest, and what a contrast gains on it beyond style."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tasks.formulas import Interval, cluster_interval
from tasks.statistics import Clusters, Outcome, ReportParams, clusters_of
from warehouse.keys import key
from warehouse.schema import Table
from warehouse.tables import CHOICE_RATES, SPECIFIC_GAINS, TEST_SPLITS, ChoiceRate, ChoiceScore, SpecificGain, SplitRow

VERSION = 1
SPAN = (-1_000.0, 1_000.0)
"""Bits per byte that no gain reaches: what an interval must be clipped to."""


class Gain(NamedTuple):
    """One question that both arms weighed: bits per byte of arm_b less those of arm_a, of the reference and of the others."""

    question: Outcome
    own: float
    others: float


def choice_figures(
    choices: Sequence[ChoiceScore], splits: Sequence[SplitRow], contrasts: Sequence[str], params: ReportParams
) -> dict[Table, list[Any]]:
    """Both tables of figures, by table."""
    return {
        CHOICE_RATES: make_choice_rates(choices, splits, params),
        SPECIFIC_GAINS: make_specific_gains(choices, splits, contrasts, params),
    }


def make_choice_rates(choices: Sequence[ChoiceScore], splits: Sequence[SplitRow], params: ReportParams) -> list[ChoiceRate]:
    """One row per arm that was asked and test set, empty sets too."""
    by_arm: dict[str, dict[str, ChoiceScore]] = {}
    for row in sorted(choices, key=lambda row: (row.arm, row.pair_id)):
        by_arm.setdefault(row.arm, {})[row.pair_id] = row
    return [_rate(arm, split, found, _planned(splits, split), params) for arm, found in by_arm.items() for split in TEST_SPLITS]


def make_specific_gains(
    choices: Sequence[ChoiceScore], splits: Sequence[SplitRow], contrasts: Sequence[str], params: ReportParams
) -> list[SpecificGain]:
    """One row per contrast and test set, empty sets too; none where nothing was weighed."""
    bits = {
        (row.arm, row.pair_id): (row.bits_per_byte, row.bits_per_byte_others)
        for row in choices
        if row.bits_per_byte is not None and row.bits_per_byte_others is not None
    }
    gains = []
    for contrast in contrasts if choices else ():
        a, b = contrast.split(":")
        for split in TEST_SPLITS:
            planned = _planned(splits, split)
            both = [
                Gain(q, bits[b, q.pair_id][0] - bits[a, q.pair_id][0], bits[b, q.pair_id][1] - bits[a, q.pair_id][1])
                for q in planned
                if (a, q.pair_id) in bits and (b, q.pair_id) in bits
            ]
            gains.append(_gain(contrast, split, both, len(planned), params))
    return gains


def _planned(splits: Sequence[SplitRow], split: str) -> list[Outcome]:
    return sorted(Outcome(row.pair_id, row.document_id, row.lineage_id, "tie") for row in splits if row.split == split)


def _rate(arm: str, split: str, found: dict[str, ChoiceScore], planned: Sequence[Outcome], params: ReportParams) -> ChoiceRate:
    asked = [q for q in planned if q.pair_id in found and found[q.pair_id].reason is None]
    rows = [found[q.pair_id] for q in asked]
    clusters = clusters_of(asked, split, params)
    interval = _interval([float(bool(row.acc_norm)) for row in rows], clusters, params, (0.0, 1.0))

    def mean(of: Callable[[ChoiceScore], float | None]) -> float | None:
        return math.fsum(of(row) or 0.0 for row in rows) / len(rows) if rows else None

    return ChoiceRate(
        choice_rate_id=key("choice rate", VERSION, arm, split, params, len(planned), sorted(row.choice_id for row in rows)),
        arm=arm,
        split=split,
        n_planned=len(planned),
        n=len(rows),
        chance=mean(lambda row: 1 / len(row.option_pair_ids)),
        acc=mean(lambda row: row.acc),
        acc_norm=mean(lambda row: row.acc_norm),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        acc_bytes=mean(lambda row: row.acc_bytes),
        acc_mutual_info=mean(lambda row: row.acc_mutual_info),
        mutual_information=mean(lambda row: row.mutual_information),
        bits_per_byte=mean(lambda row: row.bits_per_byte),
        bits_per_byte_others=mean(lambda row: row.bits_per_byte_others),
        unit=clusters.unit,
        n_units=clusters.n,
    )


def _gain(contrast: str, split: str, both: Sequence[Gain], n_planned: int, params: ReportParams) -> SpecificGain:
    clusters = clusters_of([gain.question for gain in both], split, params)
    specific = [gain.own - gain.others for gain in both]
    interval = _interval(specific, clusters, params, SPAN) if len(set(specific)) > 1 else None
    n = len(both)
    return SpecificGain(
        specific_gain_id=key("specific gain", VERSION, contrast, split, params, n_planned, both),
        contrast=contrast,
        split=split,
        n_planned=n_planned,
        n=n,
        gain=math.fsum(gain.own for gain in both) / n if n else None,
        gain_others=math.fsum(gain.others for gain in both) / n if n else None,
        specific_gain=math.fsum(specific) / n if n else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        unit=clusters.unit,
        n_units=clusters.n,
    )


def _interval(values: Sequence[float], clusters: Clusters, params: ReportParams, span: tuple[float, float]) -> Interval | None:
    return cluster_interval(values, clusters.keys, params.alpha, span) if clusters.keys else None
