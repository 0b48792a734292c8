"""A scripted endpoint that the llm generator gets usable pairs from, and that fails or hangs for one document until it is told to heal."""

from __future__ import annotations

import json
import re
from typing import Any

from tasks.providers.scripted_answers import FAULTS, Answer
from tasks.providers.scripted_server import ScriptedServer

FACT = re.compile(
    r"[A-Z][^.?!<>|]{30,200}?\b(\d+(?:\.\d+)? ?(?:mm|kg|m|s|%|Nm|bar|°C|hours|days|minutes|degrees|volts)?)\b[^.?!<>|]{0,80}\."
)


def settings(server: ScriptedServer, **model_params: Any) -> dict[str, Any]:
    """The `generate` group that asks ``server``: one question a chunk, one try a request unless ``model_params`` say more."""
    model = {"model": "openai/scripted", "base_url": server.base_url, "api_key_env": "", "max_attempts": 1} | model_params
    return {"method": "llm", "llm": {"model": model, "questions_per_chunk": 1, "wordings": 3, "refine_share": 0.0, "top_up_rounds": 0}}


class Endpoint:
    """Answers by looking for a figure in what it is shown; ``fault`` for whatever speaks of ``document`` until healed."""

    def __init__(self, document: str, fault: str = "500") -> None:
        self.document, self.fault = document, fault
        self.server = ScriptedServer(self.answer)

    def answer(self, request: dict[str, Any]) -> Answer:
        system, said = (next(m["content"] for m in request["messages"] if m["role"] == role) for role in ("system", "user"))
        if self.document in said and not self.server.is_healed:
            return FAULTS[self.fault]()
        return Answer(text=json.dumps(reply(system, said)))


def reply(system: str, said: str) -> dict[str, Any]:
    found = FACT.search(said)
    if system.startswith("You write questions"):
        matter = " ".join(found.group(0).split(found.group(1))[0].split()[-9:]) if found else ""
        return {"questions": [{"kind": "factual", "question": f"Which figure is stated where one reads {matter}?"}] if found else []}
    if system.startswith("You answer") and found:
        fact, figure = found.group(0), found.group(1).strip()
        return {"is_answerable": True, "evidence": [fact], "answer": fact, "answer_key": figure}
    if system.startswith("You reword"):
        asked = said.split("Question: ")[1].split("\n", maxsplit=1)[0].removeprefix("Which figure is stated where one reads ").rstrip("?")
        return {"wordings": [f"What number belongs to {asked}?", f"Behind the words {asked}, which amount follows?"]}
    return {"is_answerable": False, "evidence": [], "answer": "", "answer_key": None}
