"""The call ledger over a real endpoint: nothing is asked twice, nothing is lost, and every call is a row."""

import asyncio
import json
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from tasks import ledger_known
from tasks.budget import Budget, BudgetParams, Price
from tasks.ledger import Ledger
from tasks.ledger_reply import BadAnswer, clean, parse_reply, reply_schema
from tasks.prompt import Prompt
from tasks.providers import close_providers
from tasks.providers.base import HEALABLE, CallFailed, ModelParams
from tasks.providers.scripted_server import FAULTS, Answer, ScriptedServer
from tasks.units import Made, Unit, land_once
from warehouse.errors import ConfigError, ProviderError, TunehouseError
from warehouse.journal import Journal, journal_path, read_lines, sweep_journals
from warehouse.store import Warehouse
from warehouse.tables import LLM_CALLS

ROOT = Path(__file__).parents[2]
PROMPT = Prompt("echo", "Reply in JSON.", "Say {word}", "a" * 64)
PRICES = {"openai/small": Price(1.0, 2.0)}


class Said(BaseModel):
    word: str


def echo(request):
    return json.dumps({"word": request["messages"][1]["content"].removeprefix("Say ")})


@pytest.fixture(scope="module", autouse=True)
def _providers_are_closed():
    yield
    close_providers()


@pytest.fixture
def store(tmp_path):
    made = Warehouse(tmp_path / "data")
    made.prepare()
    return made


def model(server, **settings):
    params = {"model": "openai/small", "base_url": server.base_url, "api_key_env": "", "max_attempts": 1, "timeout_seconds": 5}
    return ModelParams(**params | settings)


def opened(store, unit_id, params, budget=None, *, is_fresh=False):
    work = Unit(unit_id, "generate", unit_id, is_fresh=is_fresh)
    budget = budget or Budget(store.root, "run-1", BudgetParams(prices=PRICES))
    return Ledger(store, work, params, stage="generate", document_id="d1", budget=budget)


def outcomes(ledger, words, *, prompt=PROMPT, reply_type=Said, sample=0):
    async def all_at_once():
        asks = (ledger.ask(prompt, {"word": word}, reply_type, item_id=f"about-{word}", sample=sample) for word in words)
        return await asyncio.gather(*asks, return_exceptions=True)

    return asyncio.run(all_at_once())


def ask(store, unit_id, params, words, **more):
    """(what came of each word, the unit's rows), the journal closed and nothing landed."""
    with opened(store, unit_id, params, more.pop("budget", None), is_fresh=more.pop("is_fresh", False)) as ledger:
        came = outcomes(ledger, words, **more)
    return came, ledger.rows


def land(store, unit_id, rows, n_retryable=0):
    return land_once(store, Unit(unit_id, "generate", unit_id), lambda: Made({LLM_CALLS: rows}, n_retryable=n_retryable))


def forget(store):
    """As a new process: what is known is what stands in the warehouse."""
    ledger_known._known.pop(store.root.resolve(), None)


# ---- rows ------------------------------------------------------------------------------------------------------------------------


def test_a_call_is_a_row_with_what_was_sent_what_came_and_what_it_cost(store):
    with ScriptedServer(echo) as server:
        came, (row,) = ask(store, "u1", model(server), ["blue"])

    assert came == [Said(word="blue")]
    assert (row.status, row.error, row.stage, row.item_id, row.document_id) == ("ok", None, "generate", "about-blue", "d1")
    assert (row.prompt, row.prompt_sha256, row.model, row.served_model) == ("echo", "a" * 64, "openai/small", "small")
    assert json.loads(row.messages) == [{"role": "system", "content": "Reply in JSON."}, {"role": "user", "content": "Say blue"}]
    assert json.loads(row.reply) == {"word": "blue"}
    assert row.cost_usd == pytest.approx((row.n_prompt_tokens * 1.0 + row.n_reply_tokens * 2.0) / 1e6)
    assert row.n_prompt_tokens == 5
    assert row.call_seconds > 0
    assert not row.is_from_ledger
    assert land(store, "u1", [row]).is_new
    assert store.rows(LLM_CALLS, ["u1"]) == [row]


def test_a_unit_that_asks_nothing_has_no_rows_and_no_journal(store):
    with ScriptedServer(echo) as server:
        _, rows = ask(store, "u1", model(server), [])

    assert rows == []
    assert not journal_path(store, "u1").exists()


def test_the_same_calls_give_the_same_ids(store, tmp_path):
    other = Warehouse(tmp_path / "other")
    with ScriptedServer(echo) as server:
        _, rows = ask(store, "u1", model(server), ["a", "b"])
        _, again = ask(other, "u1", model(server), ["b", "a"])

    assert {row.llm_call_id for row in rows} == {row.llm_call_id for row in again}


# ---- known keys ------------------------------------------------------------------------------------------------------------------


def test_what_stands_in_the_journal_is_not_asked_again(store):
    with ScriptedServer(echo) as server:
        _, rows = ask(store, "u1", model(server), ["a", "b", "c"])
        forget(store)
        came, again = ask(store, "u1", model(server), ["a", "b", "c", "d"])

        assert server.n_requests == 4
    assert came == [Said(word=word) for word in "abcd"]
    assert again[:3] == rows


def test_what_another_unit_landed_is_answered_from_the_ledger_at_no_cost(store):
    with ScriptedServer(echo) as server:
        _, rows = ask(store, "u1", model(server), ["a", "b"])
        land(store, "u1", rows)
        assert not journal_path(store, "u1").exists()
        forget(store)
        came, others = ask(store, "u2", model(server), ["a", "b"])

        assert server.n_requests == 2
    assert came == [Said(word="a"), Said(word="b")]
    assert [(row.is_from_ledger, row.cost_usd, row.n_reply_tokens > 0) for row in others] == [(True, 0.0, True)] * 2
    assert {row.llm_call_id for row in others}.isdisjoint(row.llm_call_id for row in rows)
    assert {row.call_key for row in others} == {row.call_key for row in rows}


def test_what_a_killed_unit_paid_for_answers_another_unit_too(store):
    with ScriptedServer(echo) as server:
        ask(store, "u1", model(server), ["a"])
        forget(store)
        _, (row,) = ask(store, "u2", model(server), ["a"])

        assert server.n_requests == 1
    assert row.is_from_ledger


def test_a_reply_is_found_after_its_unit_was_landed_while_others_ask(store):
    with ScriptedServer(echo) as server:
        params = model(server)
        with opened(store, "u2", params) as waiting:
            _, rows = ask(store, "u1", params, ["a"])
            land(store, "u1", rows)
            assert outcomes(waiting, ["a"]) == [Said(word="a")]

        assert server.n_requests == 1


@pytest.mark.parametrize(
    ("change", "n_requests"),
    [
        ({"base_url": None}, 1),  # a moved endpoint is the same model
        ({"api_key_env": "SOME_OTHER_KEY"}, 1),
        ({"max_concurrency": 3, "timeout_seconds": 9.0, "max_attempts": 4}, 1),
        ({"model": "openai/large"}, 2),
        ({"temperature": 0.5}, 2),
        ({"max_tokens": 9}, 2),
        ({"seed": 1}, 2),
    ],
)
def test_only_what_shapes_a_reply_tells_requests_apart(store, change, n_requests, monkeypatch):
    monkeypatch.setenv("SOME_OTHER_KEY", "x")
    with ScriptedServer(echo) as server:
        if "base_url" in change:
            change = {"base_url": server.base_url.replace("127.0.0.1", "localhost")}
        ask(store, "u1", model(server), ["a"])
        ask(store, "u2", model(server, **change), ["a"])

        assert server.n_requests == n_requests


def test_prompt_sample_and_reply_type_tell_requests_apart(store):
    class SaidMore(Said):
        more: str = ""

    with ScriptedServer(echo) as server:
        for more in ({}, {"sample": 1}, {"prompt": replace(PROMPT, sha256="b" * 64)}, {"reply_type": SaidMore}):
            ask(store, "u1", model(server), ["a"], **more)

        assert server.n_requests == 4


def test_a_unit_done_afresh_asks_again(store):
    with ScriptedServer(echo) as server:
        _, rows = ask(store, "u1", model(server), ["a"])
        land(store, "u1", rows)
        _, (row,) = ask(store, "u1", model(server), ["a"], is_fresh=True)

        assert server.n_requests == 2
    assert not row.is_from_ledger


def test_equal_requests_at_the_same_time_are_one(store):
    def slow(request):
        return Answer(text=echo(request), delay_seconds=0.3)

    with ScriptedServer(slow) as server:
        made = {}

        def unit(name):
            made[name] = ask(store, name, model(server), ["a", "b", "a", "b"])

        threads = [threading.Thread(target=unit, args=(f"u{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert server.n_requests == 2
    assert all(came == [Said(word=word) for word in "abab"] for came, _ in made.values())
    assert sorted(row.is_from_ledger for _, rows in made.values() for row in rows) == [False] * 2 + [True] * 6
    assert sum(row.cost_usd > 0 for _, rows in made.values() for row in rows) == 2


# ---- failures --------------------------------------------------------------------------------------------------------------------


def test_a_reply_that_does_not_parse_is_mended_in_a_second_turn(store):
    def careless(request):
        return '{"word": "mended"}' if len(request["messages"]) > 2 else '{"wort": "a"}'

    with ScriptedServer(careless) as server:
        came, rows = ask(store, "u1", model(server), ["a"])
        roles = [message["role"] for message in server.asked[1].request["messages"]]
        said = server.asked[1].request["messages"][-1]["content"]
        again, _ = ask(store, "u1", model(server), ["a"])

        assert server.n_requests == 2
    assert came == again == [Said(word="mended")]
    assert roles == ["system", "user", "assistant", "user"]
    assert "word: Field required" in said
    assert [(row.prompt, row.status) for row in rows] == [("echo", "failed"), ("repair", "ok")]
    assert rows[0].error.startswith("bad_answer: word: Field required")
    assert all(row.cost_usd > 0 for row in rows)


def test_what_is_wrong_twice_stands_as_a_bad_answer(store):
    with ScriptedServer(lambda request: "I would rather talk.") as server:
        (failure,), rows = ask(store, "u1", model(server), ["a"])
        forget(store)
        (again,), _ = ask(store, "u1", model(server), ["a"])

        assert server.n_requests == 2
    assert (failure.reason, failure.is_healable) == (again.reason, again.is_healable) == ("bad_answer", False)
    assert [row.status for row in rows] == ["failed", "failed"]
    assert [row.reply for row in rows] == ["I would rather talk."] * 2


def test_a_failure_for_good_stands_and_a_passing_one_is_asked_again(store):
    answers = {"Say a": FAULTS["length"](), "Say b": FAULTS["429"]()}

    def responder(request):
        return answers.get(request["messages"][1]["content"]) or echo(request)

    with ScriptedServer(responder) as server:
        with opened(store, "u1", model(server)) as ledger:
            cut, busy, fine = outcomes(ledger, ["a", "b", "c"])
        assert (cut.reason, busy.reason, fine) == ("truncated", "rate_limited", Said(word="c"))
        assert ledger.n_retryable == 1
        assert {row.item_id: row.status for row in ledger.rows} == {"about-a": "failed", "about-b": "retryable", "about-c": "ok"}
        land(store, "u1", ledger.rows, ledger.n_retryable)
        assert journal_path(store, "u1").exists()
        answers.clear()
        asked = server.n_requests
        forget(store)
        with opened(store, "u1", model(server)) as ledger:
            assert outcomes(ledger, ["a", "b", "c"])[1:] == [Said(word="b"), Said(word="c")]

        assert server.n_requests == asked + 1
    assert ledger.n_retryable == 0
    assert len(ledger.rows) == 3
    land(store, "u1", ledger.rows)
    assert not journal_path(store, "u1").exists()
    assert not any(row.is_from_ledger for row in store.rows(LLM_CALLS, ["u1"]))


def test_a_key_that_is_not_accepted_stops_the_unit_and_the_run_and_keeps_what_was_written_down(store):
    def responder(request):
        return echo(request) if "first" in request["messages"][1]["content"] else FAULTS["401"]()

    with ScriptedServer(responder) as server:
        ask(store, "u1", model(server), ["first"])
        (error,), _ = ask(store, "u1", model(server), ["second"])
        asked = server.n_requests
        (other,), _ = ask(store, "u2", model(server), ["third"])

        assert isinstance(error, ProviderError)
        assert isinstance(other, ProviderError)
        assert server.n_requests == asked
    assert len(read_lines(journal_path(store, "u1")).lines) == 1


@pytest.mark.slow
def test_every_fault_ends_as_a_reply_or_a_row_with_its_reason_and_a_healed_endpoint_is_asked_for_the_rest_alone(store):
    ends = {"401", "403", "404_model", "redirect", "429_no_credit"}  # after these no call can succeed
    names = sorted(set(FAULTS) - ends - {"429_retry_after_300"})  # which is waited for

    def responder(request):
        name = request["messages"][1]["content"].removeprefix("Say ")
        is_sick = name in FAULTS and not server.is_healed and len(request["messages"]) == 2
        return FAULTS[name]() if is_sick else echo(request)

    with ScriptedServer(responder) as server:
        params = model(server, timeout_seconds=2, max_reply_bytes=1_000_000)
        with opened(store, "u1", params) as ledger:
            came = {}
            for name in names:  # one by one: three in a row without an answer, and the endpoint is given up for all
                came[name], fine = outcomes(ledger, [name]) + outcomes(ledger, [f"after {name}"])
                assert fine == Said(word=f"after {name}")
        rows = {row.item_id.removeprefix("about-"): row for row in ledger.rows if row.prompt == "echo"}
        rows = {name: row for name, row in rows.items() if name in came}
        assert {type(outcome) for outcome in came.values()} == {Said, CallFailed}
        assert rows.keys() == came.keys()
        assert all((row.error is None) == (row.status == "ok") for row in rows.values())
        assert all((row.error.partition(":")[0] in HEALABLE) == (row.status == "retryable") for row in rows.values() if row.error)
        land(store, "u1", ledger.rows, ledger.n_retryable)
        server.heal()
        close_providers()  # which leaves an endpoint alone for a while after so many faults
        asked, n_open = server.n_requests, ledger.n_retryable
        with opened(store, "u1", params) as ledger:
            again = dict(zip(names, outcomes(ledger, names), strict=True))

        assert server.n_requests == asked + n_open
    assert ledger.n_retryable == 0
    healed = {name for name, row in rows.items() if row.status == "retryable"}
    assert {name for name, outcome in again.items() if outcome == Said(word=name)} >= healed
    assert len({row.llm_call_id for row in ledger.rows}) == len(ledger.rows)
    land(store, "u1", ledger.rows)


def test_calls_under_way_when_a_unit_breaks_off_are_written_down(store):
    def slow(request):
        return Answer(text=echo(request), delay_seconds=0.4)

    async def broken_off(ledger):
        asyncio.create_task(ledger.ask(PROMPT, {"word": "a"}, Said, item_id="a"))  # noqa: RUF006  # left alone on purpose
        await asyncio.sleep(0.1)
        raise ValueError("a fault of the stage")

    with ScriptedServer(slow) as server:
        with pytest.raises(ValueError, match="a fault"), opened(store, "u1", model(server)) as ledger:
            asyncio.run(broken_off(ledger))
        came, _ = ask(store, "u1", model(server), ["a"])

        assert server.n_requests == 1
    assert came == [Said(word="a")]


def test_a_disk_that_is_full_stops_the_unit_and_leaves_whole_lines(store):
    with ScriptedServer(echo) as server:
        ask(store, "u1", model(server), ["a", "b"])
        path = journal_path(store, "u1")
        size, limits = path.stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
        with opened(store, "u1", model(server)) as ledger:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, limits[1]))
            try:
                came = outcomes(ledger, ["c"])
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert isinstance(came[0], TunehouseError)
    assert "could not be written down" in str(came[0])
    assert path.stat().st_size == size


def test_spent_calls_are_not_sent_and_are_asked_by_the_next_run(store):
    words = [str(n) for n in range(20)]
    with ScriptedServer(echo) as server:
        few = Budget(store.root, "run-1", BudgetParams(max_calls=7))
        with opened(store, "u1", model(server), few) as ledger:
            came = outcomes(ledger, words)
        assert server.n_requests == 7
        assert ledger.n_retryable == 13
        assert {failure.reason for failure in came if isinstance(failure, CallFailed)} == {"budget_spent"}
        land(store, "u1", ledger.rows, ledger.n_retryable)
        more = Budget(store.root, "run-2", BudgetParams(max_calls=13))
        with opened(store, "u1", model(server), more) as ledger:
            assert outcomes(ledger, words) == [Said(word=word) for word in words]

        assert server.n_requests == 20
    assert ledger.n_retryable == 0


def test_money_without_a_price_is_refused_before_anything_is_sent(store):
    with ScriptedServer(echo) as server, pytest.raises(ConfigError, match="no price"):
        opened(store, "u1", model(server, model="openai/large"), Budget(store.root, "r", BudgetParams(max_usd=1.0, prices=PRICES)))


# ---- replies ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ['{"word": "a"}', '  {"word": "a"}\n', '```json\n{"word": "a"}\n```', '```\n{"word": "a"}\n```'])
def test_one_json_object_is_a_reply_also_in_a_fence(text):
    assert parse_reply(text, Said) == Said(word="a")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no JSON object"),
        ('{"word": "a"} and more', "no JSON object"),
        ('Here: {"word": "a"}', "no JSON object"),
        ('{"word": "a"}{"word": "b"}', "no JSON object"),
        ('[{"word": "a"}]', "a JSON list, not one object"),
        ('{"word": "a", "word": "b"}', "'word' is given twice"),
        ('{"word": {"x": 1, "x": 2}}', "'x' is given twice"),
        ('{"word": NaN}', "NaN is no JSON number"),
        ('{"word": 7}', "word: Input should be a valid string"),
        ('{"wort": "a"}', "word: Field required"),
        ("[" * 100_000, "no JSON object"),
        ('{"word": ' + "9" * 5000 + "}", "no JSON object"),
    ],
)
def test_anything_else_is_refused_with_words_that_say_what_is_wrong(text, fault):
    with pytest.raises(BadAnswer) as error:
        parse_reply(text, Said)

    assert fault in str(error.value)


@given(st.text(st.characters(codec=None)))
def test_what_is_cleaned_can_be_landed_and_holds_no_nul(text):
    assert b"\0" not in clean(text).encode()


def test_nul_and_lone_surrogates_are_cleaned_before_they_land(store):
    with ScriptedServer(lambda request: '{"word": "a\\u0000b\\ud800c"}') as server:
        (said,), rows = ask(store, "u1", model(server), ["a"])
        bad, more = ask(store, "u1", model(server), ["b"], reply_type=Said)

    assert said == bad[0] == Said(word="a\ufffdb\ufffdc")
    land(store, "u1", [*rows, *more[1:]])


def test_the_schema_that_is_sent_names_every_field_and_closes_every_object():
    class Inner(BaseModel):
        default: int = 3

    class Outer(BaseModel):
        first: str
        second: str = "x"
        inner: list[Inner] = []

    schema = reply_schema(Outer)

    assert schema["required"] == ["first", "second", "inner"]
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Inner"]["required"] == ["default"]
    assert "default" not in schema["properties"]["second"]


# ---- the journal -----------------------------------------------------------------------------------------------------------------


def lines_of(path):
    return [line for _, line in read_lines(path).lines]


def test_a_journal_torn_at_any_byte_of_its_last_line_loses_that_line_alone(tmp_path):
    path = tmp_path / "u1.jsonl"
    whole = [{"n": 0, "text": "ä\n\u2028"}, {"n": 1}, {"n": 2, "text": "水 and more"}]
    journal = Journal(path)
    for line in whole:
        journal.append(line)
    journal.close()
    content = path.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1

    for cut in range(last, len(content)):
        path.write_bytes(content[:cut])
        assert lines_of(path) == whole[:2]
        again = Journal(path)
        again.append({"n": 3})
        again.close()
        assert lines_of(path) == [*whole[:2], {"n": 3}]


def test_a_line_that_is_no_json_is_passed_over(tmp_path, caplog):
    path = tmp_path / "u1.jsonl"
    path.write_bytes(b'{"n": 1}\n\x00\x00\x00\n[1]\n{"n": 2}\n')

    assert lines_of(path) == [{"n": 1}, {"n": 2}]
    assert "passed over" in caplog.text


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_torn_reply_is_asked_again_and_no_other(tmp_path_factory, endpoint, share):
    store = Warehouse(tmp_path_factory.mktemp("torn") / "data")
    ask(store, "u1", model(endpoint), ["a", "b", "c"])
    path = journal_path(store, "u1")
    content = path.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    path.write_bytes(content[: last + int((len(content) - last) * share)])
    forget(store)
    before = endpoint.n_requests

    came, rows = ask(store, "u1", model(endpoint), ["a", "b", "c"])

    assert endpoint.n_requests == before + 1
    assert came == [Said(word=word) for word in "abc"]
    assert len({row.llm_call_id for row in rows}) == len(lines_of(path)) == 3


@pytest.fixture(scope="module")
def endpoint():
    with ScriptedServer(echo) as server:
        yield server


def test_a_row_of_another_version_of_the_table_is_not_used(store):
    with ScriptedServer(echo) as server:
        ask(store, "u1", model(server), ["a"])
        path = journal_path(store, "u1")
        path.write_text(path.read_text().replace('"served_model"', '"served_by"'))
        forget(store)
        _, rows = ask(store, "u1", model(server), ["a"])

        assert server.n_requests == 2
    assert len(rows) == 1


def test_journals_of_whole_units_are_swept_and_others_stay(store):
    with ScriptedServer(echo) as server:
        _, rows = ask(store, "whole", model(server), ["a"])
        ask(store, "never-landed", model(server), ["b"])
    store.land("whole", {LLM_CALLS: rows})
    with store.lock("whole"):
        assert sweep_journals(store) == 0

    assert sweep_journals(store) == 1
    assert [path.name for path in (store.root / "journal").glob("*.jsonl")] == ["never-landed.jsonl"]


@pytest.mark.slow
def test_after_kill_9_at_60_percent_only_the_requests_under_way_are_repeated(store):
    n, under_way = 200, 8

    def slow(request):
        return Answer(text=echo(request), delay_seconds=0.03)

    with ScriptedServer(slow) as server:
        code = "import sys, json; sys.path.insert(0, sys.argv[1]); import test_ledger as t; t.unit_of_many(*json.loads(sys.argv[2]))"
        command = [sys.executable, "-c", code, str(Path(__file__).parent), json.dumps([str(store.root), server.base_url, n, under_way])]
        with subprocess.Popen(command, cwd=ROOT) as victim:
            while server.n_requests < 0.6 * n:
                assert victim.poll() is None
                time.sleep(0.002)
            victim.send_signal(signal.SIGKILL)
        assert not store.commit("u1")
        time.sleep(0.1)
        before, n_written = server.n_requests, len(lines_of(journal_path(store, "u1")))
        assert 0 < n_written < n
        unit_of_many(str(store.root), server.base_url, n, under_way)

        assert before - n_written <= under_way
        assert server.n_requests <= n + under_way
        asked = [one.request["messages"][1]["content"] for one in server.asked]
    assert len(set(asked)) == n
    rows = store.rows(LLM_CALLS, ["u1"])
    assert sorted(int(json.loads(row.reply)["word"]) for row in rows) == list(range(n))
    assert store.is_landed("u1")


def unit_of_many(root, base_url, n, under_way):
    """A unit that asks ``n`` words and lands."""
    store = Warehouse(root)
    params = ModelParams(model="openai/small", base_url=base_url, api_key_env="", max_concurrency=under_way)
    work = Unit("u1", "generate", "many")

    def make():
        with opened(store, "u1", params) as ledger:
            assert outcomes(ledger, [str(word) for word in range(n)]) == [Said(word=str(word)) for word in range(n)]
            return Made({LLM_CALLS: ledger.rows}, n_retryable=ledger.n_retryable)

    land_once(store, work, make)
