"""A wish to stop -> long work that stops at its next safe point, in whichever thread it runs: a signal reaches the main thread alone."""

from __future__ import annotations

import threading

_asked = threading.Event()


def ask() -> None:
    """Have all long work of this process stop where it can go on later."""
    _asked.set()


def withdraw() -> None:
    """Long work may go on."""
    _asked.clear()


def raise_if_asked() -> None:
    """Call between two steps.

    Raises:
        KeyboardInterrupt: it was asked to stop.
    """
    if _asked.is_set():
        raise KeyboardInterrupt
