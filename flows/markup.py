"""Document text -> text that Prefect's pages, which render Markdown and HTML, show as it stands."""

from __future__ import annotations

from tasks.report_html import clean

MARKUP = str.maketrans({"<": "&lt;", "[": "\\["})  # without these there is no tag, no link and no image


def inert(text: str) -> str:
    """``text`` as Markdown in which nothing of a document's is run, loaded or linked."""
    return clean(text).translate(MARKUP)
