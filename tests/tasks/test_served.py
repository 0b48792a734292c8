from collections.abc import Iterator

import pytest

from tasks.answer import answer_questions
from tasks.answer_params import AnswerParams
from tasks.engine import Question
from tasks.providers import close_providers
from tasks.providers.scripted_server import FAULTS, Answer, ScriptedServer
from tasks.served import ServedParams
from tasks.units import without
from warehouse.errors import ConfigError, ProviderError, RetryableUnits
from warehouse.keys import digest

QUESTIONS = [Question("p1", "How heavy is the pump?", ("The pump weighs 12.5 kg. </excerpt>",)), Question("p2", "Who wrote it?")]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_providers()


def params(server: ScriptedServer, **others: object) -> AnswerParams:
    return AnswerParams(max_new_tokens=16, served=ServedParams(tuned="openai/tuned-1", base_url=server.base_url), **others)


def test_an_arm_that_is_served_is_answered_by_the_endpoint_and_the_others_here(tiny_llama, tmp_path):
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    asked: list[dict] = []

    def say(request: dict) -> str:
        asked.append(request)
        return f" It says {len(asked)}. "

    with ScriptedServer(say) as server:
        tuned = answer_questions(QUESTIONS, "tuned_rag", str(tiny_llama), tmp_path, "a", params(server))
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


def test_an_answer_that_is_cut_is_an_answer(tiny_llama):
    cut = ServedParams(base="openai/base")
    with ScriptedServer(lambda _: Answer(text="It goes on and", finish_reason="length")) as server:
        settings = AnswerParams(served=ServedParams(base=cut.base, base_url=server.base_url))
        (row,) = answer_questions(QUESTIONS[1:], "base", str(tiny_llama), None, None, settings)

    assert (row.answer, row.finish_reason) == ("It goes on and", "length")


def test_an_endpoint_that_is_down_leaves_the_batch_for_a_later_run(tiny_llama):
    with ScriptedServer(lambda _: FAULTS["500"]()) as server:
        settings = AnswerParams(served=ServedParams(base="openai/base", base_url=server.base_url, max_wait_seconds=1.5))

        with pytest.raises(RetryableUnits, match="unavailable") as caught:
            answer_questions(QUESTIONS[1:], "base", str(tiny_llama), None, None, settings)

    assert server.base_url in caught.value.where


def test_a_model_that_the_endpoint_does_not_serve_is_an_error_that_names_it(tiny_llama):
    with ScriptedServer(lambda _: FAULTS["404_model"]()) as server:
        settings = AnswerParams(served=ServedParams(base="openai/none", base_url=server.base_url))

        with pytest.raises(ProviderError):
            answer_questions(QUESTIONS[1:], "base", str(tiny_llama), None, None, settings)


def test_where_the_endpoint_is_names_no_unit_and_what_it_serves_does():
    def settings(**served: object) -> str:
        return digest(without(AnswerParams(served=ServedParams(**served)), "arms"))

    assert settings(base_url="http://one/v1", max_concurrency=3) == settings(base_url="http://other/v1")
    assert settings(tuned="openai/a") != settings(tuned="openai/b")


@pytest.mark.parametrize("name", ["gpt", "transformers/x"])
def test_what_is_no_served_model_is_refused(name):
    with pytest.raises(ConfigError, match=r"answer\.served\.tuned"):
        ServedParams(tuned=name)
