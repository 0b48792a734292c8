"""Table chunk -> facts: the cell where a named row meets a named column, in tables whose every row has every cell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.extract_draft import Draft
from tasks.extract_questions import unique
from tasks.extract_tokens import PREPOSITIONS
from tasks.extract_verbs import reading, word_list

if TYPE_CHECKING:
    from warehouse.tables import AnswerKind

SEPARATOR = " | "
CELL = re.compile(r"^[^|∗*†‡→↑↓?]*[^\W_][^|∗*†‡→↑↓?]*$")  # noqa: RUF001  # foot-note marks and arrows are not part of a value
LABEL = re.compile(r"[A-Za-z]{2}|\d:\d\d")
FIGURE = re.compile(r"^[\d.,%+-]+$")
NAME = re.compile(r"\d|[A-Z]{2}|[A-Za-z][A-Z]")
RUNNING = re.compile(r"[<>{};=]|[,?] |,$|(?:^| )(?:the|of|to|for|and|a)$")  # code, or prose cut into columns
MAX_LABEL_WORDS, MAX_VALUE_WORDS = 7, 8
MIN_ROWS, MIN_COLUMNS = 3, 2  # header and two rows, label and one value


def table_facts(text: str) -> list[Draft]:
    """One draft a cell, the first column aside; empty where rows are ragged, cells are missing or there is no header."""
    rows, at = [], 0
    for line in text.split("\n"):
        if SEPARATOR in line:
            rows.append((at, line, [cell.strip() for cell in f" {line}".split(SEPARATOR)]))
        at += len(line) + 1
    if not _is_whole([cells for _, _, cells in rows]):
        return []
    header = rows[0][2]
    return [
        _draft(start, line, header, cells, column)
        for start, line, cells in rows[1:]
        for column in range(1, len(header))
        if _is_name(cells[0])
        and _is_name(header[column])
        and CELL.match(cells[column])
        and len(cells[column].split()) <= MAX_VALUE_WORDS
        and not re.search(rf"\b{re.escape(cells[column])}\b", f"{cells[0]} {header[column]}")
    ]


def _is_whole(rows: list[list[str]]) -> bool:
    """True for a header of words over at least two rows of as many cells, each row with a label of its own."""
    if len(rows) < MIN_ROWS or len({len(cells) for cells in rows}) != 1 or len(rows[0]) < MIN_COLUMNS:
        return False
    header, labels = rows[0], [cells[0] for cells in rows[1:]]
    all_differ = len(set(labels)) == len(labels) and len(set(header)) == len(header)
    all_named = all(
        LABEL.search(name) and len(name.split()) <= MAX_LABEL_WORDS for name in [*labels, *(header if header[0] else header[1:])]
    )
    is_running = any(RUNNING.search(name) for name in [*labels, *header])
    is_full = all(cell for cells in rows for cell in cells if cell is not header[0])  # the corner may be empty
    return all_named and all_differ and is_full and not is_running and not any(map(FIGURE.match, header))


def _is_name(text: str) -> bool:
    """True for what a row or a column can be called in a question."""
    is_word = LABEL.search(text) and text.casefold() not in PREPOSITIONS
    return bool(is_word and CELL.match(text)) and len(text.split()) <= MAX_LABEL_WORDS


def _draft(start: int, line: str, header: list[str], cells: list[str], column: int) -> Draft:
    name, value, row = header[column], cells[column], _row_name(header[0], cells[0])
    low = _lowered(name)
    if _is_plain_noun(name) and (" " in name or low in word_list("measured") | word_list("table_attributes")):
        answer = f"The {low} of {row} is {value}."
        asked = [
            f"what is the {low} of {row}",
            f"what {low} does {row} have",
            f"which {low} is listed for {row}",
            f"what is listed as the {low} of {row}",
        ]
    else:
        answer = f"For {row}, {value} is listed under {name}."
        asked = [
            f'what is listed for {row} under "{name}"',
            f'under "{name}", what is listed for {row}',
            f'which entry does {row} have under "{name}"',
            f'{row} has which entry under "{name}"',
        ]
    kind: AnswerKind = "number" if re.search(r"\d", value) else "term"
    return Draft(start, len(line), unique(asked), answer, value, kind, "table_cell")


def _row_name(title: str, label: str) -> str:
    """``the crop Tomato``: the label with its column's noun, where that is a plain noun which the label does not repeat."""
    is_told = (
        _is_plain_noun(title) and " " not in title and title and title.casefold() not in label.casefold() and title.casefold() != "model"
    )
    return f"the {_lowered(title)} {label}" if is_told and label[:1].isupper() else label


def _is_plain_noun(name: str) -> bool:
    words = name.casefold().split()
    if not words:
        return False
    is_name = bool(NAME.search(name)) or any(word[:1].isupper() for word in name.split()[1:])
    has_verb = any(reading(word, "s", "past") and not word.endswith("ss") for word in words)
    is_phrase = words[-1] in PREPOSITIONS | {"of", "is", "per"} or has_verb
    return not is_name and not is_phrase and name.replace(" ", "").replace("-", "").isalpha()


def _lowered(name: str) -> str:
    return name if re.match(r"[A-Z]{2}|[A-Z]\w*[A-Z\d]", name) else name[:1].lower() + name[1:]
