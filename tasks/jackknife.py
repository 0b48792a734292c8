"""Any figures of clustered rows -> their intervals, by leaving out one cluster after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Row = TypeVar("Row")


def jackknife(
    rows: Sequence[Row],
    clusters: Sequence[Hashable],
    figures: Callable[[Sequence[Row]], Sequence[float] | None],
    alpha: float = 0.05,
) -> list[tuple[float, float]] | None:
    """(low, high) of each figure: +- t(C - 1) x delete-one-cluster jackknife error (Efron and Tibshirani 1993, chapter 11).

    None for fewer than two clusters, or where ``figures`` has no value (None), of all rows or with a cluster left out.
    """
    names = sorted(set(clusters), key=str)
    whole = figures(rows) if len(names) > 1 else None
    if whole is None:
        return None
    left: list[Sequence[float]] = []
    for name in names:
        values = figures([row for row, own in zip(rows, clusters, strict=True) if own != name])
        if values is None:
            return None
        left.append(values)
    from scipy.stats import t as student  # noqa: PLC0415  # takes a second

    n = len(names)
    reach = float(student.ppf(1 - alpha / 2, n - 1))
    intervals = []
    for at, value in enumerate(whole):
        mean = math.fsum(values[at] for values in left) / n
        error = math.sqrt((n - 1) / n * math.fsum((values[at] - mean) ** 2 for values in left))
        intervals.append((value - reach * error, value + reach * error))
    return intervals
