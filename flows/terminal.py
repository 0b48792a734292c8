"""Arrow tables -> text for a terminal, or CSV. Imports little: looking something up should not wait for the whole of tunehouse."""

from __future__ import annotations

import csv
import io

import pyarrow as pa
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tasks.csv_cells import safe_cell

MAX_ROWS = 200
WIDTH_WITHOUT_TERMINAL = 10_000  # as wide as the table needs


def as_text(table: pa.Table) -> str:
    """An Arrow table as text; control characters, as document text may hold, are shown as blanks."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for field in table.schema:
        is_number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        shown.add_column(field.name, justify="right" if is_number else "left", overflow="fold")
    for row in table.slice(0, MAX_ROWS).to_pylist():
        shown.add_row(*(Text(_cell(value)) for value in row.values()))
    buffer = io.StringIO()
    console = Console(file=buffer, width=None if Console().is_terminal else WIDTH_WITHOUT_TERMINAL)
    console.print(shown)
    if not table.num_rows:
        console.print("(0 rows)", highlight=False)
    if table.num_rows > MAX_ROWS:
        console.print(f"... {table.num_rows - MAX_ROWS} more rows; --csv prints all")
    return buffer.getvalue()


def as_csv(table: pa.Table) -> str:
    """An Arrow table as CSV; no cell can start a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(table.schema.names)
    for row in table.to_pylist():
        writer.writerow([safe_cell(value) if isinstance(value, str) else value for value in row.values()])
    return buffer.getvalue()


def _cell(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
    return "".join(char if char.isprintable() else " " for char in text)
