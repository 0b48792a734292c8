"""Rows of tokens -> trained weights, step by step, resumable; the loss of a row is given, so that others can be trained on.

On a CPU the same examples, settings and number of threads give the same bits, whether or not the training was interrupted.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Literal

import torch

from tasks import checkpoint, stopping
from tasks.packing import Some, rows_of
from tasks.train_crew import Crew
from warehouse.errors import TunehouseError
from warehouse.keys import key
from warehouse.tables import TrainingStep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tasks.packing import Taught
    from tasks.train_params import TrainParams
    from tasks.train_weights import Weights

N_HALVINGS = 3
BEST_RATE, BEST_RATE_WIDTH, RATE_POWER = 4e-3, 256, 0.75
FULL_RATE_SHARE = 0.1
N_IDS_NAMED = 10

Stop = Literal["epochs", "max_seconds", "max_steps", "patience"]

log = logging.getLogger(__name__)


def peak_rate(params: TrainParams, hidden_size: int) -> float:
    """``train.learning_rate``, or what suits the base's width: the best of four rates measured on a base of hidden size 256.

    Wider models are extrapolated, by the width to the power -3/4: 8e-4 at 2048 and 5e-4 at 4096, where LoRA rates usually lie. Training
    all weights takes about a tenth of LoRA's best rate (Schulman et al. 2025, "LoRA without regret").
    """
    share = FULL_RATE_SHARE if params.method == "full" else 1.0
    return params.learning_rate or share * BEST_RATE * (BEST_RATE_WIDTH / hidden_size) ** RATE_POWER


def learning_rate(params: TrainParams, peak: float, step: int, n_steps: int) -> float:
    """Of 1-based ``step``: a linear warm-up, then cosine (Loshchilov & Hutter 2017, arXiv:1608.03983), linear or no fall to zero."""
    n_warmup = math.ceil(params.warmup_share * n_steps)
    if step <= n_warmup:
        return peak * step / n_warmup
    done = (step - n_warmup - 1) / max(1, n_steps - n_warmup)
    factor = {"cosine": (1 + math.cos(math.pi * done)) / 2, "linear": 1 - done, "constant": 1.0}[params.schedule]
    return peak * factor


@dataclass
class Training(Generic[Some]):
    """A training under way.

    ``plan``: the steps' examples, ``plan_ends_by`` why there are no more. ``row_loss``: the sum of the losses of a row of examples.
    ``validate``: the mean loss on what is held out, or None. ``steps``: the rows of the steps done.
    """

    row_loss: Callable[[Sequence[Some]], torch.Tensor]
    validate: Callable[[], float | None]
    weights: Weights
    plan: Sequence[Sequence[Some]]
    plan_ends_by: Stop
    n_steps_planned: int
    params: TrainParams
    peak_rate: float
    adapter_id: str
    folder: Path
    fingerprint: str
    on_step: Callable[[int, int, float], None]
    crew: Crew = field(default_factory=Crew)
    steps: list[TrainingStep] = field(default_factory=list)
    n_resumes: int = 0
    n_halvings: int = 0
    _random: dict[str, torch.Tensor] = field(default_factory=dict)
    _best: torch.Tensor | None = None
    _saved_at: float = 0.0

    @property
    def seconds(self) -> float:
        """Time in steps so far."""
        return sum(row.step_seconds for row in self.steps)

    def run(self) -> Stop:
        """Take the steps that are left. Returns why it ended; a checkpoint then stands, so that asking again costs nothing.

        With ``patience`` the weights are then those of the lowest validation loss.

        Raises:
            TunehouseError: a loss or gradient is not finite, or memory does not suffice.
            KeyboardInterrupt: it was asked to stop; a checkpoint of the last whole step stands.
        """
        self._resume()
        self._random, self._saved_at = self._random_state(), time.monotonic()
        n_before = len(self.steps)
        try:
            while (stop := self._why_stop()) is None:
                self._step(self.plan[len(self.steps)])
                stopping.raise_if_asked()
        except (KeyboardInterrupt, SystemExit):
            # only between optimizer updates is the state whole
            if self.weights.n_updates() == len(self.steps) > 0:
                self.save()
            raise
        finally:
            self.weights.clear()
        if len(self.steps) > n_before:
            self.save()
        if self.params.patience and self._best is not None:
            self.weights.take(self._best)
        return stop

    def save(self) -> None:
        """Write a checkpoint of the last whole step."""
        self._saved_at = time.monotonic()
        if not self.crew.is_first:
            return
        state = {"steps": [asdict(row) for row in self.steps], "n_resumes": self.n_resumes}
        tensors = {**self.weights.tensors(), "random": self._random}
        if self._best is not None:
            tensors["best"] = {"weights": self._best.cpu()}
        checkpoint.save(self.folder, checkpoint.Checkpoint(len(self.steps), tensors, state), self.fingerprint)

    def _resume(self) -> None:
        found = checkpoint.load_newest(self.folder, self.fingerprint)
        if found is None:
            return
        self.weights.restore(found.tensors)
        self._set_random_state(found.tensors["random"])
        self._best = found.tensors["best"]["weights"].to(self.weights.master.device) if "best" in found.tensors else None
        self.steps = [TrainingStep(**row) for row in found.state["steps"]]
        self.n_resumes = found.state["n_resumes"] + 1
        log.info("training goes on after step %d of %d", found.step, len(self.plan))

    def _why_stop(self) -> Stop | None:
        if len(self.steps) >= len(self.plan):
            return self.plan_ends_by
        if self.params.patience and self._n_no_better() >= self.params.patience:
            return "patience"
        is_time_up = self.params.max_seconds is not None and self.seconds >= self.params.max_seconds
        return "max_seconds" if self.crew.any(is_time_up) else None

    def _n_no_better(self) -> int:
        """Measurements since that of the lowest validation loss."""
        losses = [row.validation_loss for row in self.steps if row.validation_loss is not None]
        return len(losses) - 1 - losses.index(min(losses)) if losses else 0

    def _step(self, examples: Sequence[Some]) -> None:
        started = time.monotonic()
        number = len(self.steps) + 1
        n_answer = sum(one.n_answer for one in examples)
        loss = self._gradients(self.crew.share(examples)) / n_answer
        self.crew.add_up(self.weights.gradient)
        self.weights.gradient /= n_answer
        norm = self.weights.gradient_norm()
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise _not_finite(number, loss, norm, examples)
        rate = learning_rate(self.params, self.peak_rate, number, len(self.plan))
        self.weights.step(rate, norm)
        n_tokens = sum(len(one.tokens) for one in examples)
        seconds = time.monotonic() - started
        self._random = self._random_state()
        self.steps.append(TrainingStep(key(self.adapter_id, number), self.adapter_id, number, loss, rate, norm, n_tokens, seconds))
        self._validate_if_due()
        self._save_if_due()
        self.on_step(number, len(self.plan), loss)

    def _gradients(self, examples: Sequence[Some]) -> float:
        """Backward passes over the step's rows; returns the sum of the answer tokens' losses. Out of memory: again in rows half as long."""
        longest = max((len(one.tokens) for one in examples), default=1)
        while True:
            n_tokens = max(1, self.params.tokens_per_row >> self.n_halvings)
            total, trouble = 0.0, None
            try:
                for row in rows_of(examples, n_tokens):
                    loss = self.row_loss(row)
                    torch.autograd.backward(loss)
                    self.weights.add_gradient()
                    total += loss.item()
            except torch.OutOfMemoryError as error:
                trouble = error
            if not self.crew.any(trouble is not None):
                return self.crew.total(total)
            self.weights.clear()
            self.weights.gradient.zero_()
            if self.n_halvings == N_HALVINGS or n_tokens <= longest // 2:
                raise out_of_memory(n_tokens, longest) from trouble
            self.n_halvings += 1
            log.warning("out of memory with rows of %d tokens: going on with half as many, the same tokens in every step", n_tokens)

    def _validate_if_due(self) -> None:
        every = self.params.validate_steps
        if not every or len(self.steps) % every:
            return
        loss = self.validate()
        self.steps[-1] = replace(self.steps[-1], validation_loss=loss)
        if self.params.patience and loss is not None and not self._n_no_better():
            self._best = self.weights.master.clone()

    def _save_if_due(self) -> None:
        every = self.params.checkpoint_steps
        is_time = time.monotonic() - self._saved_at >= self.params.checkpoint_seconds
        if is_time or (every and len(self.steps) % every == 0):
            self.save()

    def _random_state(self) -> dict[str, torch.Tensor]:
        state = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            state["cuda"] = torch.cuda.get_rng_state()
        return self.crew.gather(state) if self.params.dropout else state

    def _set_random_state(self, state: Any) -> None:
        own, on_gpu = self.crew.own(state, "cpu"), self.crew.own(state, "cuda")
        if own is not None:
            torch.set_rng_state(own)
        if on_gpu is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(on_gpu)


def _not_finite(number: int, loss: float, norm: float, examples: Sequence[Taught]) -> TunehouseError:
    ids = [one.pair_id for one in examples]
    more = f" and {len(ids) - N_IDS_NAMED} more" if len(ids) > N_IDS_NAMED else ""
    return TunehouseError(
        f"training stopped: step {number} has loss {loss} and gradient norm {norm}",
        where=f"pairs {', '.join(ids[:N_IDS_NAMED])}{more}",
        mend="lower train.learning_rate (of preferences: prefer.learning_rate), or look at these pairs; the base's weights may be damaged",
    )


def out_of_memory(n_tokens: int, longest: int) -> TunehouseError:
    """What to say when no smaller rows are left to try."""
    return TunehouseError(
        f"training ran out of memory with rows of {n_tokens} tokens; the longest pair of the step has {longest}",
        where="train.tokens_per_row, train.max_tokens",
        mend="lower both, set train.gradient_checkpointing, or use a smaller base model",
    )
