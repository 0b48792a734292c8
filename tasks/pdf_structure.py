"""A document's blocks -> their roles and its title: by type sizes, weight, numbering, outline, and what stands around them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.pdf_blocks import CAPTION, SECTION_NUMBER, Block
from tasks.pdf_lines import Line, PageLines

GARBAGE_TITLE = re.compile(
    r"^(?:untitled.*|no title|title|document\s*\d*|microsoft (?:word|powerpoint|excel)\s*-.*|powerpoint presentation|slide \d+|pii:.*"
    r"|.*\.(?:docx?|tex|dvi|pdf|indd|qxd|e?ps|rtf|odt|pptx?|xlsx?|txt|html?|md))$",
    re.IGNORECASE,
)
KNOWN_HEADING = re.compile(
    r"^(?:abstract|summary|contents|table of contents|introduction|background|conclusions?|discussion|references|bibliography|literature|"
    r"works cited|literature cited|acknowledge?ments?|appendix|appendices|annex|glossary)\W*$",
    re.IGNORECASE,
)
NUMBERED = re.compile(
    r"^(?:(\d{1,2}(?:\.\d{1,2})*)\.?|([A-Z](?:\.\d{1,2})*)\.?|(?:section|chapter|appendix|annex)\s+[\dA-Z]+\W?)\s+\S", re.IGNORECASE
)
LONGEST_TITLE = 300
HEADING_WORDS, HEADING_LINES = 16, 3  # at most
BIGGER = 1.07  # a heading's type over the body's
NOT_SMALLER = 0.95
TITLE_SIZE = 0.95  # of the largest type on page 1
TITLE_WHITE = 2.0  # of the type size: white between two lines of one title
PROSE_WORDS, WORDS_A_LINE = 8, 5  # a block with at least these is running text, not a figure's lettering
LETTERING = 0.72  # of the body's type size: short lines smaller than this are a figure's lettering
FOOTNOTE = 0.93  # of the body's type size
FOOTNOTE_FROM = 0.6  # of the page's height
FOOTNOTE_MARK = re.compile(r"^(?:\d{1,2}|[*∗†‡§¶#]+)\s?[^\W\d]")  # noqa: RUF001  # as printed
FIGURE = re.compile(r"^(?:fig|chart|exhibit)", re.IGNORECASE)
TABLE = re.compile(r"^table", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """One entry of the PDF's own outline."""

    level: int
    title: str
    page: int
    """1-based; 0 or less where the file does not say."""


def squeeze(text: str) -> str:
    """Letters and digits alone, in lower case: equal for texts that differ in spacing, punctuation and compatibility forms."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def body_size(pages: Sequence[PageLines]) -> float:
    """The type size of most of the text, to half a point; 0 without text."""
    letters = Counter[float]()
    for page in pages:
        for line in page.lines:
            letters[round(line.size * 2) / 2] += len(line.text)
    return letters.most_common(1)[0][0] if letters else 0.0


def is_good_title(title: str, stem: str) -> bool:
    """False for what programs write into a title field by themselves, and for the file's own name."""
    return bool(
        sum(map(str.isalpha, title)) > 1
        and len(title) <= LONGEST_TITLE
        and not GARBAGE_TITLE.match(title)
        and squeeze(title) not in (squeeze(stem), squeeze(stem.removesuffix(".pdf")))
    )


def title_lines(lines: Sequence[Line], body: float) -> list[Line]:
    """The whole lines of the largest type on page 1, the first group of them; none where no type is larger than the body's."""
    candidates = [line for line in lines if sum(map(str.isalpha, line.text)) > 2]  # noqa: PLR2004  # not an initial
    if not candidates:
        return []
    top = max(line.top_size for line in candidates)
    if top < BIGGER * body:
        return []
    largest = sorted((line for line in candidates if line.top_size >= TITLE_SIZE * top), key=lambda line: (round(line.y0), line.x0))
    group: list[Line] = []
    for line in largest:
        if group and line.y0 - group[-1].y1 > TITLE_WHITE * line.top_size:
            break
        group.append(line)
    is_heading = KNOWN_HEADING.match(group[0].text) or (NUMBERED.match(group[0].text) and len(group) < len(largest))
    return group if not is_heading and sum(len(line.text) for line in group) <= LONGEST_TITLE else []


def give_roles(
    pages: Sequence[list[Block]], body: float, heights: Sequence[float], title: Sequence[Line], outline: Sequence[OutlineEntry]
) -> None:
    """Set, in place, the role of every block of the document that is a title, heading, figure lettering or footnote.

    Args:
        pages: the blocks of each page in reading order.
        body: the document's body type size.
        heights: of the pages.
        title: the title's lines on page 1.
        outline: the PDF's own, empty where it has none.
    """
    title_ids = {id(line) for line in title}
    for block in pages[0] if pages else ():
        if block.role == "body" and title_ids & {id(line) for line in block.lines}:
            block.role = "title"
    located = locate(outline, pages)
    candidates = [block for blocks in pages for at, block in enumerate(blocks) if _may_be_heading(block, body) and not _is_item(blocks, at)]
    if len(located) >= max(2, len(outline) // 3):
        _from_outline(located, candidates)
    else:
        _from_type(pages, candidates, body)
    for blocks, height in zip(pages, heights, strict=True):
        _mark_footnotes(blocks, body, height)
        _mark_around_captions(blocks, body)


def locate(outline: Sequence[OutlineEntry], pages: Sequence[list[Block]]) -> list[tuple[OutlineEntry, Block]]:
    """The block at which each entry's section starts: on the page named or a neighbour, whole or run into its paragraph."""
    found: list[tuple[OutlineEntry, Block]] = []
    taken: set[int] = set()
    for entry in outline:
        wanted = squeeze(entry.title)
        near = [at - 1 for at in (entry.page, entry.page + 1, entry.page - 1) if 1 <= at <= len(pages)] if wanted else []
        blocks = [block for at in near for block in pages[at] if id(block) not in taken and block.role != "caption"]
        match = next((block for block in blocks if _is_heading_of(block, wanted)), None)
        match = match or next((block for block in blocks if squeeze(block.first.text).startswith(wanted)), None)
        if match is not None:
            taken.add(id(match))
            found.append((entry, match))
    return found


def _is_heading_of(block: Block, wanted: str) -> bool:
    if len(block.lines) > HEADING_LINES:
        return False
    printed = squeeze(block.text)
    number = block.text.split(" ", 1)[0]
    without_number = printed.removeprefix(squeeze(number)) if SECTION_NUMBER.match(number) else printed
    return wanted in (printed, without_number)


def _may_be_heading(block: Block, body: float) -> bool:
    text = block.text
    if block.role not in ("body", "list") or len(block.lines) > HEADING_LINES or len(text.split()) > HEADING_WORDS:
        return False
    if not any(map(str.isalpha, text)) or text[-1] in ".,;" or "@" in text or block.first.size < NOT_SMALLER * body:
        return bool(KNOWN_HEADING.match(text)) and block.role == "body"
    is_bold = all(line.is_bold for line in block.lines)
    is_bigger = block.first.top_size > BIGGER * body
    if block.role == "list":
        return bool(NUMBERED.match(text)) and is_bold
    is_capitals = text.isupper() and bool(NUMBERED.match(text))
    return is_bigger or (is_bold and text[-1] != ":") or is_capitals or bool(KNOWN_HEADING.match(text))


def _is_item(blocks: Sequence[Block], at: int) -> bool:
    """True for a list item among others, however bold."""
    near = [*blocks[max(at - 1, 0) : at], *blocks[at + 1 : at + 2]]
    return blocks[at].role == "list" and any(block.role == "list" for block in near)


def _from_outline(located: Sequence[tuple[OutlineEntry, Block]], candidates: Sequence[Block]) -> None:
    """Headings are the outline's, and those set like them that it leaves out, such as the references."""
    styles: dict[tuple[float, bool], int] = {}
    is_numbered = True
    for entry, block in located:
        block.level, block.heading, block.is_outlined = max(entry.level, 1), entry.title, True
        if len(block.lines) <= HEADING_LINES and len(block.text) <= len(entry.title) + len("Appendix A.10. ") and block.role != "title":
            block.role, block.heading = "heading", block.text
            styles[_style(block)] = min(styles.get(_style(block), block.level), block.level)
            is_numbered = is_numbered and bool(NUMBERED.match(block.text))
    for block in candidates:
        is_set_alike = _style(block) in styles and (not is_numbered or NUMBERED.match(block.text))
        if not block.level and (is_set_alike or KNOWN_HEADING.match(block.text)):
            block.role, block.level, block.heading = "heading", styles.get(_style(block), 1), block.text


def _from_type(pages: Sequence[list[Block]], candidates: Sequence[Block], body: float) -> None:
    """Headings are short blocks in larger or bolder type, or numbered; names below the title are none."""
    names = _above_first_text(pages[0] if pages else (), body)
    headings = [block for block in candidates if id(block) not in names]
    ranks = {style: rank for rank, style in enumerate(sorted({_style(b) for b in headings}, reverse=True), start=1)}
    for block in headings:
        block.role, block.heading = "heading", block.text
        number = NUMBERED.match(block.text)
        printed = number and (number.group(1) or number.group(2))
        block.level = printed.count(".") + 1 if printed else ranks[_style(block)]


def _above_first_text(blocks: Sequence[Block], body: float) -> set[int]:
    """Ids of what stands between the title and the first numbered or well-known heading, no running text between: names and places."""
    names: set[int] = set()
    for block in blocks:
        if KNOWN_HEADING.match(block.text) or NUMBERED.match(block.text):
            return names
        if is_prose(block, body) and block.role != "title":
            return set()
        names.add(id(block))
    return set()


def _style(block: Block) -> tuple[float, bool]:
    return round(block.first.top_size * 2) / 2, block.first.is_bold


def is_prose(block: Block, body: float) -> bool:
    """True for running text in about the body's type size."""
    n_words = len(block.text.split())
    return n_words >= PROSE_WORDS and n_words >= WORDS_A_LINE * len(block.lines) and block.first.size > FOOTNOTE * FOOTNOTE * body


def _mark_footnotes(blocks: Sequence[Block], body: float, height: float) -> None:
    """Small type below the text of its column that starts with a mark; small type under a heading is that section's text."""
    is_below_text = False
    for block in blocks:
        is_small = block.first.size < FOOTNOTE * body
        if not is_small:
            is_below_text = block.role in ("body", "list")
        elif is_below_text and block.role in ("body", "list") and block.first.y0 > FOOTNOTE_FROM * height:
            block.is_footnote = bool(FOOTNOTE_MARK.match(block.text))


def _mark_around_captions(blocks: Sequence[Block], body: float) -> None:
    """Lettering above a figure's caption joins the caption; stray lines between a table and its caption join the table."""
    for block in blocks:
        is_short = len(block.text.split()) < WORDS_A_LINE * len(block.lines)
        if block.role == "body" and not block.is_footnote and block.first.size < LETTERING * body and is_short:
            block.role = "caption"
    for at, block in enumerate(blocks):
        if block.role != "caption" or not CAPTION.match(block.text):
            continue
        above, below = _loose_run(blocks[:at][::-1], body), _loose_run(blocks[at + 1 :], body)
        if FIGURE.match(block.text):
            for other in above:
                other.role = "caption"
        for run in (above, below) if TABLE.match(block.text) else ():
            tables = [k for k, other in enumerate(run) if other.role == "table"]
            for other in run[: tables[-1] + 1] if tables else ():
                other.role = "table"


def _loose_run(blocks: Sequence[Block], body: float) -> list[Block]:
    """The blocks up to the first that is a heading, list, title, footnote, another caption or running text."""
    run: list[Block] = []
    for block in blocks:
        is_end = block.role not in ("body", "table", "caption") or (block.role == "caption" and CAPTION.match(block.text))
        if is_end or block.is_footnote or (block.role == "body" and is_prose(block, body)):
            break
        run.append(block)
    return run
