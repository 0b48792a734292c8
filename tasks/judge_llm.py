"""Two answers, their reference and its evidence -> a model's verdict, asked in both orders; or its marks of each answer alone.

The model never sees a chunk, an arm's name or which answer is newer. What it is shown is fenced and cannot hold a verdict's brackets, and
of its reply the last verdict counts, if it was offered: so no answer can speak for the judge (arXiv:2507.08794, arXiv:2506.09443).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.ballot import Ballot, Case, Order, Ruling, without_source_block
from tasks.ledger_reply import PlainText
from tasks.prompt import Ask, Prompt, load_prompt
from tasks.providers.base import CallFailed, ModelParams
from tasks.quoting import fenced
from warehouse.errors import ConfigError
from warehouse.keys import digest, shaping

TOKEN = re.compile(r"\[\[([^\[\]\n]{1,40})\]\]")
RULINGS: dict[str, Ruling] = {"FIRST": "first", "SECOND": "second", "TIE": "tie"}
MARKS = {str(mark): mark for mark in range(1, 6)}
ORDERS: tuple[Order, ...] = ("ab", "ba")
NAME_LENGTH = 8


@dataclass(frozen=True, slots=True)
class LlmJudgeParams:
    """The model that compares answers (judge llm) or marks them one by one (judge rubric)."""

    model: ModelParams = field(default_factory=ModelParams)
    """Who judges: best of another family than the generator and the tuned model, as models like their own family's texts."""
    votes: int = 1
    """Times that each order is asked; an odd number, and more than one only at a temperature above 0."""
    prompt: str = "judge_pair"
    """Name of the prompt file in tasks/prompts by which the judge llm compares two answers."""
    rubric_prompt: str = "judge_rubric"
    """Name of the prompt file in tasks/prompts by which the judge rubric marks one answer."""
    mark_words: bool = True
    """Join the words of the document's passages by a mark in place of blanks, so that a model tells them from instructions."""

    def __post_init__(self) -> None:
        """Raises ConfigError for votes that cannot decide, or a prompt that cannot be."""
        if self.votes < 1 or self.votes % 2 == 0:
            raise ConfigError(f"{self.votes} votes may leave no majority", where="judge.llm.votes", mend="use 1, 3, 5 ...")
        if self.votes > 1 and not self.model.temperature > 0:
            raise ConfigError(
                f"{self.votes} votes at temperature 0 are one vote", where="judge.llm.votes", mend="set judge.llm.model.temperature above 0"
            )
        for name in ("prompt", "rubric_prompt"):
            if not re.fullmatch(r"[a-z0-9_]+", getattr(self, name)):
                raise ConfigError(
                    f"{getattr(self, name)!r} names no prompt", where=f"judge.llm.{name}", mend="use the stem of a file in tasks/prompts"
                )


def named(params: LlmJudgeParams, prompt: str) -> str:
    """The model and a mark of all that shapes its verdicts: another model, prompt or temperature is another judge."""
    return f"{params.model.model} #{digest(load_prompt(prompt).sha256, shaping(params))[:NAME_LENGTH]}"


def compare(cases: Sequence[Case], params: LlmJudgeParams, ask: Ask) -> list[list[Ballot]]:
    """Every case's ballots: ``params.votes`` in each of both orders. A call that came to nothing is a ballot too.

    Raises:
        ProviderError: no call can succeed.
    """
    prompt = load_prompt(params.prompt)
    slots = [(order, vote) for order in ORDERS for vote in range(params.votes)]
    said = _all_of([_compare(case, order, vote, prompt, params, ask) for case in cases for order, vote in slots])
    return [said[at : at + len(slots)] for at in range(0, len(said), len(slots))]


def rate(cases: Sequence[Case], params: LlmJudgeParams, ask: Ask) -> list[list[Ballot]]:
    """Every case's ballots: each answer marked alone, the higher mark wins; ``params.votes`` of them, without an order.

    Raises:
        ProviderError: no call can succeed.
    """
    prompt = load_prompt(params.rubric_prompt)
    said = _all_of([_rate(case, vote, prompt, params, ask) for case in cases for vote in range(params.votes)])
    return [said[at : at + params.votes] for at in range(0, len(said), params.votes)]


def last_offered(reply: str, offered: Sequence[str]) -> str | None:
    """The last ``[[word]]`` of a reply where it is one of ``offered``, to the letter; None otherwise. Any other mark counts for nothing."""
    found = TOKEN.findall(reply)
    return found[-1] if found and found[-1] in offered else None


def shown(text: str, *, mark_words: bool = False) -> str:
    """``text`` fenced as data, with no two brackets side by side, so that no verdict stands in it."""
    return fenced(re.sub(r"\[(?=\[)|\](?=\])", lambda bracket: f"{bracket[0]} ", text), mark_words=mark_words)


async def _compare(case: Case, order: Order, vote: int, prompt: Prompt, params: LlmJudgeParams, ask: Ask) -> Ballot:
    answers = (case.answer_a, case.answer_b) if order == "ab" else (case.answer_b, case.answer_a)
    first, second = (shown(without_source_block(answer)) for answer in answers)
    values = _setting(case, params) | {"first": first, "second": second}
    try:
        reply = await ask(prompt, values, PlainText, item_id=case.pair.pair_id, sample=vote)
    except CallFailed as failure:
        return Ballot("error", f"{failure.reason}: {failure.detail}", order, vote)
    verdict = last_offered(reply.text, tuple(RULINGS))
    return Ballot(RULINGS[verdict] if verdict else "unparsed", reply.text, order, vote)


async def _rate(case: Case, vote: int, prompt: Prompt, params: LlmJudgeParams, ask: Ask) -> Ballot:
    replies = []
    for answer in (case.answer_a, case.answer_b):
        values = _setting(case, params) | {"answer": shown(without_source_block(answer))}
        try:
            replies.append((await ask(prompt, values, PlainText, item_id=case.pair.pair_id, sample=vote)).text)
        except CallFailed as failure:
            return Ballot("error", f"{failure.reason}: {failure.detail}", "none", vote)
    a, b = (MARKS.get(last_offered(reply, tuple(MARKS)) or "") for reply in replies)
    both = "\n\n".join(replies)
    if a is None or b is None:
        return Ballot("unparsed", both, "none", vote)
    return Ballot("tie" if a == b else "first" if a > b else "second", both, "none", vote)


def _setting(case: Case, params: LlmJudgeParams) -> dict[str, str]:
    """What both prompts show beside the answers."""
    evidence = "\n\n".join(case.evidence) or "(none is given)"
    question = case.pair.question
    return {
        "question": shown(question),
        "reference": shown(case.pair.answer),
        "evidence": shown(evidence, mark_words=params.mark_words),
    }


def _all_of(asking: Sequence[Coroutine[Any, Any, Ballot]]) -> list[Ballot]:
    """Ask for all at once: the provider's queue says how many requests are under way."""

    async def gathered() -> list[Ballot]:
        return list(await asyncio.gather(*asking))

    return asyncio.run(gathered())
