"""A base model's configuration and the training settings -> memory and time foreseen, before anything is paid; refused where it cannot do.

Counts are exact: the model is built without its weights. Activations are those of a plain decoder, and the time is what half of this
machine's measured rate for products of matrices would take, so both are estimates.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM

from tasks.base_model import load_config, preflight, require_4bit
from tasks.train_methods import prepare
from warehouse.errors import MissingPrerequisite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.packing import Encoded
    from tasks.train_params import TrainParams

USUAL_SHARE = 0.5
"""Share of the measured matmul rate that a training step reaches, about."""
KEPT_A_LAYER, KEPT_A_UNIT = 14, 4
"""Numbers kept for the backward pass for each token and layer: so many times the hidden size, and so many times the gated unit's."""
PROBE_WIDTH, PROBE_SECONDS = 1024, 0.1
BYTES = {"bfloat16": 2, "float32": 4}
MEMINFO = Path("/proc/meminfo")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a training needs. FLOP are useful ones, forward and backward; ``flop_per_token`` is without attention and output layer."""

    n_parameters: int
    n_trained: int
    weight_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int
    flop_per_token: float
    flop_per_token_seen: float
    flop_per_answer_token: float
    matmul_flops: float

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.weight_bytes + self.gradient_bytes + self.optimizer_bytes + self.activation_bytes

    def flop(self, plan: Sequence[Sequence[Encoded]]) -> float:
        """Of the steps of ``plan``: a token attends to half of its example."""
        examples = [one for step in plan for one in step]
        n_tokens = sum(len(one.tokens) for one in examples)
        n_seen = sum(len(one.tokens) ** 2 / 2 for one in examples)
        n_answer = sum(one.n_answer for one in examples)
        return n_tokens * self.flop_per_token + n_seen * self.flop_per_token_seen + n_answer * self.flop_per_answer_token

    def seconds(self, flop: float) -> float:
        """Time for so many operations."""
        return flop / (USUAL_SHARE * self.matmul_flops)

    def __str__(self) -> str:
        """One line for people."""
        gib, mega = 2**30, 1e6
        parts = {"weights": self.weight_bytes, "gradients": self.gradient_bytes, "optimizer": self.optimizer_bytes}
        named = ", ".join(f"{name} {value / gib:.2f}" for name, value in {**parts, "activations": self.activation_bytes}.items())
        a_thousand = self.seconds(1000 * (self.flop_per_token + self.flop_per_answer_token))
        return (
            f"{self.n_parameters / mega:.1f} M parameters, {self.n_trained / mega:.1f} M trained; {self.bytes / gib:.2f} GiB ({named}); "
            f"about {a_thousand:.2g} s for 1,000 tokens at {self.matmul_flops / 1e9:.0f} GFLOP/s"
        )


def preflight_training(params: TrainParams) -> Estimate:
    """Check the base and whether it can be trained here; say what it will need. A hub model is fetched here.

    Raises:
        MissingPrerequisite: the base is not whole, 4 bits cannot be had, or weights, gradients and optimizer alone exceed the memory.
        ConfigError: the base has no such ``target_modules``.
    """
    preflight(params.base_model)
    if params.quantize == "4bit":
        require_4bit()
    foreseen = estimate(params)
    refuse_too_large(foreseen, params)
    return foreseen


def refuse_too_large(foreseen: Estimate, params: TrainParams) -> None:
    """Say what a training will need, and refuse what cannot fit.

    Raises:
        MissingPrerequisite: weights, gradients and optimizer alone exceed the memory.
    """
    log.info("training %s: %s", params.base_model, foreseen)
    available = available_bytes()
    least = foreseen.bytes - foreseen.activation_bytes
    if available is not None and least > available:
        raise MissingPrerequisite(
            f"training needs {least / 2**30:.1f} GiB for weights, gradients and optimizer, and {available / 2**30:.1f} GiB are free",
            where=f"train.base_model {params.base_model}, train.method {params.method}",
            mend="use a smaller base, train.method lora, train.quantize 4bit on a GPU, or a machine with more memory",
        )
    if available is not None and foreseen.bytes > available:
        log.warning("training may need %.1f GiB, and %.1f are free: rows are halved if it does", foreseen.bytes / 2**30, available / 2**30)


def estimate(params: TrainParams) -> Estimate:
    """What training with these settings needs; nothing is loaded.

    Raises:
        MissingPrerequisite: the base has no configuration that can be read.
        ConfigError: the base has no such ``target_modules``.
    """
    config = load_config(params.base_model)
    with torch.device("meta"):
        make: Any = AutoModelForCausalLM.from_config
        model = make(config, dtype=getattr(torch, params.dtype), trust_remote_code=False)
        n_parameters = sum(one.numel() for one in model.parameters())
        head = model.get_output_embeddings()
        n_head = head.weight.numel() if head is not None else 0
        n_linear = sum(one.weight.numel() for one in model.modules() if one is not head and _is_linear(one))
        trained = prepare(model, replace(params, gradient_checkpointing=False))
        n_trained = sum(one.numel() for one in trained.parameters() if one.requires_grad)
    is_full = params.method == "full"
    wide, text = BYTES[params.dtype], config.get_text_config()
    n_layers, width = text.num_hidden_layers, text.hidden_size
    kept = (
        width * 2 if params.gradient_checkpointing else KEPT_A_LAYER * width + KEPT_A_UNIT * getattr(text, "intermediate_size", 4 * width)
    )
    n_tokens = min(params.tokens_per_row, params.tokens_per_step)
    weights = n_parameters * wide if params.quantize == "none" else n_parameters // 2 + n_head * wide
    return Estimate(
        n_parameters=n_parameters,
        n_trained=n_trained,
        weight_bytes=weights + (0 if is_full else n_trained * wide),
        gradient_bytes=n_trained * (wide + 4),
        optimizer_bytes=n_trained * 12,
        activation_bytes=n_tokens * n_layers * kept * wide,
        flop_per_token=(6.0 if is_full else 4.0) * n_linear + (0.0 if is_full else 6.0 * n_trained),
        flop_per_token_seen=12.0 * width * n_layers,
        flop_per_answer_token=(6.0 if is_full else 4.0) * n_head,
        matmul_flops=matmul_rate(params.dtype),
    )


def _is_linear(module: torch.nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return isinstance(weight, torch.Tensor) and weight.ndim > 1 and not isinstance(module, torch.nn.Embedding)


def matmul_rate(dtype: str) -> float:
    """Operations a second of a product of two square matrices as a linear layer makes it, the best of several tries."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    one = torch.ones(PROBE_WIDTH, PROBE_WIDTH, dtype=getattr(torch, dtype), device=device)
    best, ends = math.inf, time.perf_counter() + PROBE_SECONDS
    while best == math.inf or time.perf_counter() < ends:
        started = time.perf_counter()
        torch.nn.functional.linear(one, one).sum().item()
        best = min(best, time.perf_counter() - started)
    return 2.0 * PROBE_WIDTH**3 / best


def available_bytes() -> int | None:
    """Free memory of the GPU, or of the machine where there is none; None where it cannot be told."""
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    if not MEMINFO.is_file():
        return None
    line = next((line for line in MEMINFO.read_text().splitlines() if line.startswith("MemAvailable:")), None)
    return int(line.split()[1]) * 1024 if line else None
