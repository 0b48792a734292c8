"""Long work -> whoever listens: how far it is. The command line draws bars from it; without a listener nothing happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, int, int, str], None]
_listeners: list[Listener] = []
_lock = threading.Lock()


def report(label: str, n_done: int, n_total: int, note: str = "") -> None:
    """Say that ``n_done`` of ``n_total`` are done of what ``label`` names."""
    with _lock:
        listeners = list(_listeners)
    for listener in listeners:
        listener(label, n_done, n_total, note)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have ``listener(label, n_done, n_total, note)`` called from any thread while the block runs."""
    with _lock:
        _listeners.append(listener)
    try:
        yield
    finally:
        with _lock:
            _listeners.remove(listener)
