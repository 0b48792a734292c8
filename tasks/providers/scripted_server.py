"""Requests -> scripted answers: a real OpenAI-compatible endpoint on this machine, for tests, rehearsals and measurements.

    with ScriptedServer(lambda request: f"You said: {request['messages'][-1]['content']}") as server:
        params = ModelParams(model="openai/any-name", base_url=server.base_url, api_key_env="")
        reply = complete((Message("user", "Hello"),), params)
        assert server.n_requests == 1

The responder gets the request's JSON and returns a text or an :class:`Answer`, which can also go wrong (``FAULTS["429"]()``); it is called
by one thread at a time. ``server.heal()`` or ``POST /heal`` sets ``server.is_healed`` and calls ``on_heal``, which ends a rules file's
faults; ``GET /count`` and ``GET /log`` tell what was asked. As a process: ``python -m tasks.providers.scripted_server --file rules.yaml``.
"""

from __future__ import annotations

import argparse
import json
import logging
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tasks.providers.scripted_answers import FAULTS, Answer

__all__ = ["FAULTS", "Answer", "Asked", "Responder", "ScriptedServer", "main"]

Responder = Callable[[dict[str, Any]], "Answer | str"]
HANG_SECONDS = 3600.0
DRIP_SECONDS = 0.2
LINGER_ZERO = struct.pack("ii", 1, 0)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Asked:
    """One request that came in: its JSON, when (seconds, monotonic), and whether its answer went out whole."""

    request: dict[str, Any]
    headers: dict[str, str]
    at: float
    is_answered: bool = False


@dataclass
class _Books:
    """What the server knows of its requests."""

    asked: list[Asked] = field(default_factory=list)
    n_open: int = 0
    max_open: int = 0
    is_healed: bool = False


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def shutdown_request(self, request: Any) -> None:
        """Close without a farewell first, so that a reset arrives as one."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of the server."""
        log.debug("connection %s of %s ended: %r", request, client_address, sys.exception())


class ScriptedServer:
    """An endpoint on loopback with ``POST <base_url>/chat/completions`` and ``GET <base_url>/models``; a context manager.

    ``latency_seconds``: added to every answer. ``slots``: answers worked on at the same time, others wait; 0 means any number.
    """

    def __init__(
        self,
        responder: Responder,
        *,
        port: int = 0,
        latency_seconds: float = 0.0,
        slots: int = 0,
        models: tuple[str, ...] = ("scripted",),
        on_heal: Callable[[], None] | None = None,
    ) -> None:
        self.responder, self.latency_seconds, self.models, self.on_heal = responder, latency_seconds, models, on_heal
        self.slots: Any = threading.BoundedSemaphore(slots) if slots else nullcontext()
        self.books, self.lock, self.closing = _Books(), threading.Lock(), threading.Event()
        self._responding = threading.Lock()
        self._listener = _Listener(("127.0.0.1", port), type("Handler", (_Handler,), {"owner": self}))
        self._thread = threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"http://127.0.0.1:{self._listener.server_port}/v1"

    @property
    def n_requests(self) -> int:
        """Chat requests that came in so far."""
        return len(self.books.asked)

    @property
    def asked(self) -> list[Asked]:
        """Every chat request so far, in order of arrival."""
        with self.lock:
            return list(self.books.asked)

    @property
    def max_open(self) -> int:
        """Most requests that were under way at the same time."""
        return self.books.max_open

    @property
    def is_healed(self) -> bool:
        """True once told to heal."""
        return self.books.is_healed

    def heal(self) -> None:
        """From now on nothing goes wrong on purpose."""
        self.books.is_healed = True
        if self.on_heal:
            self.on_heal()

    def answer(self, request: dict[str, Any]) -> Answer:
        """What the responder says, as an Answer."""
        with self._responding:
            said = self.responder(request)
        return Answer(text=said) if isinstance(said, str) else said

    def start(self) -> Self:
        """Listen, in a thread of its own."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop listening and let go of every request that hangs."""
        self.closing.set()
        if self._thread.is_alive():
            self._listener.shutdown()
        self._listener.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: ScriptedServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        log.debug(format, *args)

    def do_GET(self) -> None:
        """Serve models, count and log."""
        books = self.owner.books
        if self.path.endswith("/models"):
            self._json({"object": "list", "data": [{"id": name, "object": "model"} for name in self.owner.models]})
        elif self.path == "/count":
            self._json({"n_requests": len(books.asked), "n_open": books.n_open, "max_open": books.max_open, "is_healed": books.is_healed})
        elif self.path == "/log":
            self._json([{"at": one.at, "is_answered": one.is_answered, "request": one.request} for one in self.owner.asked])
        else:
            self._json({"error": {"message": "no such path"}}, status=404)

    def do_POST(self) -> None:
        """Chat, or heal."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/heal":
            self.owner.heal()
            self._json({"is_healed": True})
        elif self.path.endswith("/chat/completions"):
            self._chat(json.loads(body))
        else:
            self._json({"error": {"message": "no such path"}}, status=404)

    def _chat(self, request: dict[str, Any]) -> None:
        owner, books = self.owner, self.owner.books
        asked = Asked(request, dict(self.headers.items()), time.monotonic())
        with owner.lock:
            books.asked.append(asked)
            books.n_open += 1
            books.max_open = max(books.max_open, books.n_open)
        try:
            with owner.slots:
                answer = owner.answer(request)
                time.sleep(owner.latency_seconds + answer.delay_seconds)
            self._send(answer, answer.encode(request))
            asked.is_answered = answer.wire == "whole"
        finally:
            with owner.lock:
                books.n_open -= 1

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(Answer(status=status), json.dumps(value).encode())

    def _send(self, answer: Answer, body: bytes) -> None:
        given = {name.lower() for name, _ in answer.headers}
        head = [f"HTTP/1.1 {answer.status} -", f"Content-Length: {len(body)}", f"Date: {self.date_time_string()}"]
        head += [] if "content-type" in given else ["Content-Type: application/json"]
        head += [f"{name}: {value}" for name, value in answer.headers]
        whole = "\r\n".join([*head, "", ""]).encode() + body
        self.close_connection = self.close_connection or answer.wire != "whole"
        match answer.wire:
            case "whole":
                self.wfile.write(whole)
            case "hang":
                self.owner.closing.wait(HANG_SECONDS)
            case "drip":
                self._drip(whole, len(whole) - len(body))
            case "drip_head":
                self._drip(whole, len("HTTP/1.1 "))
            case "short" | "reset":
                self.wfile.write(whole[: len(whole) - len(body) // 2])
                if answer.wire == "reset":
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
            case "close":
                pass

    def _drip(self, whole: bytes, begun: int) -> None:
        self.wfile.write(whole[:begun])
        for at in range(begun, len(whole)):
            if self.owner.closing.wait(DRIP_SECONDS):
                return
            self.wfile.write(whole[at : at + 1])


def main(argv: list[str] | None = None) -> int:
    """Serve a rules file until interrupted; the first line of output is the base URL."""
    from tasks.providers.scripted import rules_server  # noqa: PLC0415  # rules need YAML, the server itself does not

    parser = argparse.ArgumentParser(prog="python -m tasks.providers.scripted_server", description=main.__doc__)
    parser.add_argument("--file", type=Path, required=True, help="rules: what to answer to which message")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--slots", type=int, default=0, help="answers worked on at the same time; 0: any number")
    args = parser.parse_args(argv)
    with rules_server(args.file, port=args.port, slots=args.slots) as server:
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.flush()
        try:
            server.closing.wait()
        except KeyboardInterrupt:
            log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
