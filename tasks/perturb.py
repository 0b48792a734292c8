"""Text -> the same text with one thing wrong, or with nothing changed but its dress: what a judge must see, and what it must not mind.

The same text and seed give the same change, on any machine. ``None`` where a text has nothing to change.
"""

from __future__ import annotations

import re

from tasks.text import sentence_spans
from warehouse.keys import draw

DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
BESIDE_NOT = re.compile(r"\b(is|are|was|were|can|could|may|must|shall|should|will|does|do|did)\b( not\b)?", re.IGNORECASE)
AUTHORS = ("Harlow", "Petrescu", "Okonjo", "Lindqvist", "Tamura", "Desrosiers", "Vance", "Mbeki")
YEARS = (1998, 24)
"""First year of an invented citation, and over how many years they spread."""


def another_number(text: str, wanted: str, seed: int) -> str | None:
    """``text`` with one number another: one that also stands in ``wanted`` where there is one, else the last. Its form stays."""
    found = list(DIGITS.finditer(text))
    if not found:
        return None
    asked = set(DIGITS.findall(wanted))
    match = next((one for one in found if one[0] in asked), found[-1])
    at = next((at for at, digit in enumerate(match[0]) if digit in "123456789"), 0)
    step = 1 + int(8 * draw(seed, "number", text))
    digit = str((int(match[0][at]) - 1 + step) % 9 + 1)
    place = match.start() + at
    return f"{text[:place]}{digit}{text[place + 1 :]}"


def another_name(text: str, name: str, other: str) -> str | None:
    """``text`` with ``other`` wherever ``name`` stands in it as whole words."""
    changed = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", lambda _: other, text) if name and name != other else text
    return changed if changed != text else None


def negated(text: str) -> str | None:
    """``text`` with its first auxiliary verb negated, or its negation taken away."""
    found = BESIDE_NOT.search(text)
    if not found:
        return None
    return f"{text[: found.start()]}{found[1]}{'' if found[2] else ' not'}{text[found.end() :]}"


def with_citation(text: str, seed: int) -> str:
    """``text`` with a work that nobody wrote cited at its end."""
    author = AUTHORS[int(len(AUTHORS) * draw(seed, "author", text))]
    first, n_years = YEARS
    citation = f" ({author} et al., {first + int(n_years * draw(seed, 'year', text))})"
    body = text.rstrip()
    return f"{body[:-1]}{citation}{body[-1]}" if body[-1:] in (".", "!") else body + citation


def as_list(text: str) -> str:
    """The sentences of ``text`` as bullet points."""
    return "\n".join(f"- {text[start:end]}" for start, end in sentence_spans(text)) or text


def dressed_up(text: str, name: str | None) -> str:
    """Bullet points, with ``name`` in bold where it stands in them."""
    points = as_list(text)
    return (another_name(points, name, f"**{name}**") if name else None) or points
