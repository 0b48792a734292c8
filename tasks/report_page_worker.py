"""A request on stdin -> page images on stdout, both JSON: a process of its own, since a stranger's file may hang or end the PDF library."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import resource
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Pages of one file to draw, and the limits to draw them within."""

    path: str
    sha256: str
    pages: tuple[int, ...]
    """1-based."""
    width: int
    """Pixels that a page may be wide ..."""
    height: int
    """... and high; it is drawn as large as fits both."""
    jpeg_quality: int
    memory_mb: int
    seconds: int


def images(request: PageRequest) -> dict[str, list[str]]:
    """Page number -> [media type, base64]. Empty where the file is no longer what it was."""
    import pymupdf  # noqa: PLC0415  # takes a second

    library: Any = pymupdf  # has no types
    library.TOOLS.mupdf_display_errors(False)
    library.TOOLS.mupdf_display_warnings(False)
    data = Path(request.path).read_bytes()
    if hashlib.sha256(data).hexdigest() != request.sha256:
        return {}
    found = {}
    with library.open(stream=data, filetype="pdf") as document:
        for number in _within(request.pages, document.page_count):
            page = document[number - 1]
            zoom = min(request.width / page.rect.width, request.height / page.rect.height)
            media, content = _smallest(library, page, library.Matrix(zoom, zoom), request.jpeg_quality)
            found[str(number)] = [media, base64.b64encode(content).decode("ascii")]
    return found


def _smallest(library: Any, page: Any, matrix: Any, jpeg_quality: int) -> tuple[str, bytes]:
    """(media type, bytes): a page without colour as grey PNG, another as PNG or JPEG."""
    drawn, grey = (page.get_pixmap(matrix=matrix, alpha=False, colorspace=space) for space in (library.csRGB, library.csGRAY))
    if library.Pixmap(library.csRGB, grey).samples == drawn.samples:
        return "image/png", grey.tobytes("png")
    candidates = [("image/png", drawn.tobytes("png")), ("image/jpeg", drawn.tobytes("jpeg", jpg_quality=jpeg_quality))]
    return min(candidates, key=lambda candidate: len(candidate[1]))


def _within(pages: Iterable[int], n_pages: int) -> list[int]:
    return [number for number in pages if 1 <= number <= n_pages]


def main() -> None:
    """Serve one request."""
    given = json.load(sys.stdin)
    request = PageRequest(**{**given, "pages": tuple(given["pages"])})
    limits = ((resource.RLIMIT_AS, request.memory_mb << 20), (resource.RLIMIT_CPU, request.seconds), (resource.RLIMIT_CORE, 0))
    for what, most in limits:
        with contextlib.suppress(ValueError, OSError):  # systems without such a limit
            resource.setrlimit(what, (most, most))
    json.dump(images(request), sys.stdout)


if __name__ == "__main__":
    main()
