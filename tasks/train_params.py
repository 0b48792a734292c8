"""The settings of training, and one example of what is trained: free of torch, so that a command line can read them quickly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from warehouse.errors import ConfigError

VERSION = 1
SHAPES_NO_RESULT = ("base_model", "checkpoint_seconds", "checkpoint_steps", "n_threads", "compile", "replay_share", "max_pairs")
"""Settings that do not enter the training unit's id. Of the base its content counts, not where it stands; of the replay and the pairs those
that are trained."""

FUSED_FROM_WIDTH = 512
"""Hidden size from which ``kernels: auto`` means fused."""


@dataclass(frozen=True, slots=True)
class TrainExample:
    """A question and the answer to be learned."""

    pair_id: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class TrainParams:
    """How the adapter is trained. The same settings, examples and base give the same adapter, unless ``max_seconds`` cuts it short."""

    base_model: str = "deployments/demo/tiny_base"
    """The model to be tuned and compared: any causal language model, by folder or hub name."""
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    """Number format of the base's weights; bfloat16 is several times faster on CPU and GPU."""
    method: Literal["lora", "full"] = "lora"
    """lora: small matrices beside the base's, which stands still; full: every weight of the base, which needs ten times the memory."""
    quantize: Literal["none", "4bit"] = "none"
    """4bit: hold the base in 4 bits (NF4) under a LoRA adapter. Needs a CUDA GPU and `pip install -e '.[bnb]'`."""
    rank: int = 32
    """LoRA rank r: how many directions each weight matrix may move in."""
    alpha: int = 64
    """LoRA scale: the update is multiplied by alpha / rank."""
    use_rslora: bool = False
    """Multiply the update by alpha / sqrt(rank) instead: steadier at high ranks."""
    use_dora: bool = False
    """DoRA: learn the length of each weight column apart from its direction. Slower, and often better at low ranks."""
    dropout: float = 0.0
    """Share of LoRA inputs set to zero in training."""
    target_modules: str | tuple[str, ...] = "all-linear"
    """Which weight matrices get an adapter: all-linear, or their names."""
    learning_rate: float | None = None
    """Peak learning rate; none: by the base's width, 4e-3 at hidden size 256, 5e-4 at 4096; a tenth of it for method full."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How the learning rate falls after the warm-up, to zero at the last planned step."""
    warmup_share: float = 0.05
    """Share of the planned steps in which the learning rate rises from zero."""
    weight_decay: float = 0.0
    """AdamW weight decay of the adapter's weights."""
    adam_betas: tuple[float, float] = (0.9, 0.99)
    """AdamW's decay rates of the gradient's mean and square."""
    max_gradient_norm: float = 1.0
    """A longer gradient is scaled down to this length."""
    max_pairs: int | None = None
    """Teach so many pairs at most, whole facts drawn by the seed: what a smaller number teaches, a larger one teaches too; none: all.
    The test sets stay as they are, so test_rephrased then asks facts that were left out."""
    epochs: int = 5
    """How often every pair is seen."""
    max_steps: int | None = None
    """Stop after this many optimizer steps, and plan the learning rate for them; none: as many as the epochs need."""
    max_seconds: float | None = None
    """Stop cleanly after this much time in training steps, earlier parts of a resumed training included; none: no limit."""
    tokens_per_step: int = 2048
    """Tokens per optimizer step, about: pairs are packed without padding."""
    tokens_per_row: int = 4096
    """Tokens that go through the model at once, at most (a longer pair goes alone). Less needs less memory and changes rounding alone."""
    max_tokens: int = 1024
    """Longer pairs lose the beginning of their prompt."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, a third more time. For models of 8 billion parameters and more."""
    kernels: Literal["auto", "fused", "plain"] = "auto"
    """fused: attention, norms, LoRA layers and loss in fewer passes over memory, 1.2 to 1.4 times as fast on a CPU, equal but for rounding.
    auto: for bases of hidden size 512 and more; a base that they do not fit keeps its own code."""
    compile: bool = False
    """Have torch compile the model's gated units and norms: worth a minute's wait for long trainings on a GPU."""
    validate_steps: int | None = None
    """Measure the loss on the validation pairs every so many steps; none: at the end alone."""
    patience: int | None = None
    """Stop when so many measurements in a row bring no lower validation loss, and keep the best weights; none: train to the end."""
    checkpoint_seconds: float = 60.0
    """Seconds between checkpoints."""
    checkpoint_steps: int | None = None
    """Steps between checkpoints, besides the seconds; none: by time alone."""
    replay_share: float = 0.0
    """Share of general questions, of our own, among what is trained: against forgetting. 0: the pairs alone; there are 80 at most."""
    n_probes: int = 8
    """Questions whose first-token logits the live check compares with and without the adapter."""
    min_logit_change: float = 0.01
    """An adapter that moves no probe's logits by more than this is dead, and nothing is judged with it."""
    seed: int = 0
    """Draws the adapter's first weights, the order of the pairs and the dropout."""
    n_threads: int | None = None
    """CPU threads for torch while training; none: as torch is set. Another number may change the last digits."""

    def __post_init__(self) -> None:
        """Raises ConfigError for the first setting out of bounds."""
        for name in ("rank", "alpha", "epochs", "tokens_per_step", "tokens_per_row", "max_gradient_norm", "n_probes"):
            _require(getattr(self, name) > 0, name, "use a number above 0")
        optional = ("learning_rate", "max_steps", "max_seconds", "max_pairs", "checkpoint_steps", "n_threads", "validate_steps", "patience")
        for name in optional:
            _require(getattr(self, name) is None or getattr(self, name) > 0, name, "use a number above 0, or leave it out")
        for name in ("weight_decay", "checkpoint_seconds", "min_logit_change"):
            _require(getattr(self, name) >= 0, name, "use 0 or more")
        _require(0 <= self.dropout < 1, "dropout", "use a share from 0 to below 1")
        _require(0 <= self.replay_share < 1, "replay_share", "use a share from 0 to below 1")
        _require(0 <= self.warmup_share <= 1, "warmup_share", "use a share from 0 to 1")
        _require(all(0 <= beta < 1 for beta in self.adam_betas), "adam_betas", "use numbers from 0 to below 1")
        _require(self.max_tokens >= 16, "max_tokens", "use at least 16: question and answer must fit")  # noqa: PLR2004
        _require(self.patience is None or self.validate_steps is not None, "patience", "set train.validate_steps too")
        is_lora = self.method == "lora"
        _require(is_lora or self.quantize == "none", "quantize", "use method lora: weights in 4 bits cannot be trained themselves")
        _require(is_lora or not (self.use_dora or self.use_rslora), "method", "use_dora and use_rslora go with method lora")
        _require(bool(self.base_model), "base_model", "give a folder or hub name")
        _require(bool(self.target_modules), "target_modules", "use all-linear, or names of weight matrices")


def _require(is_met: bool, name: str, mend: str) -> None:
    if not is_met:
        raise ConfigError("out of bounds", where=f"train.{name}", mend=mend)
