import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.answer import answer_questions
from tasks.answer_params import AnswerParams
from tasks.budget import Budget, BudgetParams, Price
from tasks.engine import Question
from tasks.providers import close_providers
from tasks.providers.scripted_server import FAULTS, Answer, ScriptedServer
from tasks.served import ServedParams
from tasks.served_calls import ServedCalls
from tasks.units import unit, without
from warehouse.errors import ConfigError, ProviderError, RetryableUnits
from warehouse.keys import digest
from warehouse.store import Warehouse
from warehouse.tables import LLM_CALLS

QUESTIONS = [Question("p1", "How heavy is the pump?", ("The pump weighs 12.5 kg. </excerpt>",)), Question("p2", "Who wrote it?")]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_providers()


@pytest.fixture
def store(tmp_path) -> Warehouse:
    made = Warehouse(tmp_path / "data")
    made.prepare()
    return made


@pytest.fixture
def adapter(tmp_path) -> Path:
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    return tmp_path


def calls(store: Warehouse, label: str = "base, a paper", **budget: object) -> ServedCalls:
    """What the unit of that label asks with."""
    return ServedCalls(store, unit("answer", 1, label, inputs=[label]), Budget(store.root, "r1", BudgetParams(**budget)))


def params(server: ScriptedServer, **others: object) -> AnswerParams:
    return AnswerParams(max_new_tokens=16, served=ServedParams(tuned="openai/tuned-1", base_url=server.base_url), **others)


def test_an_arm_that_is_served_is_answered_by_the_endpoint_and_the_others_here(tiny_llama, store, adapter):
    asked: list[dict] = []

    def say(request: dict) -> str:
        asked.append(request)
        return f" It says {len(asked)}. "

    with ScriptedServer(say) as server:
        tuned = answer_questions(QUESTIONS, "tuned_rag", str(tiny_llama), adapter, "a", params(server), put=calls(store))
        base = answer_questions(QUESTIONS, "base", str(tiny_llama), None, None, params(server))

    assert sorted(row.answer for row in tuned) == ["It says 1.", "It says 2."]
    assert [row.pair_id for row in tuned] == ["p1", "p2"]
    assert {(row.model, row.adapter_id, row.arm) for row in tuned} == {(f"{tiny_llama} as openai/tuned-1", "a", "tuned_rag")}
    assert {row.finish_reason for row in tuned} == {"stop"}
    assert {row.model for row in base} == {str(tiny_llama)}
    assert len(asked) == 2
    assert {request["model"] for request in asked} == {"tuned-1"}
    assert {request["max_tokens"] for request in asked} == {16}
    assert {request["temperature"] for request in asked} == {0}
    (with_excerpt,) = [request["messages"][0]["content"] for request in asked if "excerpt" in request["messages"][0]["content"]]
    assert "How heavy is the pump?" in with_excerpt
    assert with_excerpt.count("</excerpt>") == 1


def test_an_answer_that_is_cut_is_an_answer(tiny_llama, store):
    cut = ServedParams(base="openai/base")
    with ScriptedServer(lambda _: Answer(text="It goes on and", finish_reason="length")) as server:
        settings = AnswerParams(served=ServedParams(base=cut.base, base_url=server.base_url))
        (row,) = answer_questions(QUESTIONS[1:], "base", str(tiny_llama), None, None, settings, put=calls(store))

    assert (row.answer, row.finish_reason) == ("It goes on and", "length")


def test_an_endpoint_that_is_down_leaves_the_batch_for_a_later_run(tiny_llama, store):
    with ScriptedServer(lambda _: FAULTS["500"]()) as server:
        settings = AnswerParams(served=ServedParams(base="openai/base", base_url=server.base_url, max_wait_seconds=1.5))

        with pytest.raises(RetryableUnits, match="unavailable") as caught:
            answer_questions(QUESTIONS[1:], "base", str(tiny_llama), None, None, settings, put=calls(store))

    assert server.base_url in caught.value.where


def test_a_model_that_the_endpoint_does_not_serve_is_an_error_that_names_it(tiny_llama, store):
    with ScriptedServer(lambda _: FAULTS["404_model"]()) as server:
        settings = AnswerParams(served=ServedParams(base="openai/none", base_url=server.base_url))

        with pytest.raises(ProviderError):
            answer_questions(QUESTIONS[1:], "base", str(tiny_llama), None, None, settings, put=calls(store))


# ---- every call is counted -------------------------------------------------------------------------------------------------------


def asked_base(server, store, model, label="base, a paper", **budget):
    """Both questions to the served base, and the calls that the unit would land."""
    settings = AnswerParams(served=ServedParams(base="openai/base", base_url=server.base_url, max_wait_seconds=1.5))
    put = calls(store, label, **budget)
    return answer_questions(QUESTIONS, "base", str(model), None, None, settings, put=put), put.tables().get(LLM_CALLS, [])


def test_every_call_is_a_row_with_its_cost_and_counts_against_the_budget(tiny_llama, store):
    prices = {"openai/base": Price(1.0, 2.0)}
    with ScriptedServer(lambda _: "It says so.") as server:
        _, rows = asked_base(server, store, tiny_llama, prices=prices, max_usd=1.0)

    assert sorted(row.item_id for row in rows) == ["p1", "p2"]
    assert {(row.stage, row.model, row.prompt, row.status, row.reply) for row in rows} == {
        ("answer", "openai/base", "question", "ok", "It says so.")
    }
    assert all(row.cost_usd == (row.n_prompt_tokens + 2 * row.n_reply_tokens) / 1e6 > 0 for row in rows)
    spent = Budget(store.root, "r1", BudgetParams()).spent()
    assert (spent.n_calls, spent.usd) == (2, pytest.approx(sum(row.cost_usd for row in rows)))


def test_a_limited_budget_asks_for_a_price_even_of_a_model_of_ones_own(tiny_llama, store):
    with ScriptedServer(lambda _: "It says so.") as server:
        with pytest.raises(ConfigError, match="openai/base has no price"):
            asked_base(server, store, tiny_llama, max_usd=1.0)

        assert server.n_requests == 0


def test_what_was_answered_before_the_endpoint_went_down_is_not_asked_again(tiny_llama, store):
    def say(request: dict) -> object:
        is_first = "pump" in json.dumps(request["messages"])
        return "12.5 kg." if is_first or is_up else FAULTS["500"]()

    is_up = False
    with ScriptedServer(say) as server:
        with pytest.raises(RetryableUnits, match="unavailable"):
            asked_base(server, store, tiny_llama)
        is_up, n_before = True, server.n_requests

        answers, rows = asked_base(server, store, tiny_llama)

        assert server.n_requests == n_before + 1
    assert [row.answer for row in answers] == ["12.5 kg.", "12.5 kg."]
    assert sorted(row.item_id for row in rows) == ["p1", "p2"]


def test_a_spent_budget_leaves_the_batch_for_a_later_run(tiny_llama, store):
    with ScriptedServer(lambda _: "It says so.") as server:
        with pytest.raises(RetryableUnits, match="budget_spent"):
            asked_base(server, store, tiny_llama, max_calls=1)

        assert server.n_requests == 1
        answers, _ = asked_base(server, store, tiny_llama)

        assert server.n_requests == 2
    assert len(answers) == 2


def test_a_cut_answer_is_read_from_the_journal_as_it_was(tiny_llama, store):
    with ScriptedServer(lambda _: Answer(text="It goes on and", finish_reason="length")) as server:
        first, _ = asked_base(server, store, tiny_llama)
        again, _ = asked_base(server, store, tiny_llama)

        assert server.n_requests == 2
    assert first == again
    assert {(row.answer, row.finish_reason) for row in first} == {("It goes on and", "length")}


def test_another_adapter_under_the_same_name_is_asked_anew_and_the_same_one_is_not(tiny_llama, store, adapter):
    with ScriptedServer(lambda _: "It says so.") as server:
        counts = []
        for label, adapter_id in (("one", "a"), ("two", "a"), ("three", "b")):
            answer_questions(QUESTIONS, "tuned", str(tiny_llama), adapter, adapter_id, params(server), put=calls(store, label))
            counts.append(server.n_requests)

    assert counts == [2, 2, 4]


def test_where_the_endpoint_is_names_no_unit_and_what_it_serves_does():
    def settings(**served: object) -> str:
        return digest(without(AnswerParams(served=ServedParams(**served)), "arms"))

    assert settings(base_url="http://one/v1", max_concurrency=3) == settings(base_url="http://other/v1")
    assert settings(tuned="openai/a") != settings(tuned="openai/b")


@pytest.mark.parametrize("name", ["gpt", "transformers/x"])
def test_what_is_no_served_model_is_refused(name):
    with pytest.raises(ConfigError, match=r"answer\.served\.tuned"):
        ServedParams(tuned=name)
