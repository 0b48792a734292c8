"""A Prefect server for the time of one command, out of reach of what stops the command: ``python -m flows.embedded_server``.

The server that Prefect would start itself dies of the same Ctrl-C as its flow (a terminal, ``timeout`` and systemd signal the whole
group), and the flow tries for a minute to tell it how it ended. This one has a session of its own, and ends when the command has ended,
killed or not: it holds one end of a pipe, the command the other.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from warehouse.errors import TunehouseError

HOST = "127.0.0.1"
START_SECONDS = 120.0
STOP_SECONDS = 10.0


def start() -> None:
    """Start it with the settings of the environment, and have this process's Prefect use it; returns once it answers.

    Raises:
        TunehouseError: it ended at its start, or does not answer in time.
    """
    with socket.create_server((HOST, 0)) as listener:  # taken here and handed on: nobody else can get the port in between
        url = f"http://{HOST}:{listener.getsockname()[1]}/api"
        handle = listener.fileno()
        command = [sys.executable, "-m", "flows.embedded_server", str(handle)]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[handle], start_new_session=True)  # noqa: S603  # our own module
    atexit.register(_stop, server)
    os.environ["PREFECT_API_URL"] = url  # read when Prefect is imported
    import prefect.main  # noqa: F401  # takes as long as the server's start: both at once

    ends = time.monotonic() + START_SECONDS
    while not _answers(url):
        if server.poll() is not None or time.monotonic() > ends:
            how = "is silent" if server.returncode is None else f"ended with exit code {server.returncode}"
            raise TunehouseError(
                f"the embedded Prefect server {how}", where=url, mend="PREFECT_SERVER_LOGGING_LEVEL=INFO says more; or use `tunehouse up`"
            )
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as reply:  # noqa: S310  # our own http address
            return bool(reply.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.stdin:
        server.stdin.close()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def main(handle: int) -> None:
    """Serve at an open socket until the other end of standard input is closed."""
    threading.Thread(target=_end_with_the_command, daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(ephemeral=True, final=True)  # no UI, no scheduler
    config = uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=int(STOP_SECONDS / 2))
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=handle)])


def _end_with_the_command() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(int(sys.argv[1]))
