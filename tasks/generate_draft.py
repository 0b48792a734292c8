"""What a generator hands on: facts with the stretches of chunks that they rest on and the ways to ask for them; and what it dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks.text import normalise
from warehouse.keys import key
from warehouse.tables import AnswerKind


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a chunk's text, in code points."""

    chunk_id: str
    char_from: int
    n_chars: int


@dataclass(frozen=True, slots=True)
class Stated:
    """A fact, or for a refusal the lack of one. The first of ``questions`` is the one it was found for, the others are its wordings."""

    chunk_id: str
    stretches: tuple[Stretch, ...]
    """In reading order; none for a refusal."""
    questions: tuple[str, ...]
    answer: str
    answer_key: str | None
    answer_kind: AnswerKind
    pattern: str
    prompt_sha256: str | None = None
    """Of the prompt that the question came from; None where no model was asked."""
    wordings_sha256: str | None = None
    parent_id: str | None = None
    slot_id: str = ""
    """The asked-for question that this one fills; empty where none was asked for."""

    def fact_id(self, document_id: str, texts: Mapping[str, str]) -> str:
        """Id of what is stated: the words that the fact rests on. ``texts``: of the chunks, by chunk_id."""
        if not self.stretches:
            return key(document_id, "unstated", normalise(self.questions[0]))
        return key(document_id, normalise("\n".join(printed(stretch, texts) for stretch in self.stretches)))

    def pair_id(self, document_id: str, fact_id: str, question: str, generator: str) -> str:
        """Id of one wording. Of a model's pairs the answer counts as well: another reply to the same question is another pair."""
        own_words = [self.answer] if self.prompt_sha256 else []
        return key(document_id, fact_id, normalise(question), self.answer_key, generator, *own_words)


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something that came to nothing, and why. ``detail``: the words behind it."""

    item_id: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a generator made of a document, in reading order."""

    stated: list[Stated] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)

    def add(self, parts: Sequence[Drafted]) -> None:
        """Append what other parts of the document gave."""
        for part in parts:
            self.stated.extend(part.stated)
            self.dropped.extend(part.dropped)


def printed(stretch: Stretch, texts: Mapping[str, str]) -> str:
    """The chunk's own words at a stretch."""
    return texts[stretch.chunk_id][stretch.char_from : stretch.char_from + stretch.n_chars]
