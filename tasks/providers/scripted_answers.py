"""Name of a fault -> what an endpoint then does: everything that has been seen to go wrong between a client and a model server."""

from __future__ import annotations

import email.utils
import functools
import json
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Wire = Literal["whole", "hang", "drip", "drip_head", "reset", "short", "close"]
"""How an answer goes out: whole; never; a byte now and then (from the body's or from the head's first); broken off by a reset or too
early; not at all, the connection closed."""

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint does with one request; by default an ordinary reply that says ``text``."""

    text: str | None = ""
    finish_reason: str | None = "stop"
    refusal: str | None = None
    served_model: str | None = None
    """None: the model that was asked for."""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """Sent as it stands, in place of the JSON around ``text``."""
    wire: Wire = "whole"
    delay_seconds: float = 0.0

    def encode(self, request: dict[str, Any]) -> bytes:
        """The body's bytes."""
        if self.body is not None:
            return self.body
        n_prompt = sum(len(str(message.get("content", "")).split()) for message in request.get("messages", ()))
        n_reply = len((self.text or "").split())
        message = {"role": "assistant", "content": self.text, "refusal": self.refusal}
        return json.dumps(
            {
                "id": "chatcmpl-scripted",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": self.served_model or request.get("model", ""),
                "choices": [{"index": 0, "message": message, "finish_reason": self.finish_reason, "logprobs": None}],
                "usage": {"prompt_tokens": n_prompt, "completion_tokens": n_reply, "total_tokens": n_prompt + n_reply},
            }
        ).encode()


def _error(status: int, message: str, *headers: tuple[str, str], **extra: str) -> Answer:
    body = json.dumps({"error": {"message": message, "type": "error", "param": None, "code": None} | extra}).encode()
    return Answer(status=status, headers=headers, body=body)


def _busy(*retry_after: str) -> Answer:
    return _error(429, "Rate limit reached, slow down", *(("Retry-After", value) for value in retry_after))


def _in_seconds(seconds: float) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def _json(value: Any) -> Answer:
    return Answer(body=json.dumps(value).encode())


@functools.cache
def _gzip_bomb(megabytes: int) -> bytes:
    press = zlib.compressobj(1, zlib.DEFLATED, 31)
    zeros = b" " * MEGABYTE
    return b"".join([*(press.compress(zeros) for _ in range(megabytes)), press.flush()])


HTML = b"<!doctype html><html><head><title>Sign in</title></head><body>Sign in to the guest network</body></html>"

FAULTS: dict[str, Callable[[], Answer]] = {
    "429": _busy,
    "429_retry_after_1": lambda: _busy("1"),
    "429_retry_after_date": lambda: _busy(_in_seconds(2)),
    "429_retry_after_past_date": lambda: _busy(_in_seconds(-86_400)),
    "429_retry_after_0": lambda: _busy("0"),
    "429_retry_after_negative": lambda: _busy("-5"),
    "429_retry_after_300": lambda: _busy("300"),
    "429_retry_after_nonsense": lambda: _busy("soon"),
    "429_no_credit": lambda: _error(429, "You exceeded your current quota", code="insufficient_quota"),
    "500": lambda: _error(500, "The server had an error"),
    "503_html": lambda: Answer(status=503, headers=(("Content-Type", "text/html"),), body=b"<html>503 Service Unavailable</html>"),
    "500_huge": lambda: Answer(status=500, body=b"x" * (20 * MEGABYTE)),
    "400": lambda: _error(400, "This model's maximum context length is 4096 tokens"),
    "401": lambda: _error(401, "Incorrect API key provided", code="invalid_api_key"),
    "403": lambda: _error(403, "You are not allowed to use this model"),
    "404_model": lambda: _error(404, "The model does not exist", code="model_not_found"),
    "redirect": lambda: Answer(status=302, headers=(("Location", "http://127.0.0.1:9/elsewhere"),), body=b""),
    "hang": lambda: Answer(wire="hang"),
    "drip": lambda: Answer(text="slow " * 50, wire="drip"),
    "drip_head": lambda: Answer(text="slow " * 50, wire="drip_head"),
    "reset": lambda: Answer(text="cut off " * 50, wire="reset"),
    "short_body": lambda: Answer(text="cut off " * 50, wire="short"),
    "closed": lambda: Answer(wire="close"),
    "html": lambda: Answer(headers=(("Content-Type", "text/html"),), body=HTML),
    "list": lambda: _json([1, 2, 3]),
    "foo": lambda: _json({"foo": 1}),
    "choices_null": lambda: _json({"id": "x", "model": "m", "choices": None}),
    "choices_empty": lambda: _json({"id": "x", "model": "m", "choices": []}),
    "choice_not_object": lambda: _json({"id": "x", "model": "m", "choices": ["text"]}),
    "content_list": lambda: _json({"choices": [{"message": {"content": [{"type": "text", "text": "x"}]}, "finish_reason": "stop"}]}),
    "truncated_json": lambda: Answer(body=b'{"id": "x", "choices": [{"message": {"cont'),
    "deep_json": lambda: Answer(body=b"[" * 200_000),
    "empty_body": lambda: Answer(body=b""),
    "not_utf8": lambda: Answer(body=b'{"choices": [{"message": {"content": "caf\xe9"}, "finish_reason": "stop"}]}'),
    "content_null": lambda: Answer(text=None),
    "content_empty": lambda: Answer(text=""),
    "length": lambda: Answer(text='{"answer": "cut', finish_reason="length"),
    "content_filter": lambda: Answer(text="", finish_reason="content_filter"),
    "refusal": lambda: Answer(text=None, refusal="I cannot help with that."),
    "duplicate_keys": lambda: Answer(text='{"answer": "right", "answer": "wrong"}'),
    "lone_surrogate": lambda: Answer(text="half \ud800 a pair"),
    "nul": lambda: Answer(text="nul \x00 in it"),
    "huge": lambda: Answer(text="x" * (50 * MEGABYTE)),
    "gzip_bomb": lambda: Answer(headers=(("Content-Encoding", "gzip"),), body=_gzip_bomb(300)),
    "gzip_broken": lambda: Answer(headers=(("Content-Encoding", "gzip"),), body=b"\x1f\x8b not gzip"),
    "other_model": lambda: Answer(text="fine", served_model="some-other-model"),
}
"""Name -> the answer that goes wrong in that way. A refused connection is not here: it takes a closed port."""
