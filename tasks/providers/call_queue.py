"""Calls of all documents -> one queue for each endpoint: as many under way as it bears, retries when they are due, no barriers.

A call is tried, and tried again where that may help: after a wait that doubles from try to try, or as long as the endpoint asked for. A
call that waits holds no slot. How many slots there are, and when the endpoint is left alone, is the matter of ``call_pace.Pace``.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import logging
import queue
import random
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

from tasks.providers.base import CallFailed, ModelParams, Reply
from tasks.providers.call_pace import Fault, Pace
from warehouse.errors import ProviderError

LONGEST_BACKOFF_SECONDS = 60.0
JITTER = 0.25
WAITING_PER_SLOT = 2
"""New calls are held back while more retries than this wait for each slot, or a busy endpoint would be asked everything at once."""

Outcome = Reply | Fault | ProviderError
Try = Callable[[float], Outcome]
"""One try, given the seconds it may take; raises nothing."""

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Call:
    """One question on its way. Times are seconds of a monotonic clock."""

    ask: Try
    params: ModelParams
    future: Future[Reply] = field(default_factory=Future)
    n_tries: int = 0
    n_alike: int = 0
    reason: str = ""
    begun: float = 0.0
    tried: float = 0.0

    def deadline(self, now: float) -> float:
        """When it must be settled: counted from its first try, so that waiting in the queue costs nothing."""
        return (self.begun or now) + self.params.max_wait_seconds

    def next_try(self, fault: Fault, now: float) -> float | None:
        """When to try again; None when its tries or its time are used up."""
        self.n_alike = self.n_alike + 1 if fault.reason == self.reason else 1
        self.reason = fault.reason
        wait = min(self.params.backoff_seconds * 2 ** (self.n_tries - 1), LONGEST_BACKOFF_SECONDS)
        wait = 0.0 if fault.is_mended else max(wait, fault.retry_after) if fault.retry_after else wait
        due = now + wait * (1 + random.uniform(0, JITTER))
        if self.n_tries >= self.params.max_attempts or self.n_alike >= (fault.tries or self.n_tries + 1) or due >= self.deadline(now):
            return None
        return due

    def failure(self, fault: Fault) -> CallFailed:
        """What its future raises."""
        seconds = time.monotonic() - self.begun if self.begun else 0.0
        reply = fault.reply and self.counted(fault.reply)
        return CallFailed(fault.reason, fault.detail, n_attempts=self.n_tries, seconds=seconds, reply=reply)

    def counted(self, reply: Reply) -> Reply:
        """``reply`` with the tries and seconds that it took, waits included."""
        return replace(reply, n_attempts=self.n_tries, seconds=time.monotonic() - self.begun)


class CallQueue:
    """The calls to one endpoint. Safe for many threads; threads are started as they are needed, one for each slot at most."""

    def __init__(self, name: str) -> None:
        self._name, self._pace = name, Pace(name)
        self._changed = threading.Condition(threading.Lock())
        self._fresh: deque[Call] = deque()
        self._waiting: list[tuple[float, int, Call]] = []
        self._serial = itertools.count()
        self._ready: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._n_threads = self._n_running = 0
        self._is_closed = self._has_clock = False

    def submit(self, ask: Try, params: ModelParams) -> Future[Reply]:
        """Queue a call; never blocks. ``max_concurrency`` holds for the endpoint: the least that anybody named.

        The future can be cancelled until its first try begins.
        """
        call = Call(ask, params)
        with self._changed:
            now = time.monotonic()
            self._pace.bound(params.max_concurrency)
            refusal = Fault("unavailable", "the provider is closed") if self._is_closed else self._pace.refusal(call.deadline(now), now)
            if refusal is None:
                self._fresh.append(call)
                self._dispatch()
        if refusal is not None:
            call.future.set_exception(call.failure(refusal))
        return call.future

    def close(self) -> None:
        """Fail what waits. What is under way ends by itself, within its deadline."""
        with self._changed:
            self._is_closed = True
            dropped = self._drop(lambda _: Fault("unavailable", "the provider was closed"))
            for _ in range(self._n_threads):
                self._ready.put(None)
            self._changed.notify_all()
        _fail(dropped)

    def _dispatch(self) -> None:
        """Hand out what may go now. The lock is held, as in all that follow but _work and _keep_time."""
        now = time.monotonic()
        while self._n_running < self._pace.n_slots and now >= self._pace.parked_until and (call := self._next(now)):
            if not call.n_tries and not call.future.set_running_or_notify_cancel():
                continue
            call.n_tries, call.tried, call.begun = call.n_tries + 1, now, call.begun or now
            self._n_running += 1
            self._ready.put(call)
            if self._n_threads < self._n_running:
                self._n_threads += 1
                threading.Thread(target=self._work, name=f"{self._name} {self._n_threads}", daemon=True).start()
        if (self._waiting or self._fresh) and not self._has_clock:
            self._has_clock = True
            threading.Thread(target=self._keep_time, name=f"{self._name} clock", daemon=True).start()

    def _next(self, now: float) -> Call | None:
        """A retry that is due, else a new call, unless too many retries wait."""
        if self._waiting and self._waiting[0][0] <= now:
            return heapq.heappop(self._waiting)[2]
        if self._fresh and len(self._waiting) <= WAITING_PER_SLOT * self._pace.n_slots:
            return self._fresh.popleft()
        return None

    def _drop(self, why: Callable[[Call], Fault | ProviderError | None]) -> list[tuple[Call, BaseException]]:
        """Take out every call, new or waiting, that there is a reason ``why`` not to try; to be failed once the lock is let go."""
        found = [(call, reason) for call in (*self._fresh, *(one[2] for one in self._waiting)) if (reason := why(call))]
        gone = {id(call) for call, _ in found}
        self._fresh = deque(call for call in self._fresh if id(call) not in gone)
        self._waiting = [one for one in self._waiting if id(one[2]) not in gone]
        heapq.heapify(self._waiting)
        return [(call, call.failure(reason) if isinstance(reason, Fault) else reason) for call, reason in found]

    def _judge(self, call: Call, outcome: Outcome) -> tuple[Reply | BaseException | None, list[tuple[Call, BaseException]]]:
        """What becomes of a call whose try ended (None: it waits for the next), and which others fail with it."""
        now = time.monotonic()
        if isinstance(outcome, ProviderError):
            alike = functools.partial(ProviderError, outcome.what, where=outcome.where, mend=outcome.mend)
            return outcome, self._drop(lambda other: alike() if other.params.model == call.params.model else None)
        is_on_trial = self._pace.is_on_trial
        self._pace.note(outcome, call.tried, now)
        if isinstance(outcome, Reply):
            return call.counted(outcome), []
        self._changed.notify()
        due = call.next_try(outcome, now)
        if due is None or self._is_closed or (is_on_trial and outcome.is_down):
            if outcome.is_down:
                self._pace.give_up_call(outcome, call.begun, now)
            return call.failure(outcome), self._refused(now)
        heapq.heappush(self._waiting, (due, next(self._serial), call))
        return None, self._refused(now)

    def _refused(self, now: float) -> list[tuple[Call, BaseException]]:
        return self._drop(lambda call: self._pace.refusal(call.deadline(now), now)) if self._pace.is_shut(now) else []

    def _work(self) -> None:
        """Try calls, one after the other.

        A slot is held until whoever asked has taken the reply in: what is asked and not yet written down is never more than the slots.
        """
        while call := self._ready.get():
            outcome = _outcome(call)
            with self._changed:
                verdict, dropped = self._judge(call, outcome)
            if isinstance(verdict, Reply):
                call.future.set_result(verdict)
            elif verdict is not None:
                call.future.set_exception(verdict)
            _fail(dropped)
            with self._changed:
                self._n_running -= 1
                self._dispatch()
                if self._waiting:
                    self._changed.notify()  # the clock may have gone to sleep while no slot was free

    def _keep_time(self) -> None:
        """Hand out retries when they are due, and everything when a pause ends."""
        with self._changed:
            while not self._is_closed:
                self._dispatch()
                now = time.monotonic()
                due = max(self._waiting[0][0] if self._waiting else now, self._pace.parked_until)
                if due > now:
                    self._changed.wait(due - now)
                elif not self._waiting or self._n_running >= self._pace.n_slots:
                    self._changed.wait()


def _outcome(call: Call) -> Outcome:
    """One try. Whatever it raises is a defect here; its text might hold what must not be told, so only its place is."""
    seconds = min(call.params.timeout_seconds, call.deadline(call.tried) - time.monotonic())
    if seconds <= 0:
        call.n_tries -= 1
        return Fault("timeout", "no time was left for another try", tries=1, is_down=True)
    try:
        return call.ask(seconds)
    except Exception as error:  # noqa: BLE001  # a thread that dies would leave its caller waiting for ever
        place = traceback.extract_tb(error.__traceback__)[-1]
        what, where = type(error).__name__, f"{Path(place.filename).name}:{place.lineno}"
    return ProviderError(f"{what} while asking", where=where, mend="report this")


def _fail(dropped: list[tuple[Call, BaseException]]) -> None:
    for call, error in dropped:
        if call.n_tries or call.future.set_running_or_notify_cancel():
            call.future.set_exception(error)
