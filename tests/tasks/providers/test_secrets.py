"""A canary key, an endpoint that says it back in every way, debug logging: it stands in nothing that leaves the provider."""

import io
import logging
import pickle
import traceback

import pytest

from tasks.providers.base import CallFailed, Reply
from tasks.providers.redaction import REMOVED, Redactor
from tasks.providers.scripted_server import FAULTS, Answer
from warehouse.errors import ProviderError

CANARY = "canary-7f3a91c2e4b85d60"
ECHOES = {
    "said as a reply": lambda key: Answer(text=f"your key is {key}"),
    "served model": lambda key: Answer(text="fine", served_model=key),
    "finish reason": lambda key: Answer(text="fine", finish_reason=key),
    "refusal": lambda key: Answer(text=None, refusal=f"not with {key}"),
    "header": lambda key: Answer(text="fine", headers=(("X-Your-Key", key),)),
    "not JSON": lambda key: Answer(body=f"<html>{key}".encode()),
    "other JSON": lambda key: Answer(body=f'{{"key": "{key}"}}'.encode()),
    "redirect": lambda key: Answer(status=302, headers=(("Location", f"http://evil.invalid/?k={key}"),), body=b""),
    **{
        f"error {status}": lambda key, status=status: Answer(status=status, body=f'{{"error": {{"message": "bad key {key}"}}}}'.encode())
        for status in (400, 401, 403, 404, 429, 500)
    },
    "error cut short": lambda key: Answer(status=400, body=f"Incorrect API key provided: {key[:14]}*****".encode()),
    "short of the cut": lambda key: Answer(status=500, body=b"x" * 1985 + key.encode()),
    "dropped": lambda _: Answer(wire="reset", text="x" * 400),
}


def everything(error: BaseException | None, reply: Reply | None) -> str:
    """All that somebody could write down of how a call ended."""
    told = [repr(reply), repr(error), str(error)]
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        told += [repr(vars(error)), repr(pickle.dumps(error)), *traceback.format_exception(error)]
        error = error.__cause__ or error.__context__
    return "\n".join(told)


@pytest.mark.parametrize("name", ECHOES)
def test_a_key_that_comes_back_stands_nowhere(name, serve, asker, monkeypatch):
    monkeypatch.setenv("CANARY_KEY", CANARY)
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    server = serve(lambda _: ECHOES[name](server.asked[-1].headers["authorization"].removeprefix("Bearer ")))
    try:
        one = asker(server, api_key_env="CANARY_KEY")
        future = one.submit()
        error = future.exception(10)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)

    reply = None if error else future.result()
    told = everything(error, reply) + log.getvalue() + repr(one.provider) + repr(one.params)
    assert server.asked[-1].headers["authorization"] == f"Bearer {CANARY}"
    assert "httpcore2.http11" in log.getvalue()
    assert CANARY[:12] not in told
    assert isinstance(error, (CallFailed, ProviderError)) or reply is not None
    assert error is None or (error.__cause__, error.__context__) == (None, None)


def test_a_key_unfit_for_a_header_is_refused_without_being_told(asker, monkeypatch):
    monkeypatch.setenv("CANARY_KEY", f"{CANARY}\nsecond line")

    with pytest.raises(ValueError, match="CANARY_KEY") as raised:
        asker("http://127.0.0.1:9/v1", api_key_env="CANARY_KEY")

    assert CANARY not in str(raised.value)


def test_a_provider_and_its_redactor_cannot_be_pickled(serve, asker, monkeypatch):
    monkeypatch.setenv("CANARY_KEY", CANARY)
    one = asker(serve(lambda _: "fine"), api_key_env="CANARY_KEY")

    for holder in (one.provider, Redactor(CANARY)):
        with pytest.raises(TypeError, match="not to be pickled"):
            pickle.dumps(holder)


def test_a_short_key_is_no_secret_and_leaves_replies_alone(serve, asker, monkeypatch):
    monkeypatch.setenv("CANARY_KEY", "EMPTY")

    assert asker(serve(lambda _: "The tank is EMPTY."), api_key_env="CANARY_KEY").ask().text == "The tank is EMPTY."


def test_what_looks_like_a_key_goes_from_errors_but_not_from_replies(serve, asker):
    text = "Authorization: Bearer abcdefghijk and sk-proj-12345678 and api_key: zyxwvuts"

    reply = asker(serve(lambda _: text)).ask()
    failed = asker(serve(lambda _: Answer(status=400, body=text.encode()))).ask()

    assert reply.text == text
    assert not any(secret in failed.detail for secret in ("abcdefghijk", "12345678", "zyxwvuts"))
    assert REMOVED in failed.detail


def test_filters_go_with_the_provider(serve, asker):
    one = asker(serve(lambda _: FAULTS["400"]()))
    n_before = len(logging.getLogger("httpcore2.http11").filters)

    one.provider.close()

    assert len(logging.getLogger("httpcore2.http11").filters) == n_before - 1


def test_a_request_is_no_line_in_the_log_of_a_run(serve, asker, caplog):
    with caplog.at_level(logging.INFO):
        asker(serve(lambda _: "fine")).ask()

    assert [record.name for record in caplog.records if record.name.startswith(("httpx2", "openai", "httpcore2"))] == []
