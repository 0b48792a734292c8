"""A model and answers to prompts -> the log-probability of every token of an answer, and of whole answers many at a time."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from tasks.packing import Encoded

Tokens = Sequence[int]


def token_log_probs(model: Any, one: Encoded) -> torch.Tensor:
    """Of each answer token, the end token included, given all before it: (n_answer,), nats, float32. Gradients flow where they are on."""
    tokens = torch.tensor([one.tokens], device=model.device)
    logits = model(input_ids=tokens, use_cache=False).logits[0, one.n_prompt - 1 : -1]
    said: torch.Tensor = logits.float().log_softmax(-1).gather(-1, tokens[0, one.n_prompt :, None])[:, 0]
    return said


def answer_log_likelihoods(model: Any, prompts: Sequence[Tokens], answers: Sequence[Sequence[Tokens]], pad_id: int) -> list[list[float]]:
    """The log-likelihood of each prompt's answers, nats: the sum over an answer's tokens, each given all before it. None for no prompts.

    A prompt is read once and its keys and values are shared by its answers: prompts side by side padded on the left, then the answers on
    the right. Prompts and answers have at least one token each.
    """
    if not prompts:
        return []
    takes = inspect.signature((model.get_base_model() if hasattr(model, "get_base_model") else model).forward).parameters
    longest = max(len(tokens) for tokens in prompts)
    mask = _rows([[0] * (longest - len(tokens)) + [1] * len(tokens) for tokens in prompts], model)
    read = model(
        input_ids=_rows([[pad_id] * (longest - len(tokens)) + list(tokens) for tokens in prompts], model),
        attention_mask=mask,
        use_cache=True,
        **({"logits_to_keep": 1} if "logits_to_keep" in takes else {}),
        **_places(mask, longest, takes),
    )
    owner = [at for at, some in enumerate(answers) for _ in some]
    said = [tokens for some in answers for tokens in some]
    n_most = max(len(tokens) for tokens in said)
    read.past_key_values.reorder_cache(torch.tensor(owner, device=model.device))
    rest = _rows([list(tokens) + [pad_id] * (n_most - len(tokens)) for tokens in said], model)
    whole = torch.cat([mask[owner], _rows([[1] * len(tokens) + [0] * (n_most - len(tokens)) for tokens in said], model)], dim=1)
    following = model(input_ids=rest, attention_mask=whole, past_key_values=read.past_key_values, **_places(whole, n_most, takes)).logits
    sums: list[list[float]] = [[] for _ in prompts]
    for row, (at, tokens) in enumerate(zip(owner, said, strict=True)):
        logits = torch.cat([read.logits[at, -1:], following[row, : len(tokens) - 1]]).float()
        sums[at].append(logits.log_softmax(-1).gather(-1, rest[row, : len(tokens), None]).sum().item())
    return sums


def _rows(tokens: Sequence[Sequence[int]], model: Any) -> torch.Tensor:
    return torch.tensor(tokens, device=model.device)


def _places(mask: torch.Tensor, n_last: int, takes: Any) -> dict[str, torch.Tensor]:
    """Positions of the last ``n_last`` columns, pads not counted, for a model that does not count them itself."""
    return {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0)[:, -n_last:]} if "position_ids" in takes else {}
