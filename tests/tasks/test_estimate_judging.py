"""Calls of judges that ask a model, against what is counted by hand."""

import pytest

from tasks.estimate_calls import Calls
from tasks.estimate_judging import control_calls, judging_calls, n_test_questions
from tasks.generate import GenerateParams
from tasks.generate_llm_params import LlmGenerateParams
from tasks.judge import JudgeParams
from tasks.judge_llm import LlmJudgeParams
from tasks.providers.base import ModelParams
from tasks.split import SplitParams

MODEL = ModelParams(model="openai/small")
GENERATING = GenerateParams(method="llm", llm=LlmGenerateParams(model=MODEL, wordings=4))


def test_a_judge_is_asked_in_both_orders_for_every_contrast_and_vote():
    judged = JudgeParams(judges=("similarity", "llm"), contrasts=("tuned:base", "tuned:base_rag"), llm=LlmJudgeParams(model=MODEL))

    assert judging_calls(10, judged).n_calls == 10 * 2 * 2
    assert control_calls(judged).n_calls == 8 * judged.controls.n_pairs * 2
    assert judging_calls(10, JudgeParams()) == Calls()


def test_two_judges_are_counted_each_with_its_model():
    judged = JudgeParams(
        judges=("llm", "llm_second"),
        contrasts=("tuned:base",),
        llm=LlmJudgeParams(model=MODEL),
        llm_second=LlmJudgeParams(model=ModelParams(model="openai/other", temperature=0.5), votes=3),
    )

    calls = {model: judging_calls(10, judged, model).n_calls for model in ("openai/small", "openai/other", "openai/third")}
    assert calls == {"openai/small": 20, "openai/other": 60, "openai/third": 0}
    assert judging_calls(10, judged).n_calls == 80
    assert control_calls(judged, "openai/small").n_calls == 8 * judged.controls.n_pairs * 2


def test_test_questions_follow_the_shares_of_the_split():
    split = SplitParams(unseen_unit="both", unseen_document_share=0.2, unseen_fact_share=0.25, validation_share=0.05, rephrased_share=0.5)

    assert n_test_questions(100, GENERATING, split) == pytest.approx(20 + 80 * 0.25 + 80 * 0.7 * 0.5 / 4)
