"""A question and its excerpts -> the turns that put them to a model: as they are, or worded otherwise with the same meaning."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from warehouse.errors import ConfigError

DEFAULT = "default"
Marks = Literal["none", "letters", "numbers", "bullets"]


@dataclass(frozen=True, slots=True)
class Wording:
    """How a question is put: what stands around it, in which order, and how what is listed is marked."""

    name: str
    """Under which its answers land; `default` is taken by the question as it is."""
    system: str = ""
    """A system message; empty: none. Where a model's chat template knows no system messages it stands before the question."""
    before: str = ""
    """A line before the question (and before its excerpts)."""
    after: str = ""
    """A line after them."""
    marks: Marks = "none"
    """What stands before each excerpt, or before the question where there are none: A. B. C., 1. 2. 3., or dashes."""
    is_question_first: bool = False
    """Put the question before the excerpts instead of after them."""

    def __post_init__(self) -> None:
        """Refuse a name that could not be told from another."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", self.name):
            raise ConfigError(f"{self.name!r} is no name", where="wordings.name", mend="use small letters, digits, - and _")


PLAIN = Wording(DEFAULT)
FORMATS = (
    Wording("letters", marks="letters"),
    Wording("numbers", marks="numbers"),
    Wording("bullets", marks="bullets"),
    Wording("praise", before="You are very good at this. Please answer the following, and thank you."),
    Wording("system", system="Answer the question."),
    Wording("order", after="Please answer the question above.", is_question_first=True),
)
"""Other ways to put a question that leave its meaning as it is."""
PROMPTS = (
    Wording("brief", system="Answer briefly and exactly. State the fact that is asked for, and nothing else."),
    Wording("expert", system="You are an expert on technical and scientific documents. Answer from what you know, in one sentence."),
    Wording("instruction", before="Answer the following question in one full sentence."),
    Wording("cloze", before="Question:", after="The answer is:"),
)
"""Prompts that may serve a base model better than the question alone."""


def marked(blocks: Sequence[str], marks: Marks) -> list[str]:
    """The blocks, each with its mark before it. From the 27th on letters come twice, as columns of a sheet do."""
    if marks == "none":
        return list(blocks)
    return [f"{_mark(rank, marks)} {block}" for rank, block in enumerate(blocks)]


def _mark(rank: int, marks: Marks) -> str:
    if marks == "bullets":
        return "-"
    n_letters = len(string.ascii_uppercase)
    return f"{rank + 1}." if marks == "numbers" else f"{string.ascii_uppercase[rank % n_letters] * (rank // n_letters + 1)}."


def refuse_unclear(wordings: Sequence[Wording], where: str) -> None:
    """Check that every wording can be told from the others and from the default.

    Raises:
        ConfigError: two have one name, or one is called default.
    """
    names = [wording.name for wording in wordings]
    if DEFAULT in names or len(set(names)) < len(names):
        raise ConfigError(f"names are not told apart: {', '.join(names)}", where=where, mend=f"name each once, and none {DEFAULT}")
