"""Question/answer pairs -> a LoRA adapter (Hu et al. 2021, arXiv:2106.09685) or a whole model tuned on them, with proof that it is live.

Loss on answer tokens alone, packed rows, checkpoints to go on from. The settings stand in ``train_params.py``, free of torch. Without
Prefect: ``python -m tasks.train --help``.
"""

from __future__ import annotations

import functools
import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from safetensors import SafetensorError

from tasks import checkpoint, progress
from tasks.base_model import Base, base_sha256, load_base
from tasks.fuse import compile_parts, fuse
from tasks.heap import kept_heap
from tasks.packing import Encoded, answer_loss, encode, plan_epoch, rows_of, use_packing
from tasks.train_crew import Crew, crew
from tasks.train_estimate import estimate, refuse_too_large
from tasks.train_loop import Training, peak_rate
from tasks.train_methods import prepare, save_trained
from tasks.train_params import FUSED_FROM_WIDTH, SHAPES_NO_RESULT, TrainExample, TrainParams
from tasks.train_rows import adapter_row, example_rows, run_row
from tasks.train_weights import Weights
from tasks.units import without
from warehouse.errors import TunehouseError
from warehouse.keys import digest
from warehouse.tables import Adapter, TrainingExample, TrainingRun, TrainingStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tasks.fuse import Fused

CHECKPOINTS = "checkpoints"
SECONDS_A_MINUTE = 60

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training gives: its rows, and the files of the adapter or model."""

    adapter: Adapter
    run: TrainingRun
    steps: list[TrainingStep]
    examples: list[TrainingExample]
    files: list[Path]


@dataclass
class Prepared:
    """A model ready to be trained: ``is_packed`` and ``fused`` say how its rows are computed."""

    base: Base
    model: Any
    is_packed: bool
    fused: Fused | None
    attention: str
    params: TrainParams

    def row_loss(self, row: Sequence[Encoded]) -> torch.Tensor:
        """Sum of the losses of the row's answer tokens."""
        return answer_loss(self.model, row, self.is_packed, is_fused=self.fused is not None)

    @torch.no_grad()
    def mean_loss(self, examples: Sequence[Encoded]) -> float | None:
        """Mean loss of the examples' answer tokens, without dropout; None for no examples."""
        if not examples:
            return None
        self.model.eval()
        total = sum(self.row_loss(row).item() for row in rows_of(examples, self.params.tokens_per_row))
        self.model.train()
        return total / sum(one.n_answer for one in examples)

    def as_it_was(self) -> Base:
        """The base with its own code, and without the adapter; all its weights changed where all were trained."""
        if self.fused:
            self.fused.undo()
        plain = self.model.unload() if self.params.method == "lora" else self.model
        plain.set_attn_implementation(self.attention)
        return self.base._replace(model=plain)


def train_adapter(
    examples: Sequence[TrainExample],
    validation: Sequence[TrainExample],
    params: TrainParams,
    folder: Path,
    adapter_id: str,
    on_step: Callable[[int, int, float], None] | None = None,
) -> Trained:
    """Train an adapter into ``folder``, going on from a checkpoint there; the folder's last two parts (``adapters/<id>``) name it.

    ``on_step(step, n_steps, loss)`` is called after every step, by default to report progress with the time left. The checkpoints stay
    until :func:`discard_checkpoints`, so that a training which ended but was not committed is not done twice. Processes that
    ``train_crew.join`` brought together share every step; the first writes the files, and all return the same rows.

    Raises:
        TunehouseError: there are no examples, a loss is not finite, memory or disk do not suffice.
        MissingPrerequisite: the base model cannot be loaded, or memory cannot suffice.
        KeyboardInterrupt: it was asked to stop; a checkpoint stands.
    """
    if not examples:
        raise TunehouseError("there are no pairs to train on", where="the train set", mend="add documents, or hold out less: split.*")
    together = crew()
    with surroundings(params, folder):
        foreseen = estimate(params)
        refuse_too_large(foreseen, params)
        torch.manual_seed(params.seed)
        base = load_base(params.base_model, params.dtype, params.quantize)
        limit = min(params.max_tokens, getattr(base.model.config, "max_position_embeddings", None) or params.max_tokens)
        taught, held_out = (encode(base.tokenizer, some, limit) for some in (examples, validation))
        prepared = _prepare(base, [*taught, *held_out], params)
        training = _training(prepared, taught, held_out, folder / CHECKPOINTS, adapter_id, together, on_step or Report())
        flop = foreseen.flop(training.plan)
        log.info("%d pairs, %d steps, %.2g FLOP, about %s", len(taught), len(training.plan), flop, _duration(foreseen.seconds(flop)))
        stopped = training.run()
        validation_loss = prepared.mean_loss(held_out)
        files = _save(prepared, folder, together)
        adapter = adapter_row(prepared.as_it_was(), examples, params, folder, adapter_id)
        kernels: Literal["fused", "plain"] = "fused" if prepared.fused else "plain"
    is_cut = limit < params.max_tokens and any(one.is_truncated for one in [*taught, *held_out])
    notes = [*_notes(prepared, training), *(["cut_to_context"] if is_cut else [])]
    run = run_row(training, stopped, taught, held_out, validation_loss, notes, foreseen, kernels)
    return Trained(adapter, run, training.steps, example_rows(adapter_id, taught, held_out), files)


def discard_checkpoints(folder: Path) -> None:
    """Delete the checkpoints below an adapter's ``folder``: for when the adapter is committed."""
    checkpoint.discard(folder / CHECKPOINTS)


def _prepare(base: Base, examples: Sequence[Encoded], params: TrainParams) -> Prepared:
    attention = base.model.config._attn_implementation  # noqa: SLF001  # there is no public reader
    is_packed = use_packing(base.model, examples)
    model = prepare(base.model, params)
    width = base.model.config.get_text_config().hidden_size
    is_wanted = params.kernels == "fused" or (params.kernels == "auto" and width >= FUSED_FROM_WIDTH)
    shortest = sorted(examples, key=lambda one: (len(one.tokens), one.pair_id))[:2]
    fused = fuse(model, shortest, has_compiled_parts=params.compile) if is_wanted and is_packed else None
    if params.compile:
        compile_parts(model)
    return Prepared(base, model, is_packed, fused, attention, params)


def _training(
    prepared: Prepared,
    taught: Sequence[Encoded],
    held_out: Sequence[Encoded],
    folder: Path,
    adapter_id: str,
    together: Crew,
    on_step: Callable[[int, int, float], None],
) -> Training[Encoded]:
    params = prepared.params
    plan = [step for epoch in range(params.epochs) for step in plan_epoch(taught, params.tokens_per_step, params.seed, epoch)]
    is_cut = params.max_steps is not None and params.max_steps < len(plan)
    return Training(
        row_loss=prepared.row_loss,
        validate=functools.partial(prepared.mean_loss, held_out),
        weights=Weights([one for one in prepared.model.parameters() if one.requires_grad], params),
        plan=plan[: params.max_steps],
        plan_ends_by="max_steps" if is_cut else "epochs",
        n_steps_planned=len(plan),
        params=params,
        peak_rate=peak_rate(params, prepared.model.config.get_text_config().hidden_size),
        adapter_id=adapter_id,
        folder=folder,
        fingerprint=digest(adapter_id, without(params, *SHAPES_NO_RESULT), base_sha256(params.base_model), taught),
        on_step=on_step,
        crew=together,
    )


def _save(prepared: Prepared, folder: Path, together: Crew) -> list[Path]:
    files = save_trained(prepared.model, prepared.base.tokenizer, folder) if together.is_first else []
    together.total(0)  # the others read what the first has written
    return files


def _notes(prepared: Prepared, training: Training[Encoded]) -> list[str]:
    supplied = {"padded_batches": not prepared.is_packed, "rows_halved": training.n_halvings > 0}
    return [*prepared.base.notes, *(note for note, is_so in supplied.items() if is_so)]


class Report:
    """Says how far a training is, with its loss and the time left at the pace so far."""

    def __init__(self) -> None:
        self.first: tuple[int, float] | None = None

    def __call__(self, step: int, n_steps: int, loss: float) -> None:
        """Say it after a step."""
        now = time.monotonic()
        n_before, started = self.first = self.first or (step, now)
        left = "" if step == n_before else f", {_duration((now - started) / (step - n_before) * (n_steps - step))} left"
        progress.report("training", step, n_steps, f"loss {loss:.3f}{left}")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 2 * SECONDS_A_MINUTE else f"{seconds / SECONDS_A_MINUTE:.0f} min"


@contextmanager
def surroundings(params: TrainParams, folder: Path) -> Iterator[None]:
    """What a training is done in: torch's threads as asked for, its random state put back afterwards, trouble with the disk named."""
    with _torch_threads(params.n_threads), torch.random.fork_rng(), _disk_trouble_named(folder), kept_heap():
        yield


@contextmanager
def _torch_threads(n_threads: int | None) -> Iterator[None]:
    """Have torch on ``n_threads`` CPU threads while the block runs; None leaves it as it is."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _disk_trouble_named(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise TunehouseError(
            f"the adapter or a checkpoint could not be written: {error}",
            where=str(getattr(error, "filename", None) or folder),
            mend="free space or mend the disk, then run again: training goes on from its last checkpoint",
        ) from error


if __name__ == "__main__":
    import sys

    from tasks.train_command import main

    sys.exit(main())
