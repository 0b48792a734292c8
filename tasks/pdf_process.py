"""A request -> the reply of a worker process, killed when its time is up: multiprocessing's fork server with pymupdf loaded.

Each file gets a fresh fork, so that nothing one file does to the PDF library reaches the next.
"""

from __future__ import annotations

import functools
import json
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import spawn
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from typing import Any

from tasks.pdf_worker import Request, limit, reply
from warehouse.errors import MissingPrerequisite

STARTED = b"started"
PROCESS_NAME = "tunehouse-pdf"
PRELOAD = ["pymupdf", "tasks.pdf_worker"]
START_SECONDS = 120.0  # the fork server imports pymupdf once, slowly on a busy machine; not counted as reading

_reaping = threading.Lock()  # start() polls every child of this process: two threads must not reap at once


def ask(request: Request) -> dict[str, Any]:
    """The worker's reply (see :func:`tasks.pdf_worker.reply`), or {status, reason, warnings} of its death.

    Raises:
        MissingPrerequisite: no worker process can be started.
    """
    context = _context()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(sender, request), name=PROCESS_NAME, daemon=True)
    with _reaping:
        process.start()
    sender.close()
    message: bytes | None = None
    try:
        if _receive(receiver, START_SECONDS, len(STARTED)) != STARTED:
            raise MissingPrerequisite("a process to read PDFs in did not start", where="ingest", mend="see the error printed above")
        ends = time.monotonic() + request.seconds
        message = _receive(receiver, request.seconds, request.memory_mb << 20)
        is_late = time.monotonic() >= ends
    finally:
        receiver.close()
        process.kill()
        wait([process.sentinel])
        with _reaping:
            process.join()
            exit_code = process.exitcode
            process.close()
    return dict(json.loads(message)) if message is not None else _death(exit_code, request.seconds, is_late=is_late)


def _serve(connection: Connection, request: Request) -> None:
    """In the worker: one message that it has started, one with the reply as JSON (a pickle would let a file's exploit out)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which kills this process
    limit(request)
    connection.send_bytes(STARTED)
    connection.send_bytes(json.dumps(reply(request)).encode())
    connection.close()


def _receive(receiver: Connection, seconds: float, most_bytes: int) -> bytes | None:
    """The next message; None when the worker died or the time is up."""
    try:
        return receiver.recv_bytes(most_bytes) if receiver.poll(max(seconds, 0)) else None
    except (EOFError, OSError):
        return None


def _death(exit_code: int | None, seconds: float, *, is_late: bool) -> dict[str, Any]:
    if is_late:
        return {"status": "timeout", "reason": f"took longer than {seconds:g} s", "warnings": []}
    if exit_code is not None and exit_code < 0 and exit_code != -signal.SIGKILL:
        return {"status": "crashed", "reason": f"the PDF library died of {signal.Signals(-exit_code).name}", "warnings": []}
    return {"status": "crashed", "reason": "the PDF library died", "warnings": []}


@functools.cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    spawn.get_preparation_data = _without_main(spawn.get_preparation_data)  # type: ignore[assignment]  # called with the name
    return context


def _without_main(prepare: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    """Keep our workers from importing the caller's main module, as multiprocessing's children do by default.

    It may be Prefect's engine, which takes seconds to import, or a script without ``if __name__ == "__main__"``, which would run anew.
    """

    def prepared(name: str) -> dict[str, Any]:
        data = prepare(name)
        if name == PROCESS_NAME:
            data.pop("init_main_from_name", None)
            data.pop("init_main_from_path", None)
        return data

    return prepared
