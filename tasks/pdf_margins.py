"""A document's pages of lines -> the same without running headers, footers and page numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from tasks.pdf_lines import Line, PageLines

PAGE_NUMBER = re.compile(r"^\W*(?:page\s*)?(?:\d{1,4}|[ivxl]{1,6})(?:\s*(?:of|/)\s*\d{1,4})?\W*$", re.IGNORECASE)
SAME_PLACE = 2.0  # points between the tops of lines that stand at one place of the page
STANDS_APART = 1.5  # of the type size: white between a running line and the text
PLACE_SHARE = 0.6  # of the pages must have a line at a place for it to be a running line whose words change


def without_running_lines(pages: Sequence[PageLines], top: float, bottom: float, repeat_share: float) -> None:
    """Drop, in place, what repeats in the top and bottom margins of the pages.

    Args:
        pages: with their lines.
        top: share of the page's height in which a header may stand.
        bottom: share of the page's height in which a footer may stand.
        repeat_share: of the pages (and at least two) on which a line must stand, its digits masked, to be a running line.
    """
    wanted = max(2, repeat_share * len(pages))
    masked = Counter[tuple[bool, str]]()
    places = Counter[tuple[bool, int]]()
    margins = [_margin_lines(page, top, bottom) for page in pages]
    for found in margins:
        masked.update({(is_top, _mask(line.text)) for line, is_top, _ in found})
        places.update({(is_top, round(line.y0 / SAME_PLACE)) for line, is_top, is_apart in found if is_apart})
    fixed = max(3, PLACE_SHARE * len(pages))
    for page, found in zip(pages, margins, strict=True):
        dropped = {
            id(line)
            for line, is_top, is_apart in found
            if masked[is_top, _mask(line.text)] >= wanted
            or (is_apart and (PAGE_NUMBER.match(line.text) or places[is_top, round(line.y0 / SAME_PLACE)] >= fixed))
        }
        page.lines = [line for line in page.lines if id(line) not in dropped]
    for edge in (_lowest, _highest):
        _drop_counted(pages, edge)


def _drop_counted(pages: Sequence[PageLines], edge: Callable[[PageLines], Line | None]) -> None:
    """Drop page numbers outside the margins: bare numbers at the edge of the text that count up with the pages."""
    numbered = [(at, page, line) for at, page in enumerate(pages) if (line := edge(page)) is not None and line.text.isdecimal()]
    shifts = Counter(int(line.text) - at for at, _, line in numbered)
    shift, n_pages = shifts.most_common(1)[0] if shifts else (0, 0)
    if n_pages < max(2, PLACE_SHARE * len(pages)):
        return
    for at, page, line in numbered:
        if int(line.text) - at == shift:
            page.lines = [other for other in page.lines if other is not line]


def _lowest(page: PageLines) -> Line | None:
    return max(page.lines, key=lambda line: line.y1, default=None)


def _highest(page: PageLines) -> Line | None:
    return min(page.lines, key=lambda line: line.y0, default=None)


def _margin_lines(page: PageLines, top: float, bottom: float) -> list[tuple[Line, bool, bool]]:
    """Each line of the page's margins: (line, whether in the top one, whether white separates it from the text)."""
    above = [line for line in page.lines if line.y1 <= top * page.height]
    below = [line for line in page.lines if line.y0 >= (1 - bottom) * page.height]
    found = []
    for margin, is_top in ((above, True), (below, False)):
        ids = {id(line) for line in margin}
        edges = [line.y0 if is_top else line.y1 for line in page.lines if id(line) not in ids]
        edge = (min(edges) if is_top else max(edges)) if edges else None
        for line in margin:
            gap = float("inf") if edge is None else (edge - line.y1 if is_top else line.y0 - edge)
            found.append((line, is_top, gap >= STANDS_APART * line.size))
    return found


def _mask(text: str) -> str:
    return re.sub(r"\d+", "#", text).casefold()
