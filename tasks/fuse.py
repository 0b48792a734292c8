"""A model with a LoRA adapter -> the same model with ``fused_ops`` in place of its slow parts, where it then says and learns the same.

Parts are known by what they are made of, not by the model's name: layers q_proj, k_proj and v_proj that are given the same input, a gated
unit of gate_proj, up_proj and down_proj, a norm that behaves as RMSNorm does. What is not known keeps the model's own code.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch.nn.functional import cosine_similarity

from tasks.attention import FUSED_ATTENTION
from tasks.fused_ops import LoraLayer, lora_linears, rms_norm, swiglu
from tasks.packing import answer_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tasks.packing import Encoded

SIBLINGS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
GATED = ("gate_proj", "up_proj", "down_proj", "act_fn")
LOSS_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 1e-2}
LEAST_COSINE = {torch.float32: 0.9999, torch.bfloat16: 0.98}

log = logging.getLogger(__name__)


@dataclass
class Fused:
    """What was replaced in a model; :meth:`undo` gives it back its own code."""

    model: Any
    attention: str
    modules: list[torch.nn.Module] = field(default_factory=list)

    def replace(self, module: torch.nn.Module, forward: Callable[..., Any]) -> None:
        """Have ``module`` compute ``forward``."""
        module.forward = forward
        self.modules.append(module)

    def undo(self) -> None:
        """Every module computes what its class says again."""
        for module in self.modules:
            del module.forward
        self.modules.clear()
        self.model.set_attn_implementation(self.attention)


def fuse(model: Any, row: Sequence[Encoded], *, has_compiled_parts: bool = False) -> Fused | None:
    """Replace the slow parts of a packed model; None, and the model as it was, where ``row`` would then give another gradient.

    With ``has_compiled_parts`` norms and gated units are left to :func:`compile_parts`.
    """
    wanted = _loss_and_gradient(model, row, is_fused=False)
    fused = Fused(model, model.config._attn_implementation)  # noqa: SLF001  # there is no public reader
    for module in [] if has_compiled_parts else list(model.modules()):
        _replace_norm(fused, module)
        _replace_gated_unit(fused, module)
    _replace_linears(fused, model)
    model.set_attn_implementation(FUSED_ATTENTION)
    found = _loss_and_gradient(model, row, is_fused=True)
    kind = wanted[1].dtype
    is_same = torch.isclose(wanted[0], found[0], rtol=LOSS_TOLERANCE[kind]) and _cosine(wanted[1], found[1]) >= LEAST_COSINE[kind]
    if not is_same:
        log.warning("%s does not learn the same with fused parts: its own are used, which is slower", type(model).__name__)
        fused.undo()
    return fused if is_same else None


def compile_parts(model: torch.nn.Module) -> None:
    """Have torch compile what works on one token at a time, for rows of any length: the rest of a packed row has other bounds each time."""
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm") or _is_gated_unit(module):
            module.compile(dynamic=True)


def _cosine(one: torch.Tensor, other: torch.Tensor) -> float:
    return cosine_similarity(one.double(), other.double(), dim=0).item()


def _loss_and_gradient(model: Any, row: Sequence[Encoded], *, is_fused: bool) -> tuple[torch.Tensor, torch.Tensor]:
    trained = [one for one in model.parameters() if one.requires_grad]
    was_training = model.training
    model.eval()  # dropout would make any two passes differ
    loss = answer_loss(model, row, is_packed=True, is_fused=is_fused)
    gradients = torch.autograd.grad(loss, trained, allow_unused=True)
    model.train(was_training)
    return loss.detach(), torch.cat([one.flatten() for one in gradients if one is not None])


def _replace_norm(fused: Fused, module: torch.nn.Module) -> None:
    weight, eps = getattr(module, "weight", None), getattr(module, "variance_epsilon", getattr(module, "eps", None))
    if not type(module).__name__.endswith("RMSNorm") or not isinstance(weight, torch.Tensor) or not isinstance(eps, float):
        return
    norm: Any = module

    def forward(x: torch.Tensor) -> torch.Tensor:
        return rms_norm(x, norm.weight, eps)

    probe = torch.linspace(-3, 2, weight.numel(), dtype=weight.dtype, device=weight.device)
    with torch.no_grad():
        is_plain = torch.allclose(forward(probe), module(probe), rtol=1e-2)  # others add 1 to the weight, or subtract the mean
    if is_plain:
        fused.replace(module, forward)


def _replace_gated_unit(fused: Fused, module: torch.nn.Module) -> None:
    if not _is_gated_unit(module):
        return
    unit: Any = module
    probe = torch.linspace(-3, 3, 7)
    if not torch.allclose(unit.act_fn(probe), torch.nn.functional.silu(probe)):
        return
    fused.replace(module, lambda x: unit.down_proj(swiglu(unit.gate_proj(x), unit.up_proj(x))))


def _is_gated_unit(module: torch.nn.Module) -> bool:
    return all(hasattr(module, name) for name in GATED) and not {name for name, _ in module.named_children()} - set(GATED)


def _replace_linears(fused: Fused, model: torch.nn.Module) -> None:
    for parent in list(model.modules()):
        children = {name: child for name, child in parent.named_children() if _is_plain_lora(child)}
        for names in SIBLINGS:
            group = [children.pop(name) for name in names if name in children]
            _replace_group(fused, group)
        for child in children.values():
            _replace_group(fused, [child])


def _is_plain_lora(module: torch.nn.Module) -> bool:
    """True for a LoRA layer on a float matrix without dropout, DoRA or a bias of its own."""
    if type(module) is not LoraLinear or type(module.base_layer) is not torch.nn.Linear or module.fan_in_fan_out:
        return False
    layer: Any = module
    return (
        list(layer.lora_A) == ["default"]
        and not layer.lora_variant
        and not layer.lora_bias["default"]
        and isinstance(layer.lora_dropout["default"], torch.nn.Identity)
    )


def _replace_group(fused: Fused, group: Sequence[Any]) -> None:
    """Layers that are called one after another with the same input compute together when the first is called."""
    kept: dict[str, Any] = {}

    def call(at: int, x: torch.Tensor) -> torch.Tensor:
        layer = group[at]
        if layer.disable_adapters or layer.merged:
            out: torch.Tensor = layer.base_layer(x)
            return out
        if kept.get("input") is not x:
            kept["input"], kept["outs"] = x, lora_linears(x, [_parts(layer) for layer in group])
        out, kept["outs"][at] = kept["outs"][at], None
        if at == len(group) - 1 or out is None:
            kept.clear()
        return call(at, x) if out is None else out

    for at, layer in enumerate(group):
        fused.replace(layer, _Bound(call, at))


@dataclass(frozen=True, slots=True)
class _Bound:
    call: Callable[[int, torch.Tensor], torch.Tensor]
    at: int

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.call(self.at, x)


def _parts(layer: Any) -> LoraLayer:
    base, down, up = layer.base_layer, layer.lora_A["default"], layer.lora_B["default"]
    return LoraLayer(base.weight, base.bias, down.weight, up.weight, layer.scaling["default"])
