"""Preference pairs -> an adapter that prefers as they do: direct preference optimisation, a second stage on a trained LoRA adapter.

The steps are those of ``train_loop``, so that checkpoints, signals, full disks, losses that are no numbers and lack of memory are met as in
any training.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch

from tasks.base_model import base_sha256, load_base
from tasks.dpo_policy import Policy, Sides, dpo_loss, load_policy, sides_of, with_reference
from tasks.train import CHECKPOINTS, Report, surroundings
from tasks.train_estimate import Estimate, estimate, refuse_too_large
from tasks.train_loop import Training, peak_rate
from tasks.train_methods import ADAPTER_WEIGHTS, save_trained
from tasks.train_params import SHAPES_NO_RESULT, TrainExample, TrainParams
from tasks.train_rows import adapter_row, run_row
from tasks.train_weights import Weights
from tasks.units import without
from warehouse.errors import ConfigError, TunehouseError
from warehouse.keys import digest, draw, key
from warehouse.store import file_sha256
from warehouse.tables import Adapter, PreferenceExample, TrainingRun, TrainingStep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tasks.prefer_params import PreferParams
    from tasks.train_loop import Stop
    from warehouse.tables import PreferencePair

VERSION = 1
RATE_SHARE = 0.1
"""Of the training's learning rate: where none is set."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Preferred:
    """What the tuning gave: its rows, and the adapter's files."""

    adapter: Adapter
    run: TrainingRun
    steps: list[TrainingStep]
    examples: list[PreferenceExample]
    files: list[Path]


def tune_preferences(
    taught: Sequence[PreferencePair],
    held_out: Sequence[PreferencePair],
    parent: tuple[Adapter, Path],
    train: TrainParams,
    params: PreferParams,
    folder: Path,
    adapter_id: str,
    on_step: Callable[[int, int, float], None] | None = None,
) -> Preferred:
    """Go on from ``parent``, an adapter and where it lies, into ``folder``, from a checkpoint there if there is one.

    The reference is the parent. Number format, optimizer, schedule, lengths and checkpoints are those of ``train``; dropout is off.

    Raises:
        ConfigError: the parent was trained whole.
        TunehouseError: there are no pairs, the parent's weights have changed, a loss is not finite, memory or disk do not suffice.
        MissingPrerequisite: the base cannot be loaded.
        KeyboardInterrupt: it was asked to stop; a checkpoint stands.
    """
    row, place = parent
    refuse_parent(row, place)
    if not taught:
        raise TunehouseError(
            "there are no preference pairs to train on",
            where="prefer",
            mend="give more questions, or lower prefer.held_out_share; `tunehouse sql preference_questions` shows what became of each",
        )
    settings = dpo_settings(train, params)
    with surroundings(settings, folder):
        foreseen = estimate(settings)
        refuse_too_large(foreseen, settings)
        torch.manual_seed(params.seed)
        base = load_base(train.base_model, train.dtype, train.quantize)
        learning, tested = (sides_of(base, some, train.max_tokens) for some in (taught, held_out))
        policy = load_policy(base, place, [*learning, *tested], settings, params.beta)
        learning, tested = (with_reference(policy, some) for some in (learning, tested))
        training = _training(policy, learning, settings, params, folder, adapter_id, on_step or Report())
        stopped = training.run()
        after = policy.measured(tested)
        files = save_trained(policy.model, base.tokenizer, folder)
        probes = [TrainExample(one.preference_id, one.question, one.chosen) for one in taught]
        adapter = adapter_row(policy.as_it_was(), probes, settings, folder, adapter_id)
    is_moved = adapter.sha256 != row.sha256
    adapter = replace(adapter, is_live=adapter.is_live and is_moved, parent_adapter_id=row.adapter_id, parent_sha256=row.sha256)
    run = _run_row(training, stopped, tested, after, foreseen, policy)
    return Preferred(adapter, run, training.steps, _example_rows(adapter_id, learning, tested), files)


def refuse_parent(parent: Adapter, place: Path) -> None:
    """Let pass an adapter that can be tuned further, as it was trained.

    Raises:
        ConfigError: every weight was trained.
        TunehouseError: the weights are not those of the training.
    """
    if parent.method == "full":
        raise ConfigError("every weight was trained: there is no adapter to tune", where="prefer.source", mend="use train.method lora")
    weights = place / ADAPTER_WEIGHTS
    if not weights.is_file() or file_sha256(weights) != parent.sha256:
        raise TunehouseError("the adapter's weights have changed", where=str(weights), mend="train it again")


def dpo_settings(train: TrainParams, params: PreferParams) -> TrainParams:
    """The training's settings as they hold for the tuning."""
    return replace(train, epochs=params.epochs, seed=params.seed, dropout=0.0, max_steps=None, validate_steps=None, patience=None)


def plan_pairs(pairs: Sequence[Sides], params: PreferParams) -> list[list[Sides]]:
    """The steps' pairs, drawn by the seed."""
    orders = (sorted(pairs, key=lambda one: draw(params.seed, epoch, one.pair_id)) for epoch in range(params.epochs))
    n = params.pairs_per_step
    return [order[start : start + n] for order in orders for start in range(0, len(order), n)]


def _training(
    policy: Policy,
    learning: Sequence[Sides],
    train: TrainParams,
    params: PreferParams,
    folder: Path,
    adapter_id: str,
    on_step: Callable[[int, int, float], None],
) -> Training[Sides]:
    plan = plan_pairs(learning, params)
    usual = RATE_SHARE * peak_rate(train, policy.base.model.config.get_text_config().hidden_size)
    tokens = [(one.pair_id, one.chosen, one.rejected) for one in learning]  # the reference follows from these, but for a GPU's rounding
    return Training(
        row_loss=policy.row_loss,
        validate=lambda: None,
        weights=Weights([one for one in policy.model.parameters() if one.requires_grad], train),
        plan=plan,
        plan_ends_by="epochs",
        n_steps_planned=len(plan),
        params=train,
        peak_rate=params.learning_rate or usual,
        adapter_id=adapter_id,
        folder=folder / CHECKPOINTS,
        fingerprint=digest("dpo", adapter_id, without(train, *SHAPES_NO_RESULT), params, base_sha256(train.base_model), tokens),
        on_step=on_step,
    )


def _run_row(
    training: Training[Sides], stopped: Stop, tested: Sequence[Sides], after: torch.Tensor, foreseen: Estimate, policy: Policy
) -> TrainingRun:
    supplied = {"padded_batches": not policy.is_packed, "rows_halved": training.n_halvings > 0}
    notes = [*policy.base.notes, *(note for note, is_so in supplied.items() if is_so)]
    learning = list({one.pair_id: one for step in training.plan for one in step})
    before = torch.tensor([one.reference for one in tested]).view(-1, 2)
    loss = dpo_loss(after, before, policy.beta).mean().item() if tested else None
    row = run_row(training, stopped, learning, tested, loss, notes, foreseen, "plain")
    plan = [[side for one in step for side in (one.chosen, one.rejected)] for step in training.plan]
    done = plan[: len(training.steps)]
    return replace(
        row,
        n_answer_tokens=sum(side.n_answer for step in done for side in step),
        estimated_seconds=foreseen.seconds(foreseen.flop(plan)),
        useful_flop=foreseen.flop(done),
        margin_before=_margin(before),
        margin_after=_margin(after),
    )


def _margin(said: torch.Tensor) -> float | None:
    """Mean of chosen less rejected log-probability, nats; None for no pairs."""
    return (said[:, 0] - said[:, 1]).mean().item() if len(said) else None


def _example_rows(adapter_id: str, taught: Sequence[Sides], held_out: Sequence[Sides]) -> list[PreferenceExample]:
    roles: tuple[tuple[Literal["train", "held_out"], Sequence[Sides]], ...] = (("train", taught), ("held_out", held_out))
    return [
        PreferenceExample(
            preference_example_id=key(adapter_id, role, one.pair_id),
            adapter_id=adapter_id,
            preference_id=one.pair_id,
            role=role,
            n_tokens=len(one.tokens),
            is_truncated=one.chosen.is_truncated or one.rejected.is_truncated,
        )
        for role, some in roles
        for one in some
    ]
