"""A document's pages, lines and sections -> its paragraphs, each with its section and its kind."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.bibliography import bibliography_density, opens_appendix, opens_references
from warehouse.tables import ChunkKind, LineRole, Page, PageLine, Section

EMAIL = re.compile(r"[\w.}-]@[\w-]+\.\w|\b(?:corresponding author|correspondence to|equal contribution)\b", re.IGNORECASE)
CONTENTS = re.compile(r"^\W*(?:table of )?contents\W*$", re.IGNORECASE)
DOT_LEADER = re.compile(r"(?:\.\s?){5,}\s*\d*$")
SENTENCE_END = re.compile(r"[.!?:][\"'”’)\]]*$")  # noqa: RUF001  # closing quotes as printed
PROSE_WORDS = 12  # a paragraph of this many words that ends like a sentence is text, not a name or address
ENTRIES = 3  # at least, in a bibliography without a heading
ADDRESS_WORDS = 40  # an e-mail address on page 1 in a paragraph shorter than this makes it front matter


@dataclass(slots=True)
class Paragraph:
    """A paragraph, heading, list item, caption or table row of the cleaned text."""

    spans: list[tuple[int, int, int]]
    """(page, first code point, end) in each page it stands on."""
    text: str
    """The spans joined by blanks."""
    role: LineRole
    block: tuple[int, int]
    """(page, block) of its first line: the rows of one table share it."""
    section: int
    """Rank of its section; -1 before the first."""
    kind: ChunkKind = "body"


def paragraphs(pages: Sequence[Page], lines: Sequence[PageLine], sections: Sequence[Section]) -> list[Paragraph]:
    """Every non-blank line of every page's text in reading order; a paragraph that goes on after a page end is one, with two spans."""
    starts = sorted((section.page, section.char_from) for section in sections)
    found: list[Paragraph] = []
    for page in sorted(pages, key=lambda page: page.page):
        placed = sorted((line.char_from, line.block, line.role) for line in lines if line.page == page.page)
        at = 0
        for text in page.text.split("\n"):
            if text.strip():
                _, block, role = placed[max(bisect_right(placed, (at, len(page.text) + 1)) - 1, 0)] if placed else (0, -1, "body")
                section = bisect_right(starts, (page.page, at)) - 1
                found.append(Paragraph([(page.page, at, at + len(text))], text, role, (page.page, block), section))
            at += len(text) + 1
    return _joined_over_pages(found, set(starts))


def _joined_over_pages(found: Sequence[Paragraph], starts: set[tuple[int, int]]) -> list[Paragraph]:
    joined: list[Paragraph] = []
    for paragraph in found:
        page, start, _ = paragraph.spans[0]
        above = joined[-1] if joined else None
        goes_on = (
            above is not None
            and above.spans[-1][0] == page - 1
            and above.role in ("body", "list")
            and paragraph.role == "body"
            and (page, start) not in starts
            and not SENTENCE_END.search(above.text.rstrip())
        )
        if above is not None and goes_on:
            above.spans += paragraph.spans
            above.text += " " + paragraph.text
        else:
            joined.append(paragraph)
    return joined


def give_kinds(found: Sequence[Paragraph], sections: Sequence[Section], density: float, least_words: int) -> bool:
    """Set, in place, the kind of every paragraph.

    Args:
        found: the document's paragraphs in order.
        sections: of the document, by rank.
        density: bibliography density from which text reads like references.
        least_words: of a run of entries that no heading announces.

    Returns:
        Whether a references heading was found.
    """
    headings = [section.heading for section in sorted(sections, key=lambda section: (section.page, section.char_from))]
    references = _reference_sections(found, headings, density)
    for paragraph in found:
        heading = headings[paragraph.section] if paragraph.section >= 0 else ""
        if paragraph.section in references:
            paragraph.kind = "references"
        elif CONTENTS.match(heading) or DOT_LEADER.search(paragraph.text):
            paragraph.kind = "front_matter"
        elif paragraph.role in ("table", "caption"):
            paragraph.kind = "table" if paragraph.role == "table" else "caption"
    if not references:
        _mark_unannounced(found, density, least_words)
    _mark_front_matter(found)
    return bool(references)


def _reference_sections(found: Sequence[Paragraph], headings: Sequence[str], density: float) -> set[int]:
    texts = ["" for _ in headings]
    for paragraph in found:
        if paragraph.section >= 0 and paragraph.role not in ("heading", "title"):
            texts[paragraph.section] += paragraph.text + "\n"
    inside: set[int] = set()
    for at, heading in enumerate(headings):
        is_list = texts[at].strip() and bibliography_density(texts[at]) >= density
        if opens_references(heading) or (at - 1 in inside and not opens_appendix(heading) and is_list):
            inside.add(at)
    return inside


def _mark_unannounced(found: Sequence[Paragraph], density: float, least_words: int) -> None:
    """Runs of paragraphs that each read like an entry of a bibliography."""
    is_entry = [p.kind == "body" and bibliography_density(p.text) >= density for p in found]
    for reads_so, run in itertools.groupby(zip(found, is_entry, strict=True), key=lambda item: item[1]):
        entries = [paragraph for paragraph, _ in run] if reads_so else []
        if len(entries) >= ENTRIES and sum(len(entry.text.split()) for entry in entries) >= least_words:
            for entry in entries:
                entry.kind = "references"


def _mark_front_matter(found: Sequence[Paragraph]) -> None:
    """Title, authors and addresses: what stands on the first page before the first section or running text."""
    first_page = found[0].spans[0][0] if found else 0
    head: list[Paragraph] = []
    is_bounded = False
    for paragraph in found:
        is_bounded = paragraph.section >= 0 or (paragraph.role in ("body", "list") and _is_prose(paragraph.text))
        if is_bounded or paragraph.spans[0][0] != first_page:
            break
        head.append(paragraph)
    with_address = {paragraph.block for paragraph in head if EMAIL.search(paragraph.text)}
    for paragraph in head:
        is_name = is_bounded and (paragraph.kind == "body" or paragraph.block in with_address)
        if paragraph.role == "title" or is_name:
            paragraph.kind = "front_matter"
    for paragraph in found:
        is_address = len(paragraph.text.split()) < ADDRESS_WORDS and EMAIL.search(paragraph.text)
        if paragraph.spans[0][0] == first_page and paragraph.kind == "body" and is_address:
            paragraph.kind = "front_matter"


def _is_prose(text: str) -> bool:
    return len(text.split()) >= PROSE_WORDS and bool(SENTENCE_END.search(text.rstrip())) and not EMAIL.search(text)
