"""A judge's verdicts and a person's on some of the same questions -> how often an outcome really happens, with the judge's errors undone.

A judge that calls 85 % of the real wins and wrongly calls 15 % of the rest bends every rate towards the middle. Rogan and Gladen 1978
undo that; the interval carries the noise of the two error rates, which come from a few labelled rows (Lang and Reiczigel 2014; for
judges, Lee et al. 2025, arXiv:2511.21140).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from tasks.formulas import effective_n
from tasks.statistics import Outcome, ReportParams, clusters_of
from warehouse.keys import key
from warehouse.tables import Calibration

VERSION = 1
LABELLER = "human"
OUTCOMES: dict[Literal["win", "loss"], str] = {"win": "arm_a", "loss": "arm_b"}


class Labels(NamedTuple):
    """What a judge says of rows whose truth is known. ``positive``: rows where the outcome is true."""

    n_positive: int
    n_positive_said: int
    n_negative: int
    n_negative_not_said: int

    @property
    def sensitivity(self) -> float | None:
        """q1 = P(judge says so | it is so); None without such rows."""
        return self.n_positive_said / self.n_positive if self.n_positive else None

    @property
    def specificity(self) -> float | None:
        """q0 = P(judge does not say so | it is not so); None without such rows."""
        return self.n_negative_not_said / self.n_negative if self.n_negative else None


class Corrected(NamedTuple):
    """A corrected share with its interval."""

    rate: float
    low: float
    high: float


def rogan_gladen(said: float, specificity: float, sensitivity: float) -> float:
    """(said + q0 - 1) / (q0 + q1 - 1), clipped to 0..1: the true share behind what a judge with these error rates said.

    Raises:
        ValueError: q0 + q1 is not above 1, so that the judge's word tells nothing about the truth.
    """
    skill = specificity + sensitivity - 1
    if skill <= 0:
        raise ValueError(f"q0 + q1 = {specificity + sensitivity:.2f} is not above 1: the judge says this no more often where it is true")
    return min(max((said + specificity - 1) / skill, 0.0), 1.0)


def corrected(said: float, n_effective: float, labels: Labels, alpha: float = 0.05) -> Corrected:
    """The corrected share with an interval that carries the noise of ``said`` (over ``n_effective`` questions), of q0 and of q1.

    Shares are pulled a little to the middle first, so that 20 of 20 labelled rows right still leave doubt (Lang and Reiczigel 2014).

    Raises:
        ValueError: the labels have no row of one kind, or q0 + q1 is not above 1.
    """
    from scipy.special import ndtri  # noqa: PLC0415  # takes a second

    if labels.specificity is None or labels.sensitivity is None:
        raise ValueError("both error rates need labelled rows")
    rate = rogan_gladen(said, labels.specificity, labels.sensitivity)
    z = float(ndtri(1 - alpha / 2))
    n, n0, n1 = n_effective + z * z, labels.n_negative + 2, labels.n_positive + 2
    p = (n_effective * said + z * z / 2) / n
    q0, q1 = (labels.n_negative_not_said + 1) / n0, (labels.n_positive_said + 1) / n1
    skill = q0 + q1 - 1
    if skill <= 0:  # the labels are so few that the pull alone takes the judge's skill away
        return Corrected(rate, 0.0, 1.0)
    theta = (p + q0 - 1) / skill
    noise0, noise1 = q0 * (1 - q0) / n0, q1 * (1 - q1) / n1
    shift = 2 * z * z * (theta * noise1 - (1 - theta) * noise0)
    half = z * math.sqrt(p * (1 - p) / n + (1 - theta) ** 2 * noise0 + theta**2 * noise1) / skill
    low, high = (min(max(theta + shift + way * half, 0.0), 1.0) for way in (-1, 1))
    return Corrected(rate, min(low, rate), max(high, rate))


def labels_of(judged: Mapping[str, str], truth: Mapping[str, str], outcome: str) -> Labels:
    """Count how a judge does on rows with a known truth. Both by pair_id: arm_a, arm_b or tie; rows that only one has are left out."""
    both = [(judged[name] == outcome, truth[name] == outcome) for name in judged.keys() & truth.keys()]
    return Labels(
        sum(is_so for _, is_so in both),
        sum(says and is_so for says, is_so in both),
        sum(not is_so for _, is_so in both),
        sum(not says and not is_so for says, is_so in both),
    )


def make_calibrations(sets: Mapping[tuple[str, str, str], Sequence[Outcome]], params: ReportParams) -> list[Calibration]:
    """Rows for every judge beside the labellers, whose names begin with ``human/``; none where nobody has labelled anything.

    ``sets``: by (judge, contrast, split) every planned question. Error rates are taken over all test sets of a contrast together.
    """
    spoken: dict[tuple[str, str], dict[str, str]] = {}
    for (judge, contrast, _), outcomes in sets.items():
        spoken.setdefault((judge, contrast), {}).update({q.pair_id: q.outcome for q in outcomes if q.outcome is not None})
    rows = []
    for (judge, contrast, split), outcomes in sorted(sets.items()):
        scored = [q for q in outcomes if q.outcome is not None]
        labellers = [name for name, of in spoken if of == contrast and name.split("/")[0] == LABELLER and spoken[name, of]]
        if judge.split("/")[0] == LABELLER or not scored:
            continue
        for labeller in sorted(labellers):
            for outcome, arm in OUTCOMES.items():
                labels = labels_of(spoken[judge, contrast], spoken[labeller, contrast], arm)
                rows.append(_row((judge, labeller, contrast, split, outcome), scored, labels, params))
    return rows


def _row(
    names: tuple[str, str, str, str, Literal["win", "loss"]], scored: Sequence[Outcome], labels: Labels, params: ReportParams
) -> Calibration:
    judge, labeller, contrast, split, outcome = names
    is_said = [float(q.outcome == OUTCOMES[outcome]) for q in scored]
    said = sum(is_said) / len(scored)
    clusters = clusters_of(scored, split, params).keys
    note = _fault(labels, outcome)
    found = None if note else corrected(said, effective_n(is_said, clusters), labels, params.alpha)
    has_interval = found is not None and bool(clusters)
    return Calibration(
        calibration_id=key("calibration", VERSION, names, params.alpha, sorted(scored), labels),
        judge=judge,
        labeller=labeller,
        contrast=contrast,
        split=split,
        outcome=outcome,
        n=len(scored),
        n_labelled=labels.n_positive + labels.n_negative,
        n_labelled_so=labels.n_positive,
        said=said,
        sensitivity=labels.sensitivity,
        specificity=labels.specificity,
        rate=found.rate if found else None,
        low=found.low if found and has_interval else None,
        high=found.high if found and has_interval else None,
        is_valid=found is not None,
        note=note,
    )


def _fault(labels: Labels, outcome: str) -> str:
    if labels.sensitivity is None or labels.specificity is None:
        return (
            f"of the {labels.n_positive + labels.n_negative} labelled rows {labels.n_positive} are a {outcome}: one error rate is unknown"
        )
    if labels.specificity + labels.sensitivity <= 1:
        return f"q0 + q1 = {labels.specificity + labels.sensitivity:.2f} is not above 1: the judge's word says nothing about a {outcome}"
    return ""
