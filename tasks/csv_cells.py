"""Text -> CSV cells that no spreadsheet runs as a formula (CWE-1236), and back to the letter."""

from __future__ import annotations

import re

FORMULA = re.compile(r"'*[ ]*[=+\-@\t\r\n\0＝＋－＠]")  # noqa: RUF001  # the full-width forms count as signs in some locales
"""What would start a formula, behind blanks or not; also behind apostrophes, so that taking one away is never ambiguous."""


def safe_cell(text: str) -> str:
    """``text`` with an apostrophe before what a spreadsheet would calculate. :func:`plain_cell` undoes it for every text."""
    return f"'{text}" if FORMULA.match(text) else text


def plain_cell(cell: str) -> str:
    """The text that :func:`safe_cell` was given."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell[1:]) else cell
