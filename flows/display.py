"""Progress reports -> bars on a terminal, or a line now and then where there is none."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tasks import progress

SECONDS_BETWEEN_LINES = 10.0
NOTE_WIDTH = 48


@contextmanager
def progress_display() -> Iterator[None]:
    """Show what :mod:`tasks.progress` reports, on standard error, while the block runs."""
    if sys.stderr.isatty():
        with _bars() as listener, progress.listening(listener):
            yield
    else:
        with progress.listening(_Lines()):
            yield


@contextmanager
def _bars() -> Iterator[progress.Listener]:
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as display:
        bars: dict[str, TaskID] = {}

        def listener(label: str, n_done: int, n_total: int, note: str) -> None:
            if label not in bars:
                bars[label] = display.add_task(label, total=n_total, note="")
            display.update(bars[label], completed=n_done, total=n_total, note=_plain(note))

        yield listener


class _Lines:
    """One line at the start, at the end and every ten seconds of each kind of work."""

    def __init__(self) -> None:
        self.printed: dict[str, float] = {}

    def __call__(self, label: str, n_done: int, n_total: int, note: str) -> None:
        now = time.monotonic()
        if n_done == n_total or now - self.printed.get(label, 0.0) >= SECONDS_BETWEEN_LINES:
            self.printed[label] = now
            sys.stderr.write(f"{label}: {n_done} of {n_total} {_plain(note)}\n")


def _plain(note: str) -> str:
    """Without control characters and markup, and short: notes hold file names."""
    shown = "".join(char if char.isprintable() else " " for char in note).replace("[", "(")
    return shown if len(shown) <= NOTE_WIDTH else shown[: NOTE_WIDTH - 1] + "…"
