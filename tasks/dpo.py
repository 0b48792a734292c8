"""Preference pairs -> an adapter that prefers as they do: direct preference optimisation, a second stage on a trained LoRA adapter."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from peft import PeftModel
from torch.nn.functional import logsigmoid

from tasks.base_model import load_base
from tasks.log_probs import token_log_probs
from tasks.packing import Encoded, encode
from tasks.train_methods import save_trained
from tasks.train_params import TrainExample, TrainParams
from tasks.train_weights import Weights
from warehouse.errors import ConfigError, TunehouseError
from warehouse.keys import draw

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from warehouse.tables import PreferencePair

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DpoParams:
    """How an adapter is tuned to preferences."""

    beta: float = 0.1
    """Strength of the pull back to the reference, which is the base without the adapter: larger stays nearer."""
    learning_rate: float = 1e-4
    """Of AdamW, constant."""
    epochs: int = 1
    """How often every pair is seen."""
    pairs_per_step: int = 16
    """Preference pairs per optimizer step."""
    seed: int = 0
    """Draws the order of the pairs."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a setting out of bounds."""
        for name in ("beta", "learning_rate", "epochs", "pairs_per_step"):
            if not getattr(self, name) > 0:
                raise ConfigError("out of bounds", where=f"dpo.{name}", mend="use a number above 0")


@dataclass(frozen=True, slots=True)
class Preferred:
    """What the tuning gave: mean loss of each step, and the held-out pairs' mean margin before and after; None where none are held out."""

    losses: list[float]
    margin_before: float | None
    margin_after: float | None
    files: list[Path]


@dataclass(frozen=True, slots=True)
class _Sides:
    """A pair's two answers as tokens, and their log-probabilities under the reference."""

    preference_id: str
    chosen: Encoded
    rejected: Encoded
    reference: torch.Tensor


def dpo_loss(policy: torch.Tensor, reference: torch.Tensor, beta: float) -> torch.Tensor:
    """-log sigmoid(beta ((pc - rc) - (pr - rr))), of one pair (Rafailov et al. 2023, arXiv:2305.18290, eq. 7).

    ``policy``, ``reference``: (2,), log-probabilities of the whole chosen and the whole rejected answer, nats.
    """
    gained = policy - reference
    return -logsigmoid(beta * (gained[0] - gained[1]))


def tune_preferences(
    taught: Sequence[PreferencePair],
    held_out: Sequence[PreferencePair],
    adapter: Path,
    folder: Path,
    train: TrainParams,
    params: DpoParams = DpoParams(),  # frozen
) -> Preferred:
    """Go on from the LoRA weights in ``adapter``, into ``folder``. The reference is the base of ``train`` with the adapter off.

    Raises:
        TunehouseError: there are no pairs, or a loss is not finite.
        MissingPrerequisite: the base cannot be loaded.
    """
    if not taught:
        raise TunehouseError("there are no preference pairs", where="dpo", mend="give pairs to train on")
    base = load_base(train.base_model, train.dtype)
    model = PeftModel.from_pretrained(base.model, adapter, is_trainable=True, autocast_adapter_dtype=False).eval()
    learning, tested = (_sides(model, base.tokenizer, some, train.max_tokens) for some in (taught, held_out))
    weights = Weights([one for one in model.parameters() if one.requires_grad], train)
    before = _margin(model, tested)
    losses: list[float] = []
    for epoch in range(params.epochs):
        order = sorted(learning, key=lambda one: draw(params.seed, epoch, one.preference_id))
        starts = range(0, len(order), params.pairs_per_step)
        losses += [_step(model, weights, order[start : start + params.pairs_per_step], params) for start in starts]
    log.info("%d preference pairs, %d steps", len(learning), len(losses))
    return Preferred(losses, before, _margin(model, tested), save_trained(model, base.tokenizer, folder))


def _step(model: Any, weights: Weights, pairs: Sequence[_Sides], params: DpoParams) -> float:
    total = 0.0
    for one in pairs:
        loss = dpo_loss(_policy(model, one), one.reference, params.beta) / len(pairs)
        torch.autograd.backward(loss)
        weights.add_gradient()
        total += loss.item()
    norm = weights.gradient_norm()
    if not (math.isfinite(total) and math.isfinite(norm)):
        named = ", ".join(one.preference_id for one in pairs)
        raise TunehouseError(f"the loss is {total}, the gradient's norm {norm}", where=f"pairs {named}", mend="lower dpo.learning_rate")
    with torch.no_grad():
        weights.step(params.learning_rate, norm)
    return total


def _policy(model: Any, one: _Sides) -> torch.Tensor:
    return torch.stack([token_log_probs(model, side).sum() for side in (one.chosen, one.rejected)])


@torch.no_grad()
def _sides(model: PeftModel, tokenizer: Any, pairs: Sequence[PreferencePair], max_tokens: int) -> list[_Sides]:
    made = []
    with model.disable_adapter():
        for one in pairs:
            examples = [TrainExample(side, one.question, getattr(one, side)) for side in ("chosen", "rejected")]
            chosen, rejected = encode(tokenizer, examples, max_tokens)  # comes back by id
            reference = torch.stack([token_log_probs(model, side).sum() for side in (chosen, rejected)])
            made.append(_Sides(one.preference_id, chosen, rejected, reference))
    return made


@torch.no_grad()
def _margin(model: Any, pairs: Sequence[_Sides]) -> float | None:
    """Mean of chosen minus rejected log-probability, nats."""
    margins = [(said := _policy(model, one))[0].item() - said[1].item() for one in pairs]
    return sum(margins) / len(margins) if margins else None
