"""Text that may hold a key -> the same text without it: for whatever an endpoint sends back, before it is raised, logged or landed."""

from __future__ import annotations

import logging
import re
from typing import Any

REMOVED = "[key removed]"
DETAIL_CHARS = 2000
SHORTEST_SECRET = 8
"""A shorter key, such as the `EMPTY` that local servers are given, is no secret and may be a word of the text."""
PREFIX_CHARS = 10
"""Endpoints echo keys cut short or starred out: a word that begins with so much of the key goes too."""
LOOKS_LIKE_A_KEY = re.compile(
    r"(?:api[-_ ]?key|authorization)[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic)\s+)?\S+"
    r"|\b(?:bearer|basic)\s+[\w*.+/=~\-]{6,}"
    r"|\b(?:sk-|gsk_|hf_|xai-|nvapi-|pplx-|AIza)[\w*.\-]{6,}",
    re.IGNORECASE,
)
OURS = (
    "openai._base_client",
    "openai._response",
    "httpx2",
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.http2",
    "httpcore2.proxy",
)
"""Loggers of the client, which at debug level write out what an endpoint sends."""


class Redactor:
    """Takes one key, and anything that looks like a key, out of texts. Shows nothing of the key itself and is not to be pickled."""

    __slots__ = ("_key", "_pattern")

    def __init__(self, key: str) -> None:
        self._key = key if len(key) >= SHORTEST_SECRET else ""
        cut = re.escape(key[:PREFIX_CHARS]) + r"\S*" if len(key) > PREFIX_CHARS else re.escape(self._key)
        self._pattern = re.compile(f"{cut}|{LOOKS_LIKE_A_KEY.pattern}" if self._key else LOOKS_LIKE_A_KEY.pattern, re.IGNORECASE)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a redactor holds a key and is not to be pickled")

    def reply(self, text: str) -> str:
        """A model's own words: only the key itself is taken out."""
        return text.replace(self._key, REMOVED) if self._key else text

    def detail(self, text: str) -> str:
        """What an endpoint says of a failure, at most 2,000 characters: the key and whatever looks like one are taken out first."""
        return self._pattern.sub(REMOVED, text[: 4 * DETAIL_CHARS])[:DETAIL_CHARS]


class KeyFilter(logging.Filter):
    """Takes the key out of log records of the client's own loggers."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's message. The line that the client writes at info level for each request passes only where debug does."""
        if record.levelno == logging.INFO and not logging.getLogger().isEnabledFor(logging.DEBUG):
            return False
        record.msg, record.args = self._redact.detail(record.getMessage()), ()
        record.exc_info = record.exc_text = None
        return True


def guard_logs(redact: Redactor) -> KeyFilter:
    """Put a filter on the client's loggers; returned so that :func:`unguard_logs` can take it off."""
    found = KeyFilter(redact)
    for name in OURS:
        logging.getLogger(name).addFilter(found)
    return found


def unguard_logs(found: KeyFilter) -> None:
    """Take the filter off."""
    for name in OURS:
        logging.getLogger(name).removeFilter(found)
