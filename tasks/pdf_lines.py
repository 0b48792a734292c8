"""A PDF page -> its printed lines: upright, visible, free of control characters, small capitals set in their real case."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Box = tuple[float, float, float, float]

UPRIGHT = 0.9  # cosine of the angle to the page's main direction above which text counts as running along it
WHITE = 250  # each of red, green, blue at least this, of 255
BOLD_FLAG = 16  # pymupdf.TEXT_FONT_BOLD
BOLD_NAME = re.compile(r"bold|black|heavy|semib|-medi|cmbx|\bbd\b", re.IGNORECASE)
BOLD_SHARE = 0.7  # of a line's letters
SMALL_CAPS = 0.9  # a small capital is at most this high against the line's capitals
SAME_BASELINE = 0.12  # of the type size

HIDDEN = re.compile(
    "[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
    "|(?<![\u0590-\u0dff])[\u200c\u200d]"  # the joiners spell words in Arabic and Indic scripts, and hide text elsewhere
)
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(slots=True)
class Line:
    """A printed line, or the part of one that stands in one table cell."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    """Where it stands once the page is turned so that its text is upright."""
    size: float
    """Type size in points of most of its letters."""
    top_size: float
    """Largest type size in it."""
    is_bold: bool
    box: Box | tuple[()]
    """On the page as shown: x0 y0 x1 y1, origin top left; empty where unknown."""

    @property
    def height(self) -> float:
        """Of the line's box, at least a hundredth of a point."""
        return max(self.y1 - self.y0, 0.01)

    @property
    def width(self) -> float:
        """Of the line's box."""
        return self.x1 - self.x0


@dataclass(slots=True)
class PageLines:
    """A page's lines and what was left out."""

    lines: list[Line]
    width: float
    height: float
    """Of the page as its main text runs."""
    warnings: set[str]


def clean(text: str) -> tuple[str, set[str]]:
    """``text`` with white space folded and control, zero-width and bidi characters dropped, and warnings naming what was."""
    warnings = set()
    if HIDDEN.search(text):
        text = HIDDEN.sub("", text)
        warnings.add("invisible_text_dropped")
    if CONTROL.search(text := text.replace("\t", " ").replace("\n", " ").replace("\r", " ")):
        text = CONTROL.sub("", text)
        warnings.add("control_characters_dropped")
    text = " ".join(text.split())
    return text[:-1].replace("\u00ad", "") + text[-1:], warnings  # a soft hyphen counts at a line's end only


def page_lines(page: Any, min_type_size: float) -> PageLines:
    """The visible lines of a ``pymupdf.Page`` that run in its main direction, in the order in which the file draws them."""
    import pymupdf  # noqa: PLC0415  # takes a second; only the worker process needs it

    flags = pymupdf.TEXTFLAGS_DICT & ~(pymupdf.TEXT_PRESERVE_IMAGES | pymupdf.TEXT_PRESERVE_LIGATURES | pymupdf.TEXT_MEDIABOX_CLIP)
    content = page.get_text("dict", flags=flags)
    raw = [line for block in content["blocks"] for line in block.get("lines", ())]
    turn = page.rotation_matrix
    directions = Counter[tuple[int, int]]()
    for line in raw:
        directions[_direction(line["dir"], turn)] += sum(len(span["text"].strip()) for span in line["spans"])
    main = directions.most_common(1)[0][0] if directions else (1, 0)
    shown = page.rect
    found = PageLines([], *((shown.width, shown.height) if main[1] == 0 else (shown.height, shown.width)), set())
    is_hidden = _HiddenSpans(page, min_type_size)
    for line in raw:
        if _direction(line["dir"], turn) != main:
            continue
        spans = [span for span in line["spans"] if not is_hidden(span)]
        if len(spans) < len(line["spans"]):
            found.warnings.add("invisible_text_dropped")
        text, warnings = clean(_real_case(spans))
        found.warnings |= warnings
        if text:
            found.lines.append(_line(text, spans, _turned(_union(spans), turn), main, (shown.width, shown.height)))
    return found


def _direction(direction: tuple[float, float], turn: Any) -> tuple[int, int]:
    """Which of right, left, up, down the text runs on the page as shown; (0, 0) for anything slanted."""
    x = direction[0] * turn.a + direction[1] * turn.c
    y = direction[0] * turn.b + direction[1] * turn.d
    return (int(x > UPRIGHT) - int(x < -UPRIGHT), int(y > UPRIGHT) - int(y < -UPRIGHT))


def _turned(box: Box, turn: Any) -> Box:
    """The box on the page as shown; ``turn`` is a quarter turn."""
    xs = [box[0] * turn.a + box[1] * turn.c + turn.e, box[2] * turn.a + box[3] * turn.c + turn.e]
    ys = [box[0] * turn.b + box[1] * turn.d + turn.f, box[2] * turn.b + box[3] * turn.d + turn.f]
    return min(xs), min(ys), max(xs), max(ys)


def _line(text: str, spans: list[dict[str, Any]], box: Box, main: tuple[int, int], page_size: tuple[float, float]) -> Line:
    width, height = page_size
    x0, y0, x1, y1 = box
    upright = {
        (0, -1): (height - y1, x0, height - y0, x1),
        (0, 1): (y0, width - x1, y1, width - x0),
        (-1, 0): (width - x1, height - y1, width - x0, height - y0),
    }.get(main, box)
    letters = Counter[float]()
    n_bold = 0
    for span in spans:
        n = len(span["text"].strip())
        letters[span["size"]] += n
        n_bold += n * (bool(span["flags"] & BOLD_FLAG) or _is_bold_name(span["font"]))
    used = [size for size, n in letters.items() if n] or list(letters)
    shown_box = (round(x0, 1), round(y0, 1), round(x1, 1), round(y1, 1))
    is_bold = n_bold >= BOLD_SHARE * max(sum(letters.values()), 1)
    return Line(text, *upright, letters.most_common(1)[0][0], max(used), is_bold, shown_box)


@functools.cache
def _is_bold_name(font: str) -> bool:
    return bool(BOLD_NAME.search(font))


def _union(spans: Iterable[dict[str, Any]]) -> Box:
    boxes = [span["bbox"] for span in spans if span["text"].strip()]
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def _real_case(spans: list[dict[str, Any]]) -> str:
    """The spans' text; where a line is set in capitals and small capitals, the small ones become lower case."""
    text = "".join(span["text"] for span in spans)
    if not spans or not text.isupper():
        return text
    top = max(span["size"] for span in spans if span["text"].strip())
    tall = next(span for span in spans if span["size"] == top)
    is_small = [
        span["size"] <= SMALL_CAPS * top and abs(span["origin"][1] - tall["origin"][1]) < SAME_BASELINE * top
        for span in spans
    ]  # fmt: skip
    n_small = sum(sum(map(str.isalpha, span["text"])) for span, small in zip(spans, is_small, strict=True) if small)
    if 2 * n_small < sum(map(str.isalpha, text)):
        return text
    return "".join(span["text"].lower() if small else span["text"] for span, small in zip(spans, is_small, strict=True))


class _HiddenSpans:
    """Tells text that no reader of the page sees: tiny, off the page, transparent, or white with nothing dark behind it."""

    def __init__(self, page: Any, min_type_size: float) -> None:
        self.page, self.min_type_size = page, min_type_size
        self.visible = page.rect * page.derotation_matrix
        self.backing: list[Any] | None = None
        self.has_image: bool | None = None

    def __call__(self, span: dict[str, Any]) -> bool:
        if not span["text"].strip():
            return False
        x0, y0, x1, y1 = span["bbox"]
        seen = self.visible
        if span["size"] < self.min_type_size or x1 < seen.x0 or x0 > seen.x1 or y1 < seen.y0 or y0 > seen.y1:
            return True
        if span.get("alpha", 255) == 0:
            return not self._page_has_image()  # a scan's recognised text lies transparent over its image
        color = span["color"]
        if min(color >> 16 & 255, color >> 8 & 255, color & 255) < WHITE:
            return False
        middle = (x0 + x1) / 2, (y0 + y1) / 2
        return not any(b[0] <= middle[0] <= b[2] and b[1] <= middle[1] <= b[3] for b in self._backing())

    def _page_has_image(self) -> bool:
        if self.has_image is None:
            self.has_image = bool(self.page.get_image_info())
        return self.has_image

    def _backing(self) -> list[Any]:
        """Boxes of images and of shapes filled with anything but white."""
        if self.backing is None:
            fills = [shape["rect"] for shape in self.page.get_cdrawings() if min(shape.get("fill") or (1.0,)) * 255 < WHITE]
            self.backing = fills + [image["bbox"] for image in self.page.get_image_info()]
        return self.backing
