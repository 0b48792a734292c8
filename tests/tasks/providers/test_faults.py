"""Every fault of an endpoint, over real HTTP: a good reply or a failure with its reason, in time and within its tries."""

import random
import threading
import time
from collections import Counter

import pytest

from tasks.providers.base import HEALABLE, CallFailed, Reply
from tasks.providers.scripted_server import FAULTS, Answer, ScriptedServer
from warehouse.errors import ProviderError

TRIES = 3
ENDS = {
    "429": "rate_limited",
    "429_retry_after_1": "rate_limited",
    "429_retry_after_date": "rate_limited",
    "429_retry_after_past_date": "rate_limited",
    "429_retry_after_0": "rate_limited",
    "429_retry_after_negative": "rate_limited",
    "429_retry_after_300": "rate_limited",
    "429_retry_after_nonsense": "rate_limited",
    "429_no_credit": "stop",
    "500": "unavailable",
    "503_html": "unavailable",
    "500_huge": "unavailable",
    "400": "bad_request",
    "401": "stop",
    "403": "stop",
    "404_model": "stop",
    "redirect": "stop",
    "hang": "timeout",
    "drip": "timeout",
    "drip_head": "timeout",
    "reset": "unavailable",
    "short_body": "unavailable",
    "closed": "unavailable",
    "html": "bad_answer",
    "list": "bad_answer",
    "foo": "bad_answer",
    "choices_null": "bad_answer",
    "choices_empty": "bad_answer",
    "choice_not_object": "bad_answer",
    "content_list": "bad_answer",
    "truncated_json": "bad_answer",
    "deep_json": "bad_answer",
    "empty_body": "bad_answer",
    "not_utf8": "bad_answer",
    "content_null": "empty",
    "content_empty": "empty",
    "length": "truncated",
    "content_filter": "refused",
    "refusal": "refused",
    "duplicate_keys": "reply",
    "lone_surrogate": "reply",
    "nul": "reply",
    "huge": "too_large",
    "gzip_bomb": "too_large",
    "gzip_broken": "bad_answer",
    "other_model": "reply",
}
TRIED_AGAIN = {"rate_limited", "unavailable", "timeout", "bad_answer"}
WAITS = {"429_retry_after_1", "429_retry_after_date"}
LONGER = {name: {"timeout_seconds": 5.0, "max_wait_seconds": 20.0} for name in ("huge", "gzip_bomb", "500_huge", *WAITS)}
QUICK_FAULTS = [name for name, end in ENDS.items() if end in TRIED_AGAIN - {"timeout"} and name not in WAITS | {"429_retry_after_300"}]
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in WAITS else name for name in ENDS]


def test_every_fault_has_its_end_named_here():
    assert set(ENDS) == set(FAULTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_that_lasts_ends_with_its_reason_in_time(name, serve, asker):
    server = serve(lambda _: FAULTS[name]())
    one = asker(server, **LONGER.get(name, {}))

    begun = time.monotonic()
    end = one.ask()
    seconds = time.monotonic() - begun

    told = "reply" if isinstance(end, Reply) else "stop" if isinstance(end, ProviderError) else end.reason
    is_at_once = told not in TRIED_AGAIN or name == "429_retry_after_300"
    assert told == ENDS[name]
    assert server.n_requests == (1 if is_at_once else TRIES)
    assert seconds < one.params.max_wait_seconds * 1.1
    if isinstance(end, CallFailed):
        assert end.n_attempts == server.n_requests
        assert len(end.detail) <= 2000
        assert 0 < end.seconds <= seconds
    if isinstance(end, Reply):
        end.text.encode()


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_that_passes_costs_one_more_request_where_asking_again_helps(name, serve, asker):
    first = threading.Event()

    def once(_: object) -> Answer | str:
        if first.is_set():
            return "Here you are."
        first.set()
        return FAULTS[name]()

    server = serve(once)
    end = asker(server, **LONGER.get(name, {})).ask()

    if ENDS[name] in TRIED_AGAIN and name != "429_retry_after_300":
        assert isinstance(end, Reply)
        assert (end.text, end.n_attempts, server.n_requests) == ("Here you are.", 2, 2)
    else:
        assert server.n_requests == 1


def test_what_was_paid_for_comes_with_the_failure(serve, asker):
    failed = asker(serve(lambda _: FAULTS["length"]())).ask()

    assert failed.reply.text == '{"answer": "cut'
    assert failed.reply.finish_reason == "length"
    assert failed.reply.n_reply_tokens > 0


def test_a_bad_answer_is_kept_up_to_its_first_2000_characters(serve, asker):
    failed = asker(serve(lambda _: Answer(body=b"<html>" + b"y" * 5000))).ask()

    assert failed.detail.startswith("no JSON (JSONDecodeError): <html>yyy")
    assert len(failed.detail) == 2000


def test_a_refused_connection_is_unavailable(asker):
    with ScriptedServer(lambda _: "never") as gone:
        base_url = gone.base_url

    failed = asker(base_url).ask()

    assert failed.reason == "unavailable"
    assert failed.n_attempts == TRIES


def test_a_dead_endpoint_fails_everything_that_waits_instead_of_trying_each_for_long(asker):
    with ScriptedServer(lambda _: "never") as gone:
        base_url = gone.base_url
    one = asker(base_url, max_concurrency=4, backoff_seconds=0.1)

    begun = time.monotonic()
    failures = [future.exception(timeout=30) for future in [one.submit(str(at)) for at in range(500)]]

    assert time.monotonic() - begun < 5
    assert {failure.reason for failure in failures} == {"unavailable"}
    assert sum(failure.n_attempts == 0 for failure in failures) > 400


def test_an_endpoint_that_comes_back_is_asked_again_after_a_rest(asker, monkeypatch):
    monkeypatch.setattr("tasks.providers.call_pace.REST_SECONDS", 0.3)
    with ScriptedServer(lambda _: "never") as gone:
        base_url, port = gone.base_url, int(gone.base_url.split(":")[2].split("/")[0])
    one = asker(base_url, max_concurrency=4)
    for future in [one.submit() for _ in range(4)]:
        assert future.exception(timeout=10).reason == "unavailable"
    assert one.ask().n_attempts == 0

    time.sleep(0.3)
    with ScriptedServer(lambda _: "back", port=port):
        assert one.ask().text == "back"
        assert [future.result(10).text for future in [one.submit() for _ in range(20)]] == ["back"] * 20


def test_300_calls_with_a_third_of_the_answers_faulty_lose_and_double_nothing(serve, asker):
    rng = random.Random(7)
    served: Counter[str] = Counter()

    def responder(request: dict) -> Answer | str:
        text = request["messages"][-1]["content"]
        if rng.random() < 1 / 3:
            return FAULTS[rng.choice(QUICK_FAULTS)]()
        served[text] += 1
        return f"answer to {text}"

    server = serve(responder)
    one = asker(server, max_attempts=12, max_wait_seconds=60.0, timeout_seconds=20.0)
    texts = [f"question {at}" for at in range(300)]
    ends = [future.exception(timeout=30) or future.result() for future in [one.submit(text) for text in texts]]

    good = {text: end for text, end in zip(texts, ends, strict=True) if isinstance(end, Reply)}
    failed = [end for end in ends if not isinstance(end, Reply)]
    assert all(end.text == f"answer to {text}" for text, end in good.items())
    assert all(isinstance(end, CallFailed) and end.reason == "bad_answer" for end in failed)
    assert len(good) >= 285
    assert served == dict.fromkeys(good, 1)
    assert server.n_requests == sum(end.n_attempts for end in ends) <= 1.6 * len(texts)


def test_the_healable_reasons_are_those_that_waiting_can_mend():
    assert {end for end in ENDS.values() if end in HEALABLE} == {"rate_limited", "unavailable", "timeout"}
