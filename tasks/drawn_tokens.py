"""Scores of the next tokens -> the same with noise on them, so that greedy decoding draws: each row by a generator of its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor

SEEDS = 2**32
"""A generator on a CPU (Mersenne twister) goes by 32 bits of its seed."""


class DrawnTokens(LogitsProcessor):
    """Scores / temperature + Gumbel noise, whose greatest is a draw from their softmax (Maddison et al. 2014, arXiv:1411.0030).

    What one row draws does not depend on the rows beside it, nor on the process's own random numbers, which other threads use.
    """

    def __init__(self, temperature: float, seeds: Sequence[float], device: torch.device) -> None:
        """``seeds``: one in [0, 1) for each row."""
        self.temperature = temperature
        self.generators = [torch.Generator(device).manual_seed(int(seed * SEEDS)) for seed in seeds]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:  # noqa: ARG002  # the caller's form
        """Scores: (rows, vocabulary)."""
        noise = torch.empty_like(scores, dtype=torch.float32)
        for row, generator in zip(noise, self.generators, strict=True):
            row.exponential_(generator=generator)  # -log of an exponential is Gumbel's
        return scores.float() / self.temperature - noise.log()  # type: ignore[return-value]  # a FloatTensor is any tensor of floats
