"""Question/answer pairs -> a LoRA adapter (Hu et al. 2021, arXiv:2106.09685) for any causal language model, with proof that it is live.

Loss on answer tokens alone, packed rows, checkpoints to go on from. The settings stand in ``train_params.py``, free of torch.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors.torch import save_file

from tasks import checkpoint, progress
from tasks.base_model import Base, base_sha256, chat_prompt, load_base
from tasks.packing import Encoded, answer_loss, encode, plan_epoch, rows_of, use_packing
from tasks.train_loop import Stop, Training, Weights, peak_rate
from tasks.train_params import SHAPES_NO_RESULT, TrainExample, TrainParams
from tasks.units import without
from warehouse.errors import ConfigError, TunehouseError
from warehouse.keys import digest, draw, key
from warehouse.store import file_sha256
from warehouse.tables import Adapter, TrainingExample, TrainingRun, TrainingStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

ADAPTER_WEIGHTS = "adapter_model.safetensors"
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training gives: its rows, and the adapter's files."""

    adapter: Adapter
    run: TrainingRun
    steps: list[TrainingStep]
    examples: list[TrainingExample]
    files: list[Path]


def train_adapter(
    examples: Sequence[TrainExample],
    validation: Sequence[TrainExample],
    params: TrainParams,
    folder: Path,
    adapter_id: str,
    on_step: Callable[[int, int, float], None] | None = None,
) -> Trained:
    """Train an adapter into ``folder``, going on from a checkpoint there; the folder's last two parts (``adapters/<id>``) name it.

    ``on_step(step, n_steps, loss)`` is called after every step, by default :func:`tasks.progress.report`. The checkpoints stay until
    :func:`discard_checkpoints`, so that a training which ended but was not committed is not done twice.

    Raises:
        TunehouseError: there are no examples, a loss is not finite, memory or disk do not suffice.
        MissingPrerequisite: the base model cannot be loaded.
    """
    if not examples:
        raise TunehouseError("there are no pairs to train on", where="the train set", mend="add documents, or hold out less: split.*")
    with _torch_threads(params.n_threads), torch.random.fork_rng(), _disk_trouble_named(folder):
        torch.manual_seed(params.seed)
        base = load_base(params.base_model, params.dtype)
        taught, held_out = (encode(base.tokenizer, some, params.max_tokens) for some in (examples, validation))
        own_attention = base.model.config._attn_implementation  # noqa: SLF001  # there is no public reader
        is_packed = use_packing(base.model, [*taught, *held_out])
        model = with_adapter(base.model, params)
        training = _training(model, taught, params, folder / CHECKPOINTS, adapter_id, is_packed, on_step or _report)
        stopped = training.run()
        files = save_adapter(model, folder)
        validation_loss = _mean_loss(model, held_out, params, is_packed)
        plain = model.unload()
        plain.set_attn_implementation(own_attention)
        adapter = _adapter_row(Base(plain, base.tokenizer, base.notes), examples, params, folder, adapter_id)
    run = _run_row(training, stopped, params, taught, held_out, validation_loss, base)
    return Trained(adapter, run, training.steps, _example_rows(adapter_id, taught, held_out), files)


def discard_checkpoints(folder: Path) -> None:
    """Delete the checkpoints below an adapter's ``folder``: for when the adapter is committed."""
    checkpoint.discard(folder / CHECKPOINTS)


def with_adapter(model: Any, params: TrainParams) -> PeftModel:
    """``model`` frozen, with fresh LoRA weights in its own number format: A drawn at random, B zero.

    Raises:
        ConfigError: the model has no such ``target_modules``, or none that can take an adapter.
    """
    targets = params.target_modules if isinstance(params.target_modules, str) else list(params.target_modules)
    config = LoraConfig(
        r=params.rank, lora_alpha=params.alpha, lora_dropout=params.dropout, target_modules=targets, bias="none", task_type="CAUSAL_LM"
    )
    try:
        adapted = get_peft_model(model, config, autocast_adapter_dtype=False)
    except ValueError as error:
        raise ConfigError(
            f"{type(model).__name__} takes no such adapter: {error}",
            where="train.target_modules",
            mend="name linear layers of the model, e.g. q_proj and v_proj",
        ) from error
    if params.gradient_checkpointing:
        adapted.enable_input_require_grads()
        adapted.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return adapted.train()


def save_adapter(model: PeftModel, folder: Path) -> list[Path]:
    """Write the adapter's weights and configuration as ``PeftModel.from_pretrained`` reads them; the same adapter gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(get_peft_model_state_dict(model).items())}
    save_file(tensors, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    config = model.peft_config["default"]
    config.inference_mode = True
    config.save_pretrained(str(folder))
    return [folder / ADAPTER_WEIGHTS, folder / "adapter_config.json"]


@torch.no_grad()
def check_live(model: PeftModel, tokenizer: Any, probes: Sequence[str]) -> float:
    """Largest change of a probe question's next-token logits, adapter on against off. 0.0 for an adapter that does nothing."""
    model.eval()
    largest = 0.0
    for question in probes:
        tokens = tokenizer(chat_prompt(tokenizer, question), add_special_tokens=False, return_tensors="pt").to(model.device)
        on = model(**tokens, use_cache=False).logits[0, -1].float()
        with model.disable_adapter():
            off = model(**tokens, use_cache=False).logits[0, -1].float()
        largest = max(largest, (on - off).abs().max().item())
    return largest


@torch.no_grad()
def adapter_norm(model: PeftModel) -> float:
    """Frobenius norm over all weight updates (alpha / r) BA, from the r x r products: |BA|^2 = sum(B'B * AA')."""
    total = 0.0
    for module in model.modules():
        if isinstance(module, LoraLayer):
            lora: Any = module
            for name, layer in lora.lora_A.items():
                a, b = layer.weight.float(), lora.lora_B[name].weight.float()
                total += lora.scaling[name] ** 2 * ((b.T @ b) * (a @ a.T)).sum().item()
    return math.sqrt(max(0.0, total))


def _training(
    model: PeftModel,
    taught: Sequence[Encoded],
    params: TrainParams,
    folder: Path,
    adapter_id: str,
    is_packed: bool,
    on_step: Callable[[int, int, float], None],
) -> Training:
    plan = [step for epoch in range(params.epochs) for step in plan_epoch(taught, params.tokens_per_step, params.seed, epoch)]
    is_cut = params.max_steps is not None and params.max_steps < len(plan)
    return Training(
        model=model,
        is_packed=is_packed,
        weights=Weights([one for one in model.parameters() if one.requires_grad], params),
        plan=plan[: params.max_steps],
        plan_ends_by="max_steps" if is_cut else "epochs",
        n_steps_planned=len(plan),
        params=params,
        peak_rate=peak_rate(params, model.config.get_text_config().hidden_size),
        adapter_id=adapter_id,
        folder=folder,
        fingerprint=digest(adapter_id, without(params, *SHAPES_NO_RESULT), base_sha256(params.base_model), taught),
        on_step=on_step,
    )


@torch.no_grad()
def _mean_loss(model: PeftModel, examples: Sequence[Encoded], params: TrainParams, is_packed: bool) -> float | None:
    if not examples:
        return None
    model.eval()
    total = sum(answer_loss(model, row, is_packed).item() for row in rows_of(examples, params.tokens_per_row))
    return total / sum(one.n_answer for one in examples)


def _adapter_row(base: Base, examples: Sequence[TrainExample], params: TrainParams, folder: Path, adapter_id: str) -> Adapter:
    """The adapter as it stands on disk, read anew and tried out."""
    model = PeftModel.from_pretrained(base.model, folder, autocast_adapter_dtype=False)
    probes = sorted(examples, key=lambda one: draw(params.seed, "probe", one.pair_id))[: params.n_probes]
    change = check_live(model, base.tokenizer, [one.question for one in probes])
    return Adapter(
        adapter_id=adapter_id,
        base_model=params.base_model,
        base_sha256=base_sha256(params.base_model),
        folder="/".join(folder.parts[-2:]),
        sha256=file_sha256(folder / ADAPTER_WEIGHTS),
        rank=params.rank,
        n_parameters=sum(tensor.numel() for tensor in get_peft_model_state_dict(model).values()),
        weight_norm=adapter_norm(model),
        max_logit_change=change,
        is_live=change > params.min_logit_change,
    )


def _run_row(
    training: Training,
    stopped: Stop,
    params: TrainParams,
    taught: Sequence[Encoded],
    held_out: Sequence[Encoded],
    validation_loss: float | None,
    base: Base,
) -> TrainingRun:
    steps = training.steps
    supplied = [] if training.is_packed else ["padded_batches"]
    supplied += ["rows_halved"] if training.n_halvings else []
    return TrainingRun(
        adapter_id=training.adapter_id,
        n_train=len(taught),
        n_validation=len(held_out),
        n_steps=len(steps),
        n_steps_planned=training.n_steps_planned,
        n_tokens=sum(row.n_tokens for row in steps),
        n_answer_tokens=sum(one.n_answer for step in training.plan[: len(steps)] for one in step),
        first_loss=steps[0].loss,
        last_loss=steps[-1].loss,
        validation_loss=validation_loss,
        train_seconds=training.seconds,
        stopped=stopped,
        n_resumes=training.n_resumes,
        device=base.model.device.type,
        dtype=params.dtype,
        notes=(*base.notes, *supplied),
    )


def _example_rows(adapter_id: str, taught: Sequence[Encoded], held_out: Sequence[Encoded]) -> list[TrainingExample]:
    roles: tuple[tuple[Literal["train", "validation"], Sequence[Encoded]], ...] = (("train", taught), ("validation", held_out))
    return [
        TrainingExample(key(adapter_id, role, one.pair_id), adapter_id, one.pair_id, role, len(one.tokens), one.is_truncated)
        for role, some in roles
        for one in some
    ]


def _report(step: int, n_steps: int, loss: float) -> None:
    progress.report("training", step, n_steps, f"loss {loss:.3f}")


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
    except OSError as error:
        raise TunehouseError(
            f"the adapter or a checkpoint could not be written: {error}",
            where=str(error.filename or folder),
            mend="free space or mend the disk, then run again: training goes on from its last checkpoint",
        ) from error
