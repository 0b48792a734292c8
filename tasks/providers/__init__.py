"""provider/model -> the provider: one file each, imported when it is used."""

from __future__ import annotations

import importlib
import threading
from typing import cast

from tasks.providers.base import Message, ModelParams, Provider, Reply, Schema
from warehouse.errors import ConfigError

PROVIDERS: dict[str, str] = {
    "openai": "tasks.providers.openai",
    "transformers": "tasks.providers.transformers",
    "scripted": "tasks.providers.scripted",
}
"""Module of each provider; its ``open_provider(params)`` returns one."""

_opened: dict[tuple[str, ...], Provider] = {}
_opening = threading.Lock()


def provider_for(params: ModelParams) -> Provider:
    """The provider of ``params.model``: one for each endpoint in a process, so that all documents share its queue.

    Raises:
        ConfigError: there is no such provider.
    """
    if params.provider not in PROVIDERS:
        raise ConfigError(
            f"no provider {params.provider!r} in model {params.model!r}", where="model", mend=f"use one of {', '.join(PROVIDERS)}"
        )
    local = "" if params.provider == "openai" else params.name
    name = (params.provider, params.base_url, params.api_key_env, local)
    with _opening:
        if name not in _opened:
            _opened[name] = cast("Provider", importlib.import_module(PROVIDERS[params.provider]).open_provider(params))
        return _opened[name]


def complete(messages: tuple[Message, ...], params: ModelParams, schema: Schema | None = None) -> Reply:
    """Ask one question and wait for the reply.

    Raises:
        CallFailed: this call came to nothing.
        ProviderError: no call can succeed.
    """
    return provider_for(params).submit(messages, params, schema).result()


def close_providers() -> None:
    """Close every provider that was opened in this process."""
    with _opening:
        for provider in _opened.values():
            provider.close()
        _opened.clear()
