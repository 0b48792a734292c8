"""A request -> a reply, within limits of memory and CPU time: runs in a process of its own (pdf_process.py), never in the caller's."""

from __future__ import annotations

import functools
import hashlib
import re
import resource
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tasks.pdf_document import Extent, Reading, is_out_of_memory, read

FILE_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[/\\][^\s'\":;,()<>/\\]+)+[/\\]?")
LONGEST_REASON = 200
CPU_GRACE = 5  # seconds beyond the deadline after which the kernel ends a child whose parent is gone


@dataclass(frozen=True, slots=True)
class Request:
    """One file to read and the limits it is read within."""

    path: Path
    sha256: str
    extent: Extent
    max_pages: int
    memory_mb: int
    seconds: float


def reply(request: Request) -> dict[str, Any]:
    """{status, reason, warnings} of a file and, where it could be opened, its counts, title and rows (each a list of its fields)."""
    try:
        data = request.path.read_bytes()
        if hashlib.sha256(data).hexdigest() != request.sha256:
            return _failed("crashed", "the file changed while it was read")
        return _read(data, request)
    except MemoryError:
        return _failed("memory", f"needs more than {request.memory_mb} MB")
    except OSError as error:
        return _failed("crashed", f"cannot read the file: {error.strerror}")
    except pdf_errors() as error:
        if is_out_of_memory(error):
            return _failed("memory", f"needs more than {request.memory_mb} MB")
        return _failed("unreadable", _harmless(str(error)))


@functools.cache
def pdf_errors() -> tuple[type[Exception], ...]:
    """What pymupdf is seen to raise on damaged files."""
    import pymupdf  # noqa: PLC0415  # takes a second

    return (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError)


def limit(request: Request) -> None:
    """Bound this process: memory beyond what it starts with, CPU seconds, and no core files."""
    import pymupdf  # noqa: PLC0415

    tools: Any = pymupdf.TOOLS
    tools.mupdf_display_errors(False)
    tools.mupdf_display_warnings(False)
    held = _address_space()
    if held is not None:
        most = held + (request.memory_mb << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    cpu = int(request.seconds) + CPU_GRACE
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _address_space() -> int | None:
    """Bytes of address space in use; None where the system does not tell (macOS, which does not hold RLIMIT_AS either)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return None


def _read(data: bytes, request: Request) -> dict[str, Any]:
    document, failed = _open(data)
    if failed is not None:
        return failed
    n_pages = document.page_count
    if n_pages <= 0:
        return _failed("no_pages", "the file opens but has no pages")
    if n_pages > request.max_pages:
        return _failed("too_large", f"{n_pages} pages, ingest.max_pages is {request.max_pages}", n_pages=n_pages)
    reading = read(document, request.extent, pdf_errors())
    if document.is_repaired:
        reading.warnings.add("repaired")
    return _succeeded(reading)


def _open(data: bytes) -> tuple[Any, dict[str, Any] | None]:
    """(the document, None), or (None, why it cannot be read)."""
    import pymupdf  # noqa: PLC0415

    try:
        document: Any = pymupdf.open(stream=data, filetype="pdf")  # type: ignore[no-untyped-call]
    except pdf_errors() as error:
        if is_out_of_memory(error):
            raise MemoryError from error
        # what is encrypted for a certificate raises the same error as garbage
        is_encrypted = b"/Encrypt" in data
        reason = "encrypted for a certificate, or damaged" if is_encrypted else _harmless(str(error))
        return None, _failed("needs_password" if is_encrypted else "unreadable", reason)
    if not document.is_pdf:
        return None, _failed("unreadable", "its content is no PDF")
    if document.needs_pass:
        return None, _failed("needs_password", "encrypted with a password")
    return document, None


def _succeeded(reading: Reading) -> dict[str, Any]:
    has_text = any(not page.text.isspace() and page.text for page in reading.texts.pages)
    status, reason = "ok", None
    if reading.n_pages_read < reading.n_pages:
        status, reason = "partial", f"{reading.n_pages_read} of {reading.n_pages} pages could be read"
    elif not has_text:
        status, reason = "no_text", "images only" if reading.has_images else "no text on its pages"
    return {
        "status": status,
        "reason": reason,
        "warnings": sorted(reading.warnings),
        "n_pages": reading.n_pages,
        "n_pages_read": reading.n_pages_read,
        "title": reading.title,
        "title_source": reading.title_source,
        "pages": [_fields(row) for row in reading.texts.pages],
        "lines": [_fields(row) for row in reading.texts.lines],
        "sections": [_fields(row) for row in reading.texts.sections],
    }


def _fields(row: Any) -> list[Any]:
    return [getattr(row, field.name) for field in fields(row)]


def _failed(status: str, reason: str, n_pages: int = 0) -> dict[str, Any]:
    return {"status": status, "reason": reason, "warnings": [], "n_pages": n_pages}


def _harmless(message: str) -> str:
    """An error's text without file-system paths and control characters, cut to a line."""
    text = " ".join(FILE_PATH.sub("<path>", message).split())
    return "".join(c for c in text if c.isprintable())[:LONGEST_REASON] or "the PDF library gives no reason"
