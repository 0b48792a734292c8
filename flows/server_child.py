"""A command -> the same process, on record: ``python -m flows.server_child RECORD COMMAND...`` says who it is, then becomes the command.

The record's file is locked and stays so through ``exec``: it is free again when, and only when, the process has ended. So nobody takes a
stranger for it who got its process id later, and no moment lies between a process's start and its record.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import BinaryIO

LOCK_SECONDS = 5.0


def main(record: Path, command: list[str]) -> None:
    """Become ``command``, unless the record says that it runs already."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell without a terminal lets its children ignore it, and workers stop by it
    handle = record.open("r+b" if record.exists() else "w+b")
    if not _locked(handle):
        return
    handle.truncate(0)
    handle.write(json.dumps({"pid": os.getpid(), "command": command}).encode())
    handle.flush()
    os.set_inheritable(handle.fileno(), True)
    os.execv(command[0], command)  # noqa: S606  # the whole point: no shell, same process


def _locked(handle: BinaryIO) -> bool:
    """Hold the record; whoever only looks whether it is held lets go at once."""
    ends = time.monotonic() + LOCK_SECONDS
    while time.monotonic() < ends:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
