"""Processes that train together -> who takes which examples of a step, and the sums over all: each holds the whole model.

One process, without any setting, is a crew of its own. ``torchrun --nproc-per-node N -m tasks.train ...`` starts several.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.packing import Some


@dataclass(frozen=True, slots=True)
class Crew:
    """This process's place among ``size`` processes."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """True for the process that writes files and rows."""
        return self.rank == 0

    def share(self, examples: Sequence[Some]) -> list[Some]:
        """This process's part of a step's examples, about as many tokens as the others'; all of them for one process."""
        if self.size == 1:
            return list(examples)
        loads, mine = [0] * self.size, []
        for one in sorted(examples, key=lambda one: (-len(one.tokens), one.pair_id)):
            taker = loads.index(min(loads))
            loads[taker] += len(one.tokens)
            mine += [one] if taker == self.rank else []
        return mine

    def add_up(self, tensor: torch.Tensor) -> None:
        """Put the sum over all processes into every one's ``tensor``."""
        if self.size > 1:
            distributed.all_reduce(tensor)

    def total(self, value: float) -> float:
        """The sum of a number over all processes."""
        if self.size == 1:
            return value
        summed = torch.tensor(value, dtype=torch.float64, device=_device())
        distributed.all_reduce(summed)
        return summed.item()

    def any(self, is_so: bool) -> bool:
        """True where it is so in some process."""
        return is_so if self.size == 1 else self.total(float(is_so)) > 0

    def gather(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Every process's tensors, each name followed by the rank but for the first's."""
        if self.size == 1:
            return state
        states: list[Any] = [None] * self.size
        distributed.all_gather_object(states, state)
        return {f"{name}{rank or ''}": value for rank, one in enumerate(states) for name, value in one.items()}

    def own(self, gathered: Any, name: str) -> torch.Tensor | None:
        """This process's tensor among what :meth:`gather` gave."""
        found: torch.Tensor | None = gathered.get(f"{name}{self.rank or ''}")
        return found


def crew() -> Crew:
    """The crew that this process is one of."""
    if distributed.is_available() and distributed.is_initialized():
        return Crew(distributed.get_rank(), distributed.get_world_size())
    return Crew()


def join() -> Crew:
    """Meet the other processes that ``torchrun`` started: over NCCL on GPUs, one each, over gloo on CPUs."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return crew()


def leave() -> None:
    """Part from the other processes."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
