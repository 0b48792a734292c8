"""Rows of tokens -> adapter weights: AdamW in float32 over LoRA weights held in the base's number format, step by step, resumable.

On a CPU the same examples, settings and number of threads give the same bits, whether or not the training was interrupted.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from tasks import checkpoint
from tasks.packing import answer_loss, rows_of
from warehouse.errors import TunehouseError
from warehouse.keys import key
from warehouse.tables import TrainingStep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tasks.packing import Encoded
    from tasks.train_params import TrainParams

N_HALVINGS = 3
BEST_RATE, BEST_RATE_WIDTH, RATE_POWER = 4e-3, 256, 0.75
N_IDS_NAMED = 10

Stop = Literal["epochs", "max_seconds", "max_steps"]

log = logging.getLogger(__name__)


def peak_rate(params: TrainParams, hidden_size: int) -> float:
    """``train.learning_rate``, or what suits the base's width: the best of four rates measured on a base of hidden size 256.

    Wider models are extrapolated, by the width to the power -3/4: 8e-4 at 2048 and 5e-4 at 4096, where LoRA rates usually lie.
    """
    return params.learning_rate or BEST_RATE * (BEST_RATE_WIDTH / hidden_size) ** RATE_POWER


def learning_rate(params: TrainParams, peak: float, step: int, n_steps: int) -> float:
    """Of 1-based ``step``: a linear warm-up, then cosine (Loshchilov & Hutter 2017, arXiv:1608.03983), linear or no fall to zero."""
    n_warmup = math.ceil(params.warmup_share * n_steps)
    if step <= n_warmup:
        return peak * step / n_warmup
    done = (step - n_warmup - 1) / max(1, n_steps - n_warmup)
    factor = {"cosine": (1 + math.cos(math.pi * done)) / 2, "linear": 1 - done, "constant": 1.0}[params.schedule]
    return peak * factor


class Weights:
    """The adapter's weights as one float32 vector that AdamW works on; the model holds them rounded to its own format.

    Small updates add up in float32 that would be lost in bfloat16, at bfloat16's speed.
    """

    def __init__(self, parameters: Sequence[torch.nn.Parameter], params: TrainParams) -> None:
        self.parameters = list(parameters)
        self.master = parameters_to_vector(self.parameters).detach().float().clone()
        self.gradient = torch.zeros_like(self.master)
        self.optimizer = torch.optim.AdamW([self.master], betas=params.adam_betas, weight_decay=params.weight_decay)
        self.max_norm = params.max_gradient_norm
        self.write()  # as after every step: where the weights lie in memory may decide the last bits of a product

    def add_gradient(self) -> None:
        """Add the parameters' gradients to the step's, and clear them; a parameter that took no part has none."""
        parts = [(torch.zeros_like(one) if one.grad is None else one.grad).flatten() for one in self.parameters]
        self.gradient += torch.cat(parts)
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
        self.write()
        self.gradient.zero_()

    def write(self) -> None:
        """Give the model the weights."""
        vector_to_parameters(self.master.to(self.parameters[0].dtype), self.parameters)

    def tensors(self) -> dict[str, dict[str, torch.Tensor]]:
        """What a checkpoint keeps."""
        moments = {name: value.cpu() for name, value in self.optimizer.state[self.master].items()}
        return {"adapter": {"weights": self.master.cpu()}, "optimizer": moments}

    def restore(self, tensors: dict[str, dict[str, torch.Tensor]]) -> None:
        """Go on from what :meth:`tensors` gave."""
        device = self.master.device
        self.master.copy_(tensors["adapter"]["weights"])
        # AdamW keeps its step count on the CPU
        moments = {name: value if name == "step" else value.to(device) for name, value in tensors["optimizer"].items()}
        self.optimizer.state[self.master] = moments
        self.write()


@dataclass
class Training:
    """A training under way. ``plan``: the steps' examples, ``plan_ends_by`` why there are no more; ``steps``: the rows of those done."""

    model: Any
    is_packed: bool
    weights: Weights
    plan: Sequence[Sequence[Encoded]]
    plan_ends_by: Stop
    n_steps_planned: int
    params: TrainParams
    peak_rate: float
    adapter_id: str
    folder: Path
    fingerprint: str
    on_step: Callable[[int, int, float], None]
    steps: list[TrainingStep] = field(default_factory=list)
    n_resumes: int = 0
    n_halvings: int = 0
    _random: dict[str, torch.Tensor] = field(default_factory=dict)
    _saved_at: float = 0.0

    @property
    def seconds(self) -> float:
        """Time in steps so far."""
        return sum(row.step_seconds for row in self.steps)

    def run(self) -> Stop:
        """Take the steps that are left. Returns why it ended; a checkpoint then stands, so that asking again costs nothing.

        Raises:
            TunehouseError: a loss or gradient is not finite, or memory does not suffice.
        """
        self._resume()
        self._random, self._saved_at = _random_state(), time.monotonic()
        n_before = len(self.steps)
        try:
            while len(self.steps) < len(self.plan) and not self._is_time_up():
                self._step(self.plan[len(self.steps)])
        except (KeyboardInterrupt, SystemExit):
            # only between optimizer updates is the state whole
            if self._is_whole():
                self.save()
            raise
        finally:
            self.weights.clear()
        if len(self.steps) > n_before:
            self.save()
        return self.plan_ends_by if len(self.steps) == len(self.plan) else "max_seconds"

    def save(self) -> None:
        """Write a checkpoint of the last whole step."""
        state = {"steps": [asdict(row) for row in self.steps], "n_resumes": self.n_resumes}
        tensors = {**self.weights.tensors(), "random": self._random}
        checkpoint.save(self.folder, checkpoint.Checkpoint(len(self.steps), tensors, state), self.fingerprint)
        self._saved_at = time.monotonic()

    def _resume(self) -> None:
        found = checkpoint.load_newest(self.folder, self.fingerprint)
        if found is None:
            return
        self.weights.restore({stem: dict(tensors) for stem, tensors in found.tensors.items()})
        _set_random_state(found.tensors["random"])
        self.steps = [TrainingStep(**row) for row in found.state["steps"]]
        self.n_resumes = found.state["n_resumes"] + 1
        log.info("training goes on after step %d of %d", found.step, len(self.plan))

    def _step(self, examples: Sequence[Encoded]) -> None:
        started = time.monotonic()
        number = len(self.steps) + 1
        n_answer = sum(one.n_answer for one in examples)
        loss = self._gradients(examples) / n_answer
        self.weights.gradient /= n_answer
        norm = self.weights.gradient_norm()
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise _not_finite(number, loss, norm, examples)
        rate = learning_rate(self.params, self.peak_rate, number, len(self.plan))
        self.weights.step(rate, norm)
        n_tokens = sum(len(one.tokens) for one in examples)
        seconds = time.monotonic() - started
        self._random = _random_state()
        self.steps.append(TrainingStep(key(self.adapter_id, number), self.adapter_id, number, loss, rate, norm, n_tokens, seconds))
        self._save_if_due()
        self.on_step(number, len(self.plan), loss)

    def _gradients(self, examples: Sequence[Encoded]) -> float:
        """Backward passes over the step's rows; returns the sum of the answer tokens' losses. Out of memory: again in rows half as long."""
        longest = max(len(one.tokens) for one in examples)
        while True:
            n_tokens = max(1, self.params.tokens_per_row >> self.n_halvings)
            try:
                total = 0.0
                for row in rows_of(examples, n_tokens):
                    loss = answer_loss(self.model, row, self.is_packed)
                    torch.autograd.backward(loss)
                    self.weights.add_gradient()
                    total += loss.item()
            except torch.OutOfMemoryError as error:
                self.weights.clear()
                self.weights.gradient.zero_()
                if self.n_halvings == N_HALVINGS or n_tokens <= longest // 2:
                    raise _out_of_memory(n_tokens, longest) from error
                self.n_halvings += 1
                log.warning("out of memory with rows of %d tokens: going on with half as many", n_tokens)
            else:
                return total

    def _save_if_due(self) -> None:
        every = self.params.checkpoint_steps
        is_time = time.monotonic() - self._saved_at >= self.params.checkpoint_seconds
        if is_time or (every and len(self.steps) % every == 0):
            self.save()

    def _is_time_up(self) -> bool:
        return self.params.max_seconds is not None and self.seconds >= self.params.max_seconds

    def _is_whole(self) -> bool:
        state = self.weights.optimizer.state.get(self.weights.master)
        return state is not None and int(state["step"]) == len(self.steps)


def _random_state() -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _set_random_state(state: Any) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def _not_finite(number: int, loss: float, norm: float, examples: Sequence[Encoded]) -> TunehouseError:
    ids = [one.pair_id for one in examples]
    more = f" and {len(ids) - N_IDS_NAMED} more" if len(ids) > N_IDS_NAMED else ""
    return TunehouseError(
        f"training stopped: step {number} has loss {loss} and gradient norm {norm}",
        where=f"pairs {', '.join(ids[:N_IDS_NAMED])}{more}",
        mend="lower train.learning_rate, or look at these pairs; the base model's weights may also be damaged",
    )


def _out_of_memory(n_tokens: int, longest: int) -> TunehouseError:
    return TunehouseError(
        f"training ran out of memory with rows of {n_tokens} tokens; the longest pair of the step has {longest}",
        where="train.tokens_per_row, train.max_tokens",
        mend="lower both, set train.gradient_checkpointing, or use a smaller base model",
    )
