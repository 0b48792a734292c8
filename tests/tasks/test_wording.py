"""A question put otherwise: what changes around it, and that its own words and its excerpts' stay."""

from __future__ import annotations

import pytest

from tasks.base_model import chat_prompt, fitting_excerpts, load_tokenizer, user_message
from tasks.wording import FORMATS, PLAIN, PROMPTS, Wording, marked
from warehouse.errors import ConfigError

QUESTION = "What is the torque of the K-2 valve?"
EXCERPTS = ("The torque is 35 Nm.", "The valve is red.")


@pytest.fixture
def tokenizer(tiny_llama):
    return load_tokenizer(str(tiny_llama))[0]


def test_there_are_five_formats_at_least_and_every_one_puts_the_question_another_way(tokenizer):
    for excerpts in ((), EXCERPTS):
        shown = [chat_prompt(tokenizer, QUESTION, excerpts, wording) for wording in (PLAIN, *FORMATS, *PROMPTS)]
        assert len(FORMATS) >= 5
        assert len(set(shown)) == len(shown)
        assert all(QUESTION in one and all(text in one for text in excerpts) for one in shown)


def test_the_plain_wording_is_the_question_alone(tokenizer):
    assert user_message(tokenizer, QUESTION) == QUESTION
    assert chat_prompt(tokenizer, QUESTION, EXCERPTS) == chat_prompt(tokenizer, QUESTION, EXCERPTS, PLAIN)


def test_marks_stand_before_excerpts_or_before_the_question_where_there_are_none(tokenizer):
    numbers = Wording("numbers", marks="numbers")

    assert user_message(tokenizer, QUESTION, (), numbers) == f"1. {QUESTION}"
    with_excerpts = user_message(tokenizer, QUESTION, EXCERPTS, numbers)
    assert "1. <excerpt>\nThe torque is 35 Nm." in with_excerpts
    assert "2. <excerpt>" in with_excerpts
    assert f"Question: {QUESTION}" in with_excerpts
    assert marked(["x"] * 28, "letters")[25:] == ["Z. x", "AA. x", "BB. x"]
    assert marked(["x"], "bullets") == ["- x"]


def test_the_question_may_come_before_its_excerpts(tokenizer):
    shown = user_message(tokenizer, QUESTION, EXCERPTS, Wording("order", is_question_first=True))
    assert shown.index(QUESTION) < shown.index("<excerpt>")


def test_a_system_message_is_one_where_the_template_knows_it_and_stands_before_the_question_where_not(tokenizer):
    wording = Wording("system", system="Answer the question.")
    assert chat_prompt(tokenizer, QUESTION, (), wording).startswith("<|system|>Answer the question.<|end|><|user|>")

    tokenizer.chat_template = (
        "{% for message in messages %}{% if message['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "{{ '<|' + message['role'] + '|>' + message['content'] }}{% endfor %}"
    )
    assert chat_prompt(tokenizer, QUESTION, (), wording) == f"<|user|>Answer the question.\n\n{QUESTION}"


def test_excerpts_are_cut_to_what_the_wording_leaves_room_for(tokenizer):
    long, limit = ("many words " * 200,), 400
    wordy = Wording("wordy", before="Please answer the following with care and attention to every detail. " * 2)
    plain, less = (" ".join(fitting_excerpts(tokenizer, QUESTION, long, limit, wording)) for wording in (PLAIN, wordy))

    assert 0 < len(less) < len(plain)


@pytest.mark.parametrize("name", ["", "Two words", "../x"])
def test_a_wording_without_a_plain_name_is_refused(name):
    with pytest.raises(ConfigError, match="is no name"):
        Wording(name)
