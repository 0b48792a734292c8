"""Rows of the view ``sweep`` over one setting -> one HTML file as the report: each value's win rate with its interval, by test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from tasks.judge_trust import judge_rank
from tasks.report_charts import SPANS, Tick
from tasks.report_html import SPLIT_MEANINGS, TEMPLATES, environment
from warehouse.errors import TunehouseError
from warehouse.store import write_atomically
from warehouse.tables import TEST_SPLITS

Row = Mapping[str, Any]
FEWER_TAUGHT = "facts of the whole train set in another wording, whether or not a value's run was taught them"


@dataclass(frozen=True, slots=True)
class Point:
    """One value: ``x`` per cent of the plot's width, the others per cent of its height from the top; None where there is none to show."""

    row: Row
    x: float
    y: float | None
    top: float | None
    bottom: float | None


@dataclass(frozen=True, slots=True)
class Panel:
    """One judge on one test set, its values in the order named and evenly spaced."""

    judge: str
    split: str
    points: tuple[Point, ...]

    @property
    def steps(self) -> list[tuple[Point, Point]]:
        """Neighbours that both have a rate: a line joins them, and leaves out a value without one."""
        return [(one, other) for one, other in pairwise(self.points) if one.y is not None and other.y is not None]


def write_page(rows: Sequence[Row], notes: Sequence[str], path: Path) -> Path:
    """Write the page of one curve and return where.

    Raises:
        TunehouseError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, page(rows, notes).encode("utf-8"))
    except OSError as error:
        raise TunehouseError(
            f"the plot cannot be written: {error.strerror}", where=str(path), mend="name a file you may write: --out FILE"
        ) from error
    return path


def page(rows: Sequence[Row], notes: Sequence[str]) -> str:
    """The page as HTML. ``rows``: of one curve and contrast; ``notes``: what a reader must know before believing it."""
    ticks, panels = plots(rows)
    setting = rows[0]["setting"] if rows else ""
    values = {row["rank"]: row["value"] for row in rows}
    return environment().get_template("curve.html.j2").render(
        setting=setting,
        contrast=next((row["contrast"] for row in rows if row["contrast"]), ""),
        rows=sorted(rows, key=lambda row: (judge_rank(row["judge"] or ""), row["judge"] or "", _rank(row["split"]), row["rank"])),
        ticks=ticks,
        panels=panels,
        names=[Tick(_across(at, len(values)), values[rank]) for at, rank in enumerate(sorted(values))],
        notes=notes,
        splits=SPLIT_MEANINGS | ({"test_rephrased": FEWER_TAUGHT} if setting == "train.max_pairs" else {}),
        style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
    )  # fmt: skip


def plots(rows: Sequence[Row]) -> tuple[list[Tick], list[Panel]]:
    """A panel for every judge and test set over one axis, which is symmetric about 50 % and reaches what is shown."""
    judged = [row for row in rows if row["judge"]]
    ranks = sorted({row["rank"] for row in rows})
    furthest = max((abs(row[name] - 0.5) for row in judged for name in ("rate", "low", "high") if row[name] is not None), default=0.0)
    span = next((span for span in SPANS if furthest <= span), SPANS[-1])

    def height(share: float | None) -> float | None:
        return None if share is None else round(100 * (0.5 + span - share) / (2 * span), 2)

    def point(row: Row) -> Point:
        return Point(row, _across(ranks.index(row["rank"]), len(ranks)), height(row["rate"]), height(row["high"]), height(row["low"]))

    ordered = sorted(judged, key=lambda row: (judge_rank(row["judge"]), row["judge"], _rank(row["split"]), row["rank"]))
    panels = [
        Panel(judge, split, tuple(point(row) for row in some))
        for (judge, split), some in groupby(ordered, key=lambda row: (row["judge"], row["split"]))
    ]
    return [Tick(25.0 * part, f"{100 * (0.5 + span - span * part / 2):g}\u00a0%") for part in range(5)], panels


def _across(at: int, n: int) -> float:
    return round(100 * (at + 0.5) / n, 2)


def _rank(split: str | None) -> int:
    return TEST_SPLITS.index(split) if split in TEST_SPLITS else len(TEST_SPLITS)
