"""An endpoint's pace as time goes by: told by figures, not by waiting."""

import pytest

from tasks.providers.base import Reply
from tasks.providers.call_pace import REST_SECONDS, Fault, Pace

REPLY = Reply("fine", "stop", "m", 1, 1, 1, 0.1)
BUSY = Fault("rate_limited", "slow down", is_busy=True, is_down=True)
GONE = Fault("unavailable", "refused", is_down=True)


@pytest.fixture
def pace():
    made = Pace("endpoint")
    made.bound(32)
    return made


def test_a_round_of_busy_answers_shrinks_the_slots_once(pace):
    for _ in range(20):
        pace.note(BUSY, tried=1.0, now=2.0)

    assert pace.n_slots == 22


def test_slots_grow_back_to_what_the_settings_allow_and_no_further(pace):
    for at in range(10):
        pace.note(BUSY, tried=float(at), now=float(at) + 0.5)
    assert pace.n_slots == 1

    for at in range(1000):
        pace.note(REPLY, tried=20.0 + at, now=20.5 + at)
    assert pace.n_slots == 32


def test_a_failure_that_is_not_about_load_leaves_the_slots_alone(pace):
    pace.note(GONE, tried=1.0, now=2.0)

    assert pace.n_slots == 32


def test_three_calls_that_use_up_their_tries_give_the_endpoint_up_for_a_rest(pace):
    for at in range(2):
        pace.give_up_call(GONE, begun=1.0, now=10.0 + at)
    assert pace.refusal(deadline=600.0, now=12.0) is None

    pace.give_up_call(GONE, begun=1.0, now=12.0)

    refusal = pace.refusal(deadline=600.0, now=12.0)
    assert refusal is not None
    assert (refusal.reason, pace.is_on_trial, pace.n_slots) == ("unavailable", True, 1)
    assert pace.refusal(deadline=600.0, now=12.1 + REST_SECONDS) is None


def test_a_call_that_fails_while_others_succeed_gives_nothing_up(pace):
    for at in range(10):
        pace.note(REPLY, tried=10.0 + at, now=10.5 + at)
        pace.give_up_call(GONE, begun=1.0, now=11.0 + at)

    assert pace.refusal(deadline=600.0, now=30.0) is None


def test_one_answer_ends_a_trial(pace):
    for _ in range(3):
        pace.give_up_call(GONE, begun=1.0, now=12.0)

    pace.note(REPLY, tried=50.0, now=50.5)

    assert not pace.is_on_trial
    assert pace.n_slots == 32


def test_a_short_wait_parks_one_call_and_a_long_one_the_endpoint(pace):
    pace.note(Fault("rate_limited", "", is_busy=True, is_down=True, retry_after=4.0), tried=1.0, now=2.0)
    assert not pace.is_shut(2.0)

    pace.note(Fault("rate_limited", "", is_busy=True, is_down=True, retry_after=300.0), tried=1.0, now=2.0)
    assert pace.parked_until == 302.0
    assert pace.refusal(deadline=600.0, now=3.0) is None
    assert pace.refusal(deadline=200.0, now=3.0) is not None
    assert not pace.is_shut(303.0)
