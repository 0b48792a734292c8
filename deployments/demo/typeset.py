"""papers/*.md -> papers/*.pdf: set our own sample documents the way an office would have.

Greedy line breaking with hyphenation, one or two columns, running header and footer, ruled tables, a drawn figure.
Some papers carry an outline and a proper title in their metadata, some neither, as found in the wild. Two runs
give the same bytes. Run ``python deployments/demo/typeset.py``.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymupdf  # its functions carry no types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAPERS = Path(__file__).parent / "papers"
WIDTH, HEIGHT, MARGIN, TOP, BOTTOM, GUTTER = 595.0, 842.0, 78.0, 82.0, 776.0, 22.0
FACES = {"serif": ("tiro", "tibo", "tiit"), "sans": ("helv", "hebo", "heit")}
DATE = "D:20240105090000Z"
MARKER = re.compile(r"^(- |\d+\. |\[\d+\] )")
PAIRS = "th|ch|sh|ph|gh|qu|tr|pr|br|cr|dr|gr|fr|pl|bl|cl|gl|fl|sl|tw|sw|wh"
ONSET = rf"(?=(?:{PAIRS}|[bcdfghjklmnpqrstvwxz])[aeiou])(?!ck)"
CLOSED_SYLLABLE = re.compile(rf"[aeiouy]+(?!{PAIRS}|ssh|ck)[lmnrsctdpgbf]{ONSET}")
OPEN_SYLLABLE = re.compile(rf"^(?:be|de|re|pro|pre){ONSET}|(?<=..)[aeiouy]{{1,2}}{ONSET}")
SUFFIX = re.compile(r"(?=(?:tion|sion|ment|ness|less|ship|hood|house)s?$)|(?<!bb|dd|gg|mm|nn|pp|rr|tt)(?<!l)(?=ings?$)")
BAD_TAIL = re.compile(r"[a-z]{0,2}|[a-z]+e[sd]|[a-z]ing")
MIN_WORD, MIN_SLACK, MAX_STRETCH = 6, 6.0, 6.0


@dataclass(frozen=True)
class Style:
    """How one kind of text looks, in points: ``step`` from line to line, ``before`` the first, column ``width``."""

    face: str
    size: float
    step: float
    width: float
    before: float = 0.0
    indent: float = 0.0
    is_justified: bool = False
    hyphenates: bool = False
    keeps_next: bool = False


@dataclass
class Canvas:
    """PDF drawing operators of one page, written top down with y growing downwards."""

    fonts: dict[str, pymupdf.Font]
    operators: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, style: Style, *, stretch: float = 0.0) -> None:
        """Write ``text`` with its baseline at ``y``; ``stretch`` points are added to every space."""
        safe = re.sub(r"([\\()])", r"\\\1", text.encode("cp1252").decode("latin-1"))
        at = f"{x:.2f} {HEIGHT - y:.2f}"
        self.operators.append(f"BT /{style.face} {style.size:g} Tf {stretch:.4f} Tw {at} Td ({safe}) Tj ET")

    def rule(self, x0: float, y0: float, x1: float, y1: float, weight: float = 0.5) -> None:
        """Draw a straight line."""
        self.operators.append(f"{weight:g} w {x0:.2f} {HEIGHT - y0:.2f} m {x1:.2f} {HEIGHT - y1:.2f} l S")

    def width(self, text: str, style: Style) -> float:
        """Width of ``text`` in points."""
        return float(self.fonts[style.face].text_length(text, style.size))


@dataclass(frozen=True)
class Strip:
    """What no column break may cut: one line of text, a table or a figure; ``before`` is dropped at a column top."""

    height: float
    draw: Callable[[Canvas, float, float], None]
    before: float = 0.0
    keeps_next: bool = False
    outline: tuple[int, str] | None = None


def read_paper(path: Path) -> tuple[dict[str, str], list[str]]:
    """Front matter and the blocks of the body, which blank lines part."""
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    settings = {name.strip(): value.strip() for name, value in (line.split(":", 1) for line in front.splitlines())}
    return settings, [block.strip() for block in re.split(r"\n\s*\n", body) if block.strip()]


def cells(block: str) -> list[list[str]]:
    """Rows of a Markdown table without its dashed line."""
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in block.splitlines()]
    return [row for row in rows if not set("".join(row)) <= set("- ")]


def hyphenation_points(word: str) -> list[int]:
    """Places where ``word`` may be cut, by rules of thumb for English; none unless it is all letters."""
    bare = word.rstrip(".,;:)")
    if len(bare) < MIN_WORD or not bare.isalpha() or bare.isupper():
        return []
    cuts = {match.end() for rule in (CLOSED_SYLLABLE, OPEN_SYLLABLE, SUFFIX) for match in rule.finditer(bare.lower())}
    return sorted(cut for cut in cuts if cut > 1 and not BAD_TAIL.fullmatch(bare[cut:]))


def break_lines(canvas: Canvas, text: str, style: Style) -> list[str]:
    """Fill lines greedily. A word that does not fit is cut at a syllable, in no more than two lines running."""
    width = style.width - style.indent
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if canvas.width(longer, style) <= width:
            line = longer
            continue
        is_free = style.hyphenates and not (len(lines) > 1 and all(done.endswith("-") for done in lines[-2:]))
        heads = [f"{line} {word[:cut]}-" for cut in hyphenation_points(word)] if is_free else []
        fitting = [head for head in heads if canvas.width(head, style) <= width]
        lines.append(fitting[-1] if fitting else line)
        line = word[len(fitting[-1]) - len(line) - 2 :] if fitting else word
    return [*lines, line]


def write_line(canvas: Canvas, x: float, y: float, *, line: str, style: Style, marker: str, stretch: float) -> None:
    """Draw one line whose top is at ``y``, and before it the list marker, if any, in the hanging indent."""
    if marker:
        canvas.text(x, y + style.size, f"{marker} ", style)
    canvas.text(x + style.indent, y + style.size, line, style, stretch=stretch)


def set_text(canvas: Canvas, text: str, style: Style, *, marker: str = "", level: int = 0) -> list[Strip]:
    """``text`` as one strip per line; with a ``level`` it goes into the outline."""
    strips: list[Strip] = []
    lines = break_lines(canvas, text, style)
    for rank, line in enumerate(lines):
        stretch = (style.width - style.indent - canvas.width(line, style)) / max(line.count(" "), 1)
        if not style.is_justified or line is lines[-1] or stretch > MAX_STRETCH:
            stretch = 0.0
        draw = partial(write_line, line=line, style=style, marker="" if rank else marker, stretch=stretch)
        outline = (level, text) if level and not rank else None
        strips.append(Strip(style.step, draw, 0.0 if rank else style.before, style.keeps_next, outline))
    return strips


def table(canvas: Canvas, rows: list[list[str]], styles: dict[str, Style]) -> Strip:
    """A table with rules above, below and under its head; columns as wide as their longest cell, slack shared out."""
    body = replace(styles["text"], size=styles["caption"].size)
    row_styles = [replace(body, face=styles["title"].face)] + [body] * (len(rows) - 1)
    step, full = body.step + 2.0, body.width
    widths = [max(map(canvas.width, column, row_styles)) for column in zip(*rows, strict=True)]
    slack = (full - 6 - sum(widths)) / len(widths)
    if slack < MIN_SLACK:
        raise ValueError(f"table too wide for its column: {rows[0]}")

    def draw(canvas: Canvas, x: float, y: float) -> None:
        for edge in (0.0, step, step * len(rows)):
            canvas.rule(x, y + edge, x + full, y + edge, 0.5 if edge == step else 0.9)
        for rank, (row, style) in enumerate(zip(rows, row_styles, strict=True)):
            left = x + 3
            for cell, width in zip(row, widths, strict=True):
                canvas.text(left, y + step * (rank + 0.68), cell, style)
                left += width + slack

    return Strip(step * len(rows) + 8.0, draw, before=3.0)


def chain(labels: list[str], styles: dict[str, Style]) -> Strip:
    """A figure: boxes from left to right, joined by arrows."""
    style, gap, tall = replace(styles["text"], size=styles["text"].size - 1.5), 18.0, 34.0
    wide = (style.width - gap * (len(labels) - 1)) / len(labels)

    def draw(canvas: Canvas, x: float, y: float) -> None:
        middle = y + tall / 2
        for rank, label in enumerate(labels):
            left = x + rank * (wide + gap)
            for edge in (0.0, 1.0):
                canvas.rule(left, y + edge * tall, left + wide, y + edge * tall, 0.7)
                canvas.rule(left + edge * wide, y, left + edge * wide, y + tall, 0.7)
            canvas.text(left + (wide - canvas.width(label, style)) / 2, middle + 3, label, style)
            if rank:
                for tail, side in ((gap - 2, 0), (7, -3), (7, 3)):
                    canvas.rule(left - tail, middle + side, left - 2, middle)

    return Strip(tall + 6.0, draw, before=12.0, keeps_next=True)


def strips_of(canvas: Canvas, block: str, styles: dict[str, Style]) -> list[Strip]:
    """One block of Markdown as strips. A table's caption stands above it and keeps it, a figure's follows below."""
    if block.startswith("#"):
        marks, text = block.split(" ", 1)
        return set_text(canvas, text, styles[marks], level=len(marks) - 1)
    if block.startswith("|"):
        return [table(canvas, cells(block), styles)]
    if block.startswith("```chain"):
        return [chain(block.splitlines()[1:-1], styles)]
    if re.match(r"(Table|Figure) \d+: ", block):
        is_above = block.startswith("Table")
        return set_text(canvas, block, replace(styles["caption"], keeps_next=is_above, before=12.0 if is_above else 2.0))
    if not MARKER.match(block):
        return set_text(canvas, block, styles["text"])
    items = [line.split(" ", 1) for line in re.sub("(?m)^-", "\N{BULLET}", block).splitlines()]
    style = styles["reference" if block.startswith("[") else "item"]
    return [strip for marker, text in items for strip in set_text(canvas, text, style, marker=marker)]


def columns(width: float, first_top: float) -> Iterator[tuple[int, float, float]]:
    """(page, left, top) of every column in reading order, without end."""
    n_columns = int((WIDTH - 2 * MARGIN) // width)
    for rank in count():
        page, column = divmod(rank, n_columns)
        yield page, MARGIN + column * (width + GUTTER), TOP if page else first_top


def place(strips: list[Strip], width: float, first_top: float) -> list[tuple[int, float, float, Strip]]:
    """(page, x, y, strip) for every strip; a strip that keeps the next moves on together with it."""
    frames = columns(width, first_top)
    page, x, top = next(frames)
    y = top
    placed: list[tuple[int, float, float, Strip]] = []
    for rank, strip in enumerate(strips):
        ahead = next(at for at in range(rank, len(strips)) if not strips[at].keeps_next)
        need = sum(follower.before + follower.height for follower in strips[rank : ahead + 1])
        kept = rank > 0 and strips[rank - 1].keeps_next
        if not kept and y + need > BOTTOM:
            page, x, top = next(frames)
            y = top
        y += 0.0 if y == top else strip.before
        placed.append((page, x, y, strip))
        y += strip.height
    return placed


def styles_of(settings: dict[str, str]) -> dict[str, Style]:
    """The styles that a paper's front matter asks for."""
    full, face, bold, italic = WIDTH - 2 * MARGIN, *FACES[settings["font"]]
    width = full if settings["layout"] == "one_column" else (full - GUTTER) / 2
    size = 10.5 if settings["font"] == "sans" else 11.0 if width == full else 10.0
    text = Style(face, size, size * 1.36, width, 6.0, is_justified=settings["justify"] == "yes", hyphenates=True)
    return {
        "text": text,
        "item": replace(text, before=3.0, indent=20.0),
        "reference": replace(text, size=size - 1.5, step=size * 1.2, before=2.0, indent=17.0),
        "caption": Style(italic, size - 0.8, text.step, width),
        "##": Style(bold, size + 3.0, size * 1.8, width, 14.0, keeps_next=True),
        "###": Style(bold, size + 1.2, size * 1.6, width, 8.0, keeps_next=True),
        "title": Style(bold, 20.0, 25.0, full),
        "byline": Style(italic, 10.5, 16.0, full, 4.0),
        "frame": Style(face, 8.5, 12.0, full),
    }


def typeset(source: Path) -> bytes:
    """The PDF of one paper."""
    settings, blocks = read_paper(source)
    styles = styles_of(settings)
    fonts = {face: pymupdf.Font(face) for face in FACES[settings["font"]]}
    pages, y = [Canvas(fonts)], TOP
    for strip in [strip for name in ("title", "byline") for strip in set_text(pages[0], settings[name], styles[name])]:
        strip.draw(pages[0], MARGIN, y + strip.before)
        y += strip.before + strip.height
    placed = place([strip for block in blocks for strip in strips_of(pages[0], block, styles)], styles["text"].width, y + 20)
    pages += [Canvas(fonts) for _ in range(placed[-1][0])]
    for number, x, y, strip in placed:
        strip.draw(pages[number], x, y)
    for number, page in enumerate(pages, start=1):
        page.text(MARGIN, 50, settings["header"], styles["frame"])
        page.rule(MARGIN, 56, WIDTH - MARGIN, 56)
        footer = settings["footer"].format(page=number, pages=len(pages))
        page.text((WIDTH - page.width(footer, styles["frame"])) / 2, 800, footer, styles["frame"])
    outline = [[*strip.outline, number + 1] for number, _, _, strip in placed if strip.outline]
    return write_pdf(settings, pages, outline if settings["outline"] == "yes" else [])


def write_pdf(settings: dict[str, str], pages: list[Canvas], outline: list[list[Any]]) -> bytes:
    """Bytes of the finished file, with fixed dates and no random id."""
    pdf = pymupdf.open()
    for canvas in pages:
        page = pdf.new_page(width=WIDTH, height=HEIGHT)
        for face in canvas.fonts:
            page.insert_font(fontname=face)
        stream = pdf.get_new_xref()
        pdf.update_object(stream, "<<>>")
        pdf.update_stream(stream, "\n".join(canvas.operators).encode("latin-1"))
        page.set_contents(stream)
    pdf.set_toc(outline)
    title = {"title": settings["metadata_title"]} if settings["metadata_title"] else {}
    pdf.set_metadata({**title, "creationDate": DATE, "modDate": DATE, "producer": "tunehouse demo typesetter"})
    return bytes(pdf.tobytes(garbage=4, deflate=True, no_new_id=True))


def main() -> None:
    """Rewrite every PDF in ``papers/``."""
    for source in sorted(PAPERS.glob("*.md")):
        source.with_suffix(".pdf").write_bytes(typeset(source))


if __name__ == "__main__":
    main()
