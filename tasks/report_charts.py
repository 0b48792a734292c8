"""Figures -> geometry: where each mark of the report's charts stands, in per cent of the plot, so that they fit any width."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from tasks.judge_trust import judge_rank
from warehouse.tables import TEST_SPLITS, ArmRate, Estimate

MEASURES = (("token_f1", "token F1"), ("rouge_l", "ROUGE-L"), ("cosine", "cosine"))
N_BINS = 20
MAX_POINTS = 600  # of a curve: more than a plot has pixels for
SPANS = (0.05, 0.1, 0.25, 0.5)  # how far an axis around 50 % may reach to either side
RATE_TOPS = (0.1, 0.25, 0.5, 1.0)
GOES_ON = {
    "documents": ("ok", "partial"), "pages": ("read",), "chunks": ("asked",), "pairs": ("kept",), "answers": ("answered",),
    "verdicts": ("arm_a", "tie", "arm_b"),
}  # fmt: skip
"""What of each step is handed on; everything else is a loss. The sets of ``splits`` all go on."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, and what it says."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A row of an interval plot or bar chart. Places are per cent of the plot's width; None where there is none to show."""

    row: Estimate | ArmRate
    at: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Plot:
    """Rows in groups over one axis."""

    ticks: list[Tick]
    groups: Sequence[tuple[tuple[str, ...], list[Mark]]]


@dataclass(frozen=True, slots=True)
class Bar:
    """A share of what went into a step: handed on, or lost for a reason."""

    label: str
    n: int
    share: float
    at: float
    width: float
    is_loss: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way from pages to verdicts: what went in, and what became of it."""

    name: str
    part: str
    n: int
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class Curve:
    """A loss curve of one adapter as points of an SVG polyline in a box of 100 by 100."""

    name: str
    points: str
    first: float
    last: float
    end: float | None
    """Height of the validation loss, from the top."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Curves over common axes."""

    x_ticks: list[Tick]
    y_ticks: list[Tick]
    curves: list[Curve]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How one arm's answers score on one measure; heights are per cent of the highest bin of the measure."""

    arm: str
    n: int
    mean: float
    mean_at: float
    heights: list[float]
    counts: list[int]


def interval_plot(estimates: Sequence[Estimate], headline_contrast: str) -> Plot:
    """Win rates by judge and contrast, the headline's first, on an axis that is symmetric about 50 % and reaches what is shown."""
    ordered = sorted(
        estimates,
        key=lambda row: (row.contrast != headline_contrast, row.contrast, judge_rank(row.judge), row.judge, split_rank(row.split)),
    )
    low, high = around_half(value for row in estimates for value in (row.rate, row.low, row.high))
    groups = [(key, [_mark(row, low, high) for row in rows]) for key, rows in groupby(ordered, key=lambda row: (row.contrast, row.judge))]
    return Plot(percent_ticks(low, high), groups)


def rate_plot(arm_rates: Sequence[ArmRate], arms: Sequence[str]) -> Plot:
    """How often each arm states the fact, by test set, on an axis from 0 that reaches what is shown."""
    ordered = sorted(arm_rates, key=lambda row: (split_rank(row.split), arms.index(row.arm) if row.arm in arms else len(arms)))
    furthest = max((value for row in arm_rates for value in (row.rate, row.high) if value is not None), default=0.0)
    top = next((top for top in RATE_TOPS if furthest <= top), 1.0)
    groups = [((split,), [_mark(row, 0.0, top) for row in rows]) for split, rows in groupby(ordered, key=lambda row: row.split)]
    return Plot(percent_ticks(0.0, top), groups)


def waterfall(coverage: Sequence[Mapping[str, Any]]) -> list[Step]:
    """The steps of the view ``coverage`` in order. Bars stand one after the other: what is handed on first, then every loss by size.

    Kinds of chunks are one step, the kind named with the loss; arms and judges are steps of their own.
    """
    steps = []
    by_step = groupby(coverage, key=lambda row: (row["step"], "" if row["step"] == "chunks" else row["part"]))
    for (name, part), rows in by_step:
        counts: dict[tuple[bool, str], int] = defaultdict(int)
        for row in rows:
            goes_on = name == "splits" or row["fate"] in GOES_ON[name]
            counts[not goes_on, _fate(name, row["fate"], row["part"], goes_on=goes_on)] += row["n"]
        steps.append(_step(name, part, counts))
    return steps


def loss_curves(steps: Sequence[Mapping[str, Any]], validation: Mapping[str, float | None]) -> Curves:
    """Training loss by optimizer step, and each adapter's validation loss at the end (``validation``: by adapter_id)."""
    ends = [loss for loss in validation.values() if loss is not None]
    top = round_up(max([*(row["loss"] for row in steps if math.isfinite(row["loss"])), *ends], default=1.0))
    last_step = max((row["step"] for row in steps), default=1)

    def height(loss: float) -> float:
        return round(100 * (1 - min(loss, top) / top), 2)

    curves = []
    for adapter_id, rows in groupby(steps, key=lambda row: row["adapter_id"]):
        finite = [row for row in rows if math.isfinite(row["loss"])]
        thinned = finite[:: math.ceil(len(finite) / MAX_POINTS) or 1]
        points = " ".join(f"{_across(row['step'], last_step)},{height(row['loss'])}" for row in thinned)
        end = validation.get(adapter_id)
        if finite:
            curves.append(Curve(adapter_id, points, finite[0]["loss"], finite[-1]["loss"], None if end is None else height(end)))
    y_ticks = [Tick(100 * (1 - part / 4), f"{top * part / 4:g}") for part in range(5)]
    marked = sorted({1, *(max(1, round(last_step * part / 4)) for part in range(1, 5))})
    x_ticks = [Tick(_across(step, last_step), f"{step:,}") for step in marked]
    return Curves(x_ticks, y_ticks, curves)


def histograms(scores: Sequence[Mapping[str, Any]], arms: Sequence[str]) -> list[tuple[str, list[Histogram]]]:
    """For each measure the arms' distributions over all test questions, in bins of .05; what lies below 0 counts in the first."""
    found = []
    for measure, label in MEASURES:
        values = {arm: [row[measure] for row in scores if row["arm"] == arm] for arm in arms}
        counts = {arm: _binned(of_arm) for arm, of_arm in values.items() if of_arm}
        highest = max((count for bins in counts.values() for count in bins), default=1)
        rows = []
        for arm, bins in counts.items():
            mean = sum(values[arm]) / len(values[arm])
            heights = [round(100 * count / highest, 2) for count in bins]
            rows.append(Histogram(arm, len(values[arm]), mean, round(100 * min(max(mean, 0), 1), 2), heights, bins))
        found.append((label, rows))
    return found


def mean_scores(scores: Sequence[Mapping[str, Any]], arms: Sequence[str]) -> Sequence[tuple[str, str, int, list[float]]]:
    """(test set, arm, answers, mean of each measure)."""
    found = []
    for split in TEST_SPLITS:
        for arm in arms:
            rows = [row for row in scores if row["split"] == split and row["arm"] == arm]
            if rows:
                found.append((split, arm, len(rows), [sum(row[name] for row in rows) / len(rows) for name, _ in MEASURES]))
    return found


def around_half(values: Iterable[float | None]) -> tuple[float, float]:
    """The ends of an axis that is symmetric about 50 % and reaches every value."""
    furthest = max((abs(value - 0.5) for value in values if value is not None), default=0.0)
    span = next((span for span in SPANS if furthest <= span), SPANS[-1])
    return 0.5 - span, 0.5 + span


def place(value: float | None, low: float, high: float) -> float | None:
    """Where ``value`` stands on an axis from ``low`` to ``high``, in per cent of its length; what lies beyond stands at its end."""
    return None if value is None else round(100 * (min(max(value, low), high) - low) / (high - low), 2)


def percent_ticks(low: float, high: float) -> list[Tick]:
    """Five marks from ``low`` to ``high``, both shares."""
    return [Tick(25.0 * part, f"{100 * (low + (high - low) * part / 4):g}\u00a0%") for part in range(5)]


def split_rank(split: str) -> int:
    """The place of a test set among the others."""
    return TEST_SPLITS.index(split) if split in TEST_SPLITS else len(TEST_SPLITS)


def round_up(value: float) -> float:
    """The next of 1, 2, 3, 4, 5, 6, 8 or 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 2, 3, 4, 5, 6, 8, 10) if value <= step * power * (1 + 1e-9))


def _mark(row: Estimate | ArmRate, low: float, high: float) -> Mark:
    return Mark(row, place(row.rate, low, high), place(row.low, low, high), place(row.high, low, high))


def _fate(step: str, fate: str, part: str, *, goes_on: bool) -> str:
    """In words: who won a verdict, and which kind of chunk was lost where the reason does not say."""
    if step == "chunks" and not goes_on and not fate.startswith("kind_"):
        return f"{fate} ({part})"
    arms = part.rpartition(" ")[2].split(":")
    return f"{arms[0 if fate == 'arm_a' else -1]} wins" if step == "verdicts" and fate in ("arm_a", "arm_b") else fate


def _step(name: str, part: str, counts: Mapping[tuple[bool, str], int]) -> Step:
    total, at, bars = sum(counts.values()), 0.0, []
    for (is_loss, label), n in sorted(counts.items(), key=lambda item: (item[0][0], -item[1] if item[0][0] or name == "splits" else 0)):
        share = n / total
        bars.append(Bar(label, n, share, round(at, 2), round(100 * share, 2), is_loss))
        at += 100 * share
    return Step(name, part, total, bars)


def _binned(values: Sequence[float]) -> list[int]:
    bins = [0] * N_BINS
    for value in values:
        bins[min(max(int(value * N_BINS), 0), N_BINS - 1)] += 1
    return bins


def _across(step: int, last_step: int) -> float:
    return round(100 * (step - 1) / max(last_step - 1, 1), 2)
