"""Outcomes and answer lengths -> the win rate at equal length: how much of a win rate is owed to one arm writing more.

Judges, people too, prefer the longer answer. A fractional logit of the outcome on the length gap says what the rate would be without
one: logit E[y] = theta + beta x with y in {1, .5, 0} and x = tanh(gap / standard deviation of the gaps), rate = 1 / (1 + exp(-theta)).
That is the length-controlled win rate of Dubois et al. 2024 (arXiv:2404.04475) without its terms for models and instructions, centred
at a gap of zero. It is no defence against answers that were written to please.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from tasks.formulas import win_rate
from tasks.statistics import WORTH, Clusters, Outcome, ReportParams, clusters_of
from warehouse.keys import key
from warehouse.tables import LengthControl

VERSION = 1
RIDGE = 1e-2  # per question; where no finite fit exists
NEAR = 0.25  # |x| below this is near equal length
MAX_SHARE_LONGER = 0.8  # beyond these two, equal length lies at the edge of what was seen
MAX_GAP_IN_SD = 0.75
MOVED = 0.10  # AlpacaEval warns from this change of the rate on
SAME = 1e-12
NO_SPREAD = 1e-6  # tanh brings gaps far from 0 so near to each other that a slope over them is rounding


class Fit(NamedTuple):
    """Theta and beta of the logit, and their standard errors by cluster (None for fewer than two clusters, or under the ridge)."""

    theta: float
    beta: float
    theta_se: float | None
    beta_se: float | None
    is_separated: bool


class Gaps(NamedTuple):
    """What the length gaps look like: x = tanh(gap / sd), and the figures that say whether zero lies among them."""

    x: list[float]
    share_longer: float
    share_near: float
    gap_in_sd: float
    is_extrapolated: bool


def gaps_of(lengths: Sequence[tuple[int, int]]) -> Gaps | None:
    """(length of arm_a's answer, of arm_b's) per question -> its gaps; None where all gaps are the same, so that nothing can be told."""
    import numpy as np  # noqa: PLC0415

    gaps = np.array([a - b for a, b in lengths], dtype=float)
    sd = float(gaps.std(ddof=1)) if len(gaps) > 1 else 0.0
    if sd < SAME:
        return None
    x = np.tanh(gaps / sd)
    longer, shorter, centre = float((gaps > 0).mean()), float((gaps < 0).mean()), float(gaps.mean() / sd)
    is_extrapolated = max(longer, shorter) > MAX_SHARE_LONGER or abs(centre) > MAX_GAP_IN_SD
    return Gaps(x.tolist(), longer, float((np.abs(x) < NEAR).mean()), centre, is_extrapolated)


def fit(scores: Sequence[float], x: Sequence[float], clusters: Sequence[Hashable]) -> Fit | None:
    """Fit the logit; None where ``x`` does not vary. ``scores``: 1, .5 or 0; standard errors are robust over ``clusters``.

    Where x, or nothing at all, separates wins from losses, the likelihood has no maximum: then a ridge, flagged, without errors.
    """
    if not x or max(x) - min(x) < NO_SPREAD:
        return None
    import numpy as np  # noqa: PLC0415
    from statsmodels.genmod.families import Binomial  # noqa: PLC0415  # takes two seconds
    from statsmodels.genmod.generalized_linear_model import GLM  # noqa: PLC0415
    from statsmodels.tools.sm_exceptions import PerfectSeparationWarning  # noqa: PLC0415

    model = GLM(np.asarray(scores), np.column_stack([np.ones(len(x)), x]), family=Binomial())
    if is_separated(scores, x):
        theta, beta = model.fit_regularized(alpha=RIDGE, L1_wt=0).params
        return Fit(float(theta), float(beta), None, None, is_separated=True)
    n_clusters = len(set(clusters))
    codes = np.unique(np.array([str(name) for name in clusters]), return_inverse=True)[1]
    by_cluster = {"cov_type": "cluster", "cov_kwds": {"groups": codes, "use_correction": False}} if n_clusters > 1 else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PerfectSeparationWarning)  # told of a perfect fit too: where all are ties, which is no harm
        warnings.simplefilter("ignore", RuntimeWarning)  # a scale that is not used, for two questions
        fitted = model.fit(**by_cluster)
    if n_clusters <= 1:
        return Fit(float(fitted.params[0]), float(fitted.params[1]), None, None, is_separated=False)
    factor = math.sqrt(n_clusters / (n_clusters - 1))
    theta_se, beta_se = (float(error) * factor for error in fitted.bse)
    return Fit(float(fitted.params[0]), float(fitted.params[1]), theta_se, beta_se, is_separated=False)


def is_separated(scores: Sequence[float], x: Sequence[float]) -> bool:
    """True where a threshold on x, or none at all, parts wins from losses (they may touch at it): no finite fit exists. A tie is both."""
    wins = [value for score, value in zip(scores, x, strict=True) if score > 0]
    losses = [value for score, value in zip(scores, x, strict=True) if score < 1]
    return not wins or not losses or min(wins) >= max(losses) or min(losses) >= max(wins)


def sigmoid(log_odds: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + math.tanh(log_odds / 2))


def length_control(
    outcomes: Sequence[Outcome],
    lengths: Mapping[str, tuple[int, int]],
    split: str,
    contrast: str,
    judge: str,
    params: ReportParams,
) -> LengthControl:
    """One test set's row. ``lengths``: by pair_id the characters of arm_a's and arm_b's answer; questions without both are left out."""
    asked = sorted(outcome for outcome in outcomes if outcome.outcome is not None and outcome.pair_id in lengths)
    scores = [WORTH[str(outcome.outcome)] for outcome in asked]
    clusters = clusters_of(asked, split, params)
    gaps = gaps_of([lengths[outcome.pair_id] for outcome in asked])
    fitted = fit(scores, gaps.x, clusters.keys or [0] * len(scores)) if gaps else None
    (low, high), (beta_low, beta_high) = _intervals(fitted, clusters, params.alpha)
    rate = win_rate(scores.count(1.0), scores.count(0.5), len(scores))
    at_equal = sigmoid(fitted.theta) if fitted else None
    return LengthControl(
        length_control_id=key("length control", VERSION, judge, contrast, split, params.alpha, asked, [lengths[q.pair_id] for q in asked]),
        judge=judge,
        contrast=contrast,
        split=split,
        n=len(asked),
        rate=rate,
        rate_at_equal_length=at_equal,
        low=None if low is None else sigmoid(low),
        high=None if high is None else sigmoid(high),
        theta=fitted.theta if fitted else None,
        beta=fitted.beta if fitted else None,
        beta_low=beta_low,
        beta_high=beta_high,
        share_longer=gaps.share_longer if gaps else None,
        share_near=gaps.share_near if gaps else None,
        gap_in_sd=gaps.gap_in_sd if gaps else None,
        is_identifiable=fitted is not None,
        is_separated=bool(fitted and fitted.is_separated),
        is_extrapolated=bool(gaps and gaps.is_extrapolated),
        is_moved=at_equal is not None and rate is not None and abs(at_equal - rate) > MOVED,
        unit=clusters.unit,
        n_units=clusters.n,
        method=_method(fitted, clusters, has_interval=low is not None),
    )


Ends = tuple[float | None, float | None]


def _intervals(fitted: Fit | None, clusters: Clusters, alpha: float) -> tuple[Ends, Ends]:
    """Estimate +- t(C - 1) x clustered error of theta and of beta, in log-odds."""
    if fitted is None or not clusters.keys or not fitted.theta_se or not fitted.beta_se:
        return (None, None), (None, None)
    from scipy.stats import t as student  # noqa: PLC0415  # takes a second

    reach = float(student.ppf(1 - alpha / 2, len(set(clusters.keys)) - 1))
    theta, beta = reach * fitted.theta_se, reach * fitted.beta_se
    return (fitted.theta - theta, fitted.theta + theta), (fitted.beta - beta, fitted.beta + beta)


def _method(fitted: Fit | None, clusters: Clusters, *, has_interval: bool) -> str:
    if fitted is None:
        return "not identifiable: the answers differ by the same length everywhere, or there are fewer than two"
    if fitted.is_separated:
        return f"ridge of {RIDGE:g}: length or arm alone tells every win, so no finite fit and no interval exist"
    if has_interval:
        return f"fractional logit; log-odds +- t({len(set(clusters.keys)) - 1}) x clustered standard error"
    return "fractional logit; no interval"
