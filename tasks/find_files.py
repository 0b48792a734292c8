"""Paths -> source files: PDFs are found by their magic bytes, never by name, and known by the hash of their content."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import ConfigError
from warehouse.keys import ROW_ID_LENGTH, key

MAGIC = b"%PDF-"
MAGIC_WITHIN = 1024  # bytes: PDF 1.7 appendix H, implementation note 13, lets readers look this far
READ_BYTES = 1 << 20

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file that holds a PDF or is named like one."""

    path: Path
    file_name: str
    """Without folder, as UTF-8; bytes that are not are backslash-escaped."""
    name_hex: str | None
    """The name's bytes in hex where they are not UTF-8."""
    sha256: str
    n_bytes: int
    document_id: str
    """First 20 hex digits of the content's sha256; a copy's hashes its name too."""
    duplicate_of: str | None
    """document_id of the file with the same content met first."""
    is_pdf: bool
    """The magic bytes stand within the first 1024."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the given paths hold."""

    files: list[SourceFile]
    """In the order of the paths, folders sorted by name."""
    n_ignored: int
    """Files that are no PDF and are not named like one."""


def find_files(paths: Sequence[Path]) -> Found:
    """Every PDF, and every file named like one, in ``paths`` and the folders below them; hidden files are skipped.

    A folder is entered once, however many links lead to it. A file given twice is listed once.

    Raises:
        ConfigError: a path does not exist or cannot be read.
    """
    files: list[SourceFile] = []
    originals: dict[str, str] = {}
    copies: Counter[tuple[str, str]] = Counter()
    n_ignored = 0
    for path in _each_file(paths):
        sha256, n_bytes, is_pdf = _look(path)
        name, name_hex = printable_name(path)
        if not (is_pdf or name.strip().lower().endswith(".pdf")):
            n_ignored += 1
            continue
        original = originals.get(sha256)
        if original is None:
            document_id = originals[sha256] = sha256[:ROW_ID_LENGTH]
        else:
            document_id = key("copy", sha256, name, copies[sha256, name])
            copies[sha256, name] += 1
        files.append(SourceFile(path, name, name_hex, sha256, n_bytes, document_id, original, is_pdf))
    log.debug("found %d files, ignored %d", len(files), n_ignored)
    return Found(files, n_ignored)


def printable_name(path: Path) -> tuple[str, str | None]:
    """(name as valid UTF-8, its bytes in hex where they are not UTF-8)."""
    raw = os.fsencode(path.name)
    try:
        return raw.decode("utf-8"), None
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace"), raw.hex()


def _each_file(paths: Sequence[Path]) -> Iterator[Path]:
    seen: set[Path] = set()
    for given in paths:
        if not given.exists():
            raise ConfigError("no such file or folder", where=printable_name(given)[0] or str(given), mend="check the path's spelling")
        for path in _below(given, seen) if given.is_dir() else [given]:
            place = path.resolve()
            if place not in seen:
                seen.add(place)
                yield path


def _below(folder: Path, seen: set[Path]) -> Iterator[Path]:
    place = folder.resolve()
    if place in seen:
        return
    seen.add(place)
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        raise ConfigError(f"cannot list the folder: {error.strerror}", where=str(folder), mend="grant read access") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _below(entry, seen)
        elif entry.is_file():
            yield entry


def _look(path: Path) -> tuple[str, int, bool]:
    """(sha256, bytes, whether the magic bytes are there), read in one pass."""
    hashed, n_bytes, head = hashlib.sha256(), 0, b""
    try:
        with path.open("rb") as file:
            while block := file.read(READ_BYTES):
                head = head or block[:MAGIC_WITHIN]
                hashed.update(block)
                n_bytes += len(block)
    except OSError as error:
        raise ConfigError(f"cannot read the file: {error.strerror}", where=str(path), mend="grant read access") from error
    return hashed.hexdigest(), n_bytes, MAGIC in head
