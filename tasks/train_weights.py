"""Parameters of a model -> one float32 vector that AdamW works on; the model holds them rounded to its own format.

Small updates add up in float32 that would be lost in bfloat16, at bfloat16's speed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.train_params import TrainParams


class Weights:
    """What is trained, its gradient and its optimizer."""

    def __init__(self, parameters: Sequence[torch.nn.Parameter], params: TrainParams) -> None:
        self.parameters = list(parameters)
        self.master = parameters_to_vector(self.parameters).detach().float().clone()
        self.gradient = torch.zeros_like(self.master)
        is_fused = self.master.is_cuda or params.method == "full"  # one pass over what is large, or far away
        self.optimizer = torch.optim.AdamW([self.master], betas=params.adam_betas, weight_decay=params.weight_decay, fused=is_fused or None)
        self.max_norm = params.max_gradient_norm
        self.write()  # as after every step: where the weights lie in memory may decide the last bits of a product

    def add_gradient(self) -> None:
        """Add the parameters' gradients to the step's, and clear them; a parameter that took no part has none."""
        for one, part in zip(self.parameters, torch.split(self.gradient, [one.numel() for one in self.parameters]), strict=True):
            if one.grad is not None:
                part.add_(one.grad.flatten())
        self.clear()

    def clear(self) -> None:
        """Forget the parameters' gradients."""
        for one in self.parameters:
            one.grad = None

    def gradient_norm(self) -> float:
        """Length of the step's gradient."""
        return float(self.gradient.norm())

    def step(self, rate: float, norm: float) -> None:
        """One AdamW update with the gradient, scaled down to ``max_norm`` if it is longer."""
        self.optimizer.param_groups[0]["lr"] = rate
        self.master.grad = self.gradient * min(1.0, self.max_norm / norm) if norm else self.gradient
        self.optimizer.step()
        self.master.grad = None
        self.write()
        self.gradient.zero_()

    def write(self) -> None:
        """Give the model the weights."""
        vector_to_parameters(self.master.to(self.parameters[0].dtype), self.parameters)

    def n_updates(self) -> int:
        """Updates made so far, those before a checkpoint included."""
        state = self.optimizer.state.get(self.master)
        return int(state["step"]) if state else 0

    def tensors(self) -> dict[str, dict[str, torch.Tensor]]:
        """What a checkpoint keeps."""
        moments = {name: value.cpu() for name, value in self.optimizer.state[self.master].items()}
        return {"adapter": {"weights": self.master.cpu()}, "optimizer": moments}

    def restore(self, tensors: Mapping[str, Mapping[str, torch.Tensor]]) -> None:
        """Go on from what :meth:`tensors` gave."""
        device = self.master.device
        self.take(tensors["adapter"]["weights"])
        is_counted_there = self.optimizer.param_groups[0]["fused"]  # a fused AdamW keeps its step count where the weights are
        moments = {
            name: value if name == "step" and not is_counted_there else value.to(device) for name, value in tensors["optimizer"].items()
        }
        self.optimizer.state[self.master] = moments

    def take(self, master: torch.Tensor) -> None:
        """Have other weights, as float32 in one vector."""
        self.master.copy_(master)
        self.write()
