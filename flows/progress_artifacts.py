"""Progress reports -> Prefect progress artifacts: one for each kind of work, renewed every few seconds, on the flow run's page."""

from __future__ import annotations

import logging
import re
import threading
import time
from dataclasses import dataclass
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import PrefectException

from flows.markup import inert

SECONDS_BETWEEN = 3.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Shown:
    """An artifact, and when it was last renewed; no id while it is being made or where it could not be."""

    shown_at: float
    artifact_id: UUID | None = None


class ProgressArtifacts:
    """A listener for :mod:`tasks.progress`. What Prefect cannot take is logged once, and no reason to lose work."""

    def __init__(self) -> None:
        self._shown: dict[str, _Shown] = {}
        self._lock = threading.Lock()

    def __call__(self, label: str, n_done: int, n_total: int, note: str) -> None:
        """Show that ``n_done`` of ``n_total`` are done. A single thing to do has no progress to show."""
        if n_total < 2:  # noqa: PLR2004
            return
        now = time.monotonic()
        with self._lock:
            shown = self._shown.get(label)
            is_due = shown is None or n_done == n_total or now - shown.shown_at >= SECONDS_BETWEEN
            if not is_due:
                return
            if shown:
                shown.shown_at = now
            else:
                self._shown[label] = _Shown(now)
        self._show(label, shown, 100.0 * n_done / n_total, inert(f"{label}: {n_done} of {n_total} {note}"))

    def _show(self, label: str, shown: _Shown | None, percent: float, text: str) -> None:
        try:
            if shown is None:
                made = create_progress_artifact(percent, key=_key(label), description=text)
                self._shown[label].artifact_id = UUID(str(made))
            elif shown.artifact_id:
                update_progress_artifact(shown.artifact_id, percent, text)
        except (PrefectException, httpx.HTTPError) as error:
            log.warning("progress could not be shown: %s", error)


def _key(label: str) -> str:
    """``label`` as Prefect wants keys: lower-case letters, digits and dashes."""
    return re.sub("[^a-z0-9]+", "-", label.lower()).strip("-")
