"""Causal attention within each example of a packed row, in the kernel that is fastest where it runs; registered with transformers.

On a GPU in bfloat16 flash attention over all examples at once, elsewhere one example after another: written out where that is faster, else
torch's own. :data:`FUSED_ATTENTION` is the form that ``tasks/fuse.py`` uses, with its backward pass written out too.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

from tasks.fused_ops import attention

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKED_ATTENTION = "tunehouse_packed"
FUSED_ATTENTION = "tunehouse_fused"
LONGEST_WRITTEN_OUT = 512
"""Tokens of an example up to which attention on a CPU in bfloat16 is faster written out than torch's own."""
LONGEST_FUSED = 768
"""The same with the backward pass written out: at 1,024 tokens torch's own is as fast."""
WIDEST_FLASH = 256
HAS_FLASH = importlib.util.find_spec("torch.nn.attention.varlen") is not None


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,  # noqa: ARG001  # part of the interface; always None here
    scaling: float | None = None,
    dropout: float = 0.0,
    segments: Sequence[int] = (),
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each of ``segments`` (lengths that add up to T). query: (1, heads, T, d); returns (1, T, heads, d)."""
    window = others.get("sliding_window")
    if others.get("softcap") is not None or others.get("s_aux") is not None or (window and max(segments) > window):
        raise ValueError(f"{type(module).__name__} needs more than plain causal attention")
    scale = scaling or query.shape[-1] ** -0.5
    if not dropout and _is_flash(query):
        return _flash(query, key, value, segments, scale), None
    pieces = [
        _written_out(q, k, v, scale, dropout)
        if _is_faster_written_out(q)
        else scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True, scale=scale, enable_gqa=True)
        for q, k, v in zip(*(torch.split(part, list(segments), 2) for part in (query, key, value)), strict=True)
    ]
    return torch.cat(pieces, dim=2).transpose(1, 2).contiguous(), None


def fused_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    segments: Sequence[int] = (),
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """As :func:`packed_attention`, where that would write attention out, with fewer passes; else the same."""
    is_on_cpu = query.device.type == "cpu" and query.dtype == torch.bfloat16
    is_plain = not dropout and all(others.get(name) is None for name in ("sliding_window", "softcap", "s_aux"))
    if not (is_on_cpu and is_plain and max(segments) <= LONGEST_FUSED):
        return packed_attention(module, query, key, value, attention_mask, scaling, dropout, segments, **others)
    return attention(query, key, value, segments, scaling or query.shape[-1] ** -0.5), None


def _is_flash(query: torch.Tensor) -> bool:
    if not (HAS_FLASH and query.is_cuda and query.dtype in (torch.bfloat16, torch.float16)):
        return False
    return query.shape[-1] <= WIDEST_FLASH and query.shape[-1] % 8 == 0 and torch.cuda.get_device_capability(query.device) >= (8, 0)


def _flash(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, segments: Sequence[int], scale: float) -> torch.Tensor:
    """Flash attention over all segments in one kernel (Dao 2023, arXiv:2307.08691)."""
    from torch.nn.attention.varlen import varlen_attn  # noqa: PLC0415  # torch 2.9 may lack it

    ends = torch.tensor([0, *segments], dtype=torch.int32).cumsum(0, dtype=torch.int32).to(query.device, non_blocking=True)
    q, k, v = (part[0].transpose(0, 1).contiguous() for part in (query, key, value))
    is_grouped = query.shape[1] != key.shape[1]
    causal, longest = (-1, 0), max(segments)
    out: Any = varlen_attn(q, k, v, ends, ends, longest, longest, scale=scale, window_size=causal, enable_gqa=is_grouped)
    heads: torch.Tensor = out[None]
    return heads


def _is_faster_written_out(query: torch.Tensor) -> bool:
    # torch's own attention takes up to 1.9 times as long here, most of it in the backward pass; in float32, or on a GPU, it does not
    return query.device.type == "cpu" and query.dtype == torch.bfloat16 and query.shape[2] <= LONGEST_WRITTEN_OUT


def _written_out(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float, dropout: float) -> torch.Tensor:
    """Causal attention softmax(QK' scale) V with the softmax in float32; key and value heads shared by groups of query heads."""
    n_groups, n = query.shape[1] // key.shape[1], query.shape[2]
    key, value = (part.repeat_interleave(n_groups, 1) if n_groups > 1 else part for part in (key, value))
    ahead = torch.ones(n, n, dtype=torch.bool).triu(1)
    scores = (query @ key.transpose(-1, -2)).float() * scale
    weights = scores.masked_fill(ahead, float("-inf")).softmax(-1).to(query.dtype)
    return torch.dropout(weights, dropout, train=dropout > 0) @ value


for _name, _attend in ((PACKED_ATTENTION, packed_attention), (FUSED_ATTENTION, fused_attention)):
    AttentionInterface.register(_name, _attend)
    AttentionMaskInterface.register(_name, lambda *_, **__: None)
