"""What became of tries -> how many may be under way, and when: an endpoint's pace, learned from its answers alone."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from tasks.providers.base import Reason, Reply

PARK_FROM_SECONDS = 5.0
"""An endpoint that asks for a wait of this or more means everyone; less, and only the call waits that was told to."""
SHRINK = 0.7
GROW = 0.125
"""Of ``max_concurrency``: slots won back in a round of calls that are all answered."""
GIVE_UP_AFTER = 3
"""Calls in a row that use up their tries while nothing is answered."""
REST_SECONDS = 30.0
LAST_CHARS = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """A try that brought no reply, and what follows from it."""

    reason: Reason
    detail: str
    tries: int | None = None
    """Tries that a call gets which ends like this; 1: what came stands; None: as many as the settings allow."""
    is_busy: bool = False
    """The endpoint has too much to do: fewer at the same time."""
    is_down: bool = False
    """No answer came, or none that a working endpoint gives."""
    retry_after: float = 0.0
    """Seconds that the endpoint asked to be left alone."""
    is_mended: bool = False
    """The next try is put otherwise and needs no wait."""
    reply: Reply | None = None


class Pace:
    """Slots and pauses of one endpoint. Times are seconds of a monotonic clock. Not safe for threads: the queue holds its lock."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ceiling, self._slots = 0, 0.0
        self._shrunk = self._answered = self._resting_until = 0.0
        self._n_given_up = 0
        self._given_up: Fault | None = None
        self.parked_until = 0.0

    @property
    def n_slots(self) -> int:
        """Tries that may be under way at the same time."""
        return 1 if self._given_up else int(self._slots)

    @property
    def is_on_trial(self) -> bool:
        """True after the endpoint was given up, until it answers: one call is tried once."""
        return self._given_up is not None

    def bound(self, max_concurrency: int) -> None:
        """Keep below ``max_concurrency``, and below what was named before."""
        self._slots = min(self._slots, max_concurrency) if self._ceiling else max_concurrency
        self._ceiling = min(self._ceiling or max_concurrency, max_concurrency)

    def note(self, outcome: Reply | Fault, tried: float, now: float) -> None:
        """Learn from a try that began at ``tried``: additive growth, multiplicative shrinking, once for each round of tries."""
        if isinstance(outcome, Reply) or not outcome.is_down:
            self._answered, self._n_given_up, self._given_up = now, 0, None
            self._slots = min(self._slots + max(1.0, GROW * self._ceiling) / self._slots, self._ceiling)
            return
        if outcome.is_busy and tried >= self._shrunk:
            self._slots, self._shrunk = max(self._slots * SHRINK, 1.0), now
            log.debug("%s is busy (%s): %d at the same time", self._name, outcome.reason, self.n_slots)
        if outcome.retry_after >= PARK_FROM_SECONDS and now + outcome.retry_after > self.parked_until:
            self.parked_until = now + outcome.retry_after
            log.warning("%s asks to be left alone for %.0f seconds", self._name, outcome.retry_after)

    def give_up_call(self, fault: Fault, begun: float, now: float) -> None:
        """Note that a call used up its tries. The third in a row, or the one of a trial, and the endpoint is given up for a while."""
        if self._answered >= begun and not self._given_up:
            return
        self._n_given_up += 1
        if self._given_up or self._n_given_up >= GIVE_UP_AFTER:
            last = fault.detail[:LAST_CHARS]
            log.warning("%s is given up for %.0f seconds: %s, %s", self._name, REST_SECONDS, fault.reason, last)
            self._given_up, self._resting_until = fault, now + REST_SECONDS

    def refusal(self, deadline: float, now: float) -> Fault | None:
        """Why a call that must be settled by ``deadline`` need not be tried at all, if so."""
        if self._given_up and now < self._resting_until:
            last = self._given_up.detail[:LAST_CHARS]
            return Fault(self._given_up.reason, f"the endpoint does not answer; the last that was tried: {last}")
        if self.parked_until > max(deadline, now):
            return Fault("rate_limited", f"the endpoint asks to be left alone for {self.parked_until - now:.0f} seconds")
        return None

    def is_shut(self, now: float) -> bool:
        """True while calls may have to be refused."""
        return now < max(self.parked_until, self._resting_until)
