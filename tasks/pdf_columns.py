"""A page's lines -> regions in reading order: each column in turn, split where something spans the columns.

A page is read in columns only where running text stands on both sides of a gutter: a page-wide table is no pair of columns.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from statistics import median

from tasks.pdf_lines import Line

GUTTER_FROM, GUTTER_TO = 0.2, 0.8  # where a gutter may stand, as shares of the text's width
GUTTER_STEP = 2.0  # points
PROSE_WORDS = 4  # a line of running text in a narrow column has at least this many
PROSE_WIDTH = 0.55  # and fills this share of its column
TIGHT = 0.75  # of the type size: the largest white gap between lines of one paragraph
LONG_RUN, SHORT_RUN = 5, 3  # lines of tight running text that one side, and the other, must have to be columns
COLUMN_SHARE = 0.5  # of the characters of a page (or document) must stand beside a gutter, not across it
WEAK_SHARE = 0.15  # enough on a page of a document that is set in columns
CELL_WIDTH = 0.5  # of its column: lines shorter than this, in the median, are a spanning table's cells


def regions(lines: Sequence[Line], *, in_columns: bool) -> list[list[Line]]:
    """``lines`` of one page grouped into regions that are each read from top to bottom, in reading order.

    Args:
        lines: of one page, in any order.
        in_columns: the document is set in columns, so that weak evidence on this page is enough.
    """
    gutter = find_gutter(lines, WEAK_SHARE if in_columns else COLUMN_SHARE, is_known=in_columns)
    if gutter is None:
        return [sorted(lines, key=lambda line: (line.y0, line.x0))] if lines else []
    found: list[list[Line]] = []
    spanning: list[Line] = []
    for band, is_spanning in _bands(lines, gutter):
        if is_spanning:
            spanning += band
            continue
        if spanning:
            found.append(spanning)
            spanning = []
        for side in (_left(band, gutter), _right(band, gutter)):
            found += regions(side, in_columns=False)
    return [*found, spanning] if spanning else found


def is_in_columns(pages: Sequence[Sequence[Line]]) -> bool:
    """True where at least half of a document's text stands in columns on pages that show it clearly."""
    beside = total = 0
    for lines in pages:
        gutter = find_gutter(lines, COLUMN_SHARE, is_known=False)
        total += sum(len(line.text) for line in lines)
        beside += sum(len(line.text) for line in lines if gutter is not None and not _crosses(line, gutter))
    return total > 0 and beside >= COLUMN_SHARE * total


def find_gutter(lines: Sequence[Line], min_share: float, *, is_known: bool) -> float | None:
    """The x of the white strip between two columns of running text; None where there is none.

    Args:
        lines: of one page or column.
        min_share: of the characters that must stand beside it.
        is_known: shorter runs of text are enough, as on the last page of a document set in columns.
    """
    if len(lines) < LONG_RUN:
        return None
    total = sum(len(line.text) for line in lines)
    places = list(_text_across(lines))
    least = min((across for _, across in places), default=total)
    if total - least < min_share * total or least == total:
        return None
    whitest = [at for at, across in places if across == least]
    best = whitest[len(whitest) // 2]  # the middle of the strip, or near it where several are equally white
    runs = sorted(_longest_run(side) for side in (_left(lines, best), _right(lines, best)))
    wanted = (1, SHORT_RUN) if is_known else (SHORT_RUN, LONG_RUN)
    return best if runs[0] >= wanted[0] and runs[1] >= wanted[1] else None


def _text_across(lines: Sequence[Line]) -> Iterator[tuple[float, int]]:
    """(x, characters in lines across it) for each place where a gutter may stand."""
    left, right = min(line.x0 for line in lines), max(line.x1 for line in lines)
    start = left + GUTTER_FROM * (right - left)
    n_places = int((GUTTER_TO - GUTTER_FROM) * (right - left) / GUTTER_STEP) + 1
    change = [0] * (n_places + 1)
    for line in lines:
        begin, end = (min(max(math.ceil((x - start) / GUTTER_STEP), 0), n_places) for x in (line.x0 + 1, line.x1 - 1))
        if begin < end:
            change[begin] += len(line.text)
            change[end] -= len(line.text)
    for at, across in enumerate(itertools.accumulate(change[:-1])):
        yield start + at * GUTTER_STEP, across


def _crosses(line: Line, gutter: float) -> bool:
    return line.x0 < gutter - 1 and line.x1 > gutter + 1


def _left(lines: Sequence[Line], gutter: float) -> list[Line]:
    return [line for line in lines if line.x1 <= gutter + 1]


def _right(lines: Sequence[Line], gutter: float) -> list[Line]:
    return [line for line in lines if line.x1 > gutter + 1 and line.x0 >= gutter - 1]


def _longest_run(side: Sequence[Line]) -> int:
    """The most lines of running text that follow each other closely."""
    if not side:
        return 0
    width = max(line.x1 for line in side) - min(line.x0 for line in side)
    prose = [line for line in side if len(line.text.split()) >= PROSE_WORDS and line.width >= PROSE_WIDTH * width]
    longest = run = 0
    previous: Line | None = None
    for line in sorted(prose, key=lambda line: line.y0):
        is_close = previous is not None and line.y0 - previous.y1 <= TIGHT * line.size
        run = run + 1 if is_close else 1
        longest, previous = max(longest, run), line
    return longest


def _bands(lines: Sequence[Line], gutter: float) -> list[tuple[list[Line], bool]]:
    """Runs of lines from top to bottom, each (lines, whether they span the columns)."""
    rows = _rows(lines)
    flagged = [(row, any(_crosses(line, gutter) for line in row)) for row in rows]
    bands: list[tuple[list[Line], bool]] = []
    for row, is_spanning in flagged:
        if bands and bands[-1][1] == is_spanning:
            bands[-1][0].extend(row)
        else:
            bands.append((list(row), is_spanning))
    widths = [_column_width(lines, gutter, side) for side in (0, 1)]
    return [(band, is_spanning or _is_cells(band, gutter, widths)) for band, is_spanning in bands]


def _rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines whose boxes overlap vertically by half the smaller one, from top to bottom."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.y0, line.x0)):
        if rows and any(min(line.y1, other.y1) - max(line.y0, other.y0) > min(line.height, other.height) / 2 for other in rows[-1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _column_width(lines: Sequence[Line], gutter: float, side: int) -> float:
    if side == 0:
        return gutter - min(line.x0 for line in lines)
    return max(line.x1 for line in lines) - gutter


def _is_cells(band: Sequence[Line], gutter: float, widths: Sequence[float]) -> bool:
    """True for the cells of a table that spans the columns without any one cell doing so."""
    sides = [_left(band, gutter), _right(band, gutter)]
    if not all(sides):
        return False
    n_rows = len(_rows(band))
    is_gridlike = all(len(side) >= n_rows for side in sides) and len(band) > 2 * n_rows
    is_short = all(median(line.width for line in side) < CELL_WIDTH * width for side, width in zip(sides, widths, strict=True))
    return is_gridlike and is_short and all(_longest_run(side) < SHORT_RUN for side in sides)
