"""Commits -> SQL: every table as a view, the shipped staging and mart views over them, and the ``warehouse.duckdb`` that tools open.

A view of a table shows the rows of one run, the latest finished one unless another is named, and adds ``unit_id`` and ``run_id``.
The ledgers (``runs``, ``run_units``, ``tombstones`` ...), ``commits``, ``commit_parts`` and ``commit_reads`` always show everything, and
``every_<table>`` shows a few tables over all runs, for views on what became of a document in all of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from warehouse.commits import Commit
from warehouse.errors import ConfigError
from warehouse.schema import Table
from warehouse.store import Warehouse
from warehouse.tables import LEDGERS, RUN_RESULTS, RUN_UNITS, RUNS, TABLES, Run, RunResult, RunUnit

HERE = Path(__file__).parent
EVERY = frozenset({"documents", "chunks", "qa_pairs", "splits", "adapters", "training_examples", "estimates"})
ALL_RUNS = "all"


def ledger_rows(store: Warehouse, table: Table) -> list[Any]:
    """Every row of a ledger, whatever the run; of rows with one key the latest commit's."""
    newest: dict[str, Any] = {}
    for commit in store.commits():
        if any(part.table == table.name for part in commit.parts):
            newest |= {getattr(row, table.key): row for row in store.rows(table, [commit.unit_id])}
    return list(newest.values())


def latest_finished_run(store: Warehouse) -> str | None:
    """The run_id of the run that last reached its end; where none did, of the run that started last; None in an empty warehouse.

    Judgements made elsewhere are nobody's latest run: theirs is shown when named, or where there is no other.
    """
    results: list[RunResult] = ledger_rows(store, RUN_RESULTS)
    finished = [result for result in results if result.status not in ("failed", "imported", "estimated")]
    if finished:
        return max(finished, key=lambda result: (result.finished_at, result.run_id)).run_id
    return latest_started_run(store)


def latest_started_run(store: Warehouse) -> str | None:
    """The run_id of the run that started last, imported ones only where there is no other; None in an empty warehouse."""
    imported = {result.run_id for result in ledger_rows(store, RUN_RESULTS) if result.status == "imported"}
    runs: list[Run] = ledger_rows(store, RUNS)
    return max(runs, key=lambda run: (run.run_id not in imported, run.started_at, run.run_id)).run_id if runs else None


def connect(store: Warehouse, run: str | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection in memory with every table and shipped view. ``run``: a run_id, ``"all"``, or None for the latest finished run.

    Tables are read by Arrow with page checksums verified (DuckDB ignores them), so the connection itself needs no file access.

    Raises:
        ConfigError: no such run.
    """
    run_units: list[RunUnit] = ledger_rows(store, RUN_UNITS)
    runs = {row.run_id for row in ledger_rows(store, RUNS)}
    run = run or latest_finished_run(store) or ALL_RUNS
    if run != ALL_RUNS and run not in runs:
        raise ConfigError(f"there is no run {run}", where=str(store.root), mend="`tunehouse sql 'from runs'` lists them")
    con = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    commits = store.commits()
    con.register("_unit_runs", _unit_runs(run_units, commits, run))
    for name, data in _commit_tables(commits).items():
        con.register(name, data)
    for table in TABLES:
        if table in LEDGERS:
            con.register(table.name, pa.Table.from_pylist([asdict(row) for row in ledger_rows(store, table)], schema=table.schema))
            continue
        units = [commit.unit_id for commit in commits]
        if run != ALL_RUNS:
            units = sorted({row.unit_id for row in run_units if row.run_id == run})
        con.register(f"_{table.name}", _dataset(store, table, units))
        if table.name in EVERY:
            con.register(f"every_{table.name}", _dataset(store, table, [commit.unit_id for commit in commits]))
        con.execute(f"create view {table.name} as select t.*, u.run_id from _{table.name} t join _unit_runs u using (unit_id)")  # noqa: S608
    create_shipped_views(con)
    return con


def query(store: Warehouse, sql: str, run: str | None = None) -> pa.Table:
    """Run trusted SQL over the warehouse and return an Arrow table. For a stranger's SQL use :mod:`warehouse.sandbox`."""
    with connect(store, run) as con:
        return con.sql(sql).to_arrow_table()


def shipped_views() -> dict[str, str]:
    """Name -> select of every shipped view, staging before marts."""
    return {
        path.stem: path.read_text(encoding="utf-8") for folder in ("staging", "marts") for path in sorted((HERE / folder).glob("*.sql"))
    }


def create_shipped_views(con: duckdb.DuckDBPyConnection) -> None:
    """Create the views of ``staging/`` and ``marts/`` on tables that are already there."""
    for name, select in shipped_views().items():
        con.execute(f"create view {name} as {select}")


def write_duckdb(store: Warehouse) -> Path:
    """(Re)build ``warehouse.duckdb``: the same views over the Parquet files, for the DuckDB shell and BI tools to open read-only.

    It answers for the latest finished run, or for the one named by ``set variable run_id = '...'``. Replaced atomically; it holds no
    rows but the ledgers, and can be deleted at any time.
    """
    path = store.root / "warehouse.duckdb"
    with store.lock("duckdb"):  # of two runs that end at once the later one shows both
        for killed in store.root.glob(".warehouse.*.tmp*"):
            killed.unlink()
        aside = path.with_name(f".warehouse.{os.getpid()}.duckdb.tmp")
        _build_duckdb(store, aside)
        aside.replace(path)
    return path


def _build_duckdb(store: Warehouse, path: Path) -> None:
    commits = store.commits()
    with duckdb.connect(str(path)) as con:
        ledgers = {
            table.name: pa.Table.from_pylist([asdict(r) for r in ledger_rows(store, table)], schema=table.schema) for table in LEDGERS
        }
        ledgers |= _commit_tables(commits)
        for name, data in ledgers.items():
            con.register("_data", data)
            con.execute(f"create table {name} as from _data")
            con.unregister("_data")
        con.execute("create table _latest as select ? as run_id", [latest_finished_run(store)])
        con.execute(
            "create view _unit_runs as select distinct unit_id, run_id from run_units "
            "where run_id = coalesce(getvariable('run_id'), (select run_id from _latest))"
        )
        for table in TABLES:
            if table in LEDGERS:
                continue
            files = _parquet_select(store, table, commits)
            con.execute(f"create view {table.name} as select t.*, u.run_id from ({files}) t join _unit_runs u using (unit_id)")  # noqa: S608
            if table.name in EVERY:
                con.execute(f"create view every_{table.name} as {files}")
        create_shipped_views(con)


def _unit_runs(run_units: Iterable[RunUnit], commits: Iterable[Commit], run: str) -> pa.Table:
    pairs: set[tuple[str, str | None]] = {(row.unit_id, row.run_id) for row in run_units if run in (ALL_RUNS, row.run_id)}
    if run == ALL_RUNS:
        in_runs = {unit for unit, _ in pairs}
        pairs |= {(commit.unit_id, None) for commit in commits if commit.unit_id not in in_runs}
    rows = [{"unit_id": unit, "run_id": name} for unit, name in sorted(pairs, key=str)]
    return pa.Table.from_pylist(rows, schema=pa.schema([("unit_id", pa.string()), ("run_id", pa.string())]))


def _dataset(store: Warehouse, table: Table, units: Iterable[str]) -> ds.Dataset:
    schema = table.schema.append(pa.field("unit_id", pa.string()))
    file_format = ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True))
    local = pa.fs.LocalFileSystem()
    fragments = [
        file_format.make_fragment(str(path), filesystem=local, partition_expression=ds.field("unit_id") == unit)
        for unit, path in store.parts(table, units)
    ]
    if not fragments:
        return ds.dataset(schema.empty_table())
    return ds.FileSystemDataset(fragments, schema, file_format, local)


def _parquet_select(store: Warehouse, table: Table, commits: Iterable[Commit]) -> str:
    files = [path for _, path in store.parts(table, [commit.unit_id for commit in commits])]
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    empty = ", ".join(f'null::{_duckdb_type(column.arrow)} as "{column.name}"' for column in table.columns)
    if not files:
        return f"select {empty}, null::varchar as unit_id where false"
    listed = ", ".join("'" + str(path.resolve()).replace("'", "''") + "'" for path in files)
    read = f"from read_parquet([{listed}], union_by_name = true, filename = true)"
    rows = f"{read} union all by name select {empty}, null::varchar as filename where false"  # parts may be older than a column
    return f"select {names}, split_part(parse_filename(filename), '-', 1) as unit_id from ({rows})"  # noqa: S608


def _duckdb_type(arrow: pa.DataType) -> str:
    if pa.types.is_list(arrow):
        return _duckdb_type(arrow.value_type) + "[]"
    return {pa.string(): "varchar", pa.int64(): "bigint", pa.float64(): "double", pa.bool_(): "boolean"}[arrow]


COMMIT_TABLES = {
    "commits": pa.schema(
        [
            *((name, pa.string()) for name in ("unit_id", "stage", "label", "committed_at", "flow_run_id", "task_run_id", "content")),
            ("n_retryable", pa.int64()),
            ("work_seconds", pa.float64()),
        ]
    ),
    "commit_parts": pa.schema(
        [*((name, pa.string()) for name in ("unit_id", "table_name", "file", "sha256")), ("n_rows", pa.int64()), ("n_bytes", pa.int64())]
    ),
    "commit_reads": pa.schema([(name, pa.string()) for name in ("unit_id", "read_unit_id", "content")]),
}


def _commit_tables(commits: Sequence[Commit]) -> dict[str, pa.Table]:
    """The commit records as tables: one row per unit, per part, and per upstream unit with the content that it held then."""
    parts = [{**asdict(part), "unit_id": commit.unit_id, "table_name": part.table} for commit in commits for part in commit.parts]
    reads = [(commit.unit_id, *read) for commit in commits for read in commit.reads.items()]
    rows = {
        "commits": [{name: getattr(commit, name) for name in COMMIT_TABLES["commits"].names} for commit in commits],
        "commit_parts": parts,
        "commit_reads": [dict(zip(COMMIT_TABLES["commit_reads"].names, read, strict=True)) for read in reads],
    }
    return {name: pa.Table.from_pylist(rows[name], schema=schema) for name, schema in COMMIT_TABLES.items()}
