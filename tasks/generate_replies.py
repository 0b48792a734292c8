"""The shape of a model's reply in each pass of the ``llm`` generator. Closed schemas: nothing but these fields is read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.generate_llm_params import QuestionKind


class Reply(BaseModel):
    """What all replies have in common."""

    model_config = ConfigDict(extra="forbid", strict=True)


class AskedQuestion(Reply):
    """One question and which kind it is."""

    kind: QuestionKind
    question: str


class Questions(Reply):
    """The questions of one passage, or of two."""

    questions: list[AskedQuestion]


class Answered(Reply):
    """An answer with the words that it rests on, quoted first."""

    is_answerable: bool
    evidence: list[str]
    answer: str
    answer_key: str | None


class Reworded(Reply):
    """Other wordings of a question."""

    wordings: list[str]


class Refined(Reply):
    """A question made from another one."""

    question: str


class SecondLook(Reply):
    """Whether passages answer a question after all, with the words that do."""

    evidence: list[str]
    is_answered: bool
