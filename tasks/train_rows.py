"""What a training did -> its rows: the adapter as it stands on disk, the run, and every example it was trained or validated on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tasks.base_model import Base, base_sha256
from tasks.train_methods import ADAPTER_WEIGHTS, FULL_WEIGHTS, proof
from warehouse.keys import draw, key
from warehouse.store import file_sha256
from warehouse.tables import Adapter, TrainingExample, TrainingRun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.packing import Encoded
    from tasks.train_estimate import Estimate
    from tasks.train_loop import Stop, Training
    from tasks.train_params import TrainExample, TrainParams


def adapter_row(base: Base, examples: Sequence[TrainExample], params: TrainParams, folder: Path, adapter_id: str) -> Adapter:
    """The adapter, or the model trained whole, read anew from ``folder`` and tried out on questions it was taught."""
    probes = sorted(examples, key=lambda one: draw(params.seed, "probe", one.pair_id))[: params.n_probes]
    n_parameters, norm, change = proof(base, params, folder, [one.question for one in probes])
    is_full = params.method == "full"
    return Adapter(
        adapter_id=adapter_id,
        base_model=params.base_model,
        base_sha256=base_sha256(params.base_model),
        folder="/".join(folder.parts[-2:]),
        sha256=file_sha256(folder / (FULL_WEIGHTS if is_full else ADAPTER_WEIGHTS)),
        rank=0 if is_full else params.rank,
        n_parameters=n_parameters,
        weight_norm=norm,
        max_logit_change=change,
        is_live=change > params.min_logit_change,
        method=params.method,
    )


def run_row(
    training: Training[Any],
    stopped: Stop,
    taught: Sequence[object],
    held_out: Sequence[object],
    validation_loss: float | None,
    notes: Sequence[str],
    foreseen: Estimate,
    kernels: Literal["fused", "plain"],
) -> TrainingRun:
    """What was done, and what was foreseen."""
    steps, done = training.steps, training.plan[: len(training.steps)]
    return TrainingRun(
        adapter_id=training.adapter_id,
        n_train=len(taught),
        n_validation=len(held_out),
        n_steps=len(steps),
        n_steps_planned=training.n_steps_planned,
        n_tokens=sum(row.n_tokens for row in steps),
        n_answer_tokens=sum(one.n_answer for step in done for one in step),
        first_loss=steps[0].loss,
        last_loss=steps[-1].loss,
        validation_loss=validation_loss,
        train_seconds=training.seconds,
        stopped=stopped,
        n_resumes=training.n_resumes,
        device=training.weights.master.device.type,
        dtype=training.params.dtype,
        notes=tuple(notes),
        kernels=kernels,
        n_base_parameters=foreseen.n_parameters,
        estimated_bytes=foreseen.bytes,
        estimated_seconds=foreseen.seconds(foreseen.flop(training.plan)),
        useful_flop=foreseen.flop(done),
        matmul_flops=foreseen.matmul_flops,
        n_processes=training.crew.size,
    )


def example_rows(adapter_id: str, taught: Sequence[Encoded], held_out: Sequence[Encoded]) -> list[TrainingExample]:
    """One row per example, with its role and length."""
    roles: tuple[tuple[Literal["train", "validation"], Sequence[Encoded]], ...] = (("train", taught), ("validation", held_out))
    return [
        TrainingExample(key(adapter_id, role, one.pair_id), adapter_id, one.pair_id, role, len(one.tokens), one.is_truncated)
        for role, some in roles
        for one in some
    ]
