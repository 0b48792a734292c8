"""A document's blocks -> its cleaned page texts, where each printed line stands in them, and its sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from tasks.pdf_blocks import SENTENCE_END, SIZE_CHANGE, Block
from tasks.pdf_lines import Line
from tasks.pdf_structure import is_prose
from tasks.pdf_text import join_point, pull_remainder
from warehouse.keys import key
from warehouse.tables import Page, PageLine, Section

FLOATS = ("caption", "table")


@dataclass(slots=True)
class Texts:
    """The rows that a document's text lands as."""

    pages: list[Page]
    lines: list[PageLine]
    sections: list[Section]


def put_in_order(pages: Sequence[list[Block]], body: float, known: Mapping[str, int]) -> list[list[Block]]:
    """Join what columns, floats and page ends cut: a paragraph is whole within its page, and last (first) where it crosses a page end.

    Args:
        pages: the blocks of each page in reading order, roles given.
        body: the document's body type size.
        known: the document's vocabulary, for words cut at a page's end.
    """
    ordered = [_paragraphs_whole(blocks) for blocks in pages]
    for blocks, following in pairwise(ordered):
        last = next((block for block in reversed(blocks) if block.role not in FLOATS and not block.is_footnote), None)
        first = next((block for block in following if block.role not in FLOATS and not block.is_footnote), None)
        if last is None or first is None or not _goes_on(last, first, is_next_page=True) or not is_prose(first, body):
            continue
        blocks.remove(last)
        blocks.append(last)
        following.remove(first)
        following.insert(0, first)
        before, after = pull_remainder(last.lines[-1].text, first.lines[0].text, known)
        last.lines[-1].text, first.lines[0].text = before, after
        first.lines = [line for line in first.lines if line.text]
    return [[block for block in blocks if block.lines] for blocks in ordered]


def _paragraphs_whole(blocks: Sequence[Block]) -> list[Block]:
    """Footnotes last; a paragraph that goes on after a column's end or a float gets its remainder."""
    ordered = [block for block in blocks if not block.is_footnote]
    at = 0
    while at < len(ordered):
        nearest = next((k for k in range(at + 1, len(ordered)) if ordered[k].role not in FLOATS), None)
        if nearest is not None and ordered[at].role not in FLOATS and _goes_on(ordered[at], ordered[nearest], is_next_page=False):
            ordered[at].lines += ordered.pop(nearest).lines
        else:
            at += 1
    return ordered + [block for block in blocks if block.is_footnote]


def _goes_on(block: Block, following: Block, *, is_next_page: bool) -> bool:
    """True where ``block`` stops in mid-sentence and ``following`` reads on."""
    if block.role not in ("body", "list") or following.role != "body" or SENTENCE_END.search(block.text) or following.level:
        return False
    if abs(block.lines[-1].size - following.first.size) > SIZE_CHANGE * following.first.size:
        return False
    is_short = len(block.text.split()) < 4 and not is_next_page  # noqa: PLR2004  # a formula or label, no sentence
    return not is_short and (is_next_page or following.text[0].islower() or block.text[-1] in "-\u00ad")


def assemble(document_id: str, pages: Sequence[list[Block]], sizes: Sequence[tuple[float, float]], known: Mapping[str, int]) -> Texts:
    """The document's rows.

    Args:
        document_id: of the document.
        pages: the blocks of each page in their final order.
        sizes: (width, height) of each page as shown.
        known: the document's vocabulary.
    """
    texts = Texts([], [], [])
    for number, (blocks, (width, height)) in enumerate(zip(pages, sizes, strict=True), start=1):
        text = ""
        for rank, block in enumerate(blocks):
            if block.level:
                texts.sections.append(_section(document_id, len(texts.sections), block, number, len(text)))
            laid, block_text = _lay(block, known)
            texts.lines += [
                PageLine(
                    key("line", document_id, number, len(text) + start),
                    document_id,
                    number,
                    rank,
                    block.role,
                    len(text) + start,
                    n,
                    line.box,
                )
                for line, start, n in laid
            ]
            text += block_text + "\n"
        texts.pages.append(Page(key("page", document_id, number), document_id, number, text, round(width, 1), round(height, 1)))
    return texts


def _section(document_id: str, rank: int, block: Block, page: int, char_from: int) -> Section:
    section_id = key("section", document_id, page, char_from, block.heading)
    source: Literal["outline", "type_size"] = "outline" if block.is_outlined else "type_size"
    return Section(section_id, document_id, rank, block.heading, block.level, page, char_from, source)


def _lay(block: Block, known: Mapping[str, int]) -> tuple[list[tuple[Line, int, int]], str]:
    """(each line with its first code point and length in the block's text, the block's text)."""
    if block.role == "table":
        text, laid = "", []
        for line in block.lines:
            laid.append((line, len(text), len(line.text)))
            text += line.text + "\n"
        return laid, text[:-1]
    laid, text = [], ""
    for line in block.lines:
        rest = line.text
        if laid:
            previous, start, _ = laid[-1]
            head, between = join_point(text[start:], rest, known)
            text = text[:start] + head
            if between:
                laid[-1] = previous, start, len(text) - start
                text += between
            else:  # the remainder of a cut word belongs to the line it began on
                remainder, blank, rest = rest.partition(" ")
                text += remainder
                laid[-1] = previous, start, len(text) - start
                text += blank
        if rest:
            laid.append((line, len(text), len(rest)))
            text += rest
    return laid, text
