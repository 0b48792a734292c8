"""Rows -> Parquet parts and a commit record: a unit of work stands whole or not at all.

A unit is committed once. Its parts are written as ``<table>/<unit_id>-<first 12 of sha256>.parquet`` (aside, fsync, rename), then one
record ``commits/<unit_id>.json`` names them and is replaced atomically. Readers list commits, never parts; a part that no commit names
does not exist for them and is swept later.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.commits import Commit, Origin, Part, content_of, read_record, write_record
from warehouse.errors import TunehouseError
from warehouse.schema import Table, from_arrow
from warehouse.tables import TABLES

LAYOUT_VERSION = 2  # 2: commit records name the content that they were made from
ROWS_PER_GROUP = 20_000


class Warehouse:
    """The folder that everything lands in. Safe for several threads, processes and machines on one file system."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self._commits: dict[str, tuple[int, Commit]] = {}
        self._cache_lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Warehouse], tuple[Path]]:
        """Only the folder travels to another process."""
        return Warehouse, (self.root,)

    def prepare(self) -> None:
        """Make the folders and refuse what cannot work before anything is paid for.

        Raises:
            TunehouseError: the folder cannot be written, or was laid out by a newer tunehouse.
        """
        try:
            for folder in ("commits", "locks", "weights", *(table.name for table in TABLES)):
                (self.root / folder).mkdir(parents=True, exist_ok=True)
            marker = self.root / "layout.json"
            layout = json.loads(marker.read_bytes())["layout"] if marker.exists() else 0
            if layout < LAYOUT_VERSION:
                write_atomically(marker, json.dumps({"layout": LAYOUT_VERSION}).encode())
        except OSError as error:
            raise TunehouseError(
                f"the warehouse cannot be written: {error.strerror}",
                where=str(self.root),
                mend="name a folder you may write: --warehouse DIR",
            ) from error
        if layout > LAYOUT_VERSION:
            raise TunehouseError(
                f"the warehouse has layout {layout}, this tunehouse knows {LAYOUT_VERSION}", where=str(marker), mend="upgrade tunehouse"
            )

    # ---- writing -----------------------------------------------------------------------------------------------------------------

    @contextmanager
    def lock(self, unit_id: str) -> Iterator[None]:
        """Hold a unit: a second process or thread waits here. Freed by the system when its holder dies."""
        path = self.root / "locks" / f"{unit_id}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def land(
        self,
        unit_id: str,
        tables: Mapping[Table, Sequence[Any]],
        *,
        stage: str = "",
        label: str = "",
        files: Iterable[Path] = (),
        n_retryable: int = 0,
        origin: Origin | None = None,
        reads: Mapping[str, str] | None = None,
        work_seconds: float = 0.0,
    ) -> Commit:
        """Commit a unit: write every table's part (empty ones too), then the record that names them.

        ``files`` are other files of the unit, already in their place below the warehouse. Landing the same rows again leaves the same
        bytes; a unit with ``n_retryable`` > 0 is readable but stays pending. ``reads``: what :meth:`contents` said of the upstream
        units before the work began; once that changes, the unit is stale and so pending.

        Raises:
            SchemaError: a row does not fit its table. Nothing is landed then.
            TunehouseError: the disk is full or not writable. What stood before still stands.
        """
        arrow = {table: table.to_arrow(rows) for table, rows in tables.items()}
        origin = origin or Origin()
        try:
            parts = [self._write_part(table, unit_id, data) for table, data in arrow.items()]
            parts += [Part(str(path.relative_to(self.root)), file_sha256(path), path.stat().st_size) for path in files]
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            about = (n_retryable, now, origin.flow_run_id, origin.task_run_id, content_of(parts), dict(reads or {}), round(work_seconds, 3))
            commit = Commit(unit_id, stage, label, tuple(parts), *about)
            write_atomically(self.root / "commits" / f"{unit_id}.json", write_record(commit))
        except OSError as error:
            raise TunehouseError(
                f"unit {unit_id} ({stage} {label}) could not be landed: {error.strerror}",
                where=str(error.filename or self.root),
                mend="free space or mend the disk, then run again: what stood before still stands",
            ) from error
        return commit

    def _write_part(self, table: Table, unit_id: str, data: pa.Table) -> Part:
        sink = pa.BufferOutputStream()
        pq.write_table(data, sink, compression="zstd", row_group_size=ROWS_PER_GROUP, write_page_checksum=True)
        content = sink.getvalue()
        sha256 = hashlib.sha256(content).hexdigest()
        name = f"{table.name}/{unit_id}-{sha256[:12]}.parquet"
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
        return Part(name, sha256, len(content), table.name, data.num_rows)

    def retract(self, unit_id: str) -> None:
        """Take a unit's commit back: it is still to do then. Whoever calls holds the unit's lock."""
        (self.root / "commits" / f"{unit_id}.json").unlink(missing_ok=True)
        sync_folder(self.root / "commits")

    # ---- reading -----------------------------------------------------------------------------------------------------------------

    def commit(self, unit_id: str) -> Commit | None:
        """A unit's commit record, or None where it has none yet."""
        path = self.root / "commits" / f"{unit_id}.json"
        try:
            version = path.stat().st_mtime_ns
            with self._cache_lock:
                known = self._commits.get(unit_id)
            if known and known[0] == version:
                return known[1]
            commit = read_record(path)
        except FileNotFoundError:
            return None
        with self._cache_lock:
            self._commits[unit_id] = (version, commit)
        return commit

    def commits(self) -> list[Commit]:
        """Every commit record, oldest first."""
        folder = self.root / "commits"
        if not folder.is_dir():
            return []
        found = [self.commit(entry.name.removesuffix(".json")) for entry in os.scandir(folder) if entry.name.endswith(".json")]
        return sorted((c for c in found if c), key=lambda c: (c.committed_at, c.unit_id))

    def is_landed(self, unit_id: str) -> bool:
        """True when the unit stands committed with nothing left to ask again, made from what its upstream units hold now."""
        commit = self.commit(unit_id)
        return commit is not None and commit.is_whole and not self.changed_reads(commit)

    def contents(self, unit_ids: Iterable[str]) -> dict[str, str]:
        """The content of each of these units that has a commit."""
        commits = {unit: self.commit(unit) for unit in unit_ids}
        return {unit: commit.content for unit, commit in commits.items() if commit}

    def changed_reads(self, commit: Commit) -> list[str]:
        """The upstream units that hold something else than when the unit was made. One without a commit is pending itself, not changed."""
        return [unit for unit, content in self.contents(commit.reads).items() if content != commit.reads[unit]]

    def parts(self, table: Table, unit_ids: Iterable[str]) -> list[tuple[str, Path]]:
        """(unit id, file) of the table's parts in these units, in the units' order; units without a commit have none."""
        found = []
        for unit in unit_ids:
            commit = self.commit(unit)
            if commit:
                found += [(unit, self.root / part.file) for part in commit.parts if part.table == table.name]
        return found

    def rows(self, table: Table, unit_ids: Iterable[str]) -> list[Any]:
        """The table's rows in these units: in the units' order, by key within a unit. Checksums are verified."""
        rows: list[Any] = []
        for unit, path in self.parts(table, unit_ids):
            try:
                data = pq.read_table(path, page_checksum_verification=True, partitioning=None)
            except (OSError, pa.ArrowException) as error:
                raise TunehouseError(
                    f"a part of table {table.name} cannot be read: {error}",
                    where=str(path),
                    mend=f"delete {self.root / 'commits' / unit}.json and run again: the unit is made anew",
                ) from error
            rows += from_arrow(table, data)
        return rows

    # ---- keeping -----------------------------------------------------------------------------------------------------------------

    def verify(self) -> list[str]:
        """Every fault of the stored files, in words: a part missing or changed since its commit. Empty when all is well."""
        faults = []
        for commit in self.commits():
            for part in commit.parts:
                path = self.root / part.file
                if not path.exists():
                    faults.append(f"{part.file} is missing (unit {commit.unit_id}, {commit.stage} {commit.label})")
                elif file_sha256(path) != part.sha256:
                    faults.append(f"{part.file} has changed since its commit (unit {commit.unit_id}, {commit.stage} {commit.label})")
        return faults

    def sweep(self) -> int:
        """Delete parts and temporary files that no commit names and nobody is writing now. Returns how many.

        Whoever lands a unit holds its :meth:`lock`: that is how another's sweep knows.
        """
        named = {part.file for commit in self.commits() for part in commit.parts}
        n_swept = 0
        for folder in (self.root / "commits", *(self.root / table.name for table in TABLES)):
            for path in sorted(folder.iterdir()) if folder.is_dir() else []:
                name = f"{folder.name}/{path.name}"
                is_record = folder.name == "commits" and not path.name.startswith(".")
                if name in named or is_record or path.is_dir():
                    continue
                unit = re.split("[-.]", path.name.lstrip("."))[0]
                n_swept += self._sweep_one(unit, name, path)
        return n_swept

    def _sweep_one(self, unit: str, name: str, path: Path) -> bool:
        lock = self.root / "locks" / f"{unit}.lock"
        lock.parent.mkdir(exist_ok=True)
        with lock.open("wb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            commit = self.commit(unit)
            if commit and any(part.file == name for part in commit.parts):
                return False
            path.unlink(missing_ok=True)
            return True


def write_atomically(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` whole or not at all, through a crash of process or machine: aside, fsync, rename, fsync of the folder."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with aside.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have what was renamed or deleted in a folder survive a crash of the machine."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
