"""Prompts and answers -> how likely a loaded model finds each answer: batched, sorted by length, answer tokens only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.answer_params import AnswerParams
from tasks.base_model import inert
from tasks.choice import Weighed
from tasks.engine import Question, batches

if TYPE_CHECKING:
    from tasks.engine import Engine

EMPTY = "unconditional"


def weigh(engine: Engine, questions: Sequence[Question], answers: Sequence[Sequence[str]], params: AnswerParams) -> list[Weighed]:
    """One per question: of each of its answers, whole and with the end token, after the engine's prompt; and after an empty question.

    The prompt of the empty question holds no excerpts. Numbers depend on the questions beside them by rounding alone.
    """
    tokens = {text: _tokens(engine, text) for some in answers for text in some}
    longest = max((len(one) for one in tokens.values()), default=1)
    fitting = replace(params, max_new_tokens=max(params.max_new_tokens, longest))  # prompt and answer fit the model together
    asked = [(engine.prompt(question, fitting), [tokens[text] for text in some]) for question, some in zip(questions, answers, strict=True)]
    empty, texts = engine.prompt(Question(EMPTY, ""), fitting), sorted(tokens, key=lambda text: (len(tokens[text]), text))
    size = max((len(some) for some in answers), default=1)
    groups = [texts[at : at + size] for at in range(0, len(texts), size)]
    found = _log_likelihoods(engine, [*asked, *((empty, [tokens[text] for text in group]) for group in groups)], params)
    said = found[: len(asked)]
    alone = {
        text: value for group, values in zip(groups, found[len(asked) :], strict=True) for text, value in zip(group, values, strict=True)
    }
    return [
        Weighed(values, [alone[text] for text in some], [len(tokens[text]) for text in some])
        for values, some in zip(said, answers, strict=True)
    ]


def _tokens(engine: Engine, text: str) -> list[int]:
    ids: list[int] = engine.tokenizer(inert(engine.tokenizer, text), add_special_tokens=False)["input_ids"]
    return [*ids, engine.tokenizer.eos_token_id]


def _log_likelihoods(engine: Engine, asked: Sequence[tuple[list[int], list[list[int]]]], params: AnswerParams) -> list[list[float]]:
    """Prompts of like length are read together; a batch keeps the limits of answering, its answers counted."""
    from tasks.log_probs import answer_log_likelihoods  # noqa: PLC0415  # pulls in torch

    lengths = [len(prompt) + sum(len(tokens) for tokens in some) for prompt, some in asked]
    order = sorted(range(len(asked)), key=lambda at: (lengths[at], at))
    found: dict[int, list[float]] = {}
    with engine.speaking() as model:
        for chosen in batches(order, [lengths[at] for at in order], params):
            prompts, some = [asked[at][0] for at in chosen], [asked[at][1] for at in chosen]
            found |= zip(chosen, answer_log_likelihoods(model, prompts, some, engine.tokenizer.pad_token_id), strict=True)
    return [found[at] for at in range(len(asked))]
