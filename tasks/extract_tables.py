"""Table chunk -> facts: the cell where a named row meets a named column, in tables whose every row has every cell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.extract_draft import Draft
from tasks.extract_facts import MEASURED
from tasks.extract_grammar import PREPOSITIONS
from tasks.extract_questions import unique
from tasks.extract_verbs import reading

if TYPE_CHECKING:
    from warehouse.tables import AnswerKind

SEPARATOR = " | "
CELL = re.compile(r"^[^|∗*†‡→↑↓]*[^\W_][^|∗*†‡→↑↓]*$")  # foot-note marks and arrows are not part of a value
ATTRIBUTES = frozenset({"setting", "remark", "composition", "class", "type", "source", "material", "colour", "color", "purpose", "status", "owner", "function", "result", "unit", "licence", "license", "description"})  # fmt: skip
MAX_LABEL_WORDS = 7


def table_facts(text: str) -> list[Draft]:
    """One draft a cell, the first column aside; empty where rows are ragged, cells are missing or there is no header."""
    rows, at = [], 0
    for line in text.split("\n"):
        if SEPARATOR in line:
            rows.append((at, line, [cell.strip() for cell in line.split(SEPARATOR)]))
        at += len(line) + 1
    if not _is_whole([cells for _, _, cells in rows]):
        return []
    header = rows[0][2]
    return [
        _draft(start, line, header, cells, column)
        for start, line, cells in rows[1:]
        for column in range(1, len(header))
        if not re.search(rf"\b{re.escape(cells[column])}\b", f"{cells[0]} {header[column]}")
    ]


def _is_whole(rows: list[list[str]]) -> bool:
    """True for a header of words over at least two rows of as many cells, each row with a label of its own."""
    if len(rows) < 3 or len({len(cells) for cells in rows}) != 1 or len(rows[0]) < 2:  # noqa: PLR2004  # header and two rows
        return False
    cells_fit = all(CELL.match(cell) for cells in rows for cell in cells)
    labels = [cells[0] for cells in rows[1:]]
    names = [*labels, *rows[0]]
    return (
        cells_fit
        and len(set(labels)) == len(labels)
        and len(set(rows[0])) == len(rows[0])
        and all(re.search(r"[A-Za-z]{2}|\d:\d\d", name) and len(name.split()) <= MAX_LABEL_WORDS for name in names)
        and not any(re.match(r"^[\d.,%+-]+$", name) for name in rows[0])
    )


def _draft(start: int, line: str, header: list[str], cells: list[str], column: int) -> Draft:
    name, value = header[column], cells[column]
    row = _row_name(header[0], cells[0])
    is_noun = _is_plain_noun(name) and (len(name.split()) > 1 or name.casefold() in MEASURED | ATTRIBUTES)
    low = _lowered(name)
    if is_noun:
        answer = f"The {low} of {row} is {value}."
        asked = [
            f"what is the {low} of {row}", f"what {low} does {row} have", f"which {low} is listed for {row}", f"what is listed as the {low} of {row}",
        ]  # fmt: skip
    else:
        answer = f"For {row}, {value} is listed under {name}."
        asked = [
            f'what is listed for {row} under "{name}"', f'under "{name}", what is listed for {row}',
            f'which entry does {row} have under "{name}"', f'{row} has which entry under "{name}"',
        ]  # fmt: skip
    kind: AnswerKind = "number" if re.search(r"\d", value) else "term"
    return Draft(start, len(line), unique(asked), answer[:1].upper() + answer[1:], value, kind, "table_cell")


def _row_name(title: str, label: str) -> str:
    """``the crop Tomato``: the label with its column's noun, where that is a plain noun which the label does not repeat."""
    plain = _is_plain_noun(title) and len(title.split()) == 1 and title.casefold() not in label.casefold()
    return f"the {_lowered(title)} {label}" if plain and label[:1].isupper() and title.casefold() != "model" else label


def _is_plain_noun(name: str) -> bool:
    words = name.casefold().split()
    is_name = bool(re.search(r"\d|[A-Z]{2}|[A-Za-z][A-Z]", name)) or any(word[:1].isupper() for word in name.split()[1:])
    is_phrase = words[-1] in PREPOSITIONS | {"of", "is", "per"} or any(reading(word, "s", "past") and not word.endswith("ss") for word in words)
    return not is_name and not is_phrase and name.replace(" ", "").replace("-", "").isalpha()


def _lowered(name: str) -> str:
    return name if re.match(r"[A-Z]{2}|[A-Z]\w*[A-Z\d]", name) else name[:1].lower() + name[1:]
