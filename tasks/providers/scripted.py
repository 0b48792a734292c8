"""Rules file -> replies over real HTTP: the ``scripted/<file.yaml>`` provider.

latency_seconds: 0.0              # optional, added to every answer
rules:                            # the first rule that fits answers
  - match: "quality of [A-Z]"     # regular expression, searched in the last user message; left out, it fits every message
    times: 2                      # optional: this rule fits so many requests, then no more
    fault: 429_retry_after_1      # a name of tasks/providers/scripted_answers.py; passed over once the server is told to heal
  - match: torque
    reply: {answer: 42 Nm}        # a text, or anything else, which is sent as JSON
  - reply: I do not know.         # finish_reason, served_model and delay_seconds may stand beside a reply
"""

from __future__ import annotations

import dataclasses
import json
import re
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import yaml

from tasks.providers.base import Message, ModelParams, Provider, Reply, Schema
from tasks.providers.scripted_answers import FAULTS, Answer
from tasks.providers.scripted_server import ScriptedServer
from warehouse.errors import ConfigError

NO_RULE = Answer(status=400, body=b'{"error": {"message": "no rule fits this message"}}')
RULE_KEYS = frozenset({"match", "times", "fault", "reply", "finish_reason", "served_model", "delay_seconds"})


@dataclasses.dataclass
class Rule:
    """One rule and how often it may still be used (None: always)."""

    match: re.Pattern[str]
    fault: str
    answer: Answer
    n_left: int | None


class Rules:
    """A responder that answers by the first rule that fits."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules, self.is_healed = rules, threading.Event()

    def __call__(self, request: dict[str, Any]) -> Answer:
        """The answer to ``request``; a 400 where no rule fits. Called by one thread at a time."""
        users = [str(message.get("content", "")) for message in request.get("messages", ()) if message.get("role") == "user"]
        said = users[-1] if users else ""
        for rule in self.rules:
            if rule.n_left == 0 or (rule.fault and self.is_healed.is_set()) or not rule.match.search(said):
                continue
            if rule.n_left is not None:
                rule.n_left -= 1
            return FAULTS[rule.fault]() if rule.fault else rule.answer
        return NO_RULE


def load_rules(path: Path) -> tuple[Rules, dict[str, Any]]:
    """The rules of ``path`` and what else stands beside them.

    Raises:
        ConfigError: the file is not there, or says what no rule may say.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"no rules to be read: {error}", where=str(path), mend="write a YAML file with a list `rules`") from error
    if not isinstance(found, dict) or not isinstance(found.get("rules"), list) or set(found) - {"rules", "latency_seconds"}:
        raise ConfigError("not a rules file", where=str(path), mend="write `rules:` with a list below it, and nothing but latency_seconds")
    return Rules([_rule(one, f"{path}, rule {at}") for at, one in enumerate(found.pop("rules"), start=1)]), found


def _rule(one: Any, where: str) -> Rule:
    if not isinstance(one, dict) or set(one) - RULE_KEYS or ("fault" in one) == ("reply" in one):
        raise ConfigError("a rule has either `reply` or `fault`", where=where, mend=f"use no more than {', '.join(sorted(RULE_KEYS))}")
    fault = str(one.get("fault", ""))
    if fault not in {"", *FAULTS}:
        raise ConfigError(f"no fault {fault!r}", where=where, mend=f"use one of {', '.join(FAULTS)}")
    try:
        match = re.compile(str(one.get("match", "")))
    except re.error as error:
        raise ConfigError(f"not a regular expression: {error}", where=where, mend="mend `match`") from error
    reply = one.get("reply", "")
    text = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
    more = {name: one[name] for name in ("finish_reason", "served_model", "delay_seconds") if name in one}
    return Rule(match, fault, Answer(text=text, **more), one.get("times"))


def rules_server(path: Path, *, port: int = 0, slots: int = 0) -> ScriptedServer:
    """A server, not yet started, that answers by the rules of ``path``."""
    rules, beside = load_rules(path)
    latency = float(beside.get("latency_seconds", 0.0))
    return ScriptedServer(rules, port=port, slots=slots, latency_seconds=latency, on_heal=rules.is_healed.set)


class ScriptedProvider:
    """The openai provider, asking a server in this process."""

    def __init__(self, server: ScriptedServer, provider: Provider) -> None:
        self.server, self.provider = server, provider

    def submit(self, messages: tuple[Message, ...], params: ModelParams, schema: Schema | None = None) -> Future[Reply]:
        """Ask; see :class:`tasks.providers.base.Provider`."""
        return self.provider.submit(messages, params, schema)

    def close(self) -> None:
        """End the provider, then its server."""
        self.provider.close()
        self.server.close()


def open_provider(params: ModelParams) -> ScriptedProvider:
    """Start a server for the rules file ``params.name`` and ask that, whatever ``base_url`` and ``api_key_env`` say.

    Raises:
        ConfigError: the rules file cannot be used.
    """
    from tasks.providers.openai import open_provider as open_endpoint  # noqa: PLC0415  # the server alone does without it

    server = rules_server(Path(params.name)).start()
    return ScriptedProvider(server, open_endpoint(dataclasses.replace(params, base_url=server.base_url, api_key_env="")))
