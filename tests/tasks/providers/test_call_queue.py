"""The queue alone: whatever tries bring, every call is settled once, and never more are under way than may be."""

import functools
import random
import threading
import time
from collections import Counter

import pytest

from tasks.providers.base import CallFailed, ModelParams, Reply
from tasks.providers.call_pace import Fault
from tasks.providers.call_queue import CallQueue, Outcome
from warehouse.errors import ProviderError

REPLY = Reply("fine", "stop", "m", 1, 1, 1, 0.0)


class Tries:
    """What tries bring, drawn at random, and how many were under way at the same time."""

    def __init__(self, seed: int, faults: list[Fault], rate: float) -> None:
        self.rng, self.faults, self.rate = random.Random(seed), faults, rate
        self.lock, self.n_open, self.max_open, self.n = threading.Lock(), 0, 0, 0

    def __call__(self, seconds: float) -> Outcome:
        with self.lock:
            self.n_open, self.n = self.n_open + 1, self.n + 1
            self.max_open = max(self.max_open, self.n_open)
            fault = self.rng.choice(self.faults) if self.rng.random() < self.rate else None
            pause = self.rng.random() * 0.002
        time.sleep(pause)
        with self.lock:
            self.n_open -= 1
        return fault or REPLY


FAULTS = [
    Fault("rate_limited", "busy", is_busy=True, is_down=True),
    Fault("rate_limited", "busy", is_busy=True, is_down=True, retry_after=0.01),
    Fault("timeout", "slow", is_busy=True, is_down=True),
    Fault("unavailable", "gone", is_down=True),
    Fault("bad_answer", "nonsense", tries=3),
    Fault("bad_request", "put otherwise", is_mended=True),
    Fault("empty", "", tries=1, reply=REPLY),
]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("max_concurrency", [1, 16])
def test_every_call_is_settled_whatever_its_tries_bring(seed, max_concurrency):
    tries = Tries(seed, FAULTS, rate=(0.2, 0.5, 0.9, 1.0)[seed])
    params = ModelParams(model="openai/m", max_concurrency=max_concurrency, max_attempts=4, backoff_seconds=0.002, max_wait_seconds=20.0)
    queue = CallQueue("endpoint")

    futures = [queue.submit(tries, params) for _ in range(300)]
    ends = [future.exception(timeout=30) or future.result() for future in futures]
    queue.close()

    assert {type(end) for end in ends} <= {Reply, CallFailed}
    assert sum(end.n_attempts for end in ends) == tries.n
    assert max(end.n_attempts for end in ends) <= 4
    assert tries.max_open <= max_concurrency


def test_calls_that_wait_in_the_queue_use_up_none_of_their_time():
    def slowly(seconds: float) -> Outcome:
        time.sleep(0.05)
        return REPLY

    params = ModelParams(model="openai/m", max_concurrency=1, max_wait_seconds=0.2)
    queue = CallQueue("endpoint")
    futures = [queue.submit(slowly, params) for _ in range(12)]

    assert [future.result(10).text for future in futures] == ["fine"] * 12
    queue.close()


def test_each_try_gets_no_more_time_than_is_left_for_the_call():
    given: list[float] = []

    def slowly(seconds: float) -> Outcome:
        given.append(seconds)
        time.sleep(0.1)
        return Fault("timeout", "slow", is_down=True)

    params = ModelParams(model="openai/m", timeout_seconds=1.0, max_wait_seconds=0.35, backoff_seconds=0.01)
    queue = CallQueue("endpoint")
    failed = queue.submit(slowly, params).exception(10)
    queue.close()

    assert failed.reason == "timeout"
    assert len(given) >= 2
    assert given[0] <= 0.35
    assert given == sorted(given, reverse=True)


def test_a_defect_in_a_try_stops_the_run_and_tells_its_place_but_not_its_text():
    def broken(seconds: float) -> Outcome:
        raise RuntimeError("Bearer abc")

    queue = CallQueue("endpoint")
    error = queue.submit(broken, ModelParams(model="openai/m")).exception(10)
    queue.close()

    assert isinstance(error, ProviderError)
    assert "RuntimeError" in str(error)
    assert "Bearer" not in str(error)
    assert "test_call_queue.py" in str(error)


def test_calls_may_be_submitted_from_many_threads_and_from_replies():
    queue, params = CallQueue("endpoint"), ModelParams(model="openai/m", max_concurrency=8)
    done: Counter[str] = Counter()
    all_done = threading.Semaphore(0)

    def ask_more(name: str, depth: int) -> None:
        def settled(_: object) -> None:
            done[name] += 1
            if depth:
                ask_more(f"{name}.", depth - 1)
            all_done.release()

        queue.submit(lambda _: REPLY, params).add_done_callback(settled)

    threads = [threading.Thread(target=ask_more, args=(str(at), 3)) for at in range(20)]
    for thread in threads:
        thread.start()
    assert all(all_done.acquire(timeout=10) for _ in range(80))
    queue.close()

    assert len(done) == 80
    assert set(done.values()) == {1}


def test_a_retry_is_not_forgotten_when_another_became_due_while_no_slot_was_free():
    wanted = {
        "waits long": [Fault("unavailable", "", retry_after=0.4), REPLY],
        "falls due while the slot is taken": [Fault("unavailable", ""), REPLY],
        "takes the slot": [REPLY],
    }

    def tries(name: str, seconds: float) -> Outcome:
        time.sleep(0.1 if name == "takes the slot" else 0)
        return wanted[name].pop(0)

    params = ModelParams(model="openai/m", max_concurrency=1, backoff_seconds=0.03)
    queue = CallQueue("endpoint")
    futures = [queue.submit(functools.partial(tries, name), params) for name in wanted]

    assert [future.result(timeout=5).text for future in futures] == ["fine"] * 3
    queue.close()
