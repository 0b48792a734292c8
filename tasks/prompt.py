"""Prompt file -> messages: one prompt a file, its stem its name, its hash landing with every row that it made."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel

from tasks.providers.base import Message
from warehouse.errors import ConfigError

PROMPTS = Path(__file__).with_name("prompts")
USER = "\n---\n"
T = TypeVar("T", bound=BaseModel)
PLACE = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file: the system's part, a line ``---``, the user's part with ``{places}`` to fill."""

    name: str
    system: str
    user: str
    sha256: str

    def fill(self, **values: str) -> tuple[Message, ...]:
        """The messages with every place filled. What is filled in is never read as a place again.

        Raises:
            ConfigError: a place has no value, or a value no place.
        """
        places = set(PLACE.findall(self.system + self.user))
        if places != set(values):
            raise ConfigError(
                f"the prompt's places are {sorted(places)}, the values {sorted(values)}", where=f"{self.name}.md", mend="make both agree"
            )
        parts = (("system", self.system), ("user", self.user))
        return tuple(Message(role, PLACE.sub(lambda place: values[place[1]], text)) for role, text in parts if text)  # type: ignore[arg-type]


@functools.cache
def load_prompt(name: str) -> Prompt:
    """The prompt ``tasks/prompts/<name>.md``.

    Raises:
        ConfigError: there is no such file.
    """
    path = PROMPTS / f"{name}.md"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"there is no prompt {name!r}", where=str(path), mend="`tasks/prompts` holds them") from error
    system, _, user = text.partition(USER)
    return Prompt(name, system.strip(), user.strip(), hashlib.sha256(text.encode()).hexdigest())


class Ask(Protocol):
    """How a stage asks a model: a prompt, what to fill in, and the type that the reply must parse to. Every call lands as a row."""

    async def __call__(self, prompt: Prompt, values: Mapping[str, str], reply_type: type[T], *, item_id: str, sample: int = 0) -> T:
        """The reply, parsed strictly; one more turn mends a reply that does not parse.

        Raises:
            CallFailed: this call came to nothing; the item it is about becomes a row with the reason.
        """
        ...
