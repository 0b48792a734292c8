"""A loaded base -> what is trained of it, by LoRA or whole; and what was trained -> files, and the proof that they change what is said."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer

from tasks.base_model import Base, chat_prompt, load_base
from tasks.checkpoint import save_tensors
from warehouse.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.train_params import TrainParams

ADAPTER_WEIGHTS = "adapter_model.safetensors"
FULL_WEIGHTS = "model.safetensors"
ONE_FILE = "1000GB"
"""Largest weights file that is written: one holds the whole model, so that one checksum stands for it."""


def prepare(model: Any, params: TrainParams) -> Any:
    """``model`` in training mode, with its trainable weights alone requiring gradients.

    Raises:
        ConfigError: the model has no such ``target_modules``, or none that can take an adapter.
    """
    made = with_adapter(model, params) if params.method == "lora" else model.requires_grad_(True)
    if params.gradient_checkpointing:
        made.enable_input_require_grads()
        made.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return made.train()


def with_adapter(model: Any, params: TrainParams) -> PeftModel:
    """``model`` frozen, with fresh LoRA weights in its own number format: A drawn at random, B zero.

    Raises:
        ConfigError: the model has no such ``target_modules``, or none that can take an adapter.
    """
    targets = params.target_modules if isinstance(params.target_modules, str) else list(params.target_modules)
    config = LoraConfig(
        r=params.rank,
        lora_alpha=params.alpha,
        lora_dropout=params.dropout,
        target_modules=targets,
        use_rslora=params.use_rslora,
        use_dora=params.use_dora,
        bias="none",
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config, autocast_adapter_dtype=False)
    except ValueError as error:
        raise ConfigError(
            f"{type(model).__name__} takes no such adapter: {error}",
            where="train.target_modules",
            mend="name linear layers of the model, e.g. q_proj and v_proj",
        ) from error


def save_trained(model: Any, tokenizer: Any, folder: Path) -> list[Path]:
    """Write an adapter as ``PeftModel.from_pretrained`` reads it, or a whole model with its tokenizer; same weights, same bytes.

    Returns the files, the weights first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, PeftModel):
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(get_peft_model_state_dict(model).items())}
        save_tensors(tensors, folder / ADAPTER_WEIGHTS)
        config = model.peft_config["default"]
        config.inference_mode = True
        config.save_pretrained(str(folder))
        written = folder / "adapter_config.json"
        said = json.loads(written.read_text(encoding="utf-8"))
        if isinstance(said["target_modules"], list):
            said["target_modules"].sort()  # peft keeps a set, whose order is another in every process
        written.write_text(json.dumps(said, indent=2, sort_keys=True), encoding="utf-8")
        return [folder / ADAPTER_WEIGHTS, written]
    model.save_pretrained(folder, max_shard_size=ONE_FILE)
    tokenizer.save_pretrained(folder)
    others = sorted(path for path in folder.iterdir() if path.is_file() and path.name != FULL_WEIGHTS)
    return [folder / FULL_WEIGHTS, *others]


@torch.no_grad()
def check_live(model: PeftModel, tokenizer: Any, probes: Sequence[str]) -> float:
    """Largest change of a probe question's next-token logits, adapter on against off. 0.0 for an adapter that does nothing."""
    on = _next_token_logits(model, tokenizer, probes)
    with model.disable_adapter():
        off = _next_token_logits(model, tokenizer, probes)
    return _largest_change(on, off)


@torch.no_grad()
def check_changed(tuned: str, base: str, params: TrainParams, probes: Sequence[str]) -> tuple[float, float]:
    """Of a model trained whole: (largest change of a probe's next-token logits against the base, Frobenius norm of the weights' change)."""
    loaded = load_base(tuned, params.dtype)
    on, weights = _next_token_logits(loaded.model, loaded.tokenizer, probes), dict(loaded.model.named_parameters())
    before = load_base(base, params.dtype)
    off = _next_token_logits(before.model, before.tokenizer, probes)
    total = sum((weights[name].float() - one.float()).square().sum().item() for name, one in before.model.named_parameters())
    return _largest_change(on, off), math.sqrt(total)


def _next_token_logits(model: Any, tokenizer: Any, probes: Sequence[str]) -> list[torch.Tensor]:
    model.eval()
    rows = (tokenizer(chat_prompt(tokenizer, one), add_special_tokens=False, return_tensors="pt").to(model.device) for one in probes)
    return [model(**tokens, use_cache=False).logits[0, -1].float() for tokens in rows]


def _largest_change(on: Sequence[torch.Tensor], off: Sequence[torch.Tensor]) -> float:
    return max(((one - other).abs().max().item() for one, other in zip(on, off, strict=True)), default=0.0)


@torch.no_grad()
def adapter_norm(model: PeftModel) -> float:
    """Frobenius norm over all weight updates s BA, from the r x r products: |BA|^2 = sum(B'B * AA')."""
    total = 0.0
    for module in model.modules():
        if isinstance(module, LoraLayer):
            lora: Any = module
            for name, layer in lora.lora_A.items():
                a, b = layer.weight.float(), lora.lora_B[name].weight.float()
                total += lora.scaling[name] ** 2 * ((b.T @ b) * (a @ a.T)).sum().item()
    return math.sqrt(max(0.0, total))


def proof(base: Base, params: TrainParams, folder: Path, probes: Sequence[str]) -> tuple[int, float, float]:
    """What stands on disk, read anew: (trained weights, norm of their change, largest change of a probe's next-token logits)."""
    if params.method == "full":
        change, norm = check_changed(str(folder), params.base_model, params, probes)
        return sum(one.numel() for one in base.model.parameters()), norm, change
    model = PeftModel.from_pretrained(base.model, folder, autocast_adapter_dtype=False)
    change = check_live(model, base.tokenizer, probes)
    return sum(tensor.numel() for tensor in get_peft_model_state_dict(model).values()), adapter_norm(model), change
