"""A region's lines -> its blocks: rows of cells become tables, the rest paragraphs, headings, lists and captions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from tasks.pdf_lines import Line
from tasks.pdf_text import join_lines
from warehouse.tables import LineRole

CELL_GAP = 1.0  # of the type size: a gap at least this wide separates cells
WORD_GAP = 0.1  # of the type size: pieces closer than this are one word
TIGHT_ROW = 0.75  # rows closer than this share of a table's row distance are lines of one row
LEADING = 1.2  # line distance over type size, where a page shows no better
NEW_PARAGRAPH = 1.25  # of the usual line distance
SIZE_CHANGE = 0.07  # of the type size
INDENT = 0.8  # of the type size
CENTRED = 2.0  # points between the middles of lines that are centred on each other
SHORT_LINE = 0.25  # of the region's width: white at the end of a paragraph's last line

BULLET = re.compile(r"^[•▪●■◦‣○∙·–—*-]$|^[•▪●■◦‣○∙]")  # noqa: RUF001  # dashes as printed
ENUMERATOR = re.compile(r"^(?:\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)]|step \d+[.:)]?)$", re.IGNORECASE)
ITEM = re.compile(r"^(?:[•▪●■◦‣○∙]|[–—*-] |\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)] |step \d+[.:)] |\[\d+\] )", re.IGNORECASE)  # noqa: RUF001
SECTION_NUMBER = re.compile(r"^(?:\d{1,2}(?:\.\d{1,2})*|[A-Z](?:\.\d{1,2})*|[IVX]{1,5}|(?:Appendix|Annex) [A-Z0-9])[.:]?$")
CAPTION = re.compile(
    r"^(?:table|figure|fig\.|listing|algorithm|exhibit|chart)\s+[A-Z]?\d+(?:[.-]\d+)?[a-z]?\s*(?:[:.|\u2013\u2014-]|$)", re.IGNORECASE
)
SENTENCE_END = re.compile(r"[.!?:;][\"'”’)\]]*$")  # noqa: RUF001


@dataclass(slots=True)
class Block:
    """Lines that belong together: a paragraph, heading, list item, table or caption."""

    lines: list[Line]
    role: LineRole = "body"
    page: int = 0
    is_footnote: bool = False
    level: int = 0
    """Of a heading; 1 = top, 0 = not known."""
    heading: str = ""
    """The section that starts here, where level > 0."""
    is_outlined: bool = False
    """The section is in the PDF's own outline."""

    @property
    def text(self) -> str:
        """Its lines joined by blanks, hyphens left as they are."""
        return " ".join(line.text for line in self.lines)

    @property
    def first(self) -> Line:
        """Its first line."""
        return self.lines[0]


def blocks_of(region: Sequence[Line], body_size: float) -> list[Block]:
    """The blocks of one region in reading order; roles are body, list, table or caption (headings are told apart later)."""
    rows = _rows(region)
    is_table = _table_rows(rows)
    blocks: list[Block] = []
    loose: list[Line] = []
    at = 0
    while at < len(rows):
        if not is_table[at]:
            loose.append(_joined_row(rows[at]))
            at += 1
            continue
        end = at
        while end < len(rows) and is_table[end]:
            end += 1
        blocks += _paragraphs(loose, body_size)
        loose = []
        blocks.append(Block(_table_lines(rows[at:end]), "table"))
        at = end
    return blocks + _paragraphs(loose, body_size)


def _rows(region: Sequence[Line]) -> list[list[Line]]:
    """Pieces on one baseline, from left to right; bullets and section numbers are joined with what they stand before."""
    rows: list[list[Line]] = []
    for line in sorted(region, key=lambda line: (line.y1, line.x0)):
        if rows and any(_on_one_baseline(line, other) for other in rows[-1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [_with_marker(_without_word_gaps(sorted(row, key=lambda line: line.x0))) for row in rows]


def _on_one_baseline(line: Line, other: Line) -> bool:
    if min(line.x1, other.x1) - max(line.x0, other.x0) > line.size:
        return False  # one above the other, however tightly set
    return min(line.y1, other.y1) - max(line.y0, other.y0) > min(line.height, other.height) / 2


def _without_word_gaps(row: list[Line]) -> list[Line]:
    joined = [row[0]]
    for line in row[1:]:
        if line.x0 - joined[-1].x1 < CELL_GAP * min(line.size, joined[-1].size):
            joined[-1] = _merge([joined[-1], line])
        else:
            joined.append(line)
    return joined


def _with_marker(row: list[Line]) -> list[Line]:
    if len(row) < 2:  # noqa: PLR2004  # a marker and what it marks
        return row
    first = row[0].text
    is_item = BULLET.match(first) or ENUMERATOR.match(first)
    is_numbered_heading = len(row) == 2 and SECTION_NUMBER.match(first) and row[0].is_bold and row[1].is_bold  # noqa: PLR2004
    return [_merge(row[:2]), *row[2:]] if is_item or is_numbered_heading else row


def _merge(pieces: Sequence[Line], text: str | None = None) -> Line:
    """One line out of pieces in order; ``text`` where blanks between them will not do."""
    if text is None:
        text = pieces[0].text
        for before, piece in pairwise(pieces):
            text += ("" if piece.x0 - before.x1 < WORD_GAP * piece.size else " ") + piece.text
    if len(pieces) == 1 and text == pieces[0].text:
        return pieces[0]
    longest = max(pieces, key=lambda piece: len(piece.text))
    boxes = [piece.box for piece in pieces if piece.box]
    box = (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)) if boxes else ()
    return Line(
        text,
        min(piece.x0 for piece in pieces), min(piece.y0 for piece in pieces),
        max(piece.x1 for piece in pieces), max(piece.y1 for piece in pieces),
        longest.size, max(piece.top_size for piece in pieces), all(piece.is_bold for piece in pieces), box,
    )  # fmt: skip


def _joined_row(row: list[Line]) -> Line:
    return _merge(row)


def _gaps(row: Sequence[Line]) -> list[tuple[float, float]]:
    return [(before.x1, after.x0) for before, after in pairwise(row)]


def _aligned(row: Sequence[Line], other: Sequence[Line]) -> bool:
    """True where a gap of one row stands over a gap of the other."""
    wanted = CELL_GAP / 2 * row[0].size
    return any(min(a[1], b[1]) - max(a[0], b[0]) >= wanted for a in _gaps(row) for b in _gaps(other))


def _table_rows(rows: Sequence[Sequence[Line]]) -> list[bool]:
    """For each row, whether it belongs to a table: rows of cells that align, and the wrapped cells between them."""
    many = [at for at, row in enumerate(rows) if len(row) > 1]
    is_table = [False] * len(rows)
    for at, following in pairwise(many):
        if not _aligned(rows[at], rows[following]):
            continue
        between = range(at + 1, following)
        if all(_is_wrapped_cell(rows[k], rows[k - 1], rows[at]) for k in between):
            is_table[at : following + 1] = [True] * (following + 1 - at)
    for at in range(1, len(rows)):
        last = max((k for k in many if k < at and is_table[k]), default=None)
        if is_table[at - 1] and not is_table[at] and last is not None and _is_wrapped_cell(rows[at], rows[at - 1], rows[last]):
            is_table[at] = rows[at][0].x0 > rows[last][0].x1  # below the last row, only cells beyond the first column
    return is_table


def _is_wrapped_cell(row: Sequence[Line], above: Sequence[Line], cells: Sequence[Line]) -> bool:
    """True where ``row`` is one piece, close below, that starts at or stays within a cell of the row of cells above."""
    if len(row) != 1 or row[0].y0 - above[0].y1 > row[0].size:
        return False
    line = row[0]
    bounds = [*[cell.x0 for cell in cells], float("inf")]
    return any(start - line.size / 2 <= line.x0 and (line.x1 <= end - line.size / 2) and line.x0 < end for start, end in pairwise(bounds))


def _table_lines(rows: Sequence[list[Line]]) -> list[Line]:
    """One line a table row, cells joined by ' | '; a row's further printed lines go into its cells."""
    most = max(len(row) for row in rows)
    widest = [row for row in rows if len(row) == most]
    columns = [(min(row[at].x0 for row in widest), max(row[at].x1 for row in widest)) for at in range(most)]
    steps = [below[0].y1 - above[0].y1 for above, below in pairwise(rows)]
    step = median(steps) if steps else 0.0
    table: list[list[list[Line]]] = []
    previous: list[Line] | None = None
    for row in rows:
        cells: list[list[Line]] = [[] for _ in columns]
        for piece in row:
            cells[_column(piece, columns)].append(piece)
        if previous is not None and _goes_into(cells, table[-1], row[0].y1 - previous[0].y1, step, row[0].size):
            for cell, more in zip(table[-1], cells, strict=True):
                cell.extend(more)
        else:
            table.append(cells)
        previous = row
    return [_merge([piece for cell in cells for piece in cell], _row_text(cells)) for cells in table]


def _goes_into(cells: Sequence[Sequence[Line]], above: Sequence[Sequence[Line]], distance: float, step: float, size: float) -> bool:
    """True for the second line of a table row: nothing in its first cell, or set tighter than rows of words are, as in a stacked header.

    A figure is never put below what its cell holds already: it is a row of its own, under a label that stands between the two.
    """
    figures = [any(map(_is_figure, cell)) for cell in cells]
    is_wrapped = not cells[0] and distance < (1 + LEADING) / 2 * LEADING * size
    is_stacked = distance < TIGHT_ROW * step and not any(figures) and not any(_is_figure(piece) for cell in above for piece in cell)
    return (is_wrapped or is_stacked) and not any(figure and held for figure, held in zip(figures, above, strict=True))


def _is_figure(piece: Line) -> bool:
    """A number, with or without its unit; what stands in brackets is a remark."""
    is_remark = piece.text.startswith("(") or piece.text.endswith(")")
    return not is_remark and sum(map(str.isdigit, piece.text)) > sum(map(str.isalpha, piece.text))


def _column(piece: Line, columns: Sequence[tuple[float, float]]) -> int:
    """The column that ``piece`` overlaps most, or else stands nearest to."""
    return max(range(len(columns)), key=lambda at: (min(piece.x1, columns[at][1]) - max(piece.x0, columns[at][0]), -at))


def _row_text(cells: Sequence[Sequence[Line]]) -> str:
    return " | ".join(join_lines([piece.text for piece in cell]) for cell in cells).replace("|  |", "| |").strip()


def _paragraphs(lines: Sequence[Line], body_size: float) -> list[Block]:
    if not lines:
        return []
    leading = _leading(lines)
    left, right = min(line.x0 for line in lines), max(line.x1 for line in lines)
    blocks: list[Block] = []
    for line in lines:
        if blocks and not _starts_block(line, blocks[-1], leading, left, right):
            blocks[-1].lines.append(line)
        else:
            blocks.append(Block([line]))
    for block in blocks:
        if CAPTION.match(block.text) and (len(block.text) > len("Table 10") or block.first.size < body_size):
            block.role = "caption"
        elif ITEM.match(block.text):
            block.role = "list"
    return blocks


def _leading(lines: Sequence[Line]) -> float:
    """The usual line distance over type size: the median over neighbouring lines of one size."""
    steps = [
        (below.y1 - above.y1) / below.size
        for above, below in pairwise(lines)
        if abs(above.size - below.size) < SIZE_CHANGE * below.size and 0 < below.y1 - above.y1 < 2 * below.size
    ]
    return min(median(steps), 1.5 * LEADING) if steps else LEADING


def _starts_block(line: Line, block: Block, leading: float, left: float, right: float) -> bool:
    """True where ``line``, printed below ``block``, does not go on with it. ``left`` and ``right`` are the region's edges."""
    above, size = block.lines[-1], max(line.size, block.lines[-1].size)
    is_far = line.y1 - above.y1 > NEW_PARAGRAPH * leading * size or line.y1 < above.y0
    is_set_apart = is_far or abs(line.size - above.size) > SIZE_CHANGE * size or line.is_bold != above.is_bold
    is_caption = bool(CAPTION.match(line.text)) and len(line.text.split()) > 2  # noqa: PLR2004  # "Table 2." may end a sentence
    ended = bool(SENTENCE_END.search(above.text))
    is_cited = (
        not ended and not ITEM.match(block.text) and above.x1 > right - 1.5 * size and not BULLET.match(line.text)
    )  # "as in\n[3] and"
    if is_set_apart or is_caption or (ITEM.match(line.text) and not is_cited):
        return True
    if _surely_goes_on(line, block, left, size, ended=ended):
        return False
    if line.x0 > above.x0 + INDENT * size:
        return ended or above.x1 < right - 1.5 * size
    if line.x0 < above.x0 - INDENT * size and len(block.lines) > 1:
        return True
    return ended and above.x1 < right - SHORT_LINE * (right - left)


def _surely_goes_on(line: Line, block: Block, left: float, size: float, *, ended: bool) -> bool:
    """True in mid-sentence, below a list item's first words, and for lines centred on each other."""
    above = block.lines[-1]
    is_below_item = bool(ITEM.match(block.text)) and line.x0 > block.first.x0 + INDENT * size
    is_centred = abs((line.x0 + line.x1) - (above.x0 + above.x1)) / 2 < CENTRED and line.x0 > left + INDENT * size
    return (not ended and line.text[0].islower()) or is_below_item or is_centred
