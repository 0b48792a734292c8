"""Document text -> text that Prefect's pages show as it stands: they render Markdown and HTML, in the cells of tables too."""

from __future__ import annotations

import re

from tasks.report_html import clean

BRACKET = re.compile(r"(\\*)\[")


def inert(text: str) -> str:
    """``text`` as Markdown in which nothing of a document's is run, loaded or linked: no tag, no link with a target of its own, no image.

    Backslashes before a bracket are doubled, or they would take the force from the one that is put there.
    """
    return BRACKET.sub(lambda found: f"{found[1] * 2}\\[", clean(text).replace("<", "&lt;"))


def inert_row(row: dict[str, object]) -> dict[str, object]:
    """A table's row with every text in it made inert."""
    return {name: inert(value) if isinstance(value, str) else value for name, value in row.items()}
