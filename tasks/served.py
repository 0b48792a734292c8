"""Questions -> answers of a model that you serve yourself, base or with the adapter, behind an OpenAI-compatible endpoint such as vLLM.

The prompt is that of a model loaded here, and the endpoint puts it into the model's chat template. Such calls cost nothing, so they are in
no ledger and count against no budget; which weights the endpoint serves is yours to see to: nothing here can tell.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from tasks.base_model import fitting_excerpts, load_tokenizer, user_message
from tasks.providers import provider_for
from tasks.providers.base import CallFailed, Message, ModelParams
from tasks.providers.base import Reply as Said
from tasks.wording import Wording
from warehouse.errors import ConfigError, ProviderError, RetryableUnits
from warehouse.keys import TECHNICAL

if TYPE_CHECKING:
    from collections.abc import Sequence


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


def ask_served(questions: Sequence[Asked], name: str, model: str, params: Limits, way: Way) -> list[Reply]:
    """One reply a question, in order, all put at once. ``model``: the base, whose tokenizer counts the prompt.

    Replies that are drawn are drawn by the endpoint; whether it goes by the seed is its own affair.

    Raises:
        RetryableUnits: the endpoint did not answer some; a later run asks again.
        ProviderError: it refused one.
    """
    served = params.served
    asked = ModelParams(
        name,
        base_url=served.base_url,
        api_key_env=served.api_key_env,
        max_tokens=params.max_new_tokens,
        temperature=way.temperature,
        seed=way.seed,
        max_concurrency=served.max_concurrency,
        max_wait_seconds=served.max_wait_seconds,
    )
    provider, tokenizer = provider_for(asked), load_tokenizer(model)[0]
    replies = []
    before = (Message("system", way.wording.system),) if way.wording.system else ()
    for one in questions:
        excerpts = fitting_excerpts(tokenizer, one.question, one.excerpts, params.max_prompt_tokens, way.wording)
        turn = Message("user", user_message(tokenizer, one.question, excerpts, way.wording))
        replies.append(provider.submit((*before, turn), asked))
    return [_reply(future, asked) for future in replies]


def _reply(future: Future[Said], asked: ModelParams) -> Reply:
    """A reply that is cut or empty is an answer too: that of a model that does not come to an end, or says nothing."""
    try:
        said = future.result()
    except CallFailed as error:
        if error.reply is None or error.reason not in ("truncated", "empty"):
            fault = RetryableUnits if error.is_healable else ProviderError
            raise fault(str(error), where=f"{asked.name} at {asked.base_url}", mend="see to the endpoint, then run again") from error
        said = error.reply
    is_cut = said.finish_reason == "length"
    return Reply(said.text.strip(), said.n_prompt_tokens, said.n_reply_tokens, "length" if is_cut else "stop")
