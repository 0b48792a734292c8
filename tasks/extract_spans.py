"""Chunk offsets -> page spans: where on which page a stretch of a chunk's text stands, with the box around it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from warehouse.tables import ChunkPage, Page, PageLine


@dataclass(frozen=True, slots=True)
class PageSpan:
    """A verbatim stretch of one page: 0-based code points, and the box around the printed lines it touches (empty where unknown)."""

    page: int
    char_from: int
    n_chars: int
    quote: str
    box: tuple[float, ...]


class PageSpans:
    """Looks up spans of one document's chunks."""

    def __init__(self, chunk_pages: Sequence[ChunkPage], pages: Sequence[Page], lines: Sequence[PageLine]) -> None:
        self._texts = {page.page: page.text for page in pages}
        self._slices: dict[str, list[ChunkPage]] = defaultdict(list)
        for piece in sorted(chunk_pages, key=lambda piece: piece.rank):
            self._slices[piece.chunk_id].append(piece)
        self._lines: dict[int, list[PageLine]] = defaultdict(list)
        for line in lines:
            self._lines[line.page].append(line)

    def locate(self, chunk_id: str, char_from: int, n_chars: int) -> list[PageSpan]:
        """The page spans under a stretch of the chunk's text, blanks at the ends left out; a stretch over a page break gives several."""
        found, offset = [], 0
        for piece in self._slices[chunk_id]:
            start, end = max(char_from - offset, 0), min(char_from + n_chars - offset, piece.n_chars)
            if start < end:
                quote = self._texts.get(piece.page, "")[piece.char_from + start : piece.char_from + end]
                trimmed = quote.strip()
                if trimmed:
                    at = piece.char_from + start + quote.index(trimmed)
                    found.append(PageSpan(piece.page, at, len(trimmed), trimmed, self._box(piece.page, at, len(trimmed))))
            offset += piece.n_chars + 1  # slices are joined by a newline
        return found

    def _box(self, page: int, char_from: int, n_chars: int) -> tuple[float, ...]:
        boxes = [
            line.box
            for line in self._lines[page]
            if line.box and line.char_from < char_from + n_chars and char_from < line.char_from + line.n_chars
        ]
        if not boxes:
            return ()
        x0, y0, x1, y1 = zip(*boxes, strict=True)
        return (min(x0), min(y0), max(x1), max(y1))
