"""Settings of the ``llm`` generator: which model, how many questions of which kind, in how many wordings, refined how often."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal, get_args

from tasks.providers.base import ModelParams
from warehouse.errors import ConfigError

QuestionKind = Literal["factual", "definition", "how", "why", "comparison", "procedure", "summary", "multi_hop", "unanswerable"]
Refinement = Literal["deepen", "constrain", "compare", "reason"]
QUESTION_KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)
REFINEMENTS: tuple[Refinement, ...] = get_args(Refinement)


@dataclass(frozen=True, slots=True)
class QuestionShares:
    """How many of the questions are of which kind: any numbers, only their proportions count."""

    factual: float = 0.30
    """One stated figure, name or term."""
    definition: float = 0.10
    """What something is."""
    how: float = 0.12
    """In what way something works or is done."""
    why: float = 0.12
    """For what reason."""
    comparison: float = 0.08
    """How two things differ, or which has more of something."""
    procedure: float = 0.08
    """Steps in order."""
    summary: float = 0.06
    """What is said about a matter, in one or two sentences."""
    multi_hop: float = 0.08
    """Answered only by two chunks of one document together."""
    unanswerable: float = 0.06
    """Sounds as if the document answered it, which it does not: the right answer is the refusal. 0.05 to 0.07 keeps a model careful."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a negative share, or none above zero."""
        shares = [getattr(self, share.name) for share in fields(self)]
        if any(not share >= 0 for share in shares) or not sum(shares) > 0:
            raise ConfigError(
                "shares must not be negative, and one must be above 0", where="generate.llm.shares", mend="use numbers such as 0.1"
            )

    def of(self, kind: QuestionKind) -> float:
        """The share of a kind, as set."""
        return float(getattr(self, kind))


@dataclass(frozen=True, slots=True)
class LlmGenerateParams:
    """How a language model makes question/answer pairs; read only where generate.method is llm."""

    model: ModelParams = field(default_factory=lambda: ModelParams(max_tokens=2048))
    """The model that reads the chunks."""
    questions_per_chunk: int = 5
    """Questions asked for from each chunk. Each becomes a fact with its wordings, or a row of rejected that says why not."""
    min_chunk_words: int = 25
    """Chunks shorter than this, in words, are not asked about: they seldom hold anything but a heading's remainder."""
    shares: QuestionShares = field(default_factory=QuestionShares)
    """How many of the questions are of which kind."""
    seed: int = 0
    """Draws which chunk is asked for which kind, and which pairs are refined."""
    top_up_rounds: int = 1
    """Times that a chunk is asked again for the questions that came to nothing."""
    wordings: int = 4
    """Wordings of each question, the first included; from 3 on, one can be held out to test what was taught in the others."""
    refine_share: float = 0.25
    """Chance of an answerable pair to be refined: made deeper, narrower, a comparison or a matter of reasoning, and answered anew."""
    refine_rounds: int = 1
    """Most refinements on top of one another; 0 switches refinement off."""
    top_k: int = 3
    """Nearest chunks of the document that a refined question is answered from, and that are searched before a question counts as
    unanswerable."""
    min_quote_score: float = 90.0
    """A quote that does not stand in the chunk to the letter may be this near to what does, 0 to 100; above 100 it must be found exactly
    or with spacing and typography folded."""
    max_key_words: int = 10
    """Answer keys longer than this, in words, are left out: nobody repeats them verbatim. Lists keep theirs."""
    must_have_key: bool = False
    """Leave out pairs whose answer has no key: without one the embedded judge can only compare by likeness."""
    refusal: str = "The document does not state this."
    """The answer to an unanswerable question, word for word."""
    mark_words: bool = False
    """Join the words of quoted text by a mark in place of blanks, so that a model tells it from instructions; costs up to twice the
    tokens (datamarking, arXiv:2403.14720)."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a setting out of bounds."""
        for name, least in (
            ("questions_per_chunk", 1),
            ("min_chunk_words", 0),
            ("top_up_rounds", 0),
            ("wordings", 1),
            ("refine_rounds", 0),
            ("top_k", 1),
            ("max_key_words", 1),
        ):
            if getattr(self, name) < least:
                raise ConfigError(f"{getattr(self, name)} is too few", where=f"generate.llm.{name}", mend=f"use at least {least}")
        if not 0 <= self.refine_share <= 1:
            raise ConfigError(f"{self.refine_share} is no chance", where="generate.llm.refine_share", mend="use a number from 0 to 1")
        if not self.min_quote_score > 0:
            raise ConfigError(f"{self.min_quote_score} would find anything", where="generate.llm.min_quote_score", mend="use 80 to 101")
        if not self.refusal.strip():
            raise ConfigError("the refusal has no words", where="generate.llm.refusal", mend="write what an honest answer says")
