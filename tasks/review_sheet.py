"""Pairs -> a spreadsheet for a person to decide in, and its lines read back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.csv_cells import plain_cell, safe_cell
from warehouse.errors import ConfigError, plainly

TO_FILL = ("decision", "note")
TO_EDIT = ("question", "answer", "answer_key")
TO_READ = (
    "quote", "title", "file_name", "page", "status", "status_detail", "flags", "review",
    "faithful", "standalone", "clear", "useful", "reasons",
)  # fmt: skip
COLUMNS = (*TO_FILL, *TO_EDIT, *TO_READ, "pair_id")
NEEDED = ("pair_id", "decision")
BYTE_ORDER_MARK = "\ufeff"  # without it Excel takes UTF-8 for something else
DELIMITERS = ",;\t"  # what spreadsheets write, by country


@dataclass(frozen=True, slots=True)
class Line:
    """One pair's line of a sheet: where it stands (the first is 1), and its cells by column; columns that are not there are missing."""

    number: int
    cells: Mapping[str, str]


def write_sheet(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows of the view ``review_sheet`` as CSV, decision and note blank. No cell can start a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for row in rows:
        cells = ("" if column in TO_FILL or row[column] is None else row[column] for column in COLUMNS)
        writer.writerow([safe_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    return BYTE_ORDER_MARK + buffer.getvalue()


def read_sheet(path: Path) -> list[Line]:
    """The lines of a sheet, as a spreadsheet saves it: commas, semicolons or tabs, columns in any order, further ones ignored.

    Raises:
        ConfigError: no CSV in UTF-8, or without the columns that say which pair is meant and what was decided.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the sheet cannot be read: {plainly(error)}", where=str(path), mend="name a CSV file, saved in UTF-8") from error
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        header = [name.strip() for name in next(reader, [])]
        if set(NEEDED) <= set(header):
            return _lines(reader, header, path)
    raise ConfigError(
        f"the sheet has no columns {' and '.join(NEEDED)}",
        where=str(path),
        mend="start from `tunehouse review export`, and keep its first line",
    )


def _lines(reader: Any, header: list[str], path: Path) -> list[Line]:
    lines, number = [], reader.line_num + 1
    try:
        for cells in reader:
            named = {name: _text(cell) for name, cell in zip(header, cells, strict=False)}
            if any(named.values()):
                lines.append(Line(number, named))
            number = reader.line_num + 1
    except csv.Error as error:
        raise ConfigError(f"line {number} is no CSV: {error}", where=str(path), mend="save the sheet as CSV in UTF-8") from error
    return lines


def _text(cell: str) -> str:
    return plain_cell(cell.replace("\r\n", "\n"))
