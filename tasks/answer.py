"""Questions -> answers of one arm: greedy, batched by length, base and tuned model on the same weights.

An arm is named for what it works with: ``base`` or ``tuned`` (adapter on), ``_rag`` behind it for excerpts in the prompt. One base is
kept loaded per process, its adapter switched on and off; a model trained whole is loaded beside it. An answer does not depend on the
questions beside it but for rounding: padding is masked, so in float32 the tokens are the same alone and in a batch, in bfloat16 a tie
between two tokens may fall otherwise.
"""

from __future__ import annotations

import functools
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from tasks.base_model import EXCERPTS_PROMPT, base_sha256, chat_prompt, fitting_excerpts, load_base, prompt_sha256
from tasks.served import Reply, ServedParams, ask_served
from warehouse.errors import ConfigError, MissingPrerequisite, TunehouseError
from warehouse.keys import key
from warehouse.store import file_sha256
from warehouse.tables import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

VERSION = 1
Arm = Literal["base", "base_rag", "tuned", "tuned_rag", "placebo"]
ARMS: tuple[Arm, ...] = get_args(Arm)
ADAPTER_WEIGHTS = "adapter_model.safetensors"
FULL_WEIGHTS = "model.safetensors"

_loading = threading.Lock()


@dataclass(frozen=True, slots=True)
class Question:
    """A question as put to every arm, and the excerpts that a ``_rag`` arm gets with it, best first."""

    pair_id: str
    question: str
    excerpts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerParams:
    """Who answers the test questions, and how long they may speak."""

    arms: tuple[Arm, ...] = ("base", "base_rag", "tuned", "tuned_rag")
    """base: the model as it is; tuned: with the adapter; _rag: with retrieved excerpts; placebo: an adapter taught wrong answers."""
    max_new_tokens: int = 64
    """An answer is cut after this many tokens."""
    max_prompt_tokens: int = 1536
    """Longer prompts lose words of their last excerpts, never of the question; the model's own limit holds too."""
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    """Number format of the weights; bfloat16 is faster, float32 answers the same in any batch."""
    batch_size: int = 32
    """Questions answered together, at most."""
    tokens_per_batch: int = 8192
    """Prompt tokens answered together, at most (a longer prompt goes alone): long prompts in large batches run slower and need memory."""
    served: ServedParams = field(default_factory=ServedParams)
    """Arms that are answered by an endpoint of yours, such as vLLM with the adapter, instead of by the model loaded here."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a setting out of bounds."""
        unknown = set(self.arms) - set(ARMS)
        if unknown or not self.arms or len(set(self.arms)) < len(self.arms):
            raise ConfigError(f"not arms: {', '.join(self.arms)}", where="answer.arms", mend=f"name some of {', '.join(ARMS)}, each once")
        for name in ("max_new_tokens", "max_prompt_tokens", "batch_size", "tokens_per_batch"):
            if getattr(self, name) < 1:
                raise ConfigError("out of bounds", where=f"answer.{name}", mend="use at least 1")


def uses_adapter(arm: str) -> bool:
    """True for the tuned arms and the placebo."""
    return arm.startswith("tuned") or arm == "placebo"


def uses_excerpts(arm: str) -> bool:
    """True for the arms that work with retrieved excerpts."""
    return arm.endswith("_rag")


def answer_questions(
    questions: Sequence[Question],
    arm: str,
    model: str,
    adapter: Path | None,
    adapter_id: str | None,
    params: AnswerParams = AnswerParams(),
    adapter_sha256: str | None = None,
) -> list[Answer]:
    """One answer a question, in the questions' order. ``adapter``: folder of the tuned arms' adapter; other arms do without.

    Safe to call from several threads: they take turns on the loaded model.

    Raises:
        MissingPrerequisite: the model cannot be loaded, or a tuned arm has no adapter.
        TunehouseError: the adapter's weights are not those of ``adapter_sha256``.
    """
    if not questions:
        return []
    folder = _adapter_folder(arm, adapter)
    kept = [question if uses_excerpts(arm) else replace(question, excerpts=()) for question in questions]
    owner = adapter_id if uses_adapter(arm) else None
    if name := params.served.model_of(arm):
        found = ask_served(kept, name, model, params)
        return _rows(kept, found, arm, f"{model} as {name}", ["served", name, base_sha256(model)], owner, params)
    is_whole = folder is not None and not (folder / ADAPTER_WEIGHTS).is_file()
    engine = _whole_engine(folder, params.dtype, adapter_sha256) if folder and is_whole else _engine(model, params.dtype)
    with engine.lock:
        engine.use(None if is_whole else folder, adapter_sha256)
        replies = engine.reply_to(kept, params)
    return _rows(kept, replies, arm, model, [base_sha256(model)], owner, params)


def _rows(
    kept: Sequence[Question], replies: Sequence[Reply], arm: str, model: str, identity: list[str], owner: str | None, params: AnswerParams
) -> list[Answer]:
    settings = [params.max_new_tokens, params.max_prompt_tokens, params.dtype, prompt_sha256(EXCERPTS_PROMPT)]
    return [
        Answer(
            answer_id=key("answer", VERSION, arm, *identity, owner, settings, question),
            pair_id=question.pair_id,
            arm=arm,
            model=model,
            adapter_id=owner,
            answer=reply.text,
            n_prompt_tokens=reply.n_prompt_tokens,
            n_answer_tokens=reply.n_answer_tokens,
            finish_reason=reply.finish_reason,
        )
        for question, reply in zip(kept, replies, strict=True)
    ]


class Engine:
    """A loaded base, and at most one adapter on it. Hold ``lock`` while using it: the adapter is switched for all at once."""

    def __init__(self, model: str, dtype: Literal["bfloat16", "float32"]) -> None:
        from transformers import GenerationConfig  # noqa: PLC0415  # takes seconds

        self.lock = threading.Lock()
        self.model, self.tokenizer, _ = load_base(model, dtype)
        own = self.model.generation_config.eos_token_id
        self.end_ids = sorted({self.tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])} - {None})
        # the model's own sampling settings and penalties would make the arms differ by more than their weights
        generation: Any = GenerationConfig
        self.model.generation_config = generation(eos_token_id=self.end_ids, pad_token_id=self.tokenizer.pad_token_id)
        self.adapted: Any = None
        self.adapter_sha256: str | None = None
        self.is_tuned = False

    def use(self, adapter: Path | None, sha256: str | None = None) -> None:
        """Answer with ``adapter`` from now on, or without one.

        Raises:
            TunehouseError: the adapter's weights are not those of ``sha256``.
        """
        self.is_tuned = adapter is not None
        if adapter is None:
            return
        found = _checked(adapter / ADAPTER_WEIGHTS, sha256)
        if found != self.adapter_sha256:
            self._attach(adapter, found)

    def reply_to(self, questions: Sequence[Question], params: AnswerParams) -> list[Reply]:
        """One reply a question, in order; questions of like length are answered together, so that little is padded."""
        prompts = [self._prompt(question, params) for question in questions]
        order = sorted(range(len(prompts)), key=lambda at: (len(prompts[at]), questions[at].pair_id))
        replies: dict[int, Reply] = {}
        for chosen in _batches(order, [len(prompts[at]) for at in order], params):
            replies |= zip(chosen, self._generate([prompts[at] for at in chosen], params.max_new_tokens), strict=True)
        return [replies[at] for at in range(len(prompts))]

    def _attach(self, adapter: Path, sha256: str) -> None:
        from peft import PeftModel  # noqa: PLC0415  # takes seconds

        if self.adapted is not None:
            self.model = self.adapted.unload()
            self.adapted = self.adapter_sha256 = None
        self.adapted = PeftModel.from_pretrained(self.model, adapter, autocast_adapter_dtype=False).eval()
        self.adapter_sha256 = sha256

    def _prompt(self, question: Question, params: AnswerParams) -> list[int]:
        """The prompt's tokens, with the excerpts that fit."""
        own = getattr(self.model.config, "max_position_embeddings", None) or params.max_prompt_tokens + params.max_new_tokens
        limit = min(params.max_prompt_tokens, own - params.max_new_tokens)
        text = chat_prompt(self.tokenizer, question.question, fitting_excerpts(self.tokenizer, question.question, question.excerpts, limit))
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _generate(self, prompts: Sequence[list[int]], max_new_tokens: int) -> list[Reply]:
        import torch  # noqa: PLC0415  # takes seconds

        longest = max(len(tokens) for tokens in prompts)
        pads = [longest - len(tokens) for tokens in prompts]
        device = self.model.device
        rows = torch.tensor([[self.tokenizer.pad_token_id] * n + tokens for n, tokens in zip(pads, prompts, strict=True)], device=device)
        mask = torch.tensor([[0] * n + [1] * (longest - n) for n in pads], device=device)
        with torch.inference_mode(), self._adapter_on_or_off():
            model = self.adapted or self.model
            said = model.generate(input_ids=rows, attention_mask=mask, do_sample=False, max_new_tokens=max_new_tokens)
        return [self._reply(tokens[longest:], len(prompt)) for tokens, prompt in zip(said.tolist(), prompts, strict=True)]

    def _adapter_on_or_off(self) -> AbstractContextManager[None]:
        is_off = self.adapted is not None and not self.is_tuned
        return self.adapted.disable_adapter() if is_off else nullcontext()

    def _reply(self, tokens: list[int], n_prompt_tokens: int) -> Reply:
        n_said = next((at for at, token in enumerate(tokens) if token in self.end_ids), None)
        text = self.tokenizer.decode(tokens[:n_said], skip_special_tokens=True).strip()
        if n_said is None:
            return Reply(text, n_prompt_tokens, len(tokens), "length")
        return Reply(text, n_prompt_tokens, n_said + 1, "stop")


def _engine(model: str, dtype: Literal["bfloat16", "float32"]) -> Engine:
    """The process's engine for this model: loaded once, and anew when the model's files change."""
    with _loading:
        return _loaded(model, dtype, base_sha256(model))


@functools.lru_cache(maxsize=1)
def _loaded(model: str, dtype: Literal["bfloat16", "float32"], _sha256: str) -> Engine:
    return Engine(model, dtype)


def _whole_engine(folder: Path, dtype: Literal["bfloat16", "float32"], sha256: str | None) -> Engine:
    """The process's engine for a model trained whole; the base's stays loaded beside it."""
    with _loading:
        return _loaded_whole(folder, dtype, _checked(folder / FULL_WEIGHTS, sha256))


@functools.lru_cache(maxsize=1)
def _loaded_whole(folder: Path, dtype: Literal["bfloat16", "float32"], _sha256: str) -> Engine:
    return Engine(str(folder), dtype)


def _checked(weights: Path, sha256: str | None) -> str:
    """The SHA-256 of a weights file, which must be ``sha256`` where that is known."""
    found = file_sha256(weights)
    if sha256 not in (None, found):
        raise TunehouseError("the adapter's weights have changed", where=str(weights), mend="train it again")
    return found


def _adapter_folder(arm: str, adapter: Path | None) -> Path | None:
    if not uses_adapter(arm):
        return None
    if adapter is None or not any((adapter / name).is_file() for name in (ADAPTER_WEIGHTS, FULL_WEIGHTS)):
        raise MissingPrerequisite(
            f"arm {arm} has no adapter",
            where=str(adapter or "answer.arms"),
            mend="train one first: tunehouse run, or leave the tuned arms out",
        )
    return adapter


def _batches(order: Sequence[int], lengths: Sequence[int], params: AnswerParams) -> Iterator[Sequence[int]]:
    """``order``, by rising length, cut so that each part keeps both limits when it is padded to its longest; at least one in each."""
    start = 0
    for at in range(1, len(order) + 1):
        n = at + 1 - start
        if at == len(order) or n > params.batch_size or n * lengths[at] > params.tokens_per_batch:
            yield order[start:at]
            start = at
