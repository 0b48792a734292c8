"""Table chunk -> facts: the cell where a named row meets a named column."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.extract_draft import Draft


def table_facts(text: str) -> list[Draft]:
    """Nothing yet."""
    return []
