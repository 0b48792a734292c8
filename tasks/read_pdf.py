"""Source file -> document, pages, printed lines, sections: read in a killable process, so that every file ends in one row.

The process is in pdf_process.py and pdf_worker.py, the order of reading in pdf_document.py; its steps are pdf_lines.py, pdf_margins.py,
pdf_columns.py, pdf_blocks.py, pdf_structure.py, pdf_text.py and pdf_flow.py.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tasks.find_files import SourceFile
from tasks.pdf_document import Extent
from tasks.pdf_process import ask
from tasks.pdf_worker import Request
from warehouse.errors import ConfigError
from warehouse.tables import Document, DocumentStatus, Page, PageLine, Section

VERSION = 1
HEALABLE: tuple[DocumentStatus, ...] = ("timeout", "memory", "crashed")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IngestParams:
    """How PDFs are read."""

    deadline_seconds: float = 30.0
    """Longest a file may take in all, plain text included; what takes longer is killed."""
    plain_seconds: float = 10.0
    """Part of the deadline kept for reading a killed file once more as plain text."""
    memory_mb: int = 1500
    """Memory that reading one file may take, in megabytes; what takes more is killed."""
    max_mb: int = 500
    """Files larger than this are not opened, in megabytes."""
    max_pages: int = 5000
    """Files with more pages are not read."""
    min_type_size: float = 1.0
    """Text set smaller than this, in points, is invisible to a reader and dropped."""
    top_margin: float = 0.08
    """Share of a page's height in which running headers are looked for."""
    bottom_margin: float = 0.07
    """Share of a page's height in which footers and page numbers are looked for."""
    repeat_share: float = 0.4
    """Share of the pages on which a line in a margin, its digits masked, must stand to be dropped as a running line."""

    def __post_init__(self) -> None:
        if not 0 < self.plain_seconds < self.deadline_seconds:
            raise ConfigError("must be between 0 and ingest.deadline_seconds", where="ingest.plain_seconds", mend="use a third of it")
        for name in ("memory_mb", "max_mb", "max_pages"):
            if getattr(self, name) < 1:
                raise ConfigError("must be at least 1", where=f"ingest.{name}", mend="leave it out for the default")
        for name in ("top_margin", "bottom_margin", "repeat_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError("must be a share between 0 and 1", where=f"ingest.{name}", mend="leave it out for the default")


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """The rows of one file; ``n_retryable`` is 1 where a later try may fare better."""

    document: Document
    pages: list[Page]
    lines: list[PageLine]
    sections: list[Section]
    n_retryable: int = 0


def read_document(source: SourceFile, params: IngestParams = IngestParams()) -> ReadDocument:
    """Read one file within its deadline and memory; a file killed there is read once more as plain text alone.

    May be called from several threads at once. Whatever the file holds, one document row comes back: what failed is its status.

    Raises:
        MissingPrerequisite: no worker process can be started.
    """
    reply = _unread(source, params) or _read_twice(source, params)
    status: DocumentStatus = reply["status"]
    if status not in get_args(DocumentStatus):
        reply = {"status": (status := "crashed"), "reason": "the worker's reply makes no sense", "warnings": []}
    pages = [Page(*row) for row in reply.get("pages", ())]
    lines = [PageLine(*row[:-1], tuple(row[-1])) for row in reply.get("lines", ())]  # type: ignore[call-arg]  # row: list[Any]
    sections = [Section(*row) for row in reply.get("sections", ())]
    document = Document(
        document_id=source.document_id,
        sha256=source.sha256,
        file_name=source.file_name,
        name_hex=source.name_hex,
        title=reply.get("title") or _stem(source),
        title_source=reply.get("title_source", "file_name"),
        n_pages=reply.get("n_pages", 0),
        n_pages_read=reply.get("n_pages_read", 0),
        n_bytes=source.n_bytes,
        n_chars=sum(len(page.text) for page in pages),
        status=status,
        reason=reply["reason"],
        warnings=tuple(reply["warnings"]),
        duplicate_of=source.duplicate_of,
    )
    return ReadDocument(document, pages, lines, sections, n_retryable=int(status in HEALABLE))


def _stem(source: SourceFile) -> str:
    """The file's name on one line without its ending."""
    name = " ".join(source.file_name.split())
    return (name[: -len(".pdf")] if name.lower().endswith(".pdf") else name) or source.document_id


def _unread(source: SourceFile, params: IngestParams) -> dict[str, Any] | None:
    """The reply for a file that need not be opened; None for one that must be."""
    status: DocumentStatus
    if source.n_bytes == 0:
        status, reason = "empty", "0 bytes"
    elif source.duplicate_of is not None:
        status, reason = "duplicate", "the same content as another file"
    elif not source.is_pdf:
        status, reason = "not_pdf", "named like a PDF, but %PDF- does not stand in its first 1024 bytes"
    elif source.n_bytes > params.max_mb << 20:
        status, reason = "too_large", f"{source.n_bytes >> 20} MB, ingest.max_mb is {params.max_mb}"
    else:
        return None
    return {"status": status, "reason": reason, "warnings": []}


def _read_twice(source: SourceFile, params: IngestParams) -> dict[str, Any]:
    reply = ask(_request(source, params, "layout", params.deadline_seconds - params.plain_seconds))
    if reply["status"] not in HEALABLE:
        return reply
    log.info("%s: %s (%s); now as plain text", source.file_name, reply["status"], reply["reason"])
    return ask(_request(source, params, "plain", params.plain_seconds))


def _request(source: SourceFile, params: IngestParams, mode: Literal["layout", "plain"], seconds: float) -> Request:
    extent = Extent(
        source.document_id, _stem(source), mode, params.min_type_size, params.top_margin, params.bottom_margin, params.repeat_share
    )
    return Request(source.path, source.sha256, extent, params.max_pages, params.memory_mb, seconds)
