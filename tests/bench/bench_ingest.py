"""How fast a PDF becomes rows, beside bare ``get_text("text")`` on the same pages in the same run.

``python tests/bench/bench_ingest.py [PDF...]``
CPU seconds of one thread, the two in alternation, the best of the rounds; without arguments the sample PDFs and, where they are, the
shared papers. Nothing is asserted: the machine is not ours alone.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymupdf

from tasks.chunk import ChunkParams, chunk_document, load_tokenizer
from tasks.find_files import find_files
from tasks.pdf_document import Extent, read
from tasks.pdf_worker import pdf_errors
from tasks.read_pdf import read_document

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "deployments" / "demo" / "papers", ROOT / ".." / "shared" / "data" / "papers")
ROUNDS = 3

log = logging.getLogger(__name__)


def cpu_seconds(work: Callable[[], Any]) -> float:
    """CPU seconds that ``work`` takes in this process."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def bare(data: bytes) -> None:
    """What the library does by itself."""
    document: Any = pymupdf.open(stream=data, filetype="pdf")
    for page in document:
        page.get_text("text")


def structured(data: bytes, stem: str) -> None:
    """What a worker does for a file."""
    document: Any = pymupdf.open(stream=data, filetype="pdf")
    read(document, Extent(stem, stem, "layout", 1.0, 0.08, 0.07, 0.4), pdf_errors())


def main() -> None:
    """Print pages and tokens per CPU second."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path)
    paths = parser.parse_args().paths or [folder for folder in FOLDERS if folder.exists()]
    sources = find_files(paths).files
    datas = [source.path.read_bytes() for source in sources]
    stems = [source.path.stem for source in sources]
    begun = time.monotonic()
    found = [read_document(source) for source in sources]
    wall = time.monotonic() - begun
    n_pages = sum(row.document.n_pages_read for row in found)

    rounds = [
        (
            cpu_seconds(lambda: [bare(data) for data in datas]),
            cpu_seconds(lambda: [structured(data, stem) for data, stem in zip(datas, stems, strict=True)]),
        )
        for _ in range(ROUNDS)
    ]
    plain, full = min(a for a, _ in rounds), min(b for _, b in rounds)
    log.info("%d files, %d pages", len(found), n_pages)
    log.info('bare get_text("text")   %7.0f pages per CPU second', n_pages / plain)
    log.info("structured              %7.0f pages per CPU second, %.2f of bare", n_pages / full, plain / full)
    log.info("in worker processes     %7.0f pages per second of wall time, one file after the other", n_pages / wall)

    params = ChunkParams()
    tokenizer = load_tokenizer(params.tokenizer)
    texts = ["\n".join(page.text for page in row.pages) for row in found]
    n_tokens = sum(len(tokenizer.encode(text).ids) for text in texts)
    encode = min(cpu_seconds(lambda: [tokenizer.encode(text) for text in texts]) for _ in range(ROUNDS))
    cut = min(
        cpu_seconds(lambda: [chunk_document(row.document, row.pages, row.lines, row.sections, params) for row in found])
        for _ in range(ROUNDS)
    )  # fmt: skip
    log.info("bare tokenising         %7.0f tokens per CPU second", n_tokens / encode)
    log.info("chunking                %7.0f tokens per CPU second, %.2f of bare", n_tokens / cut, encode / cut)


if __name__ == "__main__":
    main()
