"""A loaded model and questions -> replies: batched by length, greedy or drawn, with one adapter switched on and off.

One base is kept loaded per process; a model trained whole is loaded beside it. A reply does not depend on the questions beside it but for
rounding: padding is masked, so in float32 the tokens are the same alone and in a batch, in bfloat16 a tie between two tokens may fall
otherwise.
"""

from __future__ import annotations

import functools
import threading
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tasks.answer_params import AnswerParams
from tasks.base_model import base_sha256, chat_prompt, fitting_excerpts, load_base
from tasks.served import Reply
from tasks.wording import PLAIN, Wording
from warehouse.errors import MissingPrerequisite, TunehouseError
from warehouse.keys import draw
from warehouse.store import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
class Manner:
    """How questions are put, and whether replies are the likeliest (temperature 0) or drawn, each by ``seed`` and its pair_id."""

    wording: Wording = PLAIN
    temperature: float = 0.0
    seed: int = 0


GREEDY = Manner()


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

    def reply_to(self, questions: Sequence[Question], params: AnswerParams, manner: Manner = GREEDY) -> list[Reply]:
        """One reply a question, in order; questions of like length are answered together, so that little is padded."""
        prompts = [self.prompt(question, params, manner.wording) for question in questions]
        order = sorted(range(len(prompts)), key=lambda at: (len(prompts[at]), questions[at].pair_id))
        replies: dict[int, Reply] = {}
        for chosen in batches(order, [len(prompts[at]) for at in order], params):
            drawing = self._drawing([questions[at] for at in chosen], manner)
            replies |= zip(chosen, self._generate([prompts[at] for at in chosen], params.max_new_tokens, drawing), strict=True)
        return [replies[at] for at in range(len(prompts))]

    def _attach(self, adapter: Path, sha256: str) -> None:
        from peft import PeftModel  # noqa: PLC0415  # takes seconds

        if self.adapted is not None:
            self.model = self.adapted.unload()
            self.adapted = self.adapter_sha256 = None
        try:
            self.adapted = PeftModel.from_pretrained(self.model, adapter, autocast_adapter_dtype=False).eval()
        except (RuntimeError, ValueError) as error:  # shapes, or modules that the base does not have
            raise MissingPrerequisite(
                f"the adapter does not fit the base ({str(error).splitlines()[0]})",
                where=str(adapter),
                mend="name one trained on this base",
            ) from error
        self.adapter_sha256 = sha256

    def prompt(self, question: Question, params: AnswerParams, wording: Wording = PLAIN) -> list[int]:
        """The prompt's tokens, with the excerpts that fit."""
        own = getattr(self.model.config, "max_position_embeddings", None) or params.max_prompt_tokens + params.max_new_tokens
        limit = min(params.max_prompt_tokens, own - params.max_new_tokens)
        fitting = fitting_excerpts(self.tokenizer, question.question, question.excerpts, limit, wording)
        text = chat_prompt(self.tokenizer, question.question, fitting, wording)
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _drawing(self, questions: Sequence[Question], manner: Manner) -> list[Any]:
        """What makes the likeliest token a drawn one; nothing where replies are not drawn."""
        if not manner.temperature:
            return []
        from tasks.drawn_tokens import DrawnTokens  # noqa: PLC0415  # pulls in torch

        return [DrawnTokens(manner.temperature, [draw(manner.seed, "reply", one.pair_id) for one in questions], self.model.device)]

    def _generate(self, prompts: Sequence[list[int]], max_new_tokens: int, drawing: Sequence[Any]) -> list[Reply]:
        import torch  # noqa: PLC0415  # takes seconds

        longest = max(len(tokens) for tokens in prompts)
        pads = [longest - len(tokens) for tokens in prompts]
        device = self.model.device
        rows = torch.tensor([[self.tokenizer.pad_token_id] * n + tokens for n, tokens in zip(pads, prompts, strict=True)], device=device)
        mask = torch.tensor([[0] * n + [1] * (longest - n) for n in pads], device=device)
        with self.speaking() as model:
            said = model.generate(
                input_ids=rows, attention_mask=mask, do_sample=False, max_new_tokens=max_new_tokens, logits_processor=list(drawing)
            )
        return [self._reply(tokens[longest:], len(prompt)) for tokens, prompt in zip(said.tolist(), prompts, strict=True)]

    @contextmanager
    def speaking(self) -> Iterator[Any]:
        """The model as it is to answer now, without gradients."""
        import torch  # noqa: PLC0415  # takes seconds

        with torch.inference_mode(), self._adapter_on_or_off():
            yield self.adapted or self.model

    def _adapter_on_or_off(self) -> AbstractContextManager[None]:
        is_off = self.adapted is not None and not self.is_tuned
        return self.adapted.disable_adapter() if is_off else nullcontext()

    def _reply(self, tokens: list[int], n_prompt_tokens: int) -> Reply:
        n_said = next((at for at, token in enumerate(tokens) if token in self.end_ids), None)
        text = self.tokenizer.decode(tokens[:n_said], skip_special_tokens=True).strip()
        if n_said is None:
            return Reply(text, n_prompt_tokens, len(tokens), "length")
        return Reply(text, n_prompt_tokens, n_said + 1, "stop")


def engine_of(model: str, dtype: Literal["bfloat16", "float32"]) -> Engine:
    """The process's engine for this model: loaded once, and anew when the model's files change."""
    with _loading:
        return _loaded(model, dtype, base_sha256(model))


@functools.lru_cache(maxsize=1)
def _loaded(model: str, dtype: Literal["bfloat16", "float32"], _sha256: str) -> Engine:
    return Engine(model, dtype)


def whole_engine_of(folder: Path, dtype: Literal["bfloat16", "float32"], sha256: str | None) -> Engine:
    """The process's engine for a model trained whole; the base's stays loaded beside it."""
    with _loading:
        return _loaded_whole(folder, dtype, _checked(folder / FULL_WEIGHTS, sha256))


@functools.lru_cache(maxsize=1)
def _loaded_whole(folder: Path, dtype: Literal["bfloat16", "float32"], _sha256: str) -> Engine:
    return Engine(str(folder), dtype)


def is_adapter(folder: Path | str) -> bool:
    """True for a folder that holds an adapter, and not a whole model."""
    return (Path(folder) / ADAPTER_WEIGHTS).is_file()


def _checked(weights: Path, sha256: str | None) -> str:
    """The SHA-256 of a weights file, which must be ``sha256`` where that is known."""
    found = file_sha256(weights)
    if sha256 not in (None, found):
        raise TunehouseError("the adapter's weights have changed", where=str(weights), mend="train it again")
    return found


def batches(order: Sequence[int], lengths: Sequence[int], params: AnswerParams) -> Iterator[Sequence[int]]:
    """``order``, by rising length, cut so that each part keeps both limits when it is padded to its longest; at least one in each."""
    start = 0
    for at in range(1, len(order) + 1):
        n = at + 1 - start
        if at == len(order) or n > params.batch_size or n * lengths[at] > params.tokens_per_batch:
            yield order[start:at]
            start = at
