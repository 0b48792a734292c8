"""Outcomes of one test set -> its win rate with interval, p-value and scope; answers of one arm -> how often it states the fact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from tasks.formulas import Interval, cluster_interval, effective_n, holm, mcnemar_p, mde, sign_flip_p, unscored_bounds, win_rate
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import ArmRate, Estimate, Unit

VERSION = 4
WORTH = {"arm_a": 1.0, "tie": 0.5, "arm_b": 0.0}


@dataclass(frozen=True, slots=True)
class ReportParams:
    """How outcomes become rates, intervals and claims."""

    alpha: float = 0.05
    """Intervals cover 1 - alpha (0.05: 95 %), and a difference is claimed only where p, adjusted for all tests of a run, is below alpha."""
    power: float = 0.8
    """Chance with which the smallest detectable difference would be found."""
    min_documents: int = 6
    """From this many documents on, intervals speak about documents like these; below, about these documents only."""
    min_units_for_p: int = 6
    """No p-value below this many documents or fact families: with 5 it cannot fall under .06."""
    max_unscored_share: float = 0.02
    """Above this share of questions without a verdict, the summary warns and gives the bounds."""
    headline_contrast: str = "tuned:base"
    """arm_a:arm_b of the sentence that heads the summary."""

    def __post_init__(self) -> None:
        """Refuse settings under which the figures mean nothing."""
        for name, is_good, mend in (
            ("alpha", 0 < self.alpha < 0.5, "use a number between 0 and 0.5"),  # noqa: PLR2004  # bounds of a two-sided test
            ("power", self.alpha < self.power < 1, "use a number between alpha and 1"),
            ("min_documents", self.min_documents >= 2, "use at least 2"),  # noqa: PLR2004  # one document shows no spread
            ("min_units_for_p", self.min_units_for_p >= 2, "use at least 2"),  # noqa: PLR2004
            ("max_unscored_share", 0 <= self.max_unscored_share <= 1, "use a share between 0 and 1"),
            ("headline_contrast", self.headline_contrast.count(":") == 1, "write arm_a:arm_b, e.g. tuned:base"),
        ):
            if not is_good:
                raise ConfigError(f"{getattr(self, name)!r} is out of bounds", where=f"report.{name}", mend=mend)


class Outcome(NamedTuple):
    """One planned question: who won it (None: unscored), and what it must be counted together with."""

    pair_id: str
    document_id: str
    lineage_id: str
    outcome: Literal["arm_a", "arm_b", "tie"] | None
    is_asked: bool = True
    """False: people label a sample, and this question was not drawn for it."""


class Clusters(NamedTuple):
    """What an interval counts: the unit, the questions' clusters (empty for unit none), how many, and what it speaks about in words."""

    unit: Unit
    keys: list[str]
    n: int
    scope: str


def clusters_of(questions: Sequence[Outcome], split: str, params: ReportParams) -> Clusters:
    """The unit that an interval over these questions may count.

    Documents from ``min_documents`` on; below that fact families, about these documents only, except where whole documents are held
    out: what was learned there says nothing about other documents, so nothing is estimated.
    """
    documents, families = ([getattr(q, name) for q in questions] for name in ("document_id", "lineage_id"))
    n_documents, n_families = len(set(documents)), len(set(families))
    if not questions:
        return Clusters("none", [], 0, "no questions")
    if n_documents >= params.min_documents:
        return Clusters("document", documents, n_documents, f"documents like these {n_documents}")
    if split == "test_unseen_document":
        return Clusters("none", [], n_documents, f"interval not estimable ({_count(n_documents, 'document')})")
    if n_families == 1:
        return Clusters("none", [], 1, "interval not estimable (1 fact family)")
    return Clusters(
        "fact", families, n_families, f"about these documents only ({_count(n_documents, 'document')}, {n_families} fact families)"
    )


def estimate(outcomes: Sequence[Outcome], split: str, contrast: str, judge: str, params: ReportParams = ReportParams()) -> Estimate:
    """The win rate of arm_a on one test set. ``outcomes``: every planned question of the set; an empty set gives a row too.

    A question that was not asked, as people are of a drawn sample alone, is missing by chance: interval and bounds leave it out. One that
    was asked and has no verdict may be missing because of its answers: the bounds count it both ways.
    Taken alone: a family of one test. :func:`adjust` puts the tests of a run together.
    """
    scored = sorted(outcome for outcome in outcomes if outcome.outcome is not None)
    counts = Counter(outcome.outcome for outcome in scored)
    scores = [WORTH[str(outcome.outcome)] for outcome in scored]
    n_asked = sum(outcome.is_asked for outcome in outcomes)
    n_wins, n_ties, n_unscored = counts["arm_a"], counts["tie"], n_asked - len(scored)
    clusters = clusters_of(scored, split, params)
    interval = cluster_interval(scores, clusters.keys, params.alpha) if clusters.keys else None
    has_p = bool(clusters.keys) and clusters.n >= params.min_units_for_p
    p_value = sign_flip_p([round(2 * score - 1) for score in scores], clusters.keys) if has_p else None
    bounds = unscored_bounds(n_wins, n_ties, n_asked, n_unscored)
    return Estimate(
        estimate_id=key("estimate", VERSION, judge, contrast, split, params, sorted(outcomes, key=str)),
        judge=judge,
        contrast=contrast,
        split=split,
        n_planned=len(outcomes),
        n=len(scored),
        n_wins=n_wins,
        n_ties=n_ties,
        n_losses=counts["arm_b"],
        n_unscored=n_unscored,
        rate=win_rate(n_wins, n_ties, len(scored)),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        bound_low=bounds[0] if bounds else None,
        bound_high=bounds[1] if bounds else None,
        unit=clusters.unit,
        n_units=clusters.n,
        p_value=p_value,
        p_holm=p_value,
        n_tests=int(has_p),
        mcnemar_p=mcnemar_p(counts["arm_b"], n_wins) if scored else None,
        mde=mde(effective_n(scores, clusters.keys), params.alpha, params.power) if interval else None,
        is_difference=is_difference(interval, p_value, params.alpha),
        scope=clusters.scope if scored or not outcomes else "no question was scored",
        method="; ".join([interval.method if interval else "no interval", "exact cluster sign-flip p" if has_p else "no p"]),
        n_not_asked=len(outcomes) - n_asked,
    )


def adjust(estimates: Sequence[Estimate], params: ReportParams) -> list[Estimate]:
    """The same estimates with ``p_holm`` over every p-value of one judge: all its contrasts and test sets are one family (Holm 1979).

    Whoever looks at six tests finds one below .05 by luck in every fourth run. A difference is claimed only where the interval leaves
    out one half and the adjusted p is below alpha.
    """
    adjusted: dict[str, float] = {}
    n_tests: Counter[str] = Counter()
    for judge in {row.judge for row in estimates}:
        family = [(row.estimate_id, row.p_value) for row in estimates if row.judge == judge and row.p_value is not None]
        adjusted |= dict(zip((name for name, _ in family), holm([p for _, p in family]), strict=True))
        n_tests[judge] = len(family)
    return [_with_family(row, adjusted.get(row.estimate_id), n_tests[row.judge], params) for row in estimates]


def _with_family(row: Estimate, p_holm: float | None, n_tests: int, params: ReportParams) -> Estimate:
    interval = Interval(row.low, row.high, row.method) if row.low is not None and row.high is not None else None
    name = key("estimate among others", row.estimate_id, n_tests, p_holm)
    claimed = is_difference(interval, p_holm, params.alpha)
    return replace(row, estimate_id=name, p_holm=p_holm, n_tests=n_tests, is_difference=claimed)


def arm_rate(
    stated: Sequence[Outcome], arm: str, split: str, *, n_planned: int, n_answered: int, params: ReportParams = ReportParams()
) -> ArmRate:
    """How often one arm states the reference fact. ``stated``: every answered question with a key, arm_a where it is stated, else arm_b."""
    stated = sorted(stated)
    scores = [WORTH[str(outcome.outcome)] for outcome in stated]
    clusters = clusters_of(stated, split, params)
    interval = cluster_interval(scores, clusters.keys, params.alpha) if clusters.keys else None
    return ArmRate(
        arm_rate_id=key("arm rate", VERSION, arm, split, n_planned, n_answered, params, stated),
        arm=arm,
        split=split,
        n_planned=n_planned,
        n_answered=n_answered,
        n_keyed=len(stated),
        n_stated=round(sum(scores)),
        rate=sum(scores) / len(scores) if scores else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        unit=clusters.unit,
        n_units=clusters.n,
        method=f"{interval.method if interval else 'no interval'}; {clusters.scope}",
    )


def is_difference(interval: Interval | None, p_value: float | None, alpha: float, null: float = 0.5) -> bool:
    """True where p and the interval agree that the figure is not ``null``."""
    return interval is not None and p_value is not None and p_value < alpha and not interval.low <= null <= interval.high


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}{'' if n == 1 else 's'}"
