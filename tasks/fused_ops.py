"""The slow parts of a training step -> the same values and gradients in fewer passes over memory; ``tasks/fuse.py`` puts them to use.

Each has its backward pass written out, so that no sum is written where it could be added in place and nothing is kept that is not needed.
"""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.autograd import Function
from torch.nn.functional import linear, log_softmax, silu

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS_AT_ONCE = 128
"""Rows of logits computed together: with 50,000 words 128 rows in float32 stay in the cache."""


def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, segments: Sequence[int], scale: float) -> torch.Tensor:
    """Causal softmax(QK' scale) V within segments of a row; the query heads of a group go through one product with their key head.

    query (1, heads, T, d), key and value (1, groups, T, d) -> (1, T, heads, d).
    """
    return _call(_Attention, query, key, value, segments, scale)


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """Root-mean-square norm (Zhang & Sennrich 2019, arXiv:1910.07467): x / sqrt(mean(x^2) + eps) in float32, times the weight."""
    return _call(_RmsNorm, x, weight, eps)


def swiglu(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """silu(gate) * up (Shazeer 2020, arXiv:2002.05202), keeping gate and up alone."""
    return _call(_SwiGlu, gate, up)


def summed_loss(hidden: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Sum of -log p(label) in nats, float32, with the logits ``hidden @ weight.T`` made a few rows at a time and never kept.

    hidden (n, width), weight (words, width), labels (n).
    """
    return _call(_SummedLoss, hidden, weight, labels)


def lora_linears(x: torch.Tensor, layers: Sequence[LoraLayer]) -> list[torch.Tensor]:
    """Linear layers of one input with their LoRA updates, x -> Wx + s BAx each (Hu et al. 2021, arXiv:2106.09685).

    The layers' A go through one product, and every sum is added within a product. Against W + sBA computed once a step this is 7 % slower
    (4 % of a step), but it rounds nothing into W and needs no second copy of it. x (..., d_in) -> (..., d_out) each.
    """
    scales = tuple(layer.scale for layer in layers)
    columns = zip(*((layer.weight, layer.bias, layer.down, layer.up) for layer in layers), strict=True)
    return list(_call(_LoraLinears, x, scales, len(layers), *itertools.chain(*columns)))


class LoraLayer(NamedTuple):
    """W (d_out, d_in) and its bias, which stand still; A (r, d_in) and B (d_out, r), which are trained; s."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    down: torch.Tensor
    up: torch.Tensor
    scale: float


def _call(function: type[Function], *inputs: Any) -> torch.Tensor:
    apply: Any = function.apply
    out: torch.Tensor = apply(*inputs)
    return out


class _Attention(Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> torch.Tensor:
        query, key, value, segments, scale = inputs
        _, n_heads, n_tokens, width = query.shape
        n_groups = key.shape[1]
        out = query.new_empty(n_tokens, n_groups, n_heads // n_groups, width)
        ahead, n_stacked, kept = _ahead(max(segments), query.dtype), n_heads // n_groups, []
        for start, n in _starts(segments):
            q = _stacked(query, start, n, n_groups)
            k, v = (part[0, :, start : start + n] for part in (key, value))
            weights = torch.baddbmm(ahead[:n, :n].repeat(n_stacked, 1), q, k.transpose(1, 2), alpha=scale).softmax(-1)
            kept.append(weights)
            out[start : start + n] = torch.bmm(weights, v).view(n_groups, -1, n, width).permute(2, 0, 1, 3)
        ctx.save_for_backward(query, key, value, *kept)
        ctx.segments, ctx.scale = segments, scale
        heads: torch.Tensor = out.view(1, n_tokens, n_heads, width)
        return heads

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        query, key, value, *kept = ctx.saved_tensors
        (d_out,) = gradients
        n_groups = key.shape[1]
        d_out = d_out.transpose(1, 2)
        d_query, d_key, d_value = (torch.empty(part.shape, dtype=part.dtype) for part in (query, key, value))
        for (start, n), weights in zip(_starts(ctx.segments), kept, strict=True):
            span = slice(start, start + n)
            q, d_o = (_stacked(part, start, n, n_groups) for part in (query, d_out))
            k, v = key[0, :, span], value[0, :, span]
            d_value[0, :, span] = torch.bmm(weights.transpose(1, 2), d_o)
            d_weights = torch.bmm(d_o, v.transpose(1, 2))
            d_scores = torch.ops.aten._softmax_backward_data(d_weights, weights, -1, weights.dtype).mul_(ctx.scale)  # noqa: SLF001  # no public name
            d_query[0, :, span] = torch.bmm(d_scores, k).view(-1, n, query.shape[-1])
            d_key[0, :, span] = torch.bmm(d_scores.transpose(1, 2), q)
        return d_query, d_key, d_value, None, None


def _starts(segments: Sequence[int]) -> list[tuple[int, int]]:
    return [(sum(segments[:at]), n) for at, n in enumerate(segments)]


def _stacked(part: torch.Tensor, start: int, n: int, n_groups: int) -> torch.Tensor:
    """(1, heads, T, d) -> (groups, heads of a group x n, d)."""
    piece = part[0, :, start : start + n]
    return piece.reshape(n_groups, -1, part.shape[-1])


@functools.lru_cache(maxsize=2)
def _ahead(longest: int, dtype: torch.dtype) -> torch.Tensor:
    """-inf where a token would see a later one: (longest, longest)."""
    return torch.full((longest, longest), float("-inf"), dtype=dtype).triu(1)


class _RmsNorm(Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> torch.Tensor:
        x, weight, eps = inputs
        wide = x.float()
        scale = torch.linalg.vecdot(wide, wide).div_(x.shape[-1]).add_(eps).rsqrt_()[..., None]
        ctx.save_for_backward(x, weight, scale)
        normed = wide.mul_(scale) if wide is not x else wide * scale
        out: torch.Tensor = normed.to(x.dtype) * weight
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        x, weight, scale = ctx.saved_tensors
        (d_out,) = gradients
        normed = x.float() * scale
        d_weight = (d_out * normed.to(x.dtype)).flatten(0, -2).sum(0) if ctx.needs_input_grad[1] else None
        wide = d_out.float().mul_(weight) if d_out.dtype != torch.float32 else d_out * weight
        along = torch.linalg.vecdot(wide, normed).div_(x.shape[-1])[..., None]
        return wide.addcmul_(normed, along, value=-1).mul_(scale).to(x.dtype), d_weight, None


class _SwiGlu(Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> torch.Tensor:
        gate, up = inputs
        ctx.save_for_backward(gate, up)
        return silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        gate, up = ctx.saved_tensors
        (d_out,) = gradients
        return torch.ops.aten.silu_backward(d_out * up, gate), silu(gate).mul_(d_out)


class _SummedLoss(Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> torch.Tensor:
        hidden, weight, labels = inputs
        is_learning = any(ctx.needs_input_grad)
        d_hidden = torch.empty_like(hidden)
        d_weight = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        total: torch.Tensor = hidden.new_zeros((), dtype=torch.float32)
        for start in range(0, len(hidden), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            labelled = labels[rows, None]
            says = log_softmax(hidden[rows] @ weight.T, -1, dtype=torch.float32)
            total -= says.gather(1, labelled).sum()
            if not is_learning:
                continue
            d_logits = says.exp_().scatter_add_(1, labelled, says.new_full(labelled.shape, -1.0)).to(hidden.dtype)
            torch.mm(d_logits, weight, out=d_hidden[rows])
            if d_weight is not None:
                d_weight.addmm_(d_logits.T, hidden[rows])
        ctx.save_for_backward(d_hidden, d_weight)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        d_hidden, d_weight = ctx.saved_tensors
        (d_total,) = gradients
        return d_hidden * d_total, None if d_weight is None else d_weight * d_total, None


class _LoraLinears(Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[torch.Tensor, ...]:
        x, scales, n, *layers = inputs
        weights, biases, downs, ups = (layers[at * n : at * n + n] for at in range(4))
        flat = x.reshape(-1, x.shape[-1])
        down = downs[0] if n == 1 else torch.cat(downs)
        low = linear(flat, down)
        ranks = [one.shape[0] for one in downs]
        outs = [
            linear(flat, weight, bias).addmm_(part, up.T, alpha=scale)
            for weight, bias, part, up, scale in zip(weights, biases, torch.split(low, ranks, 1), ups, scales, strict=True)
        ]
        ctx.save_for_backward(flat, low, down, *weights, *ups)
        ctx.scales, ctx.ranks, ctx.shape = scales, ranks, x.shape
        return tuple(out.view(*x.shape[:-1], -1) for out in outs)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        n = len(gradients)
        flat, low, down, *layers = ctx.saved_tensors
        weights, ups = layers[:n], layers[n:]
        d_low = torch.empty_like(low)
        d_flat, d_ups = torch.empty(0), []
        ends = zip(torch.split(low, ctx.ranks, 1), torch.split(d_low, ctx.ranks, 1), strict=True)
        for gradient, weight, up, scale, (part, d_part) in zip(gradients, weights, ups, ctx.scales, ends, strict=True):
            d_out = gradient.reshape(flat.shape[0], -1)
            d_flat = d_flat.addmm_(d_out, weight) if d_flat.numel() else d_out @ weight
            torch.mul(d_out @ up, scale, out=d_part)
            d_ups.append((d_out.T @ part).mul_(scale))
        d_down = d_low.T @ flat
        d_x = torch.addmm(d_flat, d_low, down).view(ctx.shape) if ctx.needs_input_grad[0] else None
        return d_x, None, None, *[None] * (2 * n), *torch.split(d_down, ctx.ranks), *d_ups
