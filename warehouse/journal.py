"""What a unit paid for -> ``journal/<unit_id>.jsonl``: one line each as it comes, so that a killed process loses none of it.

A line is there once its newline is: what a kill tore off behind the last newline is cut when the unit is taken up again. Lines reach
the system's file cache at once and the disk when the system writes it: a kill loses nothing, a power cut the last seconds. Only the
holder of the unit's lock writes.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warehouse.errors import TunehouseError
from warehouse.store import Warehouse

FOLDER = "journal"
SUFFIX = ".jsonl"

log = logging.getLogger(__name__)


def journal_path(store: Warehouse, unit_id: str) -> Path:
    """Where a unit's journal is, or would be."""
    return store.root / FOLDER / f"{unit_id}{SUFFIX}"


class Journal:
    """One unit's journal, open for more lines; a torn last line is cut off before the first of them. Safe for several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._handle: int | None = None

    def append(self, line: Mapping[str, Any]) -> None:
        """Write one line whole, or nothing of it.

        Raises:
            TunehouseError: the disk is full or not writable, or the journal is closed.
        """
        content = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            try:
                handle = self._open()
                start = os.lseek(handle, 0, os.SEEK_END)
                if os.write(handle, content) != len(content):
                    os.ftruncate(handle, start)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301  # a short write is a full disk
            except OSError as error:
                raise TunehouseError(
                    f"a reply that was paid for could not be written down: {error.strerror}",
                    where=str(self.path),
                    mend="free space or mend the disk, then run again: what was written down before is not asked for again",
                ) from error

    def _open(self) -> int:
        if self._handle is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            os.ftruncate(self._handle, _whole_bytes(self.path))
        elif self._handle < 0:
            raise OSError(errno.EBADF, "the journal is closed")
        return self._handle

    def close(self) -> None:
        """Let go of the file. Nothing can be appended after it."""
        with self._lock:
            if self._handle is not None and self._handle >= 0:
                os.close(self._handle)
            self._handle = -1


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a journal: (byte at which it begins, line) of each whole line, and the byte behind the last one."""

    lines: list[tuple[int, dict[str, Any]]]
    end: int


def read_lines(path: Path, start: int = 0) -> Read:
    """Every whole line from byte ``start`` on, which must be a line's first; none where there is no file.

    A line that is no JSON object is passed over with a warning: what it held is asked for again.
    """
    lines: list[tuple[int, dict[str, Any]]] = []
    at = start
    for raw in _content(path, start).split(b"\n")[:-1]:
        try:
            line = json.loads(raw)
        except ValueError:
            line = None
        if isinstance(line, dict):
            lines.append((at, line))
        else:
            log.warning("%s: the line at byte %d cannot be read and is passed over", path, at)
        at += len(raw) + 1
    return Read(lines, at)


def read_line(path: Path, at: int) -> dict[str, Any] | None:
    """The line that begins at byte ``at``; None where there is none (any more)."""
    try:
        with path.open("rb") as handle:
            handle.seek(at)
            raw = handle.readline()
        line = json.loads(raw) if raw.endswith(b"\n") else None
    except (FileNotFoundError, ValueError):
        return None
    return line if isinstance(line, dict) else None


def _content(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as handle:
            handle.seek(start)
            return handle.read()
    except FileNotFoundError:
        return b""


def _whole_bytes(path: Path) -> int:
    """How many bytes of the file are whole lines."""
    return path.read_bytes().rfind(b"\n") + 1


def discard_journal(store: Warehouse, unit_id: str) -> None:
    """Delete a unit's journal, now that all it holds stands committed. Whoever calls holds the unit's lock."""
    journal_path(store, unit_id).unlink(missing_ok=True)


def budget_path(root: Path, run_id: str) -> Path:
    """Where the count of what a run has spent is, or would be."""
    return root / FOLDER / f"{run_id}.budget"


def discard_budget(store: Warehouse, run_id: str) -> None:
    """Delete a run's count, now that it is complete; what it spent stands in ``llm_calls``."""
    budget_path(store.root, run_id).unlink(missing_ok=True)


def sweep_journals(store: Warehouse) -> int:
    """Delete the journals of units that stand whole and that nobody holds now. Returns how many.

    A journal whose unit was never finished stays: it holds replies that were paid for.
    """
    n_swept = 0
    for path in sorted((store.root / FOLDER).glob(f"*{SUFFIX}")):
        unit_id = path.name.removesuffix(SUFFIX)
        if not store.is_landed(unit_id):
            continue
        with (store.root / "locks" / f"{unit_id}.lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if store.is_landed(unit_id):
                path.unlink(missing_ok=True)
                n_swept += 1
    return n_swept
