"""Questions and source folders -> images of the pages that their evidence stands on, found by content, drawn within limits."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.report_data import TestQuestion
from tasks.report_page_worker import PageRequest
from warehouse.store import file_sha256

MEDIA = ("image/png", "image/jpeg")
Place = tuple[str, int]  # document_id and page

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PageParams:
    """How pages are drawn, and how many."""

    width: int = 900
    """Pixels that a page may be wide."""
    height: int = 1300
    """Pixels that a page may be high."""
    jpeg_quality: int = 70
    """Of pages that are smaller as JPEG than as PNG."""
    max_pages: int = 80
    """Pages drawn at most; the first questions' pages come first."""
    max_bytes: int = 8_000_000
    """Of all images as they stand in the report, base64 and all."""
    memory_mb: int = 3000
    """Address space of the process that draws one document."""
    seconds: int = 60
    """Time that one document may take."""


def page_images(
    questions: Sequence[TestQuestion], documents: Iterable[Mapping[str, Any]], sources: Sequence[str], params: PageParams = PageParams()
) -> dict[Place, str]:
    """(document_id, page) -> data URI, for the questions' pages in their order until a limit is reached.

    A document whose file is gone, changed, or cannot be drawn within its limits has none.
    """
    wanted = list(dict.fromkeys((evidence.document_id, evidence.page) for q in questions for evidence in q.evidence))[: params.max_pages]
    pages_of: dict[str, list[int]] = defaultdict(list)
    for document_id, page in wanted:
        pages_of[document_id].append(page)
    paths = source_paths([row for row in documents if row["document_id"] in pages_of], sources)
    with ThreadPoolExecutor(max_workers=2) as pool:
        drawn = dict(zip(paths, pool.map(lambda name: _draw(*paths[name], pages_of[name], params), paths), strict=True))
    kept: dict[Place, str] = {}
    room = params.max_bytes
    for document_id, page in wanted:
        uri = drawn.get(document_id, {}).get(page)
        if uri and len(uri) <= room:
            kept[document_id, page] = uri
            room -= len(uri)
    return kept


def source_paths(documents: Sequence[Mapping[str, Any]], sources: Sequence[str]) -> dict[str, tuple[Path, str]]:
    """document_id -> (file, sha256) for each document whose bytes are found in the sources, whatever the file's name is by now."""
    of_size: dict[int, dict[str, str]] = defaultdict(dict)
    for row in documents:
        of_size[row["n_bytes"]][row["sha256"]] = row["document_id"]
    found: dict[str, tuple[Path, str]] = {}
    for path in _files(sources):
        if len(found) == len(documents):
            break
        try:
            same_size = of_size.get(path.stat().st_size, {})
            sha256 = file_sha256(path) if same_size else ""
        except OSError:
            continue
        if sha256 in same_size:
            found.setdefault(same_size[sha256], (path, sha256))
    return found


def _files(sources: Sequence[str]) -> Iterator[Path]:
    """Every file in the sources and the folders below them; a folder is entered once, however many links lead to it."""
    seen: set[Path] = set()
    for source in map(Path, sources):
        if source.is_file():
            yield source
        for folder, below, names in os.walk(source, followlinks=True):
            place = Path(folder).resolve()
            if place in seen:
                below.clear()
                continue
            seen.add(place)
            below.sort()
            yield from (path for name in sorted(names) if (path := Path(folder, name)).is_file())


def _draw(path: Path, sha256: str, pages: Sequence[int], params: PageParams) -> dict[int, str]:
    """Page -> data URI of one document; empty where the process failed or took too long."""
    request = PageRequest(
        str(path.resolve()), sha256, tuple(pages), params.width, params.height, params.jpeg_quality, params.memory_mb, params.seconds
    )
    command, asked = [sys.executable, "-m", "tasks.report_page_worker"], json.dumps(asdict(request))
    try:
        done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, timeout=params.seconds)  # noqa: S603  # our own module
        drawn = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        log.warning("%s: its pages cannot be drawn (%s)", path.name, type(error).__name__)
        return {}
    return {int(page): f"data:{media};base64,{content}" for page, (media, content) in drawn.items() if media in MEDIA}
