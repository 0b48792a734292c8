"""What a verdict rests on -> geometry: forests by document, spreads over formats, slices, strengths, outcomes against length.

Places are per cent of the plot, as in :mod:`tasks.report_charts`. Groups are ordered: what the headline speaks of comes first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from tasks.judge_trust import judge_rank
from tasks.length_control import sigmoid
from tasks.report import UNSEEN_FIRST
from tasks.report_basis import Basis, Gap, Group, Row
from tasks.report_charts import Tick, around_half, percent_ticks, place, round_up, split_rank
from warehouse.keys import draw
from warehouse.tables import Estimate

MAX_DOCUMENTS = 200  # of one forest
MAX_DOTS = 1_500  # of one plot of single questions
N_CURVE = 60  # points of a fitted curve
LANES = {"arm_a": 14.0, "tie": 50.0, "arm_b": 86.0}  # heights of wins, ties and losses, from the top
SCATTER = 9.0  # dots of one lane are spread this far up and down, so that they do not hide each other
DOT, GROWTH = (
    3.0,
    4.5,
)  # radius of the smallest dot, and by how much that of the largest is larger; its area follows the number of questions
SEED = 0
SLICES = ("known", "maybe", "unknown")


@dataclass(frozen=True, slots=True)
class Spot:
    """A row of a plot with the places of its figures; None where there is none."""

    row: Row
    at: float | None
    low: float | None = None
    high: float | None = None
    dots: tuple[float, ...] = ()
    size: float = 5.0


@dataclass(frozen=True, slots=True)
class Rows:
    """Spots that belong together: the names of what they are of, and the axis that they share."""

    title: Any
    spots: list[Spot]
    ticks: list[Tick]
    pooled: Spot | None = None
    n_hidden: int = 0


@dataclass(frozen=True, slots=True)
class Dot:
    """One question of a plot of outcome against length."""

    x: float
    y: float
    outcome: str


@dataclass(frozen=True, slots=True)
class LengthPlot:
    """Outcomes against how much longer arm_a's answer is, with the fitted curve and where it crosses equal length."""

    title: Group
    row: Row
    dots: list[Dot]
    n_hidden: int
    zero: float
    ticks: list[Tick]
    curve: str
    """Points of a polyline in a box of 100 by 100; empty without a fit."""
    crossing: float | None
    """Height where the curve crosses equal length."""


def forests(basis: Basis, estimates: Sequence[Estimate], headline_contrast: str) -> list[Rows]:
    """For each judge and test set of the headline contrast, its documents by win rate, with the set's estimate to pool them."""
    pooled = {(row.judge, row.contrast, row.split): row for row in estimates}
    contrast = _headline({row["contrast"] for row in basis.documents}, headline_contrast)
    found: list[Rows] = []
    for group, rows in _grouped([row for row in basis.documents if row["contrast"] == contrast]):
        estimate = pooled.get(group)
        if estimate is None or not estimate.n:
            continue
        kept = sorted(rows, key=lambda row: (-row["n"], row["document_id"]))[:MAX_DOCUMENTS]
        most = max(row["n"] for row in kept)
        shown = sorted(kept, key=lambda row: (row["rate"] is None, -(row["rate"] or 0), row["file_name"] or "", row["document_id"]))
        low, high = around_half([estimate.low, estimate.high, *(row["rate"] for row in shown)])
        spots = [Spot(row, place(row["rate"], low, high), size=_size(row["n"], most)) for row in shown]
        middle = _spot(_figures(estimate), "rate", low, high)
        found.append(Rows(group, spots, percent_ticks(low, high), middle, len(rows) - len(kept)))
    return sorted(found, key=_as_the_headline)


def slice_plots(basis: Basis, headline_contrast: str) -> list[Rows]:
    """For each judge, contrast and test set with sampled questions, the win rate where the base knew, half knew, did not know the fact."""
    found = []
    for group, rows in _grouped(basis.slices, headline_contrast):
        if any(row["n"] for row in rows):
            ordered = sorted(rows, key=lambda row: SLICES.index(row["slice"]))
            found.append(Rows(group, [_spot(row, "rate", 0.0, 1.0) for row in ordered], percent_ticks(0.0, 1.0)))
    return found


def strength_plots(basis: Basis) -> list[Rows]:
    """For each judge and test set that compare three arms or more, the arms from strong to weak on an axis about their mean."""
    ends = [abs(row[name]) for row in basis.strengths for name in ("strength", "low", "high") if row[name] is not None]
    top = round_up(max(ends, default=1.0) or 1.0)
    ticks = [Tick(25.0 * part, _signed(top * (part - 2) / 2)) for part in range(5)]
    ordered = sorted(
        basis.strengths,
        key=lambda row: (*_judge_first(row), -(row["strength"] or 0), row["arm"]),
    )
    by_set = groupby(ordered, key=lambda row: (row["judge"], row["split"]))
    found = [Rows(title, [_spot(row, "strength", -top, top) for row in rows], ticks) for title, rows in by_set]
    return sorted(found, key=lambda rows: (rows.title[1] not in UNSEEN_FIRST, rows.spots[0].low is None))


def spread_plots(basis: Basis, arms: Sequence[str]) -> list[Rows]:
    """For each test set the arms with the rate of every format, on an axis from 0 that reaches what is shown."""
    rates = {(row["split"], row["arm"], row["format"]): row["rate"] for row in basis.format_rates if row["rate"] is not None}
    top = next((top for top in (0.1, 0.25, 0.5, 1.0) if max(rates.values(), default=0.0) <= top), 1.0)
    ordered = sorted(basis.format_spreads, key=lambda row: (split_rank(row["split"]), _arm_rank(row["arm"], arms), row["arm"]))
    found = []
    for split, rows in groupby(ordered, key=lambda row: row["split"]):
        spots = []
        for row in rows:
            dots = sorted(rate for (at, arm, _), rate in rates.items() if (at, arm) == (split, row["arm"]))
            ends = place(row["lowest_rate"], 0, top), place(row["highest_rate"], 0, top)
            places = tuple(at for rate in dots if (at := place(rate, 0, top)) is not None)
            spots.append(Spot(row, place(row["default_rate"], 0, top), *ends, dots=places))
        found.append(Rows((split,), spots, percent_ticks(0.0, top)))
    return found


def format_table(basis: Basis, arms: Sequence[str]) -> tuple[list[str], list[tuple[str, str, list[float | None]]]]:
    """(formats, the default first), and for each test set and arm the rate in each of them."""
    formats = sorted({row["format"] for row in basis.format_rates}, key=lambda name: (name != "default", name))
    rates = {(row["split"], row["arm"], row["format"]): row["rate"] for row in basis.format_rates}
    asked = sorted({(split, arm) for split, arm, _ in rates}, key=lambda of: (split_rank(of[0]), _arm_rank(of[1], arms), of[1]))
    return formats, [(split, arm, [rates.get((split, arm, name)) for name in formats]) for split, arm in asked]


def control_plots(basis: Basis) -> list[Rows]:
    """For each judge the share of each control's questions that it got right; ``at`` is what it must reach, ``high`` what it reached."""
    ordered = sorted(
        ({name: getattr(row, name) for name in row.__slots__} for row in basis.trust.controls),
        key=lambda row: (judge_rank(row["judge"]), row["judge"], row["control"]),
    )
    by_judge = groupby(ordered, key=lambda row: str(row["judge"]))
    return [
        Rows((judge,), [Spot(row, place(row["least"], 0, 1), high=place(row["rate"], 0, 1)) for row in rows], percent_ticks(0.0, 1.0))
        for judge, rows in by_judge
    ]


def length_rows(basis: Basis, headline_contrast: str) -> list[Rows]:
    """For each judge and contrast its test sets: the rate at equal length, and as it is (the one dot)."""
    asked = [row for row in basis.lengths if row["n"]]
    ordered = sorted(
        asked, key=lambda row: (row["contrast"] != headline_contrast, row["contrast"], *_judge_first(row)[:2], split_rank(row["split"]))
    )
    return [
        Rows(title, [_at_equal_length(row) for row in rows], percent_ticks(0.0, 1.0))
        for title, rows in groupby(ordered, key=lambda row: (row["judge"], row["contrast"]))
    ]


def length_plots(basis: Basis, groups: Iterable[Group]) -> list[LengthPlot]:
    """For each of ``groups`` in turn that has them, its scored questions by length gap and outcome."""
    rows = {(row["judge"], row["contrast"], row["split"]): row for row in basis.lengths}
    return [_length_plot(group, rows[group], basis.gaps[group]) for group in groups if group in rows and basis.gaps.get(group)]


def _length_plot(group: Group, row: Row, gaps: Sequence[Gap]) -> LengthPlot:
    low, high, ticks = _gap_axis(*_reach(gaps))
    shown = sorted(gaps, key=lambda gap: draw(SEED, "shown", gap.pair_id))[:MAX_DOTS]
    dots = [
        Dot(
            place(gap.characters, low, high) or 0.0,
            round(LANES[gap.outcome] + SCATTER * (2 * draw(SEED, "height", gap.pair_id) - 1), 2),
            gap.outcome,
        )
        for gap in shown
    ]
    fitted = row["theta"] is not None and len(gaps) > 1
    sd = _deviation([gap.characters for gap in gaps]) if fitted else 1.0

    def height(characters: float) -> float:
        rate = sigmoid(row["theta"] + row["beta"] * math.tanh(characters / sd))
        return round(LANES["arm_b"] + (LANES["arm_a"] - LANES["arm_b"]) * rate, 2)

    least, most = _reach(gaps)
    at = [least + (most - least) * step / N_CURVE for step in range(N_CURVE + 1)]
    curve = " ".join(f"{place(x, low, high)},{height(x)}" for x in at) if fitted else ""
    zero = place(0, low, high) or 0.0
    return LengthPlot(group, row, dots, len(gaps) - len(shown), zero, ticks, curve, height(0) if fitted else None)


def _reach(gaps: Sequence[Gap]) -> tuple[int, int]:
    """What the gaps span, and 0."""
    return min(0, *(gap.characters for gap in gaps)), max(0, *(gap.characters for gap in gaps))


def _gap_axis(least: int, most: int) -> tuple[float, float, list[Tick]]:
    """Ends and marks of an axis from ``least`` to ``most``: round numbers, at most seven of them, 0 among them."""
    needed = max((most - least) / 5, 1)
    power = 10.0 ** math.floor(math.log10(needed))
    step = next(power * times for times in (1, 2, 5, 10) if needed <= power * times)
    first, last = math.floor(least / step), max(math.ceil(most / step), math.floor(least / step) + 1)
    n = last - first
    return first * step, last * step, [Tick(round(100 * rank / n, 2), _signed((first + rank) * step)) for rank in range(n + 1)]


def _deviation(values: Sequence[int]) -> float:
    """Standard deviation (n - 1), as the fit has it."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1)) or 1.0


def _grouped(rows: Iterable[Row], headline_contrast: str = "") -> list[tuple[Group, list[Row]]]:
    """By judge, contrast and test set: the headline's contrast first, the judges to be heard first, the untaught sets first."""

    def first(row: Mapping[str, Any]) -> tuple[Any, ...]:
        return row["contrast"] != headline_contrast, row["contrast"], *_judge_first(row)

    return [
        (group, list(some))
        for group, some in groupby(sorted(rows, key=first), key=lambda row: (row["judge"], row["contrast"], row["split"]))
    ]


def _as_the_headline(forest: Rows) -> tuple[Any, ...]:
    """Untaught sets before what was taught, those with an interval first, as the headline chooses."""
    judge, _, split = forest.title
    has_interval = forest.pooled is not None and forest.pooled.low is not None
    return split not in UNSEEN_FIRST, not has_interval, _judge_first({"judge": judge, "split": split})[::-1]


def _judge_first(row: Mapping[str, Any]) -> tuple[int, str, int]:
    split = row["split"]
    return judge_rank(row["judge"]), row["judge"], UNSEEN_FIRST.index(split) if split in UNSEEN_FIRST else len(UNSEEN_FIRST)


def _headline(contrasts: set[str], headline_contrast: str) -> str:
    """The headline's contrast, or, where it was not judged, the first that was."""
    return headline_contrast if headline_contrast in contrasts else min(contrasts, default="")


def _spot(row: Row, name: str, low: float, high: float) -> Spot:
    return Spot(row, place(row[name], low, high), place(row["low"], low, high), place(row["high"], low, high))


def _at_equal_length(row: Row) -> Spot:
    spot = _spot(row | {"warnings": length_warnings(row)}, "rate_at_equal_length", 0.0, 1.0)
    at = place(row["rate"], 0.0, 1.0)
    return replace(spot, dots=() if at is None else (at,))


def length_warnings(row: Row) -> list[str]:
    """What a reader must know of a rate at equal length, in words; ``row``: of ``length_controls``."""
    if not row["is_identifiable"]:
        return [row["method"]]
    longer, near = f"{100 * row['share_longer']:.0f} %", f"{100 * row['share_near']:.0f} %"
    said = {
        "is_separated": "separated: length or arm alone tells every win, so the rate at equal length is a guess without an interval",
        "is_extrapolated": f"extrapolated: the first arm's answer is the longer in {longer} of the questions, {near} are near equal length",
        "is_moved": "moved: the two rates lie more than 10 points apart, so the length of the answers is part of the verdict",
    }
    return [words for name, words in said.items() if row[name]]


def _figures(row: Estimate) -> Row:
    return {
        name: getattr(row, name) for name in ("n", "n_wins", "n_ties", "n_losses", "n_unscored", "rate", "low", "high", "scope", "unit")
    }


def _size(n: int, most: int) -> float:
    return round(DOT + GROWTH * math.sqrt(n / most), 2) if most else DOT


def _arm_rank(arm: str, arms: Sequence[str]) -> int:
    return arms.index(arm) if arm in arms else len(arms)


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+' if value > 0 else ''}{abs(value):,g}"  # noqa: RUF001  # a minus sign, as wide as the plus
