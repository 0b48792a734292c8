"""Blocks of conversations -> weights: a plain loop over rows of like length; bf16 model, fp32 master weights, Muon and AdamW."""

import json
import logging
import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

log = logging.getLogger("tiny_base")
Rows = list[tuple[list[int], list[float]]]


@dataclass(frozen=True, slots=True)
class PretrainParams:
    """Shape, budget in minutes by the clock, schedule. A step takes ``n_batches`` batches of at most ``n_batch_tokens`` tokens."""

    vocab_size: int = 6144
    hidden: int = 256
    n_layers: int = 6
    n_heads: int = 4
    inner: int = 704
    context: int = 1024
    minutes: float = 70.0
    rate: float = 3e-3
    warmup: float = 0.02
    last_rate: float = 0.02
    weight_decay: float = 0.05
    clip: float = 1.0
    n_batch_tokens: int = 2048
    n_batches: int = 2
    prompt_weight: float = 0.4
    prompt_share: float = 0.35
    checkpoint_seconds: float = 100.0
    seed: int = 17


@dataclass(slots=True)
class Progress:
    """What a checkpoint remembers beside the tensors. ``loss`` is a running mean over the weighted tokens."""

    block: int = 0
    n_steps: int = 0
    n_tokens: int = 0
    seconds: float = 0.0
    loss: float = math.nan


def new_model(params: PretrainParams, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama with random weights from the seed, embeddings tied, in fp32."""
    torch.manual_seed(params.seed)
    config = LlamaConfig(
        vocab_size=params.vocab_size,
        hidden_size=params.hidden,
        intermediate_size=params.inner,
        num_hidden_layers=params.n_layers,
        num_attention_heads=params.n_heads,
        num_key_value_heads=params.n_heads,
        max_position_embeddings=params.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


class Trainer:
    """Model in bf16, its master weights in fp32, and the optimisers that move them."""

    def __init__(self, model: LlamaForCausalLM, params: PretrainParams, folder: Path) -> None:
        self.params = params
        self.folder = folder
        self.progress = Progress()
        self.masters = {name: nn.Parameter(weight.detach().float().clone()) for name, weight in model.named_parameters()}
        self.model = model.bfloat16()
        matrices = [weight for name, weight in self.masters.items() if weight.ndim > 1 and "embed" not in name]
        others = [weight for name, weight in self.masters.items() if weight.ndim == 1 or "embed" in name]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(matrices, lr=params.rate, weight_decay=params.weight_decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=params.rate, betas=(0.9, 0.95), weight_decay=0.0),
        ]

    def step(self, batches: list[tuple[Tensor, Tensor]], rate: float) -> float:
        """One update over the batches; returns the mean loss of the weighted tokens."""
        total = sum(float(weights[:, 1:].sum()) for _, weights in batches)
        loss_sum = 0.0
        for ids, weights in batches:
            hidden = self.model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
            counts = weights[:, 1:] > 0
            losses = functional.cross_entropy(self.model.lm_head(hidden[counts]).float(), ids[:, 1:][counts], reduction="none")
            loss = (losses * weights[:, 1:][counts]).sum() / total
            loss.backward()  # type: ignore[no-untyped-call]
            loss_sum += float(loss.detach())
        for name, weight in self.model.named_parameters():
            self.masters[name].grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None
        nn.utils.clip_grad_norm_(self.masters.values(), self.params.clip)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        with torch.no_grad():
            for name, weight in self.model.named_parameters():
                weight.copy_(self.masters[name])
        return loss_sum

    def rate(self) -> float:
        """Learning rate now: a linear warm-up, then a cosine over the share of the minutes that is spent."""
        spent = min(1.0, self.progress.seconds / (60 * self.params.minutes))
        if spent < self.params.warmup:
            return self.params.rate * (spent + 1e-3) / (self.params.warmup + 1e-3)
        curve = 0.5 * (1 + math.cos(math.pi * (spent - self.params.warmup) / (1 - self.params.warmup)))
        return self.params.rate * (self.params.last_rate + (1 - self.params.last_rate) * curve)

    def run(self, rows_of_block: Callable[[int], Rows]) -> None:
        """Train block after block until the minutes are spent; saves a checkpoint now and then, and at the end."""
        limit, saved = 60 * self.params.minutes, time.monotonic()
        while self.progress.seconds < limit:
            started = time.monotonic()
            for batches in steps(rows_of_block(self.progress.block), self.params, self.progress.block):
                loss = self.step(batches, self.rate())
                now = time.monotonic()
                progress = self.progress
                progress.seconds += now - started
                started = now
                progress.n_steps += 1
                progress.n_tokens += sum(ids.numel() for ids, _ in batches)
                progress.loss = loss if math.isnan(progress.loss) else 0.98 * progress.loss + 0.02 * loss
                if progress.seconds >= limit:
                    break
            log.info("block %d: %s rate %.5f", self.progress.block, self.progress, self.rate())
            self.progress.block += 1
            if time.monotonic() - saved > self.params.checkpoint_seconds:
                self.save()
                saved = time.monotonic()
        self.save()

    def save(self) -> None:
        """Write the checkpoint beside the old one, then put it in its place."""
        tensors = {f"master.{name}": weight.detach() for name, weight in self.masters.items()}
        for at, optimizer in enumerate(self.optimizers):
            for index, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{at}.{index}.{name}": tensor.contiguous() for name, tensor in state.items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / "checkpoint.part"
        fields = {name: getattr(self.progress, name) for name in Progress.__slots__}
        save_file(tensors, aside, metadata={"progress": json.dumps(fields)})
        aside.replace(self.folder / "checkpoint.safetensors")

    def resume(self) -> bool:
        """Go on from the folder's checkpoint, at the block after its last; False where there is none."""
        path = self.folder / "checkpoint.safetensors"
        if not path.exists():
            return False
        tensors = load_file(path)
        with torch.no_grad():
            for name, weight in self.model.named_parameters():
                self.masters[name].copy_(tensors[f"master.{name}"])
                weight.copy_(self.masters[name])
        for at, optimizer in enumerate(self.optimizers):
            state: dict[int, dict[str, Tensor]] = {}
            for name, tensor in tensors.items():
                if name.startswith(f"optimizer.{at}."):
                    _, _, index, field = name.split(".")
                    state.setdefault(int(index), {})[field] = tensor
            optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        self.progress = Progress(**json.loads(header["__metadata__"]["progress"]))
        return True


def steps(rows: Rows, params: PretrainParams, number: int) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """The rows of a block as steps of a few batches; a batch holds rows of like length, so that hardly anything is padded."""
    rows = sorted((row for row in rows if len(row[0]) <= params.context), key=lambda row: len(row[0]))
    batches: list[Rows] = [[]]
    for row in rows:
        if batches[-1] and len(row[0]) * (len(batches[-1]) + 1) > params.n_batch_tokens:
            batches.append([])
        batches[-1].append(row)
    random.Random(f"order {params.seed} {number}").shuffle(batches)
    for at in range(0, len(batches), params.n_batches):
        yield [padded(batch) for batch in batches[at : at + params.n_batches]]


def padded(rows: Rows) -> tuple[Tensor, Tensor]:
    """Ids and loss weights as (rows, longest), filled on the right with id 0 and weight 0."""
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in rows])
    weights = torch.tensor([weights + [0.0] * (longest - len(weights)) for _, weights in rows])
    return ids, weights
