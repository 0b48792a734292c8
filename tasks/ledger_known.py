"""call_key -> the row of an equal request that was put before, or is under way: from open units, journals and committed parts.

There is one :class:`KnownCalls` for a warehouse in a process. Of a committed part only keys are held in memory, about 200 bytes each; the
row is read when it is asked for.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.errors import SchemaError
from warehouse.journal import FOLDER, SUFFIX, read_line, read_lines
from warehouse.schema import from_arrow
from warehouse.store import Warehouse
from warehouse.tables import LLM_CALLS, LlmCall

RETRYABLE = "retryable"
LOOK_AGAIN_SECONDS = 10.0
PARTS_HELD = 8
COLUMNS = frozenset(field.name for field in fields(LlmCall))

log = logging.getLogger(__name__)

Settled = tuple[LlmCall, Any]
"""A call's row, and its reply as parsed by whoever asked; None where it could not be used."""


class KnownCalls:
    """Every call of one warehouse that need not be made again, and those under way in this process. Safe for many threads."""

    def __init__(self, store: Warehouse) -> None:
        self.store = store
        self._lock = threading.RLock()
        self._under_way: dict[str, Future[Settled]] = {}
        self._open: dict[str, int] = {}
        self._settled: dict[str, dict[str, LlmCall]] = {}
        self._places: dict[str, tuple[Path, int]] = {}
        self._parts_seen: set[str] = set()
        self._journal_bytes: dict[Path, int] = {}
        self._rows_of_part: OrderedDict[Path, dict[str, LlmCall]] = OrderedDict()
        self._looked_at = -LOOK_AGAIN_SECONDS

    def open_unit(self, unit_id: str, rows: Mapping[str, LlmCall]) -> None:
        """A unit begins, with these rows in its journal; what others landed meanwhile is looked up."""
        with self._lock:
            if time.monotonic() - self._looked_at >= LOOK_AGAIN_SECONDS:
                self._look()
            self._open[unit_id] = self._open.get(unit_id, 0) + 1
            self._settled.setdefault(unit_id, {}).update(rows)

    def close_unit(self, unit_id: str) -> None:
        """A unit's last call is settled; its rows are remembered until its journal or part has been looked up."""
        with self._lock:
            self._open[unit_id] = self._open.get(unit_id, 1) - 1
            if self._open[unit_id] <= 0:
                del self._open[unit_id]

    def claim(self, call_key: str, *, is_fresh: bool = False) -> LlmCall | tuple[Future[Settled], bool]:
        """The row of an equal request; else the future of one, and whether the caller is the one who must make it come true.

        With ``is_fresh`` only a request under way counts as equal: what was answered before is not wanted.
        """
        with self._lock:
            if waiting := self._under_way.get(call_key):
                return waiting, False
            if not is_fresh and (row := self._find(call_key)):
                return row
            future: Future[Settled] = Future()
            self._under_way[call_key] = future
            return future, True

    def settle(self, call_key: str, unit_id: str, outcome: Settled | BaseException) -> None:
        """Make a claimed call come true: everyone who waits for it goes on."""
        with self._lock:
            future = self._under_way.pop(call_key)
            if not isinstance(outcome, BaseException) and outcome[0].status != RETRYABLE:
                self._settled.setdefault(unit_id, {})[call_key] = outcome[0]
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    def _find(self, call_key: str) -> LlmCall | None:
        for rows in self._settled.values():
            if row := rows.get(call_key):
                return row
        for _ in range(2):
            if call_key not in self._places:
                return None
            path, at = self._places[call_key]
            row = self._read(path, at, call_key)
            if row:
                return row
            self._forget(path)  # the unit was landed again, or its journal discarded
            self._look()
        return None

    def _read(self, path: Path, at: int, call_key: str) -> LlmCall | None:
        if at >= 0:
            line = read_line(path, at)
            row = as_row(line) if line else None
            return row if row and row.call_key == call_key else None
        if path not in self._rows_of_part:
            try:
                rows: list[LlmCall] = from_arrow(LLM_CALLS, pq.read_table(path, page_checksum_verification=True, partitioning=None))
            except (OSError, pa.ArrowException, SchemaError):
                return None
            self._rows_of_part[path] = {row.call_key: row for row in rows}
            while len(self._rows_of_part) > PARTS_HELD:
                self._rows_of_part.popitem(last=False)
        self._rows_of_part.move_to_end(path)
        return self._rows_of_part[path].get(call_key)

    def _forget(self, path: Path) -> None:
        self._places = {call_key: place for call_key, place in self._places.items() if place[0] != path}
        self._rows_of_part.pop(path, None)
        self._journal_bytes.pop(path, None)

    def _look(self) -> None:
        """Take in the keys of parts and journal lines that are new since the last look."""
        self._looked_at = time.monotonic()
        for path in sorted((self.store.root / FOLDER).glob(f"*{SUFFIX}")):
            self._look_at_journal(path)
        for commit in self.store.commits():
            for part in commit.parts:
                if part.table == LLM_CALLS.name and part.file not in self._parts_seen and part.n_rows:
                    self._look_at_part(self.store.root / part.file)
                    self._parts_seen.add(part.file)
        for unit_id in [unit for unit in self._settled if unit not in self._open]:
            del self._settled[unit_id]

    def _look_at_journal(self, path: Path) -> None:
        start = self._journal_bytes.get(path, 0)
        with contextlib.suppress(FileNotFoundError):  # discarded just now
            if path.stat().st_size < start:
                start = 0  # begun anew
        read = read_lines(path, start)
        for at, line in read.lines:
            if row := as_row(line):
                self._places.setdefault(row.call_key, (path, at))
        self._journal_bytes[path] = read.end

    def _look_at_part(self, path: Path) -> None:
        try:
            data = pq.read_table(path, columns=["call_key", "status"], page_checksum_verification=True, partitioning=None)
        except (OSError, pa.ArrowException) as error:
            log.warning("%s cannot be read, what it answers is asked for again: %s", path, error)
            return
        for call_key, status in zip(data["call_key"].to_pylist(), data["status"].to_pylist(), strict=True):
            if status != RETRYABLE:
                self._places[call_key] = (path, -1)  # rather than a journal, which will go


def as_row(line: Mapping[str, Any]) -> LlmCall | None:
    """A journal's line as a row; None for a line of another version of the table."""
    return LlmCall(**line) if set(line) == COLUMNS else None


_known: dict[Path, KnownCalls] = {}
_knowing = threading.Lock()


def known_calls(store: Warehouse) -> KnownCalls:
    """This process's :class:`KnownCalls` of a warehouse."""
    root = store.root.resolve()
    with _knowing:
        return _known.setdefault(root, KnownCalls(Warehouse(root)))
