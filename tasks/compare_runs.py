"""Two runs -> what they say of the questions that both tested: paired, question by question, counted by document.

A pair's id hashes its content, so the same question has the same id in both runs, whatever else changed between them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from tasks.formulas import Interval, cluster_interval, holm, permutation_p, sign_flip_p, sign_test_p
from tasks.judge import outcome_of
from tasks.statistics import WORTH, Outcome, ReportParams, clusters_of, is_difference
from warehouse.keys import key
from warehouse.tables import TEST_SPLITS, RunComparison, Score, SplitRow, Verdict

VERSION = 1
SPANS = {"states_key": 1.0, "outcome": 1.0, "token_f1": 1.0, "rouge_l": 1.0, "contrastive_cosine": 4.0}
"""Measure -> the largest difference there can be."""
COUNTED = ("states_key", "outcome")
NOTABLE = 0.05  # a continuous measure counts as better or worse from this difference on

Values = Mapping[tuple[str, str], Mapping[str, float]]
"""By (subject, measure): pair_id -> value."""


class Side(NamedTuple):
    """One run's rows."""

    run_id: str
    splits: Sequence[SplitRow]
    scores: Sequence[Score]
    verdicts: Sequence[Verdict]


def compare_runs(a: Side, b: Side, params: ReportParams) -> list[RunComparison]:
    """One row per measure of an arm, or of a judge and contrast, and test set that both runs have; p-values are adjusted together."""
    values_a, values_b = _values(a), _values(b)
    rows = [
        _row((a, b), subject, measure, split, (values_a[subject, measure], values_b[subject, measure]), params)
        for subject, measure in sorted(values_a.keys() & values_b.keys())
        for split in TEST_SPLITS
    ]
    rows = [row for row in rows if row.n or row.n_only_a or row.n_only_b]
    tried = [row for row in rows if row.p_value is not None]
    adjusted = dict(zip((row.run_comparison_id for row in tried), holm([row.p_value or 0.0 for row in tried]), strict=True))
    return [_with_family(row, adjusted.get(row.run_comparison_id), params) for row in rows]


def _row(
    sides: tuple[Side, Side],
    subject: str,
    measure: str,
    split: str,
    values: tuple[Mapping[str, float], Mapping[str, float]],
    params: ReportParams,
) -> RunComparison:
    a, b = (
        {row.pair_id: row for row in side.splits if row.split == split and row.pair_id in of}
        for side, of in zip(sides, values, strict=True)
    )
    shared = sorted(a.keys() & b.keys())
    differences = [values[0][pair] - values[1][pair] for pair in shared]
    clusters = clusters_of([Outcome(pair, a[pair].document_id, a[pair].lineage_id, "tie") for pair in shared], split, params)
    span = (-SPANS[measure], SPANS[measure])
    interval = cluster_interval(differences, clusters.keys, params.alpha, span) if clusters.keys else None
    least = 0.0 if measure in COUNTED else NOTABLE
    n_better, n_worse = sum(d > least for d in differences), sum(d < -least for d in differences)
    has_p = bool(clusters.keys) and clusters.n >= params.min_units_for_p
    return RunComparison(
        run_comparison_id=key("run comparison", VERSION, [side.run_id for side in sides], subject, measure, split),
        run_a=sides[0].run_id,
        run_b=sides[1].run_id,
        subject=subject,
        measure=measure,
        split=split,
        n=len(shared),
        n_only_a=len(a) - len(shared),
        n_only_b=len(b) - len(shared),
        mean_a=_mean([values[0][pair] for pair in shared]),
        mean_b=_mean([values[1][pair] for pair in shared]),
        gain=_mean(differences),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        n_better=n_better,
        n_worse=n_worse,
        p_value=_p_value(differences, clusters.keys, measure) if has_p else None,
        p_holm=None,
        mcnemar_p=sign_test_p(n_better, n_worse) if shared and measure in COUNTED else None,
        is_difference=False,
        unit=clusters.unit,
        n_units=clusters.n,
    )


def _with_family(row: RunComparison, p_holm: float | None, params: ReportParams) -> RunComparison:
    interval = Interval(row.low, row.high, "") if row.low is not None and row.high is not None else None
    return replace(row, p_holm=p_holm, is_difference=is_difference(interval, p_holm, params.alpha, null=0.0))


def _p_value(differences: Sequence[float], clusters: Sequence[Hashable], measure: str) -> float:
    """Exact over whole clusters for what is counted in halves; else by permutation of the clusters' sums."""
    if measure in COUNTED:
        return sign_flip_p([round(2 * difference) for difference in differences], clusters)
    sums: dict[Hashable, float] = defaultdict(float)
    for difference, cluster in zip(differences, clusters, strict=True):
        sums[cluster] += difference
    return permutation_p([sums[name] for name in sorted(sums, key=str)])


def _values(side: Side) -> dict[tuple[str, str], dict[str, float]]:
    found: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for score in side.scores:
        for measure in SPANS.keys() - {"outcome"}:
            value = getattr(score, measure)
            if value is not None:
                found[score.arm, measure][score.pair_id] = float(value)
    given: dict[tuple[str, str], dict[str, list[Verdict]]] = defaultdict(lambda: defaultdict(list))
    for verdict in side.verdicts:
        given[verdict.judge, verdict.contrast][verdict.pair_id].append(verdict)
    for (judge, contrast), of_question in given.items():
        outcomes = {pair_id: outcome_of(verdicts) for pair_id, verdicts in of_question.items()}
        found[f"{judge} {contrast}", "outcome"] = {pair: WORTH[outcome] for pair, outcome in outcomes.items() if outcome is not None}
    return found


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
