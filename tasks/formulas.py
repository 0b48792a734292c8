"""Counts and scores -> figures: the formulas behind the report, each with its source and the cases in which it has no value.

Questions of one document (or one family of facts) succeed and fail together, so intervals and p-values count clusters, not questions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

NO_SPREAD = 1e-12


class Interval(NamedTuple):
    """Both ends of an interval, and how it was computed."""

    low: float
    high: float
    method: str


class Flips(NamedTuple):
    """Shares of all questions: ``negative`` = the old arm right and the new one wrong, ``positive`` = the reverse."""

    negative: float
    positive: float
    gain: float


class Swap(NamedTuple):
    """What showing both orders tells about a judge, as shares of the questions."""

    consistency: float
    first_bias: float
    second_bias: float


def win_rate(n_wins: int, n_ties: int, n: int) -> float | None:
    """(wins + ties / 2) / n; None where nothing was scored."""
    return (n_wins + n_ties / 2) / n if n else None


def unscored_bounds(n_wins: int, n_ties: int, n_planned: int, n_unscored: int) -> tuple[float, float] | None:
    """The rate with every unscored question counted as a loss, and as a win; None where nothing was planned."""
    if not n_planned:
        return None
    won = n_wins + n_ties / 2
    return won / n_planned, (won + n_unscored) / n_planned


def wilson(n_successes: float, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927); halves are allowed, for ties.

    Raises:
        ValueError: n is 0.
    """
    if n < 1:
        raise ValueError("an interval needs at least one observation")
    z = _normal_quantile(1 - alpha / 2)
    share = n_successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def clopper_pearson(n_successes: int, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Exact binomial interval of a share (Clopper and Pearson 1934)."""
    from scipy.stats import binomtest  # noqa: PLC0415  # takes a second

    interval = binomtest(n_successes, n).proportion_ci(1 - alpha, method="exact")
    return float(interval.low), float(interval.high)


def clustered_se(scores: Sequence[float], clusters: Sequence[Hashable]) -> float | None:
    """Standard error of the mean where scores of one cluster move together; None for fewer than two clusters.

    sqrt(C / (C - 1) * sum over clusters of (sum of residuals)^2) / n: Miller 2024 (arXiv:2411.00640) with the small-sample factor.
    """
    totals = _residual_totals(scores, clusters)
    n_clusters = len(totals)
    if n_clusters <= 1:
        return None
    return math.sqrt(n_clusters / (n_clusters - 1) * sum(total * total for total in totals)) / len(scores)


def cluster_interval(
    scores: Sequence[float], clusters: Sequence[Hashable], alpha: float = 0.05, span: tuple[float, float] = (0.0, 1.0)
) -> Interval | None:
    """Mean +- t(C - 1) x clustered standard error, clipped to the ``span`` that a score can have; None for fewer than two clusters.

    Clusters that do not differ at all give a standard error of 0, which says nothing: then Wilson with n = C, stretched to the span.
    """
    se = clustered_se(scores, clusters)
    if se is None:
        return None
    from scipy.stats import t as student  # noqa: PLC0415  # takes a second

    floor, ceiling = span
    mean = math.fsum(scores) / len(scores)
    n_clusters = len(set(clusters))
    if se < NO_SPREAD * (ceiling - floor):
        share = wilson((mean - floor) / (ceiling - floor) * n_clusters, n_clusters, alpha)
        low, high = (floor + end * (ceiling - floor) for end in share)
        return Interval(low, high, f"Wilson with n = {n_clusters} units, which do not differ")
    half = float(student.ppf(1 - alpha / 2, n_clusters - 1)) * se
    return Interval(max(mean - half, floor), min(mean + half, ceiling), f"mean +- t({n_clusters - 1}) x clustered standard error")


def design_effect(scores: Sequence[float], clusters: Sequence[Hashable]) -> float | None:
    """By how much clustering inflates the variance of the mean (no small-sample factor); None where the scores do not vary."""
    mean = math.fsum(scores) / len(scores) if scores else 0.0
    spread = math.fsum((score - mean) ** 2 for score in scores)
    return sum(total * total for total in _residual_totals(scores, clusters)) / spread if spread > NO_SPREAD else None


def effective_n(scores: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """How many independent questions these are worth: n / design effect, never above n; the clusters where nothing varies."""
    effect = design_effect(scores, clusters)
    return len(set(clusters)) if effect is None else len(scores) / max(effect, 1.0)


def sign_flip_p(signs: Sequence[int], clusters: Sequence[Hashable]) -> float:
    """Two-sided exact cluster sign-flip test of "neither arm wins more often".

    ``signs``: +1 win, 0 tie, -1 loss. Share of all 2^C ways to flip whole clusters that give a sum at least as far from 0 as the one
    seen. The sums are whole numbers, so their distribution is a convolution: exact for any C, no random draws. 1.0 without clusters.
    """
    import numpy as np  # noqa: PLC0415

    sums: Counter[Hashable] = Counter()
    for sign, cluster in zip(signs, clusters, strict=True):
        sums[cluster] += sign
    steps = [abs(total) for total in sums.values() if total]
    reach = sum(steps)
    chance = np.zeros(2 * reach + 1)
    chance[reach] = 1.0
    for step in steps:
        chance = (np.roll(chance, step) + np.roll(chance, -step)) / 2
    distance = np.abs(np.arange(-reach, reach + 1))
    return min(math.fsum(chance[distance >= abs(sum(sums.values()))]), 1.0)


def sign_test_p(n_wins: int, n_losses: int) -> float:
    """Two-sided exact binomial test that wins and losses are equally likely; ties are left out. 1.0 without either."""
    from scipy.stats import binomtest  # noqa: PLC0415  # takes a second

    n = n_wins + n_losses
    return float(binomtest(n_wins, n).pvalue) if n else 1.0


def mcnemar_p(n_negative: int, n_positive: int) -> float:
    """Exact McNemar test on the questions that one arm alone got right: the sign test on the flips."""
    return sign_test_p(n_positive, n_negative)


def permutation_p(differences: Sequence[float], n_draws: int = 20_000, seed: int = 0) -> float:
    """Two-sided paired permutation test of a mean difference of 0: the sign of each difference is flipped.

    All 2^n patterns where these are no more than ``n_draws``, else that many seeded draws. Give one difference per cluster, its sum.
    1.0 for fewer than two differences.
    """
    if len(differences) <= 1:
        return 1.0
    import numpy as np  # noqa: PLC0415
    from scipy.stats import permutation_test  # noqa: PLC0415  # takes a second

    observed = np.round(np.asarray(differences, dtype=float), 12)  # equal sums must count as equal, however they were added up
    tried = permutation_test(
        (observed,), lambda sample, axis: np.round(np.sum(sample, axis=axis), 9), permutation_type="samples", vectorized=True,
        n_resamples=n_draws, rng=np.random.default_rng(seed),
    )  # fmt: skip
    return float(tried.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of a family of tests (Holm 1979): claims at level alpha keep the chance of any false one below alpha."""
    if not p_values:
        return []
    from statsmodels.stats.multitest import multipletests  # noqa: PLC0415  # takes a second

    return [float(p) for p in multipletests(p_values, method="holm")[1]]


def flips(n_negative: int, n_positive: int, n: int) -> Flips | None:
    """Counts of flips -> shares of ``n`` questions; None for no questions."""
    return Flips(n_negative / n, n_positive / n, (n_positive - n_negative) / n) if n else None


def swap_statistics(orders: Sequence[tuple[str, str]]) -> Swap | None:
    """How a judge's verdict depends on which answer it was shown first; None for no questions.

    ``orders``: per question the verdicts (first, second or tie) with arm_a and with arm_b shown first. Consistent = both name the same
    arm, or both say tie; first-bias = the answer shown first won both times.
    """
    if not orders:
        return None
    mirrored = {"first": "second", "second": "first", "tie": "tie"}
    n = len(orders)
    return Swap(
        sum(one == mirrored[other] for one, other in orders) / n,
        sum(pair == ("first", "first") for pair in orders) / n,
        sum(pair == ("second", "second") for pair in orders) / n,
    )


def mde(n_effective: float, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """Smallest distance from .5 that ``n_effective`` independent questions show with this power; None where not even 0 or 1 would.

    Solves d = (z_alpha/2 / 2 + z_power * sqrt(1/4 - d^2)) / sqrt(n), a quadratic in d.
    """
    a, b = _normal_quantile(1 - alpha / 2) / 2, _normal_quantile(power)
    if n_effective <= (2 * a) ** 2:
        return None
    return float((a * math.sqrt(n_effective) + math.sqrt(b * b * (n_effective + b * b - 4 * a * a)) / 2) / (n_effective + b * b))


def n_for(difference: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """How many independent questions show a win rate this far from .5 with this power: the inverse of :func:`mde`.

    Raises:
        ValueError: the difference is not between 0 and .5.
    """
    if not 0 < difference < 0.5:  # noqa: PLR2004  # a rate lies between 0 and 1
        raise ValueError("a difference from .5 lies between 0 and .5")
    a, b = _normal_quantile(1 - alpha / 2) / 2, _normal_quantile(power)
    return math.ceil(((a + b * math.sqrt(0.25 - difference * difference)) / difference) ** 2)


def majority_accuracy(accuracy: float, n_votes: int) -> float:
    """How often the majority of an odd number of independent votes is right, each right with ``accuracy`` (Condorcet)."""
    from scipy.stats import binom  # noqa: PLC0415  # takes a second

    return float(binom.sf(n_votes // 2, n_votes, accuracy))


def perplexity(nats: float, n_tokens: int) -> float:
    """exp(negative log-likelihood / tokens).

    Raises:
        ValueError: n_tokens is not positive.
    """
    if n_tokens < 1:
        raise ValueError("perplexity needs at least one token")
    return math.exp(nats / n_tokens)


def bits_per_byte(nats: float, n_bytes: int) -> float:
    """Negative log-likelihood in bits per UTF-8 byte: unlike perplexity comparable over tokenizers.

    Raises:
        ValueError: n_bytes is not positive.
    """
    if n_bytes < 1:
        raise ValueError("bits per byte need at least one byte")
    return nats / (math.log(2) * n_bytes)


def _residual_totals(scores: Sequence[float], clusters: Sequence[Hashable]) -> list[float]:
    mean = math.fsum(scores) / len(scores) if scores else 0.0
    residuals: dict[Hashable, list[float]] = {}
    for score, cluster in zip(scores, clusters, strict=True):
        residuals.setdefault(cluster, []).append(score - mean)
    return [math.fsum(values) for values in residuals.values()]


def _normal_quantile(share: float) -> float:
    from scipy.special import ndtri  # noqa: PLC0415  # takes a second

    return float(ndtri(share))
