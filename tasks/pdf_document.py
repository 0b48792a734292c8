"""An open PDF -> its rows: title, cleaned page texts, printed lines and sections. Runs inside the worker process."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tasks.pdf_blocks import Block, blocks_of
from tasks.pdf_columns import is_in_columns, regions
from tasks.pdf_flow import Texts, assemble, put_in_order
from tasks.pdf_lines import Line, PageLines, clean, page_lines
from tasks.pdf_margins import without_running_lines
from tasks.pdf_structure import OutlineEntry, body_size, give_roles, is_good_title, title_lines
from tasks.pdf_text import join_lines, vocabulary

SHORT_LINE = 0.8  # of a page's longest line: one that is shorter and ends a sentence ends its paragraph, where places are unknown
UNKNOWN = re.compile("[\ufffd\ue000-\uf8ff]")  # replacement and private-use characters: the font does not say which letters it draws
GARBLED = 0.05  # of the characters
NO_MEMORY = re.compile(r"malloc|calloc|realloc|inflateInit|out of memory|cannot allocate", re.IGNORECASE)

TitleSource = Literal["metadata", "largest_type", "file_name"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Extent:
    """What of a document is read, and how."""

    document_id: str
    stem: str
    """The file's name without its ending, the title of last resort."""
    mode: Literal["layout", "plain"]
    """Plain: nothing but ``get_text("text")`` is asked of the PDF library."""
    min_type_size: float
    top_margin: float
    bottom_margin: float
    repeat_share: float


@dataclass(slots=True)
class Reading:
    """A document as read."""

    title: str
    title_source: TitleSource
    n_pages: int
    n_pages_read: int
    has_images: bool
    """On a page without text."""
    warnings: set[str]
    texts: Texts


def read(document: Any, extent: Extent, errors: tuple[type[Exception], ...]) -> Reading:
    """The rows of an open ``pymupdf.Document``; a page that raises one of ``errors`` is left out, not counted as read.

    Page numbers in the rows are those of the file: a page that could not be read has no row.

    Raises:
        MemoryError: no page could be read, and for want of memory.
    """
    warnings: set[str] = set()
    pages: dict[int, PageLines] = {}
    sizes: dict[int, tuple[float, float]] = {}
    has_images = is_short = False
    for number in range(1, document.page_count + 1):
        try:
            page = document[number - 1]
            pages[number] = _page(page, extent, errors)
            sizes[number] = (page.rect.width, page.rect.height)
        except errors as error:
            log.debug("page %d: %s", number, error)
            is_short = is_short or is_out_of_memory(error)
            continue
        warnings |= pages[number].warnings
        if not pages[number].lines:
            has_images = has_images or _has_images(page, errors)
    if is_short and not pages:
        raise MemoryError
    if has_images:
        warnings.add("image_only")
    outline = _outline(document, errors) if extent.mode == "layout" else []
    title, source, texts = _structure(document, extent, pages, sizes, outline)
    if _is_garbled("".join(page.text for page in texts.pages)):
        warnings.add("garbled_text")
    return Reading(title, source, document.page_count, len(pages), has_images, warnings, texts)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of pymupdf's says that no memory was left."""
    return NO_MEMORY.search(str(error)) is not None


def _page(page: Any, extent: Extent, errors: tuple[type[Exception], ...]) -> PageLines:
    """A page as laid out, or plain where that fails. With no memory left, what comes next may say anything: the first error stands."""
    no_memory: Exception | None = None
    if extent.mode == "layout":
        try:
            return page_lines(page, extent.min_type_size)
        except errors as error:
            log.debug("laid out: %s; now plain", error)
            no_memory = error if is_out_of_memory(error) else None
    try:
        return _plain_lines(page.get_text("text"))
    except errors as error:
        raise no_memory or error from error


def _plain_lines(text: str) -> PageLines:
    """Lines of plain text, each one unit high in places of their own: enough to tell margins from text."""
    found = PageLines([], 0.0, 0.0, {"plain_text_only"})
    printed = text.split("\n")
    for at, raw in enumerate(printed):
        cleaned, warnings = clean(raw)
        found.warnings |= warnings
        if cleaned:
            found.lines.append(Line(cleaned, 0.0, float(at), float(len(cleaned)), at + 1.0, 1.0, 1.0, False, ()))
    found.width, found.height = max((line.x1 for line in found.lines), default=0.0), float(len(printed))
    return found


def _has_images(page: Any, errors: tuple[type[Exception], ...]) -> bool:
    try:
        return bool(page.get_images())
    except errors:
        return False


def _outline(document: Any, errors: tuple[type[Exception], ...]) -> list[OutlineEntry]:
    try:
        entries = document.get_toc(simple=True)
        return [OutlineEntry(int(level), clean(str(title))[0], int(page)) for level, title, page in entries]
    except errors as error:
        log.debug("outline: %s", error)
        return []


def _structure(
    document: Any, extent: Extent, pages: dict[int, PageLines], sizes: dict[int, tuple[float, float]], outline: Sequence[OutlineEntry]
) -> tuple[str, TitleSource, Texts]:
    # every later step counts pages from one: a page that could not be read stands there empty, and its row is left out at the end
    numbers = range(1, max(pages, default=0) + 1)
    held = [pages.get(number) or PageLines([], 1.0, 1.0, set()) for number in numbers]
    without_running_lines(held, extent.top_margin, extent.bottom_margin, extent.repeat_share)
    known = vocabulary(line.text for page in held for line in page.lines)
    body = body_size(held)
    printed_title = title_lines(held[0].lines, body) if held and not _is_plain(held[0]) else []
    in_columns = is_in_columns([page.lines for page in held])
    blocks = [_blocks(page, body, in_columns=in_columns) for page in held]
    for number, page_blocks in enumerate(blocks, start=1):
        for block in page_blocks:
            block.page = number
    give_roles(blocks, body, [page.height for page in held], printed_title, outline)
    ordered = put_in_order(blocks, body, known)
    texts = assemble(extent.document_id, ordered, [sizes.get(number, (0.0, 0.0)) for number in numbers], known)
    texts.pages = [page for page in texts.pages if page.page in pages]
    return *_title(document, extent.stem, printed_title), texts


def _is_plain(page: PageLines) -> bool:
    return "plain_text_only" in page.warnings


def _blocks(page: PageLines, body: float, *, in_columns: bool) -> list[Block]:
    if not _is_plain(page):
        return [block for region in regions(page.lines, in_columns=in_columns) for block in blocks_of(region, body)]
    blocks: list[Block] = []
    for line in page.lines:
        above = blocks[-1].lines[-1] if blocks else None
        if above is None or (above.text[-1] in ".!?:" and above.x1 < SHORT_LINE * page.width):
            blocks.append(Block([line]))
        else:
            blocks[-1].lines.append(line)
    return blocks


def _title(document: Any, stem: str, printed: Sequence[Line]) -> tuple[str, TitleSource]:
    named = clean(str((document.metadata or {}).get("title") or ""))[0]
    if is_good_title(named, stem):
        return named, "metadata"
    text = join_lines([line.text for line in printed])
    return (text, "largest_type") if is_good_title(text, "") else (stem, "file_name")


def _is_garbled(text: str) -> bool:
    return len(UNKNOWN.findall(text)) > GARBLED * max(len(text), 1)
