"""Settings, expected pairs -> the calls that served arms and judges which ask a model are expected to make. Nothing is asked.

The split is not drawn yet: test questions are counted by the shares that are set, as if no pair were dropped on the way. What of the
judging stands from earlier runs is not known before it either, and is not subtracted.
"""

from __future__ import annotations

from tasks.answer_params import AnswerParams, uses_excerpts
from tasks.control_cases import CONTROLS
from tasks.estimate_calls import ANSWER_TOKENS, FENCE_TOKENS, QUESTION_TOKENS, Calls, prompt_tokens, total
from tasks.generate import GenerateParams
from tasks.judge import JUDGES, JudgeParams, asked_by
from tasks.judge_llm import ORDERS
from tasks.split import SplitParams

EVIDENCE_TOKENS = 60
"""Of the quotes that an answer rests on."""
REPLY_TOKENS = 150
"""Of a judge's reply: its reasons, then the verdict."""
N_BLOCKS = 5
"""Fenced blocks in a judge's prompt: question, reference, evidence and two answers."""


def n_test_questions(n_pairs: float, generating: GenerateParams, params: SplitParams) -> float:
    """How many of so many pairs are expected in the test sets: all wordings of what is held out, one of each other fact's share."""
    documents = 0.0 if params.unseen_unit == "fact" else params.unseen_document_share
    facts = 0.0 if params.unseen_unit == "document" else params.unseen_fact_share
    unseen = documents + (1 - documents) * facts
    taught = (1 - documents) * (1 - facts - params.validation_share)
    wordings = generating.llm.wordings if generating.method == "llm" else generating.wordings
    return n_pairs * (unseen + taught * params.rephrased_share / wordings)


def answering_calls(n_questions: float, params: AnswerParams, model: str) -> Calls:
    """Every question to every arm that the served ``model`` answers, with prompts as long as may be where an arm gets excerpts.

    What is asked beside, in other formats or drawn, is not counted.
    """
    arms = [arm for arm in params.arms if params.served.model_of(arm) == model]
    each = [Calls(1, params.max_prompt_tokens if uses_excerpts(arm) else QUESTION_TOKENS, params.max_new_tokens) for arm in arms]
    return total(each).times(n_questions)


def judging_calls(n_questions: float, params: JudgeParams, model: str | None = None) -> Calls:
    """Every question in every contrast, in both orders or answer by answer, as often as it is voted on; ``model``: of its judges alone."""
    return _calls(params, model).times(n_questions * len(params.contrasts))


def control_calls(params: JudgeParams, model: str | None = None) -> Calls:
    """Every control's pairs, put to each judge as the questions are; some controls try a pair in more than one way."""
    return _calls(params, model).times(len(CONTROLS) * params.controls.n_pairs)


def _calls(params: JudgeParams, model: str | None) -> Calls:
    """What all judges that ask a model (None: any) take for one question in one contrast."""
    shown = QUESTION_TOKENS + 3 * ANSWER_TOKENS + EVIDENCE_TOKENS + N_BLOCKS * FENCE_TOKENS
    each = []
    for judge in params.asks_model:
        asked, prompt_of = asked_by(judge, params), JUDGES[judge].prompt_of
        if prompt_of and model in (None, asked.model.model):
            each.append(Calls(1, prompt_tokens(prompt_of(asked)) + shown, REPLY_TOKENS).times(len(ORDERS) * asked.votes))
    return total(each)
