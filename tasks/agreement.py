"""Several judges' outcomes of the same questions -> how far they agree beyond chance."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

from tasks.jackknife import jackknife
from tasks.statistics import Outcome, ReportParams, clusters_of
from warehouse.keys import key
from warehouse.tables import JudgeAgreement

VERSION = 1
Votes = tuple[str | None, ...]
"""One question's outcomes: arm_a, arm_b or tie by each judge in turn; None where a judge has none."""


def cohen_kappa(votes: Sequence[Votes]) -> float | None:
    """Cohen's kappa of two raters (Cohen 1960) on what both rated; None where there is nothing, or both always say the same one thing."""
    both = [pair for pair in votes if None not in pair]
    if not both or len({vote for pair in both for vote in pair}) == 1:
        return None
    from sklearn.metrics import cohen_kappa_score  # noqa: PLC0415  # takes two seconds

    return float(cohen_kappa_score([one for one, _ in both], [other for _, other in both]))


def krippendorff_alpha(votes: Sequence[Votes]) -> float | None:
    """Nominal alpha of any number of raters, votes may be missing (Krippendorff 2004); None where all votes are the same.

    1 - observed / expected disagreement; without missing votes 1 - alpha = (1 - Fleiss' kappa) (N - 1) / N for N votes.
    """
    rated = [Counter(vote for vote in question if vote is not None) for question in votes]
    rated = [counts for counts in rated if counts.total() > 1]
    totals: Counter[str] = sum(rated, Counter())
    n = totals.total()
    expected = n * n - sum(count * count for count in totals.values())
    if not expected:
        return None
    observed = sum((c.total() ** 2 - sum(count * count for count in c.values())) / (c.total() - 1) for c in rated)
    return 1 - (n - 1) * observed / expected


def share_agreed(votes: Sequence[Votes]) -> float | None:
    """Share of the pairs of votes on one question that are the same; None without any."""
    pairs = [pair for question in votes for pair in itertools.combinations([vote for vote in question if vote is not None], 2)]
    return sum(one == other for one, other in pairs) / len(pairs) if pairs else None


def make_agreements(sets: Mapping[tuple[str, str, str], Sequence[Outcome]], params: ReportParams) -> list[JudgeAgreement]:
    """Rows for every two judges, and for all where there are three or more. ``sets``: by (judge, contrast, split) all that is planned."""
    rows = []
    for contrast, split in sorted({(contrast, split) for _, contrast, split in sets}):
        judges = sorted(judge for judge, *of in sets if of == [contrast, split])
        groups = [*itertools.combinations(judges, 2), *([tuple(judges)] if len(judges) > 2 else [])]  # noqa: PLR2004  # more than a pair
        rows += [_row(group, contrast, split, sets, params) for group in groups]
    return rows


def _row(
    judges: tuple[str, ...], contrast: str, split: str, sets: Mapping[tuple[str, str, str], Sequence[Outcome]], params: ReportParams
) -> JudgeAgreement:
    spoken = [{q.pair_id: q.outcome for q in sets[judge, contrast, split]} for judge in judges]
    asked = [q for q in sorted(sets[judges[0], contrast, split], key=lambda q: q.pair_id) if _n_votes(q.pair_id, spoken) > 1]
    votes = [tuple(of.get(q.pair_id) for of in spoken) for q in asked]
    clusters = clusters_of(asked, split, params)
    is_pair = len(judges) == 2  # noqa: PLR2004
    figure = cohen_kappa if is_pair else krippendorff_alpha

    def figures(some: Sequence[Votes]) -> list[float] | None:
        value = figure(some)
        return None if value is None else [value]

    intervals = jackknife(votes, clusters.keys, figures, params.alpha) if clusters.keys else None
    return JudgeAgreement(
        judge_agreement_id=key("judge agreement", VERSION, judges, contrast, split, params.alpha, asked, votes),
        judges=judges,
        contrast=contrast,
        split=split,
        statistic="cohen" if is_pair else "krippendorff",
        n=len(asked),
        agreement=share_agreed(votes),
        value=figure(votes),
        low=max(intervals[0][0], -1.0) if intervals else None,
        high=min(intervals[0][1], 1.0) if intervals else None,
        unit=clusters.unit,
        n_units=clusters.n,
    )


def _n_votes(pair_id: str, spoken: Sequence[Mapping[str, str | None]]) -> int:
    return sum(of.get(pair_id) is not None for of in spoken)
