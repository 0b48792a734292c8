"""The openai provider over real HTTP: what it sends, how many at a time, and what it does where an endpoint refuses a part of it."""

import os
import shutil
import signal
import ssl
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import pytest

from tasks.providers import close_providers, complete
from tasks.providers.base import CallFailed, Message, ModelParams, Reply
from tasks.providers.openai import open_provider
from tasks.providers.openai_answers import retry_after
from tasks.providers.scripted_server import FAULTS, Answer, ScriptedServer
from warehouse.errors import ConfigError, ProviderError

ROOT = Path(__file__).parents[3]
SCHEMA = {"title": "Fact sheet", "type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


def test_a_reply_is_what_the_endpoint_said(serve, asker):
    server = serve(lambda request: Answer(text=f"You said {request['messages'][-1]['content']}", served_model="the-real-one"))

    reply = asker(server).ask("two words")

    assert isinstance(reply, Reply)
    assert reply.text == "You said two words"
    assert (reply.finish_reason, reply.served_model, reply.n_attempts) == ("stop", "the-real-one", 1)
    assert (reply.n_prompt_tokens, reply.n_reply_tokens) == (2, 4)
    assert reply.seconds > 0


def test_a_request_holds_the_settings_and_nothing_else(serve, asker):
    server = serve(lambda _: "fine")
    one = asker(server, temperature=0.5, top_p=0.9, max_tokens=77, seed=5)

    one.provider.submit((Message("system", "Be brief."), Message("user", "half \ud800 a pair")), one.params).result(10)

    assert server.asked[0].request == {
        "model": "some-model",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "half \ufffd a pair"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 77,
        "seed": 5,
    }
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_a_schema_is_sent_where_the_settings_say_so(serve, asker):
    server = serve(lambda _: "fine")

    asker(server).ask(schema=SCHEMA)
    asker(server, use_json_schema=False).ask(schema=SCHEMA)

    with_schema, without = (asked.request for asked in server.asked)
    assert with_schema["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "Fact_sheet", "schema": SCHEMA, "strict": True},
    }
    assert "response_format" not in without


@pytest.mark.parametrize("status", [400, 422])
def test_an_endpoint_that_takes_no_schema_is_asked_without_and_told_once(status, serve, asker):
    def responder(request: dict) -> Answer | str:
        text = b'{"error": {"message": "response_format of type json_schema is not supported"}}'
        return Answer(status=status, body=text) if "response_format" in request else "fine"

    server = serve(responder)
    one = asker(server)

    replies = [one.ask(schema=SCHEMA) for _ in range(4)]

    assert [reply.text for reply in replies] == ["fine"] * 4
    assert [reply.n_attempts for reply in replies] == [2, 1, 1, 1]
    assert server.n_requests == 5


def test_a_model_that_wants_another_name_for_max_tokens_gets_it(serve, asker):
    def responder(request: dict) -> Answer | str:
        body = b'{"error": {"message": "use max_completion_tokens", "param": "max_tokens", "code": "unsupported_parameter"}}'
        return Answer(status=400, body=body) if "max_tokens" in request else "fine"

    server = serve(responder)

    assert asker(server, max_tokens=77).ask().text == "fine"
    assert server.asked[-1].request["max_completion_tokens"] == 77


def test_a_request_that_is_bad_for_another_reason_is_asked_once(serve, asker):
    server = serve(lambda _: FAULTS["400"]())

    failed = asker(server).ask(schema=SCHEMA)

    assert (failed.reason, server.n_requests) == ("bad_request", 1)
    assert "maximum context length" in failed.detail


def test_submit_never_blocks_and_no_more_than_the_settings_say_are_under_way(serve, asker):
    server = serve(lambda request: request["messages"][-1]["content"], latency_seconds=0.02)
    one = asker(server, max_concurrency=7, timeout_seconds=10.0)

    begun = time.monotonic()
    futures = [one.submit(str(at)) for at in range(200)]
    blocked = time.monotonic() - begun

    assert [future.result(30).text for future in futures] == [str(at) for at in range(200)]
    assert blocked < 0.2
    assert server.max_open == 7


def test_the_least_concurrency_that_anybody_named_holds_for_the_endpoint(serve, asker):
    server = serve(lambda _: "fine", latency_seconds=0.02)
    one = asker(server, max_concurrency=8)
    careful = ModelParams(model="openai/other", base_url=server.base_url, api_key_env="", max_concurrency=2)

    for future in [one.submit(params=careful), *(one.submit() for _ in range(20))]:
        future.result(10)

    assert server.max_open == 2


def test_a_call_that_waits_for_its_next_try_holds_no_slot(serve, asker):
    refused: list[str] = []

    def responder(request: dict) -> Answer | str:
        text = request["messages"][-1]["content"]
        if text == "first" and not refused:
            refused.append(text)
            return FAULTS["500"]()
        return text

    server = serve(responder)
    one = asker(server, max_concurrency=1, backoff_seconds=0.5)
    done: list[str] = []
    futures = [one.submit(text) for text in ("first", "second", "third", "fourth")]
    for future in futures:
        future.add_done_callback(lambda future: done.append(future.result().text))
    for future in futures:
        future.result(10)

    assert done == ["second", "third", "fourth", "first"]
    assert server.max_open == 1


def test_calls_shrink_to_what_a_busy_endpoint_bears(serve, asker):
    def responder(_: dict) -> Answer | str:
        return FAULTS["429"]() if server.books.n_open > 4 else Answer(text="fine", delay_seconds=0.02)

    server = serve(responder)
    one = asker(server, max_concurrency=32, max_attempts=12, max_wait_seconds=30.0, timeout_seconds=10.0)

    replies = [future.result(30) for future in [one.submit(str(at)) for at in range(200)]]

    assert {reply.text for reply in replies} == {"fine"}
    assert server.n_requests < 2.5 * len(replies)


@pytest.mark.slow
def test_an_endpoint_that_asks_for_a_long_pause_is_left_alone_by_everyone(serve, asker):
    def responder(_: dict) -> Answer | str:
        return Answer(status=429, headers=(("Retry-After", "6"),), body=b"{}") if server.n_requests == 1 else "fine"

    server = serve(responder)
    one = asker(server, max_concurrency=1, max_wait_seconds=20.0)

    replies = [future.result(30) for future in [one.submit(str(at)) for at in range(5)]]

    assert [reply.n_attempts for reply in replies] == [2, 1, 1, 1, 1]
    assert server.asked[1].at - server.asked[0].at >= 6
    assert server.n_requests == 6


def test_a_pause_longer_than_the_settings_allow_leaves_all_calls_for_a_later_run(serve, asker):
    server = serve(lambda _: FAULTS["429_retry_after_300"]())
    one = asker(server, max_concurrency=1)

    failures = [future.exception(10) for future in [one.submit(str(at)) for at in range(50)]]

    assert {failure.reason for failure in failures} == {"rate_limited"}
    assert all(failure.is_healable for failure in failures)
    assert server.n_requests == 1


def test_a_wrong_key_stops_everything_that_waits(serve, asker):
    server = serve(lambda _: FAULTS["401"]())
    one = asker(server, max_concurrency=1)

    errors = [future.exception(10) for future in [one.submit(str(at)) for at in range(30)]]

    assert all(isinstance(error, ProviderError) for error in errors)
    assert server.n_requests < 30


def test_redirects_are_not_followed(serve, asker):
    elsewhere = serve(lambda _: "you should not be here")
    server = serve(lambda _: Answer(status=307, headers=(("Location", f"{elsewhere.base_url}/chat/completions"),), body=b""))

    error = asker(server).ask()

    assert isinstance(error, ProviderError)
    assert elsewhere.base_url in str(error)
    assert elsewhere.n_requests == 0


def test_a_call_can_be_cancelled_until_it_is_sent(serve, asker):
    server = serve(lambda request: request["messages"][-1]["content"], latency_seconds=0.1)
    one = asker(server, max_concurrency=1)

    first, second, third = (one.submit(text) for text in ("first", "second", "third"))

    assert second.cancel()
    assert (first.result(10).text, third.result(10).text) == ("first", "third")
    assert not first.cancel()
    assert server.n_requests == 2


def test_closing_fails_what_waits_and_what_comes_later(serve, asker):
    server = serve(lambda _: Answer(wire="hang"))
    one = asker(server, max_concurrency=1, timeout_seconds=20.0)
    futures = [one.submit(str(at)) for at in range(5)]

    begun = time.monotonic()
    one.provider.close()

    assert [future.exception(10).reason for future in [*futures[1:], one.submit("later")]] == ["unavailable"] * 5
    assert time.monotonic() - begun < 1


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(serve, asker, monkeypatch):
    proxy, server = serve(lambda _: "by proxy"), serve(lambda _: "directly")
    monkeypatch.setenv("http_proxy", proxy.base_url.removesuffix("/v1"))
    monkeypatch.delenv("no_proxy", raising=False)

    assert asker("http://model.invalid/v1").ask().text == "by proxy"
    assert asker(server).ask().text == "directly"


@pytest.mark.skipif(not shutil.which("openssl"), reason="makes a certificate with openssl")
def test_deadlines_hold_over_tls_and_an_unknown_certificate_stops_the_run(asker, tmp_path, monkeypatch):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 -subj /CN=x"
    subprocess.run([*make.split(), "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    answers = iter([FAULTS["drip"](), "fine"])
    server = ScriptedServer(lambda _: next(answers))
    server._listener.socket = context.wrap_socket(server._listener.socket, server_side=True)
    base_url = server.base_url.replace("http:", "https:")

    with server:
        stranger = asker(base_url).ask()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        reply = asker(base_url).ask()

    assert isinstance(stranger, ProviderError)
    assert "certificate" in str(stranger)
    assert (reply.text, reply.n_attempts) == ("fine", 2)
    assert reply.seconds < 2


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ({"base_url": "api.example.com/v1"}, "base_url"),
        ({"base_url": "http://me:hunter2@127.0.0.1/v1"}, "base_url"),
        ({"base_url": "http://127.0.0.1/v1?key=hunter2"}, "base_url"),
        ({"api_key_env": "NO_SUCH_KEY_VARIABLE"}, "NO_SUCH_KEY_VARIABLE"),
    ],
)
def test_a_setting_that_cannot_work_is_named_before_anything_is_sent(setting, names):
    with pytest.raises(ConfigError, match=names) as raised:
        open_provider(ModelParams(**({"model": "openai/m"} | setting)))

    assert "hunter2" not in str(raised.value)


def test_the_key_of_another_variable_is_never_sent(serve, asker, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-this-endpoint")
    monkeypatch.setenv("LOCAL_KEY", "the-key-for-this-one")
    server = serve(lambda _: "fine")

    asker(server).ask()
    asker(server, api_key_env="LOCAL_KEY").ask()

    without, with_key = (asked.headers for asked in server.asked)
    assert "authorization" not in {name.lower() for name in without}
    assert with_key["authorization"] == "Bearer the-key-for-this-one"


def test_documents_share_one_provider_for_an_endpoint(serve):
    server = serve(lambda _: "fine")
    params = ModelParams(model="openai/m", base_url=server.base_url, api_key_env="")

    assert complete((Message("user", "Hello"),), params).text == "fine"
    close_providers()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT", "date": "Wed, 21 Oct 2015 07:28:30 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "inf"}, 0.0),
        ({"retry-after": "nan"}, 0.0),
        ({"retry-after": "soon"}, 0.0),
        ({}, 0.0),
    ],
)
def test_retry_after_is_read_in_every_form(headers, seconds):
    assert retry_after(headers) == seconds


CHILD = """
    import os, sys, threading
    from tasks.providers.base import Message, ModelParams
    from tasks.providers.openai import open_provider

    params = ModelParams(model="openai/m", base_url=sys.argv[1], api_key_env="", max_concurrency=8)
    provider = open_provider(params)
    journal = open(sys.argv[2], "a+")
    journal.seek(0)
    known = set(journal.read().split())
    kept = threading.Semaphore(0)

    def keep(future):
        journal.write(future.result().text + "\\n")
        journal.flush()
        os.fsync(journal.fileno())
        kept.release()

    futures = [provider.submit((Message("user", str(at)),), params) for at in range(300) if str(at) not in known]
    for future in futures:
        future.add_done_callback(keep)
    for _ in futures:
        kept.acquire()
"""


@pytest.mark.slow
def test_kill_9_loses_no_more_than_what_was_under_way(serve, tmp_path):
    server = serve(lambda request: request["messages"][-1]["content"], latency_seconds=0.02)
    journal = tmp_path / "journal"
    command = [sys.executable, "-c", textwrap.dedent(CHILD), server.base_url, str(journal)]

    child = subprocess.Popen(command, cwd=ROOT)
    while server.n_requests < 180 and child.poll() is None:
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    time.sleep(0.1)
    n_before, n_kept = server.n_requests, len(journal.read_text().split())
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)

    assert 0 < n_kept < 300
    assert n_before - n_kept <= 8
    assert Counter(journal.read_text().split()) == dict.fromkeys(map(str, range(300)), 1)
    assert server.n_requests <= 300 + 8


def test_a_failure_of_a_call_survives_pickling():
    import pickle

    failed = pickle.loads(pickle.dumps(CallFailed("empty", "nothing", n_attempts=2, seconds=0.5)))

    assert (failed.reason, failed.detail, failed.n_attempts, failed.seconds, str(failed)) == ("empty", "nothing", 2, 0.5, "empty: nothing")
