"""A model and an example -> the log-probability of each of its answer's tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from tasks.packing import Encoded


def token_log_probs(model: Any, one: Encoded) -> torch.Tensor:
    """Of each answer token, the end token included, given all before it: (n_answer,), nats, float32. Gradients flow where they are on."""
    tokens = torch.tensor([one.tokens], device=model.device)
    logits = model(input_ids=tokens, use_cache=False).logits[0, one.n_prompt - 1 : -1]
    said: torch.Tensor = logits.float().log_softmax(-1).gather(-1, tokens[0, one.n_prompt :, None])[:, 0]
    return said
