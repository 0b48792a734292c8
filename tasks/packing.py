"""Examples -> rows of tokens without padding: several examples side by side in one row, each blind to the others.

A row is ``[1, T]`` with each example's own positions; attention runs over one example at a time. No token is a pad, and logits are
computed where an answer token is to be predicted alone: measured 2 to 4 times faster than padded batches.
"""

from __future__ import annotations

import inspect
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch
from torch.nn.functional import cross_entropy

from tasks.attention import PACKED_ATTENTION
from tasks.base_model import chat_prompt, inert
from tasks.fused_ops import summed_loss
from warehouse.keys import draw

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tasks.train_params import TrainExample

LEAK_TOLERANCE = 0.2
"""Packed logits may differ from those of an example alone by this share of what a row without bounds between examples would change."""

log = logging.getLogger(__name__)


class Taught(Protocol):
    """What a step is made of: an example, or a pair of answers."""

    @property
    def pair_id(self) -> str:
        """Named in errors, and drawn by."""

    @property
    def tokens(self) -> tuple[int, ...]:
        """All that goes through the model."""

    @property
    def n_answer(self) -> int:
        """What the step's loss is a mean over counts this often."""


Some = TypeVar("Some", bound=Taught)


@dataclass(frozen=True, slots=True)
class Encoded:
    """An example as tokens: the prompt's, then the answer's and the end token, which alone carry loss."""

    pair_id: str
    tokens: tuple[int, ...]
    n_prompt: int
    is_truncated: bool

    @property
    def n_answer(self) -> int:
        """Tokens with loss."""
        return len(self.tokens) - self.n_prompt


def encode(tokenizer: Any, examples: Iterable[TrainExample], max_tokens: int) -> list[Encoded]:
    """Chat prompt, answer and end token of each example, sorted by pair id; longer ones lose the beginning of their prompt."""
    encoded = []
    for example in sorted(examples, key=lambda one: one.pair_id):
        prompt = tokenizer(chat_prompt(tokenizer, example.question), add_special_tokens=False)["input_ids"]
        answer = tokenizer(inert(tokenizer, example.answer), add_special_tokens=False)["input_ids"]
        tokens = [*prompt, *answer, tokenizer.eos_token_id]
        n_cut = max(0, len(tokens) - max_tokens)
        # the first token of a row has nothing before it that could predict it
        n_prompt = max(1, len(prompt) - n_cut)
        encoded.append(Encoded(example.pair_id, tuple(tokens[n_cut:]), n_prompt, n_cut > 0))
    return encoded


def plan_epoch(examples: Sequence[Encoded], tokens_per_step: int, seed: int, epoch: int) -> list[list[Encoded]]:
    """The epoch's steps: examples shuffled by seed, epoch and pair id, cut into parts of nearly equal tokens. None for no examples."""
    shuffled = sorted(examples, key=lambda one: draw(seed, epoch, one.pair_id))
    total = sum(len(one.tokens) for one in shuffled)
    n_steps = min(len(shuffled), -(-total // tokens_per_step))
    steps: list[list[Encoded]] = [[] for _ in range(n_steps)]
    before = 0
    for one in shuffled:
        steps[(before + len(one.tokens) // 2) * n_steps // total].append(one)
        before += len(one.tokens)
    return [step for step in steps if step]


def rows_of(examples: Sequence[Some], tokens_per_row: int) -> list[list[Some]]:
    """``examples`` in order, cut into rows of at most ``tokens_per_row`` tokens; a longer example is a row of its own."""
    rows: list[list[Some]] = []
    room = 0
    for one in examples:
        if not rows or len(one.tokens) > room:
            rows.append([])
            room = tokens_per_row
        rows[-1].append(one)
        room -= len(one.tokens)
    return rows


def answer_loss(model: Any, row: Sequence[Encoded], is_packed: bool, is_fused: bool = False) -> torch.Tensor:
    """Sum of the losses of the row's answer tokens in nats, float32; ``model`` must be set up by :func:`use_packing` to pack.

    With ``is_fused`` the logits are made a few at a time and never kept: less memory, the same loss but for rounding.
    """
    if is_fused:
        hidden, labels = _packed_hidden(model, row)
        return summed_loss(hidden, model.get_output_embeddings().weight, labels)
    logits, labels = (_packed_logits if is_packed else _padded_logits)(model, row)
    return cross_entropy(logits.float(), labels, reduction="sum")


def answer_log_probs(model: Any, row: Sequence[Encoded], is_packed: bool) -> torch.Tensor:
    """Log-probability of each example's whole answer, the end token included: (n_examples,), nats, float32. See :func:`answer_loss`."""
    logits, labels = (_packed_logits if is_packed else _padded_logits)(model, row)
    said = -cross_entropy(logits.float(), labels, reduction="none")
    return torch.stack([part.sum() for part in torch.split(said, [one.n_answer for one in row])])


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as the model takes it, and where in it an answer token is predicted."""

    inputs: dict[str, Any]
    predicting: torch.Tensor
    labels: torch.Tensor


def _as_row(device: Any, row: Sequence[Encoded], segments: Sequence[int] | None = None) -> _Row:
    tokens = torch.tensor([token for one in row for token in one.tokens], device=device)
    positions = torch.cat([torch.arange(len(one.tokens)) for one in row]).to(device)
    starts = [sum(len(one.tokens) for one in row[:at]) for at in range(len(row))]
    spans = [torch.arange(at + one.n_prompt - 1, at + len(one.tokens) - 1) for at, one in zip(starts, row, strict=True)]
    predicting = torch.cat(spans).to(device)
    lengths = segments or [len(one.tokens) for one in row]
    inputs = {"input_ids": tokens[None], "position_ids": positions[None], "use_cache": False, "segments": lengths}
    return _Row(inputs, predicting, tokens[predicting + 1])


def _packed_logits(model: Any, row: Sequence[Encoded], segments: Sequence[int] | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    made = _as_row(model.device, row, segments)
    return model(**made.inputs, logits_to_keep=made.predicting).logits[0], made.labels


def _packed_hidden(model: Any, row: Sequence[Encoded]) -> tuple[torch.Tensor, torch.Tensor]:
    """What goes into the output layer where an answer token is predicted: (tokens, width)."""
    made = _as_row(model.device, row)
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    return whole.base_model(**made.inputs).last_hidden_state[0, made.predicting], made.labels


def _padded_logits(model: Any, row: Sequence[Encoded]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(len(one.tokens) for one in row)
    tokens = torch.tensor([[*one.tokens, *[0] * (longest - len(one.tokens))] for one in row], device=model.device)
    place = torch.arange(longest, device=model.device)[None]
    lengths = torch.tensor([[len(one.tokens)] for one in row], device=model.device)
    prompts = torch.tensor([[one.n_prompt] for one in row], device=model.device)
    logits = model(input_ids=tokens, attention_mask=(place < lengths).long(), use_cache=False).logits
    predicting = (place >= prompts - 1) & (place < lengths - 1)
    return logits[predicting], tokens[:, 1:][predicting[:, :-1]]


def use_packing(model: Any, examples: Sequence[Encoded]) -> bool:
    """Switch ``model`` to packed attention if it then says of an example what it says of it alone; else leave it as it was, and say so."""
    own = model.config._attn_implementation  # noqa: SLF001  # there is no public reader
    try:
        fault = _packing_fault(model, examples)
    except torch.OutOfMemoryError:
        raise
    except (ValueError, TypeError, KeyError, RuntimeError) as error:  # what models and kernels that cannot do this raise
        fault = str(error)
    if fault:
        log.warning("%s cannot be trained in packed rows (%s): padded batches are used, which is slower", type(model).__name__, fault)
        model.set_attn_implementation(own)
    return not fault


@torch.no_grad()
def _packing_fault(model: Any, examples: Sequence[Encoded]) -> str:
    """Why packing cannot be used; empty when it can. The shortest and the longest example are packed, and the latter's logits compared.

    How far a row without bounds between the two moves these logits is the scale of what rounding may do.
    """
    if "logits_to_keep" not in inspect.signature(model.forward).parameters:
        return "it takes no logits_to_keep"
    by_length = sorted(examples, key=lambda one: (len(one.tokens), one.pair_id))
    first, second = by_length[0], by_length[-1]
    alone, _ = _padded_logits(model, [second])
    model.set_attn_implementation(PACKED_ATTENTION)
    packed, _ = _packed_logits(model, [first, second])
    unbounded, _ = _packed_logits(model, [first, second], [len(first.tokens) + len(second.tokens)])
    error, leak = ((logits[-second.n_answer :] - alone).float().abs().max().item() for logits in (packed, unbounded))
    return "" if error <= LEAK_TOLERANCE * leak else f"packed logits are off by {error:.3g}, where a leak would give {leak:.3g}"
