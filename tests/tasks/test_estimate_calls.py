"""Expected calls against what is counted by hand."""

import pytest

from tasks.budget import BudgetParams, Price, token_estimate
from tasks.curate_scores import ScorerParams
from tasks.estimate_calls import REPLY_TOKENS, Calls, as_row, expected_pairs, generation_calls, prompt_tokens, scoring_calls, total
from tasks.generate import GenerateParams
from tasks.generate_llm_params import LlmGenerateParams, QuestionShares
from tasks.providers.base import ModelParams
from warehouse.tables import Chunk

TEXT = "The torque of the valve is 35 Nm. " * 20
MODEL = ModelParams(model="openai/small")
NONE = dict.fromkeys(("definition", "how", "why", "comparison", "procedure", "summary", "multi_hop", "unanswerable", "factual"), 0.0)


def chunk(name, kind="body", text=TEXT):
    return Chunk(name, "d1", int(name[1:]), "Valve", kind, text, 200)


def llm(shares, **more):
    settings = {"questions_per_chunk": 2, "wordings": 1, "refine_share": 0.0} | more
    return GenerateParams(method="llm", llm=LlmGenerateParams(model=MODEL, shares=QuestionShares(**NONE | shares), **settings))


def n_calls(chunks, params):
    return round(generation_calls("Manual", chunks, params).n_calls, 6)


def test_without_a_model_nothing_is_asked():
    assert generation_calls("Manual", [chunk("c1")], GenerateParams()) == Calls()
    assert scoring_calls(10, [chunk("c1")], ScorerParams()) == Calls()


def test_a_document_without_text_to_ask_about_costs_nothing():
    chunks = [chunk("c1", "references"), chunk("c2", text="Too short.")]

    assert generation_calls("Manual", chunks, llm({"factual": 1.0})) == Calls()
    assert expected_pairs(chunks, llm({"factual": 1.0})) == 0


def test_each_pass_is_counted_as_it_is_asked():
    two = [chunk("c1"), chunk("c2")]

    assert n_calls(two, llm({"factual": 1.0})) == 2 + 4  # a call for each chunk's questions, an answer each
    assert n_calls(two, llm({"factual": 1.0}, wordings=3)) == 2 + 4 + 4
    assert n_calls(two, llm({"unanswerable": 1.0})) == 2 + 4  # a second look each
    assert n_calls(two, llm({"multi_hop": 1.0})) == 4 + 4  # each pair of chunks has a call of its own
    assert n_calls(two, llm({"factual": 1.0}, refine_share=0.5)) == 2 + 4 + 4 * 0.5 * 2  # asked for, and answered anew
    assert n_calls(two, llm({"factual": 1.0}, refine_share=0.5, refine_rounds=2)) == 2 + 4 + 4 * 0.75 * 2


def test_tokens_are_those_of_prompts_and_chunks_and_of_the_replies_wanted():
    one = generation_calls("Manual", [chunk("c1")], llm({"factual": 1.0}, questions_per_chunk=1))

    assert one.n_reply_tokens == REPLY_TOKENS["question"] + REPLY_TOKENS["answer"]
    least = prompt_tokens("questions") + prompt_tokens("answer") + 2 * token_estimate(TEXT)
    assert least < one.n_prompt_tokens < least + 150
    marked = generation_calls("Manual", [chunk("c1")], llm({"factual": 1.0}, questions_per_chunk=1, mark_words=True))
    assert marked.n_prompt_tokens > one.n_prompt_tokens + 2 * token_estimate(TEXT)


def test_the_same_chunks_give_the_same_estimate():
    chunks = [chunk(f"c{n}") for n in range(1, 9)]
    params = GenerateParams(method="llm", llm=LlmGenerateParams(model=MODEL))

    assert generation_calls("Manual", chunks, params) == generation_calls("Manual", chunks[::-1], params)


def test_every_pair_is_scored_once():
    scorer = ScorerParams(model=MODEL)

    assert scoring_calls(30, [chunk("c1")], scorer).n_calls == 30
    assert scoring_calls(30, [], scorer) == Calls()
    assert expected_pairs([chunk("c1"), chunk("c2")], llm({"factual": 1.0}, wordings=4)) == 16


def test_an_estimate_is_a_row_in_whole_numbers_with_its_price_or_none():
    budget = BudgetParams(prices={"openai/small": Price(1.0, 10.0)})
    calls = total([Calls(1.4, 1000.4, 100), Calls(1.2, 0, 0)])

    row = as_row("r1", "generate", "openai/small", calls, budget)

    assert (row.n_calls, row.n_prompt_tokens, row.n_reply_tokens, row.cost_usd) == (3, 1000, 100, pytest.approx(0.002))
    assert as_row("r1", "generate", "openai/other", calls, budget).cost_usd is None
