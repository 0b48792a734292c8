"""Answers weighed many at a time are worth what each is worth alone."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tasks.answer import Speaker, speaking
from tasks.answer_params import AnswerParams
from tasks.base_model import load_base
from tasks.engine import Question
from tasks.log_probs import answer_log_likelihoods, token_log_probs
from tasks.packing import encode
from tasks.train_params import TrainExample
from tasks.weigh import weigh

EXACT = AnswerParams(dtype="float32")
QUESTIONS = [
    Question("p0", "What is the torque of the K-2 valve?"),
    Question("p1", "How heavy is it?", ("The pump weighs 12.5 kg.", "Use the manual. " * 9)),
    Question("p2", "Who wrote the field study with 67 tables, and in which year was that?"),
]
ANSWERS = [
    ["35 Nm.", "Anna Berg wrote it in 1998 and 2004."],
    ["12.5 kg", "red", "The lamp is green, the wire is blue."],
    ["Anna Berg", "red"],
]


@pytest.fixture(scope="module")
def base(tiny_llama):
    return load_base(str(tiny_llama), "float32")


def alone(base, question: str, answer: str) -> float:
    (example,) = encode(base.tokenizer, [TrainExample("p", question, answer)], 1000)
    return float(token_log_probs(base.model, example).sum().detach())


def weighed(tiny_llama, questions=QUESTIONS, answers=ANSWERS, params=EXACT, arm="base"):
    with speaking(Speaker(arm, str(tiny_llama)), params) as engine:
        return weigh(engine, questions, answers, params)


def test_a_batch_gives_every_answer_its_own_likelihood(tiny_llama, base):
    plain = [Question(one.pair_id, one.question) for one in QUESTIONS]
    found = weighed(tiny_llama, plain)

    for question, answers, one in zip(plain, ANSWERS, found, strict=True):
        assert one.log_likelihoods == pytest.approx([alone(base, question.question, text) for text in answers], abs=1e-3)
        assert one.unconditional == pytest.approx([alone(base, "", text) for text in answers], abs=1e-3)
        assert one.n_tokens == [len(base.tokenizer(text, add_special_tokens=False)["input_ids"]) + 1 for text in answers]


@pytest.mark.parametrize("limits", [{"batch_size": 1}, {"tokens_per_batch": 60}])
def test_what_is_weighed_beside_a_question_changes_nothing(tiny_llama, limits):
    together, apart = weighed(tiny_llama), weighed(tiny_llama, params=AnswerParams(dtype="float32", **limits))

    for one, other in zip(together, apart, strict=True):
        assert one.log_likelihoods == pytest.approx(other.log_likelihoods, abs=1e-3)
        assert one.unconditional == pytest.approx(other.unconditional, abs=1e-3)


def test_excerpts_are_before_the_model_and_not_before_the_empty_question(tiny_llama):
    with_excerpts, without = (
        weighed(tiny_llama)[1],
        weighed(tiny_llama, [QUESTIONS[0], Question("p1", "How heavy is it?"), QUESTIONS[2]])[1],
    )

    assert all(abs(a - b) > 0.01 for a, b in zip(with_excerpts.log_likelihoods, without.log_likelihoods, strict=True))
    assert with_excerpts.unconditional == pytest.approx(without.unconditional, abs=1e-3)


def test_the_same_input_gives_the_same_numbers(tiny_llama):
    assert weighed(tiny_llama) == weighed(tiny_llama)


def test_an_answer_is_weighed_to_its_end(tiny_llama):
    (one,) = weighed(tiny_llama, QUESTIONS[:1], [["red", "red green", "red green blue", "red green blue north"]])

    assert one.n_tokens == sorted(one.n_tokens)
    assert all(a != b for a, b in pairwise(one.log_likelihoods))
    assert all(value < 0 for value in one.log_likelihoods)


def test_nothing_asked_weighs_nothing(base, tiny_llama):
    assert answer_log_likelihoods(base.model, [], [], 0) == []
    assert weighed(tiny_llama, [], []) == []
