"""A folder of records -> processes that are started, looked for and stopped: those of one ``tunehouse up`` and no others."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import TunehouseError

STOP_SECONDS = 40.0
RECORD_SECONDS = 20.0
GRACE_SECONDS = 1.0
KEPT_LOG_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class Child:
    """One long-running process of the folder ``home``, by name."""

    home: Path
    name: str

    @property
    def record(self) -> Path:
        """Who it is; locked while it lives (:mod:`flows.server_child`)."""
        return self.home / f"{self.name}.process"

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.home / f"{self.name}.log"

    def pid(self) -> int | None:
        """Its process id; None when it does not run."""
        try:
            with self.record.open("rb") as handle:
                try:
                    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(json.loads(handle.read() or b'{"pid": 0}')["pid"]) or None
        except FileNotFoundError:
            pass
        return None

    def start(self, command: Sequence[str], env: Mapping[str, str], cwd: Path, umask: int = -1) -> bool:
        """Start it in a session of its own, unless it runs; ``umask`` -1: the caller's. Returns whether it was started now.

        Raises:
            TunehouseError: it ended at once.
        """
        if self.pid():
            return False
        if self.log.exists() and self.log.stat().st_size > KEPT_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        words = [sys.executable, "-m", "flows.server_child", str(self.record), *command]
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            process = subprocess.Popen(  # noqa: S603
                words, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, umask=umask
            )
        ends = time.monotonic() + RECORD_SECONDS
        while self.pid() != process.pid:
            if process.poll() is not None or time.monotonic() > ends:
                raise self.ended()
            time.sleep(0.05)
        try:
            process.wait(GRACE_SECONDS)  # what cannot start says so within this time
        except subprocess.TimeoutExpired:
            return True
        raise self.ended()

    def ended(self) -> TunehouseError:
        """The error that says where to look."""
        return TunehouseError(f"{self.name} ended at its start", where=str(self.log), mend=f"its last words: {self.last_words()}")

    def last_words(self) -> str:
        """The end of its log, on one line."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        return " | ".join(line.strip() for line in lines[-3:])

    def stop(self) -> bool:
        """Ask it to end, then make it. Returns whether it ran."""
        pid = self.pid()
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        ends = time.monotonic() + STOP_SECONDS
        while self.pid() == pid and time.monotonic() < ends:
            time.sleep(0.1)
        if self.pid() == pid:
            os.kill(pid, signal.SIGKILL)
        self.record.unlink(missing_ok=True)
        return True
