"""Two warehouses -> what one lacks, has twice or has otherwise; one warehouse -> what is torn, what was left over."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from warehouse.schema import Table
from warehouse.store import Warehouse
from warehouse.tables import LEDGERS, RUN_RESULTS, RUN_UNITS, RUNS, TABLES, UNIT_FAILURES
from warehouse.views import connect, latest_finished_run

OF_THE_MOMENT = {
    "training_runs": {"train_seconds", "n_resumes", "matmul_flops", "estimated_seconds"},
    "training_steps": {"step_seconds"},
    RUNS.name: {"run_id", "started_at", "flow_run_id", "settings", "git_commit", "is_dirty"},
    RUN_UNITS.name: {"run_unit_id", "run_id"},
    RUN_RESULTS.name: {"run_id", "finished_at", "n_units_done"},
}
"""Columns that tell when, where and in how many pieces something was done, not what came of it."""
COMPARED = tuple(table for table in TABLES if table is not UNIT_FAILURES)
"""What went wrong on the way is not what came of it."""
TIMED_PARTS = ("training_runs", "training_steps")


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows of the finished run against those of an undisturbed one. ``examples``: the first few, in words."""

    n_rows: int
    n_lost: int
    n_doubled: int
    n_changed: int
    n_parts_changed: int
    examples: tuple[str, ...]

    @property
    def is_none(self) -> bool:
        """True when the same rows stand in the same bytes."""
        return not (self.n_lost or self.n_doubled or self.n_changed or self.n_parts_changed)


def difference(undisturbed: Warehouse, other: Warehouse) -> Difference:
    """Every row of every table of the latest finished run of both, all columns but :data:`OF_THE_MOMENT`; and the parts' checksums."""
    n_rows = n_lost = n_doubled = n_changed = 0
    examples: list[str] = []
    both = all_rows(undisturbed), all_rows(other)
    for table in COMPARED:
        wanted, found = (rows[table.name] for rows in both)
        n_rows += len(wanted)
        keys, found_keys = (Counter(key for key, _ in rows) for rows in (wanted, found))
        lost, doubled = keys - found_keys, found_keys - keys
        changed = {key for key, _ in (Counter(wanted) - Counter(found))} - set(lost)
        n_lost, n_doubled, n_changed = n_lost + lost.total(), n_doubled + doubled.total(), n_changed + len(changed)
        for what, some in (("lost", lost), ("doubled", doubled), ("changed", changed)):
            examples += [f"{table.name}: {what} {key}" for key in sorted(some)[:3]]
    parts, found_parts = (landed_parts(store) for store in (undisturbed, other))
    odd = sorted(parts ^ found_parts)
    examples += [f"part {name} {sha256[:12]} is in one only" for name, sha256 in odd[:3]]
    return Difference(n_rows, n_lost, n_doubled, n_changed, len(odd), tuple(examples))


def all_rows(store: Warehouse) -> dict[str, list[tuple[str, str]]]:
    """By table, (key, row as JSON) of every row of the latest finished run, as SQL shows them."""
    run_id = latest_finished_run(store)
    with connect(store) as con:
        return {table.name: _table_rows(con, table, run_id) for table in COMPARED}


def _table_rows(con: Any, table: Table, run_id: str | None) -> list[tuple[str, str]]:
    hidden = OF_THE_MOMENT.get(table.name, set())
    where = f" where run_id = '{run_id}'" if table in LEDGERS and "run_id" in table.schema.names else ""
    rows: list[dict[str, Any]] = con.sql(f"select * from {table.name}{where}").to_arrow_table().to_pylist()
    found = []
    for row in rows:
        text = json.dumps({name: value for name, value in row.items() if name not in hidden and name != "run_id"}, sort_keys=True)
        found.append((text if table.key in hidden else str(row[table.key]), text))
    return found


def landed_parts(store: Warehouse) -> set[tuple[str, str]]:
    """(file, sha256) of everything that the stages landed, the adapter's weights among it; not what holds seconds."""
    return {
        (part.file, part.sha256)
        for commit in store.commits()
        for part in commit.parts
        if commit.stage != "run" and part.table not in TIMED_PARTS
    }


def left_over(store: Warehouse) -> set[str]:
    """What an interrupted write leaves: temporary files, and parts that no commit names."""
    named = {part.file for commit in store.commits() for part in commit.parts}
    aside = [path for pattern in (".*.tmp", "*/.*.tmp", "weights/*/checkpoints/.*.tmp") for path in store.root.glob(pattern)]
    parts = [path for table in TABLES for path in (store.root / table.name).glob("*.parquet")]
    names = {path.relative_to(store.root).as_posix() for path in [*aside, *parts]}
    return names - named


def litter(store: Warehouse) -> set[str]:
    """What a finished run should have cleared away: also the checkpoints of what is committed."""
    return left_over(store) | {path.relative_to(store.root).as_posix() for path in store.root.glob("weights/*/checkpoints")}
