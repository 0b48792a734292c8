"""The 363 hostile PDFs of the shared data: one row each, what it says agrees with what was observed, nothing hangs or grows."""

import csv
import json
import resource
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.chunk import chunk_document
from tasks.find_files import MAGIC, MAGIC_WITHIN, find_files
from tasks.read_pdf import read_document
from warehouse.tables import DOCUMENTS, PAGE_LINES, PAGES, SECTIONS

HOSTILE = Path(__file__).parents[2] / ".." / "shared" / "data" / "hostile_pdfs"
EXPECTED = {
    "ok": "ok", "no pages": "no_pages", "no text": "no_text", "needs password": "needs_password", "cannot be opened": "unreadable",
    "some pages fail": "partial",
}  # fmt: skip
SEEN_OTHERWISE = {
    "mozilla__pdf.js/issue11549_reduced.pdf": "no_text",  # its characters are all control codes
    "pymupdf__PyMuPDF/type3font.pdf": "no_text",  # same
    "openpreserve__format-corpus/T02-05-01_006_font-size-operator-missing.pdf": "no_text",  # set in type of size 0
    "openpreserve__format-corpus/T02-02_005_page-tree-no-kids.pdf": "no_text",  # only get_text("text") raises
    "apache__pdfbox/AESkeylength128.pdf": "needs_password",  # holds /Encrypt and does not open
    "pdf-rs__pdf/252-crash.pdf": "needs_password",  # same
}

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not HOSTILE.exists(), reason="the shared hostile PDFs are not here")]


def test_every_hostile_pdf_ends_in_one_row_that_says_what_happened():
    with (HOSTILE / "manifest.csv").open(encoding="utf-8") as file:
        observed = {row["file"]: row["observed"] for row in csv.DictReader(file)}
    sources = find_files([HOSTILE]).files
    names = [source.path.relative_to(HOSTILE).as_posix() for source in sources]
    seconds: dict[str, float] = {}

    def timed(source):
        begun = time.monotonic()
        found = read_document(source)
        seconds[source.document_id] = time.monotonic() - begun
        return found

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(timed, sources))
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    assert sorted(names) == sorted(observed)
    wanted = {
        name: SEEN_OTHERWISE.get(name, EXPECTED[observed[name]])
        if MAGIC in (HOSTILE / name).read_bytes()[:MAGIC_WITHIN]
        else "not_pdf"
        for name in names
    }  # fmt: skip
    got = {name: row.document.status for name, row in zip(names, found, strict=True)}
    assert {name: (got[name], status) for name, status in wanted.items() if got[name] != status} == {}
    assert len({row.document.document_id for row in found}) == len(observed)
    assert [row.document for row in found if row.document.status != "ok" and not row.document.reason] == []
    assert [row.document.reason for row in found if row.document.reason and str(HOSTILE.resolve().parent) in row.document.reason] == []
    assert max(seconds.values()) < 30
    assert grown_mb < 50
    assert Counter(row.n_retryable for row in found) == {0: len(found)}


def test_their_text_can_be_stored_and_cut_into_chunks():
    for source in find_files([HOSTILE]).files:
        found = read_document(source)
        chunked = chunk_document(found.document, found.pages, found.lines, found.sections)

        for table, rows in ((DOCUMENTS, [found.document]), (PAGES, found.pages), (PAGE_LINES, found.lines), (SECTIONS, found.sections)):
            assert table.to_arrow(rows).num_rows == len(rows)
        assert not [page for page in found.pages if any(c < " " and c != "\n" for c in page.text)]
        assert sum(sum(not c.isspace() for c in chunk.text) for chunk in chunked.chunks) == sum(
            sum(not c.isspace() for c in page.text) for page in found.pages
        )
        assert all(chunk.n_tokens <= 256 for chunk in chunked.chunks)


def test_odd_file_names_are_found_read_and_kept(tmp_path):
    names = [bytes.fromhex(entry["name_hex"]) for entry in json.loads((HOSTILE / "odd_names.json").read_text())["names"]]
    (sample,) = list(HOSTILE.rglob("SinglePage270ClockwiseRotation*"))
    wanted = {}
    for number, name in enumerate(names):
        try:
            with open(bytes(tmp_path) + b"/" + name, "wb") as file:  # noqa: PTH123  # a Path cannot be made of bytes
                file.write(sample.read_bytes() + b"\n%%%d" % number)
        except OSError:
            continue  # longer than this file system allows
        wanted[name] = number

    found = find_files([tmp_path])

    visible = {name for name in wanted if not name.startswith(b".")}
    assert {bytes.fromhex(file.name_hex) if file.name_hex else file.file_name.encode() for file in found.files} == visible
    assert {read_document(file).document.status for file in found.files} == {"ok"}
    assert len({file.document_id for file in found.files}) == len(visible) > 10
