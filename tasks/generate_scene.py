"""One document under the ``llm`` generator: what its passes look at, how its chunks are shown, and what one item can fail with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from tasks.generate_llm_params import LlmGenerateParams
from tasks.prompt import Ask, Prompt, load_prompt
from tasks.providers.base import CallFailed
from tasks.quoting import fenced, unmarked
from tasks.text import words
from warehouse.tables import Chunk, Document

Nearest = Callable[[str], Sequence[str]]
"""Text -> ids of the document's chunks, nearest first."""
CALL = "call_"
"""Begins the reason of everything that a failed call left undone; the call's own reason follows."""
CLOSING_MARKS = " \"'”’»)*_"  # noqa: RUF001  # as printed, and as models set them around a question
T = TypeVar("T", bound=BaseModel)


class NotUsable(Exception):
    """One question, answer or wording that comes to nothing: never the end of more than itself."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail

    @property
    def is_failed_call(self) -> bool:
        """True when a model could not be asked, or gave no reply that can be read: asking again in the same run is of no use."""
        return self.reason.startswith(CALL)


@dataclass(frozen=True, slots=True)
class Scene:
    """All that the passes over one document look at. ``chunks`` and ``texts``: of those that are asked about, by id, in reading order."""

    document: Document
    chunks: Mapping[str, Chunk]
    texts: Mapping[str, str]
    params: LlmGenerateParams
    generator: str
    ask: Ask
    nearest: Nearest

    def shown(self, chunks: Sequence[Chunk]) -> str:
        """Chunks as a prompt quotes them, one fence each."""
        quoted = (f"Title: {self.document.title}\nSection: {chunk.section}\n\n{chunk.text}" for chunk in chunks)
        return "\n\n".join(fenced(text, mark_words=self.params.mark_words) for text in quoted)

    def near(self, text: str, first: Sequence[Chunk]) -> list[Chunk]:
        """``first``, then the chunks nearest to ``text`` up to ``top_k`` of those."""
        found = [self.chunks[name] for name in self.nearest(text)[: self.params.top_k] if name in self.chunks]
        return list({chunk.chunk_id: chunk for chunk in (*first, *found)}.values())

    async def call(self, prompt: Prompt | str, values: Mapping[str, str], reply_type: type[T], item_id: str) -> T:
        """Ask the model.

        Raises:
            NotUsable: the call came to nothing.
        """
        try:
            return await self.ask(prompt if isinstance(prompt, Prompt) else load_prompt(prompt), values, reply_type, item_id=item_id)
        except CallFailed as failure:
            raise NotUsable(f"{CALL}{failure.reason}", failure.detail) from failure


def as_question(text: str) -> str:
    """A model's question on one line, without marks around it.

    Raises:
        NotUsable: it holds no question mark, or goes on behind the last one.
    """
    question = " ".join(unmarked(text).split()).strip(CLOSING_MARKS)
    asked, mark, behind = question.rpartition("?")
    if not mark or not words(asked):
        raise NotUsable("not_a_question", question)
    if behind.strip(CLOSING_MARKS):
        raise NotUsable("text_after_question", question)
    return f"{asked}?"
