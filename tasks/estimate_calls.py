"""Chunks, settings -> the calls that a stage is expected to make, their tokens and what they cost. Nothing is asked.

Calls are counted from the plan that the generator itself follows: every planned question is taken to be offered, answered and worded
once, with no second asking and no mended reply. Tokens of what is sent are those of the prompt files and of the chunks (a quarter of the
UTF-8 bytes each, ``tasks.budget.token_estimate``); of what comes back :data:`REPLY_TOKENS` says how many a reply has. How far that was
off is the view ``estimate_against_actual``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from tasks.budget import BudgetParams, token_estimate
from tasks.curate_scores import ScorerParams
from tasks.generate import ASKED_KINDS, GenerateParams
from tasks.generate_answer import ANSWER, SECOND_LOOK
from tasks.generate_llm_params import LlmGenerateParams
from tasks.generate_plan import plan_slots
from tasks.generate_questions import ALONE, PROMPTS
from tasks.generate_refine import REFINE, REWORD
from tasks.prompt import load_prompt
from warehouse.keys import key
from warehouse.tables import CallEstimate, Chunk

REPLY_TOKENS = {"question": 35, ANSWER: 150, "wording": 30, REFINE: 40, SECOND_LOOK: 40, "marks": 110}
"""Tokens of a reply: for each question or wording in it, or for all of it. An answer quotes its evidence before it answers."""
QUESTION_TOKENS = 30
ANSWER_TOKENS = 60
"""Of a question and of an answer that stand in a prompt."""
FENCE_TOKENS = 25
"""Of the tags around a quoted chunk, with the words that introduce its title and section."""
MARKED_WORDS_FACTOR = 2
"""Words joined by marks cost up to so many times the tokens."""
PAIRS_PER_EXTRACTIVE_CHUNK = 29
"""Pairs that the extractive generator makes of a chunk, with default settings: 2,698 of the sample papers' 92 chunks."""


@dataclass(frozen=True, slots=True)
class Calls:
    """So many calls with so many tokens; may be fractions, as chances are counted in."""

    n_calls: float = 0.0
    n_prompt_tokens: float = 0.0
    n_reply_tokens: float = 0.0

    def __add__(self, other: Calls) -> Calls:
        """Both together."""
        return Calls(self.n_calls + other.n_calls, self.n_prompt_tokens + other.n_prompt_tokens, self.n_reply_tokens + other.n_reply_tokens)

    def times(self, n: float) -> Calls:
        """``n`` times as many."""
        return Calls(self.n_calls * n, self.n_prompt_tokens * n, self.n_reply_tokens * n)


def total(some: Iterable[Calls]) -> Calls:
    """All together."""
    return reduce(add, some, Calls())


def generation_calls(title: str, chunks: Sequence[Chunk], params: GenerateParams) -> Calls:
    """What the generator is expected to ask about one document; nothing where it asks no model."""
    if params.method != "llm":
        return Calls()
    asked = _asked(chunks, params.llm)
    slots = plan_slots(asked, params.llm)
    shown = {chunk.chunk_id: _shown_tokens(title, chunk, params.llm) for chunk in asked}
    mean = sum(shown.values()) / len(shown) if shown else 0.0
    return total(_of_chunk([slot.kind for slot in slots[name]], tokens, mean, params.llm) for name, tokens in shown.items())


def expected_pairs(chunks: Sequence[Chunk], params: GenerateParams) -> float:
    """How many pairs the generator is expected to make of one document, wordings and refinements included."""
    if params.method != "llm":
        return PAIRS_PER_EXTRACTIVE_CHUNK * sum(chunk.kind in ASKED_KINDS for chunk in chunks)
    kinds = [slot.kind for some in plan_slots(_asked(chunks, params.llm), params.llm).values() for slot in some]
    answerable = sum(kind != "unanswerable" for kind in kinds)
    return params.llm.wordings * (len(kinds) + answerable * _refinements(params.llm))


def scoring_calls(n_pairs: float, chunks: Sequence[Chunk], params: ScorerParams) -> Calls:
    """What scoring so many pairs of one document is expected to take: a call each, with the pair's chunk in view."""
    asked = [chunk for chunk in chunks if chunk.kind in ASKED_KINDS]
    if not params.is_on or not asked:
        return Calls()
    mean = sum(token_estimate(chunk.text) for chunk in asked) / len(asked)
    return Calls(1, prompt_tokens(params.prompt) + mean + QUESTION_TOKENS + ANSWER_TOKENS, REPLY_TOKENS["marks"]).times(n_pairs)


def as_row(run_id: str, stage: str, model: str, calls: Calls, budget: BudgetParams) -> CallEstimate:
    """The expected calls of one stage of a run, whole numbers, with what they cost."""
    n_prompt, n_reply = round(calls.n_prompt_tokens), round(calls.n_reply_tokens)
    cost = budget.cost_usd(model, n_prompt, n_reply)
    return CallEstimate(key(run_id, stage, model), run_id, stage, model, round(calls.n_calls), n_prompt, n_reply, cost)


def _asked(chunks: Sequence[Chunk], params: LlmGenerateParams) -> list[Chunk]:
    return [chunk for chunk in chunks if chunk.kind in ASKED_KINDS and len(chunk.text.split()) >= params.min_chunk_words]


def _of_chunk(kinds: Sequence[str], own: float, mean: float, params: LlmGenerateParams) -> Calls:
    """The calls about one chunk. ``own`` tokens has it as shown, ``mean`` another chunk of the document."""
    near = own + params.top_k * mean
    alone = [kind for kind in kinds if kind not in PROMPTS]
    refusals, hops = kinds.count("unanswerable"), kinds.count("multi_hop")
    made = [
        _questions(ALONE, own, len(alone)),
        _questions(PROMPTS["unanswerable"], own, refusals),
        _questions(PROMPTS["multi_hop"], own + mean, 1).times(hops),
        _call(ANSWER, own, REPLY_TOKENS[ANSWER]).times(len(alone)),
        _call(ANSWER, own + mean, REPLY_TOKENS[ANSWER]).times(hops),
        _call(SECOND_LOOK, near, REPLY_TOKENS[SECOND_LOOK]).times(refusals),
        _reworded(params).times(len(kinds)),
    ]
    refined = _call(REFINE, near + ANSWER_TOKENS, REPLY_TOKENS[REFINE]) + _call(ANSWER, near, REPLY_TOKENS[ANSWER]) + _reworded(params)
    return total([*made, refined.times((len(alone) + hops) * _refinements(params))])


def _questions(prompt: str, source_tokens: float, n: int) -> Calls:
    """One call for ``n`` questions; none for none."""
    return Calls(1, prompt_tokens(prompt) + source_tokens, n * REPLY_TOKENS["question"]) if n else Calls()


def _call(prompt: str, source_tokens: float, n_reply_tokens: float) -> Calls:
    return Calls(1, prompt_tokens(prompt) + source_tokens + QUESTION_TOKENS, n_reply_tokens)


def _reworded(params: LlmGenerateParams) -> Calls:
    n = params.wordings - 1
    return _call(REWORD, ANSWER_TOKENS, n * REPLY_TOKENS["wording"]) if n else Calls()


def _refinements(params: LlmGenerateParams) -> float:
    """How often a question is refined, on average."""
    return sum(params.refine_share**depth for depth in range(1, params.refine_rounds + 1))


def prompt_tokens(name: str) -> int:
    """Of a prompt file, its places empty."""
    prompt = load_prompt(name)
    return token_estimate(prompt.system) + token_estimate(prompt.user)


def _shown_tokens(title: str, chunk: Chunk, params: LlmGenerateParams) -> float:
    text = token_estimate(f"{title}{chunk.section}{chunk.text}")
    return FENCE_TOKENS + text * (MARKED_WORDS_FACTOR if params.mark_words else 1)
