"""Pairs of answers as tokens, an adapter under way -> what it says of both, and the loss of direct preference optimisation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from peft import PeftModel
from torch.nn.functional import logsigmoid

from tasks.packing import Encoded, answer_log_probs, encode, rows_of, use_packing
from tasks.train_loop import out_of_memory
from tasks.train_params import TrainExample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.base_model import Base
    from tasks.train_params import TrainParams
    from warehouse.tables import PreferencePair


@dataclass(frozen=True, slots=True)
class Sides:
    """A pair's two answers as tokens, and their log-probabilities before the tuning, nats."""

    pair_id: str
    chosen: Encoded
    rejected: Encoded
    reference: tuple[float, float] = (0.0, 0.0)

    @property
    def tokens(self) -> tuple[int, ...]:
        """Of both."""
        return (*self.chosen.tokens, *self.rejected.tokens)

    @property
    def n_answer(self) -> int:
        """A step's loss is the mean over its pairs."""
        return 1


def dpo_loss(policy: torch.Tensor, reference: torch.Tensor, beta: float) -> torch.Tensor:
    """-log sigmoid(beta ((pc - rc) - (pr - rr))) (Rafailov et al. 2023, arXiv:2305.18290, eq. 7): (..., 2) -> (...).

    ``policy``, ``reference``: log-probabilities of the whole chosen and the whole rejected answer, nats.
    """
    gained = policy - reference
    return -logsigmoid(beta * (gained[..., 0] - gained[..., 1]))


@dataclass
class Policy:
    """An adapter under way."""

    base: Base
    model: Any
    is_packed: bool
    attention: str
    beta: float
    tokens_per_row: int

    def said(self, row: Sequence[Sides]) -> torch.Tensor:
        """Log-probabilities of the chosen and the rejected answers: (pairs, 2), nats."""
        return answer_log_probs(self.model, [side for one in row for side in (one.chosen, one.rejected)], self.is_packed).view(-1, 2)

    def row_loss(self, row: Sequence[Sides]) -> torch.Tensor:
        """Sum of the pairs' losses."""
        policy = self.said(row)
        return dpo_loss(policy, torch.tensor([one.reference for one in row], device=policy.device), self.beta).sum()

    @torch.no_grad()
    def measured(self, pairs: Sequence[Sides]) -> torch.Tensor:
        """The same as :meth:`said` of any number of pairs, on the CPU; none for none."""
        rows = rows_of(pairs, self.tokens_per_row)
        return torch.cat([torch.empty(0, 2), *(self._halved(row) for row in rows)])

    def _halved(self, row: Sequence[Sides]) -> torch.Tensor:
        """What the row's pairs say, in as many parts as memory asks for."""
        try:
            return self.said(row).cpu()
        except torch.OutOfMemoryError as error:
            if len(row) == 1:
                raise out_of_memory(self.tokens_per_row, len(row[0].tokens)) from error
        half = len(row) // 2
        return torch.cat([self._halved(row[:half]), self._halved(row[half:])])

    def as_it_was(self) -> Base:
        """The base without the adapter, with its own attention."""
        plain = self.model.unload()
        plain.set_attn_implementation(self.attention)
        return self.base._replace(model=plain)


def sides_of(base: Base, pairs: Sequence[PreferencePair], max_tokens: int) -> list[Sides]:
    """The pairs as tokens, in order of their ids; longer ones lose the beginning of their prompt."""
    limit = min(max_tokens, getattr(base.model.config, "max_position_embeddings", None) or max_tokens)
    chosen, rejected = (
        encode(base.tokenizer, [TrainExample(one.preference_id, one.question, getattr(one, side)) for one in pairs], limit)
        for side in ("chosen", "rejected")
    )
    return [Sides(one.pair_id, one, other) for one, other in zip(chosen, rejected, strict=True)]


def load_policy(base: Base, parent: Path, pairs: Sequence[Sides], train: TrainParams, beta: float) -> Policy:
    """The adapter in ``parent`` on ``base``, ready to be tuned, without dropout."""
    attention = base.model.config._attn_implementation  # noqa: SLF001  # there is no public reader
    is_packed = use_packing(base.model, [side for one in pairs for side in (one.chosen, one.rejected)])
    model: Any = PeftModel.from_pretrained(base.model, parent, is_trainable=True, autocast_adapter_dtype=False).eval()
    if train.gradient_checkpointing:
        model.enable_input_require_grads()
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.train()  # checkpointing is for that mode alone
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # the reference knows none
    return Policy(base, model, is_packed, attention, beta, train.tokens_per_row)


def with_reference(policy: Policy, pairs: Sequence[Sides]) -> list[Sides]:
    """The pairs with what ``policy`` says of them now."""
    said = policy.measured(pairs).tolist()
    return [replace(one, reference=(chosen, rejected)) for one, (chosen, rejected) in zip(pairs, said, strict=True)]
