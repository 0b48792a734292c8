"""Questions -> answers of a model that you serve yourself, base or with the adapter, behind an OpenAI-compatible endpoint such as vLLM.

The prompt is that of a model loaded here, and the endpoint puts it into the model's chat template. Every call of a run is in the ledger and
counts against its budget. Which weights the endpoint serves is yours to see to: nothing here can tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from tasks.base_model import (
    EXCERPTS_AFTER_PROMPT,
    EXCERPTS_PROMPT,
    fitting_excerpts,
    load_tokenizer,
    prompt_sha256,
    prompt_text,
    user_message,
)
from tasks.prompt import Prompt
from tasks.providers.base import Message, ModelParams
from tasks.wording import Wording
from warehouse.errors import ConfigError, ProviderError, RetryableUnits
from warehouse.keys import TECHNICAL, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from warehouse.tables import LlmCall


@dataclass(frozen=True, slots=True)
class ServedParams:
    """Which arms an endpoint of yours answers, and under which names: `vllm serve BASE --enable-lora --lora-modules NAME=FOLDER`."""

    base: str = ""
    """openai/NAME: the base, for the arms base and base_rag; empty: it is loaded here."""
    tuned: str = ""
    """openai/NAME: the base with the adapter, for the arms tuned and tuned_rag; empty: it is loaded here."""
    base_url: str = field(default="http://localhost:8000/v1", metadata=TECHNICAL)
    """Where the endpoint is."""
    api_key_env: str = field(default="", metadata=TECHNICAL)
    """Name of the environment variable that holds the key, never the key itself; empty for an endpoint without one."""
    max_concurrency: int = field(default=32, metadata=TECHNICAL)
    """Questions put at the same time, at most."""
    max_wait_seconds: float = field(default=600.0, metadata=TECHNICAL)
    """Longest time that one question may take with all its tries."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a name that is no served model."""
        for name in ("base", "tuned"):
            model: str = getattr(self, name)
            if model and not model.startswith(("openai/", "scripted/")):
                raise ConfigError(
                    f"{model!r} is no served model", where=f"answer.served.{name}", mend="write openai/NAME, or leave it empty"
                )
        for name in ("max_concurrency", "max_wait_seconds"):
            if getattr(self, name) <= 0:
                raise ConfigError("out of bounds", where=f"answer.served.{name}", mend="use a number above 0")

    def model_of(self, arm: str) -> str:
        """The served model that answers an arm; empty where none does."""
        return {"base": self.base, "base_rag": self.base, "tuned": self.tuned, "tuned_rag": self.tuned}.get(arm, "")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model said: ``n_answer_tokens`` counts the end token too."""

    text: str
    n_prompt_tokens: int
    n_answer_tokens: int
    finish_reason: Literal["stop", "length"]


class Asked(Protocol):
    """A question, and the excerpts that go with it."""

    @property
    def pair_id(self) -> str: ...  # noqa: D102
    @property
    def question(self) -> str: ...  # noqa: D102
    @property
    def excerpts(self) -> tuple[str, ...]: ...  # noqa: D102


class Limits(Protocol):
    """What is read of the answer stage's settings."""

    @property
    def max_new_tokens(self) -> int: ...  # noqa: D102
    @property
    def max_prompt_tokens(self) -> int: ...  # noqa: D102
    @property
    def served(self) -> ServedParams: ...  # noqa: D102


class Way(Protocol):
    """How questions are put, and whether replies are drawn."""

    @property
    def wording(self) -> Wording: ...  # noqa: D102
    @property
    def temperature(self) -> float: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102


class Put(Protocol):
    """How calls are put: to models of ``params``, whose ``weights`` tell them from others of the same name."""

    def __call__(
        self, params: ModelParams, weights: Sequence[str], frame: Prompt, turns: Sequence[tuple[str, tuple[Message, ...]]]
    ) -> Sequence[LlmCall]:
        """The row of each call, in order; ``turns``: pair_id and messages of each."""
        ...


def model_params(name: str, params: Limits, temperature: float = 0.0, seed: int = 0) -> ModelParams:
    """The served model ``name`` as a provider takes it."""
    served = params.served
    return ModelParams(
        name,
        base_url=served.base_url,
        api_key_env=served.api_key_env,
        max_tokens=params.max_new_tokens,
        temperature=temperature,
        seed=seed,
        max_concurrency=served.max_concurrency,
        max_wait_seconds=served.max_wait_seconds,
    )


def ask_served(
    questions: Sequence[Asked], name: str, model: str, params: Limits, way: Way, weights: Sequence[str], put: Put
) -> list[Reply]:
    """One reply a question, in order, all put at once. ``model``: the base, whose tokenizer counts the prompt.

    Replies that are drawn are drawn by the endpoint; whether it goes by the seed is its own affair.

    Raises:
        RetryableUnits: the endpoint did not answer some, or the budget is spent; a later run asks again, and only for those.
        ProviderError: it refused one.
    """
    asked = model_params(name, params, way.temperature, way.seed)
    tokenizer = load_tokenizer(model)[0]
    before = (Message("system", way.wording.system),) if way.wording.system else ()
    turns = []
    for one in questions:
        excerpts = fitting_excerpts(tokenizer, one.question, one.excerpts, params.max_prompt_tokens, way.wording)
        turns.append((one.pair_id, (*before, Message("user", user_message(tokenizer, one.question, excerpts, way.wording)))))
    return [_reply(row, asked) for row in put(asked, weights, _frame(questions, way.wording), turns)]


def _frame(questions: Sequence[Asked], wording: Wording) -> Prompt:
    """The prompt that a call's row names: the file that excerpts are put in; of a question alone there is none."""
    if not any(one.excerpts for one in questions):
        return Prompt("question", "", "{question}", digest("question", wording))
    name = EXCERPTS_AFTER_PROMPT if wording.is_question_first else EXCERPTS_PROMPT
    return Prompt(name, "", prompt_text(name), prompt_sha256(name))


def _reply(row: LlmCall, asked: ModelParams) -> Reply:
    """A reply that is cut or empty is an answer too: that of a model that does not come to an end, or says nothing."""
    if row.status != "ok" and (row.error or "").partition(":")[0] not in ("truncated", "empty"):
        fault = RetryableUnits if row.status == "retryable" else ProviderError
        raise fault(str(row.error), where=f"{asked.name} at {asked.base_url}", mend="see to the endpoint or the budget, then run again")
    is_cut = row.finish_reason == "length"
    return Reply(row.reply.strip(), row.n_prompt_tokens, row.n_reply_tokens, "length" if is_cut else "stop")
