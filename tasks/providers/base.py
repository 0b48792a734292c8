"""Messages -> reply: what every model provider offers, the settings that name a model, and what can become of a call."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from warehouse.errors import ConfigError
from warehouse.keys import TECHNICAL

Role = Literal["system", "user", "assistant"]
Schema = dict[str, Any]
"""A JSON schema that the reply's text must satisfy."""

Reason = Literal[
    "rate_limited", "timeout", "unavailable", "budget_spent",  # healable: asked again by a later run
    "bad_request", "bad_answer", "empty", "truncated", "refused", "too_large",  # what came stands, with its reason
]  # fmt: skip
HEALABLE: frozenset[str] = frozenset({"rate_limited", "timeout", "unavailable", "budget_spent"})


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class ModelParams:
    """Which model is asked, where, and how."""

    model: str = ""
    """provider/model: openai/NAME for any OpenAI-compatible endpoint, transformers/FOLDER_OR_HUB_NAME, scripted/FILE."""
    base_url: str = field(default="https://api.openai.com/v1", metadata=TECHNICAL)
    """Where the endpoint is, e.g. http://localhost:8000/v1 for vLLM, http://localhost:11434/v1 for Ollama."""
    api_key_env: str = field(default="OPENAI_API_KEY", metadata=TECHNICAL)
    """Name of the environment variable that holds the key, never the key itself; empty for an endpoint without one."""
    temperature: float = 0.0
    """0 always takes the likeliest token; higher values vary more."""
    top_p: float = 1.0
    """Tokens are drawn from the likeliest ones that together have this probability."""
    max_tokens: int = 1024
    """A reply is cut after this many tokens, and a cut reply is not used."""
    seed: int = 0
    """Sent to endpoints that draw with one."""
    use_json_schema: bool = True
    """Ask the endpoint to hold to the reply's JSON schema; where it refuses, the reply is checked here and mended in a second turn."""
    max_concurrency: int = field(default=32, metadata=TECHNICAL)
    """Requests under way at the same time, at most; fewer while the endpoint says that it is busy."""
    timeout_seconds: float = field(default=120.0, metadata=TECHNICAL)
    """Longest time for one try of a request, from its first byte to the reply's last."""
    max_attempts: int = field(default=8, metadata=TECHNICAL)
    """Tries of one request before it is left for a later run."""
    backoff_seconds: float = field(default=1.0, metadata=TECHNICAL)
    """Wait before the second try of a request; twice as long before each further one, a minute at most."""
    max_wait_seconds: float = field(default=600.0, metadata=TECHNICAL)
    """Longest time that one request may take with all its tries and waits."""
    max_reply_bytes: int = field(default=4_000_000, metadata=TECHNICAL)
    """A longer reply is broken off."""
    batch_size: int = field(default=8, metadata=TECHNICAL)
    """Prompts that a model loaded here (transformers/...) works on together."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a setting out of bounds."""
        if self.model and "/" not in self.model.strip("/"):
            raise ConfigError(f"{self.model!r} names no provider", where="model", mend="write provider/model, e.g. openai/gpt-4o-mini")
        for name in (
            "max_tokens",
            "max_concurrency",
            "timeout_seconds",
            "max_attempts",
            "backoff_seconds",
            "max_wait_seconds",
            "max_reply_bytes",
            "batch_size",
        ):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{getattr(self, name)} is too little", where=name, mend="use more than 0")
        if not 0 <= self.temperature <= 2 or not 0 < self.top_p <= 1:  # noqa: PLR2004  # the API's own bounds
            raise ConfigError("out of bounds", where="temperature or top_p", mend="use 0 to 2, and more than 0 to 1")

    @property
    def provider(self) -> str:
        """The part before the first slash."""
        return self.model.partition("/")[0]

    @property
    def name(self) -> str:
        """What the provider calls the model: the part behind the first slash."""
        return self.model.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said, whole and checked for shape. ``seconds``: from the first try to the reply, waits between tries included."""

    text: str
    finish_reason: str
    served_model: str
    n_prompt_tokens: int
    n_reply_tokens: int
    n_attempts: int
    seconds: float


class CallFailed(Exception):
    """One call came to nothing; never the end of a run. ``detail`` holds no secret and no more than the reply's first 2,000 characters."""

    def __init__(self, reason: Reason, detail: str, *, n_attempts: int = 1, seconds: float = 0.0, reply: Reply | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail, self.n_attempts, self.seconds, self.reply = detail, n_attempts, seconds, reply

    def __reduce__(self) -> tuple[object, ...]:
        """Keyword arguments survive pickling, as task runners need."""
        return _failed_again, (self.reason, self.detail, self.n_attempts, self.seconds, self.reply)

    @property
    def is_healable(self) -> bool:
        """True when a later run should ask again."""
        return self.reason in HEALABLE


def _failed_again(reason: Reason, detail: str, n_attempts: int, seconds: float, reply: Reply | None) -> CallFailed:
    return CallFailed(reason, detail, n_attempts=n_attempts, seconds=seconds, reply=reply)


class Provider(Protocol):
    """A model that can be asked. Safe for many threads; ``submit`` never blocks."""

    def submit(self, messages: tuple[Message, ...], params: ModelParams, schema: Schema | None = None) -> Future[Reply]:
        """Ask. The future gives the reply or raises CallFailed; ProviderError where no call can succeed (no such key or model)."""
        ...

    def close(self) -> None:
        """Let go of connections and threads."""
        ...
