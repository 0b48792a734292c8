"""Pairs with their excerpts -> a model's four marks for each, with its reasons; a row for each call that came to nothing.

Only pairs that passed the free rules come here, so covers, references and broken questions cost no call.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from tasks.prompt import Ask, Prompt, load_prompt
from tasks.providers.base import CallFailed, ModelParams
from tasks.quoting import fenced
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import PairScore, QaPair

MARKS = ("faithful", "standalone", "clear", "useful")


@dataclass(frozen=True, slots=True)
class ScorerParams:
    """The model that reads every pair beside its chunk and marks it; without one, the rules alone decide."""

    model: ModelParams = field(default_factory=ModelParams)
    """Who scores: best of another family than the generator, as models like their own family's texts. Empty: nobody."""
    prompt: str = "score_pair"
    """Name of the prompt file in tasks/prompts."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9_]+", self.prompt):
            raise ConfigError(
                f"{self.prompt!r} names no prompt", where="curate.scorer.prompt", mend="use the stem of a file in tasks/prompts"
            )

    @property
    def is_on(self) -> bool:
        """True when a model is named."""
        return bool(self.model.model)


class Marks(BaseModel):
    """The reply that the prompt asks for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reasons: str
    faithful: int = Field(ge=1, le=5)
    standalone: int = Field(ge=1, le=5)
    clear: int = Field(ge=1, le=5)
    useful: int = Field(ge=1, le=5)


@dataclass(frozen=True, slots=True)
class Scored:
    """Each pair stands in one of the two: its marks, or why there are none."""

    scores: dict[str, PairScore]
    """By pair_id."""
    failures: dict[str, CallFailed]
    """By pair_id."""


def lowest(score: PairScore) -> tuple[int, str]:
    """(mark, name) of the lowest mark; of equal ones the first of :data:`MARKS`."""
    return min((getattr(score, name), at, name) for at, name in enumerate(MARKS))[::2]


def score_pairs(pairs: Sequence[QaPair], excerpts: Mapping[str, str], title: str, params: ScorerParams, ask: Ask) -> Scored:
    """Ask for every pair's marks at once; the provider's queue says how many requests are under way.

    ``excerpts``: by pair_id, the text of the chunks that the pair rests on.
    """
    return asyncio.run(_score_all(pairs, excerpts, title, params, ask))


async def _score_all(pairs: Sequence[QaPair], excerpts: Mapping[str, str], title: str, params: ScorerParams, ask: Ask) -> Scored:
    prompt = load_prompt(params.prompt)
    outcomes = await asyncio.gather(*(_score(pair, excerpts[pair.pair_id], title, prompt, params, ask) for pair in pairs))
    scored = Scored({}, {})
    for pair, outcome in zip(pairs, outcomes, strict=True):
        if isinstance(outcome, PairScore):
            scored.scores[pair.pair_id] = outcome
        else:
            scored.failures[pair.pair_id] = outcome
    return scored


async def _score(pair: QaPair, excerpt: str, title: str, prompt: Prompt, params: ScorerParams, ask: Ask) -> PairScore | CallFailed:
    values = {"title": title, "excerpt": excerpt, "question": pair.question, "answer": pair.answer}
    try:
        marks = await ask(prompt, {name: fenced(text) for name, text in values.items()}, Marks, item_id=pair.pair_id)
    except CallFailed as failure:
        return failure
    model = params.model.model
    return PairScore(
        pair_score_id=key(pair.pair_id, model, prompt.sha256),
        pair_id=pair.pair_id,
        document_id=pair.document_id,
        model=model,
        prompt_sha256=prompt.sha256,
        faithful=marks.faithful,
        standalone=marks.standalone,
        clear=marks.clear,
        useful=marks.useful,
        reasons=marks.reasons,
    )
