"""HTTP answer of a chat endpoint -> reply, fault or the end of the run: nothing is taken on trust but what fits the shape."""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from tasks.providers.base import Reason, Reply
from tasks.providers.call_pace import Fault
from tasks.providers.redaction import Redactor
from warehouse.errors import ProviderError

BAD_ANSWER_TRIES = 3
"""An endpoint that answers nonsense is paid for it; more tries than this have not been seen to help."""
NAME_CHARS = 200
REDIRECTS = range(300, 400)
BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, 529})
AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY})
STOPS: Mapping[int, tuple[str, str]] = {
    HTTPStatus.UNAUTHORIZED: ("the endpoint does not accept the key", "set the variable to a key that is valid there"),
    HTTPStatus.PAYMENT_REQUIRED: ("the account has no credit left", "add credit, then run again: what is done is not asked again"),
    HTTPStatus.FORBIDDEN: ("the endpoint refuses this model or region to the key", "name another model, or another key"),
    HTTPStatus.NOT_FOUND: ("the endpoint has no such model or address", "compare the model's name and base_url with what it serves"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("this address answers no chat", "compare base_url with the endpoint's manual; most end in /v1"),
}
NO_CREDIT = "insufficient_quota"
OPTIONS = ("response_format", "max_tokens", "temperature", "top_p", "seed")
"""Parts of a request that some endpoints refuse, by the name that their error gives."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and all that the reading needs to know: no client and no header of ours hangs on it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class BadShape(Exception):
    """An answer is not a chat completion; the text says why."""


def read_answer(answer: Answer, where: str, redact: Redactor) -> Reply | Fault | ProviderError:
    """What an answer comes to. ``where`` names the endpoint and the key's variable for the errors that stop a run."""
    if answer.status == HTTPStatus.OK:
        return _read_completion(answer.body, redact)
    said = redact.detail(f"HTTP {answer.status}: {_message(answer.body)}")
    if found := STOPS.get(HTTPStatus.PAYMENT_REQUIRED if NO_CREDIT in _codes(answer.body) else answer.status):
        return ProviderError(f"{found[0]} ({said})", where=where, mend=found[1])
    if answer.status in REDIRECTS:
        goal = redact.detail(answer.headers.get("location", ""))[:NAME_CHARS]
        return ProviderError(f"the endpoint sends elsewhere, to {goal!r} ({said})", where=where, mend="set base_url to the final address")
    if answer.status in BUSY | AGAIN or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        reason: Reason = "rate_limited" if answer.status == HTTPStatus.TOO_MANY_REQUESTS else "unavailable"
        return Fault(reason, said, is_busy=answer.status in BUSY, is_down=True, retry_after=retry_after(answer.headers))
    if answer.status >= HTTPStatus.BAD_REQUEST:
        return Fault("bad_request", said, tries=1)
    return Fault("bad_answer", said, tries=BAD_ANSWER_TRIES)


def refused_option(answer: Answer, sent: Mapping[str, Any]) -> str | None:
    """The part of a refused request that the error names, if it is one that can be left out or put otherwise."""
    if answer.status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
        return None
    error = _error(answer.body)
    named = str(error.get("param") or "").partition(".")[0]
    if named in OPTIONS and named in sent and str(error.get("code") or "").startswith(("unsupported", "invalid", "unknown")):
        return named
    text = _message(answer.body)
    schema_words = ("response_format", "json_schema", "json schema", "structured output", "guided", "grammar")
    return "response_format" if "response_format" in sent and any(word in text.lower() for word in schema_words) else None


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the endpoint asks to be left alone; 0 where it names none, or a time that is past.

    A date is counted from the answer's own ``Date``, so that a clock that is wrong on either side does not matter.
    """
    given = headers.get("retry-after", "").strip()
    try:
        seconds = float(headers.get("retry-after-ms", "")) / 1000 if headers.get("retry-after-ms") else float(given)
    except ValueError:
        seconds = _seconds_until(given, headers.get("date", ""))
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _seconds_until(date: str, now: str) -> float:
    try:
        then = email.utils.parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    try:
        begun = email.utils.parsedate_to_datetime(now)
    except ValueError:
        begun = dt.datetime.now(dt.UTC)
    return (then - begun).total_seconds() if (then.tzinfo is None) == (begun.tzinfo is None) else 0.0


def _read_completion(body: bytes, redact: Redactor) -> Reply | Fault:
    try:
        data, finish, content, refusal = _shape(body)
    except BadShape as fault:
        return Fault("bad_answer", redact.detail(f"{fault}: {body.decode(errors='replace')}"), tries=BAD_ANSWER_TRIES)
    usage = data.get("usage") if isinstance(data.get("usage"), dict) else {}
    reply = Reply(
        text=redact.reply(_whole(content or "")),
        finish_reason=redact.reply(_whole(finish))[:NAME_CHARS],
        served_model=redact.reply(_whole(str(data.get("model") or "")))[:NAME_CHARS],
        n_prompt_tokens=_count(usage, "prompt_tokens"),
        n_reply_tokens=_count(usage, "completion_tokens"),
        n_attempts=1,
        seconds=0.0,
    )
    if refusal:
        return Fault("refused", redact.detail(_whole(refusal)), tries=1, reply=reply)
    if finish == "content_filter":
        return Fault("refused", "the endpoint's content filter held the reply back", tries=1, reply=reply)
    if finish == "length":
        return Fault("truncated", f"cut at max_tokens, after {reply.n_reply_tokens} tokens", tries=1, reply=reply)
    return reply if reply.text.strip() else Fault("empty", "the reply has no text", tries=1, reply=reply)


def _shape(body: bytes) -> tuple[dict[str, Any], str, str | None, str]:
    """The completion, its finish_reason, content and refusal."""
    try:
        data = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadShape(f"not UTF-8 at byte {error.start}") from None
    except (ValueError, RecursionError) as error:
        raise BadShape(f"no JSON ({type(error).__name__})") from None
    if not isinstance(data, dict):
        raise BadShape(f"a JSON {type(data).__name__}, not an object")
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise BadShape("no choices")
    message, finish = choices[0].get("message"), choices[0].get("finish_reason")
    if not isinstance(message, dict) or not isinstance(finish, str):
        raise BadShape("no message or no finish_reason")
    content, refusal = message.get("content"), message.get("refusal")
    if not isinstance(content, str | None):
        raise BadShape(f"the content is a {type(content).__name__}")
    return data, finish, content, refusal if isinstance(refusal, str) else ""


def _whole(text: str) -> str:
    """``text`` with lone surrogates replaced by U+FFFD: they cannot be written anywhere."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _count(usage: Any, name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) and 0 <= value < 2**31 else 0


def _error(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    found = data.get("error", data) if isinstance(data, dict) else data
    return found if isinstance(found, dict) else {"message": str(found)}


def _message(body: bytes) -> str:
    """What an error says, in its own words where it has any."""
    return _whole(str(_error(body).get("message") or body.decode(errors="replace")))


def _codes(body: bytes) -> tuple[str, str]:
    error = _error(body)
    return str(error.get("code")), str(error.get("type"))
