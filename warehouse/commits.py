"""A unit's commit record: what it landed, from what, when and for which Prefect run. One JSON file each, replaced whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from warehouse.errors import SchemaError
from warehouse.keys import digest
from warehouse.tables import JOURNALS

JOURNAL_NAMES = frozenset(table.name for table in JOURNALS)
CONTENT_LENGTH = 20


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a commit, below the warehouse: a table's Parquet part, or another file such as an adapter's weights (no table)."""

    file: str
    sha256: str
    n_bytes: int
    table: str | None = None
    n_rows: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Which Prefect run lands a unit; empty outside Prefect."""

    flow_run_id: str = ""
    task_run_id: str = ""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit record: what a unit landed, when and for which Prefect run."""

    unit_id: str
    stage: str
    label: str
    parts: tuple[Part, ...]
    n_retryable: int
    committed_at: str
    flow_run_id: str
    task_run_id: str
    content: str = ""
    """Hash of what was landed, so that work done again with the same outcome is known as such."""
    reads: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The content of each upstream unit that this one was made from. Where that has changed since, this unit is stale."""
    work_seconds: float = 0.0
    """Wall time of the work; 0 where it was not measured."""

    @property
    def is_whole(self) -> bool:
        """True when nothing of the unit is left to be asked again."""
        return self.n_retryable == 0


def content_of(parts: Iterable[Part]) -> str:
    """Hash of the parts' bytes, wherever they lie. Journals, which say how the work went and not what came of it, do not count."""
    named = sorted((part.table or PurePosixPath(part.file).name, part.sha256) for part in parts if part.table not in JOURNAL_NAMES)
    return digest("content", named)[:CONTENT_LENGTH]


def write_record(commit: Commit) -> bytes:
    """A commit record as it stands on disk."""
    return json.dumps(asdict(commit), indent=1).encode()


def read_record(path: Path) -> Commit:
    """The commit record at ``path``; one from before contents were recorded gets its own by its parts.

    Raises:
        FileNotFoundError: there is none.
        SchemaError: it cannot be read.
    """
    try:
        data = json.loads(path.read_bytes())
        parts = tuple(Part(**part) for part in data["parts"])
        return Commit(**{"content": content_of(parts), **data, "parts": parts})
    except (ValueError, TypeError, KeyError) as error:
        raise SchemaError(
            f"a commit record cannot be read: {error}", where=str(path), mend="delete it and run again: the unit is made anew"
        ) from error
