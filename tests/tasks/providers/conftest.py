"""An endpoint on this machine and a provider that asks it, with waits short enough for tests."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from tasks.providers.base import CallFailed, Message, ModelParams, Reply
from tasks.providers.openai import OpenAIProvider, open_provider
from tasks.providers.scripted_server import ScriptedServer
from warehouse.errors import ProviderError

QUICK: dict[str, Any] = {
    "model": "openai/some-model",
    "api_key_env": "",
    "timeout_seconds": 0.5,
    "max_attempts": 3,
    "backoff_seconds": 0.01,
    "max_wait_seconds": 4.0,
    "max_reply_bytes": 200_000,
}


class Asker:
    """One provider at one server."""

    def __init__(self, server: ScriptedServer | str, **settings: Any) -> None:
        base_url = server if isinstance(server, str) else server.base_url
        self.params = ModelParams(**(QUICK | {"base_url": base_url} | settings))
        self.provider: OpenAIProvider = open_provider(self.params)

    def submit(self, text: str = "Hello", schema: Any = None, params: ModelParams | None = None) -> Future[Reply]:
        return self.provider.submit((Message("user", text),), params or self.params, schema)

    def ask(self, text: str = "Hello", schema: Any = None) -> Reply | CallFailed | ProviderError:
        """What becomes of one call, within a time that no call of these settings may exceed."""
        return outcome(self.submit(text, schema))


def outcome(future: Future[Reply]) -> Any:
    error = future.exception(timeout=30)
    return future.result() if error is None else error


@pytest.fixture
def asker() -> Iterator[Callable[..., Asker]]:
    made: list[Asker] = []

    def make(server: ScriptedServer | str, **settings: Any) -> Asker:
        made.append(Asker(server, **settings))
        return made[-1]

    yield make
    for one in made:
        one.provider.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    made: list[ScriptedServer] = []

    def start(responder: Any, **settings: Any) -> ScriptedServer:
        made.append(ScriptedServer(responder, **settings).start())
        return made[-1]

    yield start
    for one in made:
        one.close()
