"""A run's estimates and flips, and a rule -> whether the run may pass, and why not: what a release script asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.judge_trust import Trust
from tasks.report import UNSEEN_FIRST
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import TEST_SPLITS, Estimate, FlipRate, Gate

VERSION = 2
Basis = Literal["low", "rate"]


@dataclass(frozen=True, slots=True)
class GateParams:
    """What a run is held to."""

    contrast: str = "tuned:base_rag"
    """arm_a:arm_b that is held to the rule."""
    min_win_rate: float = 0.5
    """The win rate of arm_a must reach this."""
    max_negative_flips: float | None = None
    """The share of facts that arm_b states and arm_a does not may not exceed this; null: not asked."""
    basis: Basis = "low"
    """low: the cautious end of each interval must hold (low end of the win rate, high end of the flips); rate: the figure itself."""
    max_unscored_share: float = 0.02
    """More questions than this share without a verdict fail the gate, whatever the others say."""

    def __post_init__(self) -> None:
        """Refuse a rule that means nothing."""
        if self.contrast.count(":") != 1:
            raise ConfigError(
                f"{self.contrast!r} does not compare two arms", where="gate.contrast", mend="write arm_a:arm_b, e.g. tuned:base"
            )
        if self.basis not in ("low", "rate"):
            raise ConfigError(f"{self.basis!r} is no basis", where="gate.basis", mend="use low or rate")
        for name in ("min_win_rate", "max_negative_flips", "max_unscored_share"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"{value} is out of bounds", where=f"gate.{name}", mend="use a share from 0 to 1")


def hold(estimate: Estimate, flips: FlipRate | None, params: GateParams, trust: Trust = Trust()) -> Gate:  # noqa: B008  # frozen
    """Hold one estimate, and the flips of the same contrast and test set, to the rule. What is not known does not pass.

    Nor does what a judge says that failed its controls, or that is shown both orders and goes by the place.
    """
    is_low = params.basis == "low"
    rate = estimate.low if is_low else estimate.rate
    lost = None if flips is None else flips.negative_high if is_low else flips.negative_rate
    n_asked = estimate.n_planned - (estimate.n_not_asked or 0)
    unscored = estimate.n_unscored / n_asked if n_asked else None
    doubts = trust.unfit_notice(estimate.judge), trust.unstable_notice(estimate.judge, estimate.contrast)
    reasons = [
        *doubts,
        _too_small("win rate", rate, params.min_win_rate, estimate.scope, is_low=is_low),
        _too_large("negative flip rate", lost, params.max_negative_flips, estimate.scope, is_low=is_low),
        _too_large("share of questions without a verdict", unscored, params.max_unscored_share, estimate.scope, is_low=False),
    ]
    found = tuple(reason for reason in reasons if reason)
    return Gate(
        gate_id=key("gate", VERSION, estimate.estimate_id, flips.flip_rate_id if flips else None, params, doubts),
        judge=estimate.judge,
        contrast=estimate.contrast,
        split=estimate.split,
        basis=params.basis,
        min_win_rate=params.min_win_rate,
        win_rate=rate,
        max_negative_flips=params.max_negative_flips,
        negative_flips=lost if params.max_negative_flips is not None else None,
        max_unscored_share=params.max_unscored_share,
        unscored_share=unscored,
        is_passed=not found,
        reasons=found,
    )


def choose(estimates: Sequence[Estimate], contrast: str, judge: str | None = None, split: str | None = None) -> Estimate:
    """The one estimate that a gate looks at.

    Without ``split`` the untaught set that the headline stands on: unseen documents where an interval can be estimated, else unseen
    facts; recall of what was taught is looked at only when named. ``judge``: a name, with or without its version.

    Raises:
        ConfigError: no such contrast, judge or test set, or several judges and none named.
    """
    rows = [row for row in estimates if row.contrast == contrast]
    if not rows:
        raise _unknown("contrast", contrast, {row.contrast for row in estimates})
    judges = sorted({row.judge for row in rows if judge in (None, row.judge, row.judge.split("/")[0])})
    if not judges:
        raise _unknown("judge", str(judge), {row.judge for row in rows})
    if len(judges) > 1:
        raise ConfigError(f"{contrast} was judged by {', '.join(judges)}", where="--judge", mend="name the one that decides")
    of_split = {row.split: row for row in rows if row.judge == judges[0]}
    if split is not None:
        if split not in of_split:
            raise _unknown("test set", split, set(of_split))
        return of_split[split]
    untaught = [of_split[name] for name in UNSEEN_FIRST if name in of_split and of_split[name].n_planned]
    for row in (*(row for row in untaught if row.low is not None), *untaught):
        return row
    raise ConfigError("no question about anything untaught was held out", where="--split", mend=f"name a set: {', '.join(TEST_SPLITS)}")


def _too_small(what: str, value: float | None, least: float, scope: str, *, is_low: bool) -> str:
    if value is None:
        return f"{what} unknown: {scope}"
    return "" if value >= least else f"{'low end of the ' if is_low else ''}{what} {value:.3f} is below {least:g}"


def _too_large(what: str, value: float | None, most: float | None, scope: str, *, is_low: bool) -> str:
    if most is None:
        return ""
    if value is None:
        return f"{what} unknown: {scope}"
    return "" if value <= most else f"{'high end of the ' if is_low else ''}{what} {value:.3f} is above {most:g}"


def _unknown(what: str, named: str, there: set[str]) -> ConfigError:
    return ConfigError(
        f"this run has no {what} {named}", where=f"--{what.replace('test set', 'split')}", mend=f"use any of {', '.join(sorted(there))}"
    )
