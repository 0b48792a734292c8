"""A stranger's SQL -> a table: one SELECT, in a process of its own with no file or network access, a memory limit and a deadline.

DuckDB's own interrupts do not stop a long scalar call, so the process is the boundary and is killed at the deadline.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.errors import TunehouseError
from warehouse.store import Warehouse
from warehouse.views import connect

REFUSED = 3
LISTING = "select distinct table_name from information_schema.tables where not starts_with(table_name, '_') order by all"
LOCKDOWN = (
    "set memory_limit = '{memory_mb}MB'",
    "set threads = {threads}",
    "set temp_directory = ''",
    "set max_temp_directory_size = '0B'",
    "set allow_community_extensions = false",
    "set allow_unsigned_extensions = false",
    "set allow_persistent_secrets = false",
    "set python_enable_replacements = false",
    "set python_scan_all_frames = false",
    "set max_expression_depth = 250",
    "set enable_external_access = false",  # after the tables are registered, before the lock
    "set lock_configuration = true",
)


@dataclass(frozen=True, slots=True)
class SandboxParams:
    """What one query may use."""

    deadline_seconds: float = 60.0
    memory_mb: int = 2048
    threads: int = 2


def select(store: Warehouse, sql: str, run: str | None = None, params: SandboxParams = SandboxParams()) -> pa.Table:
    """Run one SELECT, or show a shipped view or table by its bare name, and return an Arrow table.

    Raises:
        TunehouseError: not one SELECT, an error in the query, or over the deadline or memory limit.
    """
    request = {"root": str(store.root.resolve()), "sql": sql, "run": run, "memory_mb": params.memory_mb, "threads": params.threads}
    command = [sys.executable, "-m", "warehouse.sandbox"]
    try:
        done = subprocess.run(  # noqa: S603  # our own module
            command,
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=params.deadline_seconds,
            check=False,
            cwd=_import_root(),
        )
    except subprocess.TimeoutExpired as error:
        raise TunehouseError(
            f"the query was stopped after {params.deadline_seconds:g} s", where=sql, mend="narrow it, or open warehouse.duckdb with DuckDB"
        ) from error
    if done.returncode == 0:
        return pa.ipc.open_stream(done.stdout).read_all()
    message = done.stderr.decode("utf-8", "replace").strip().splitlines()
    what = (
        "\n".join(message)
        if done.returncode == REFUSED
        else f"the query died (exit code {done.returncode}), most likely for want of memory"
    )
    raise TunehouseError(what, where=sql, mend="`tunehouse sql tables` lists what there is; only one SELECT is run at a time")


def _import_root() -> Path:
    return Path(__file__).resolve().parents[1]


def _answer(request: dict[str, str | int | None]) -> pa.Table:
    sql = str(request["sql"]).strip().rstrip(";")
    con = connect(Warehouse(str(request["root"])), request["run"])  # type: ignore[arg-type]
    for setting in LOCKDOWN:
        con.execute(setting.format(**request))
    if sql.isidentifier():
        sql = LISTING if sql == "tables" else f'from "{_known(con, sql)}"'
    statements = con.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise ValueError("only one SELECT is allowed")
    return con.sql(sql).to_arrow_table()


def _known(con: duckdb.DuckDBPyConnection, name: str) -> str:
    names = [str(row[0]) for row in con.sql(LISTING).fetchall()]
    if name.casefold() in names:
        return name
    likely = get_close_matches(name.casefold(), names, n=3)
    raise ValueError(f"there is no view or table {name}" + (f"; is {' or '.join(likely)} meant?" if likely else ""))


def main() -> int:
    """Read a request as JSON on standard input, write the answer as an Arrow stream on standard output."""
    request = json.loads(sys.stdin.buffer.read())
    limit = (int(request["memory_mb"]) + 4096) << 20  # libraries map address space that they never touch
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        table = _answer(request)
    except (duckdb.Error, ValueError, TunehouseError) as error:
        sys.stderr.write(str(error))
        return REFUSED
    with pa.ipc.new_stream(sys.stdout.buffer, table.schema) as stream:
        stream.write_table(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
