"""Units -> rows of the judge loglik: what each arm would choose, and how the measure does where the winner is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.answer_params import AnswerParams, asks_model
from tasks.ballot import Ballot
from tasks.choice import READINGS, ChoiceParams, Offer, Weighed, as_options, choice_score
from tasks.control_cases import ControlCase
from tasks.engine import Question
from tasks.stages import AnswerBatch, speaker
from tasks.units import Made
from warehouse import tables as t
from warehouse.store import Warehouse

COMPARABLE = ("K1", "K2", "K3", "K4", "K5", "K6")
"""Controls that a likelihood can be put to. K7 and K8 want a tie between two texts that differ: no two likelihoods are the same."""


@dataclass(frozen=True, slots=True)
class ByModel:
    """The base that weighs the control answers, and how it is asked."""

    model: str
    answer: AnswerParams


def choose(
    store: Warehouse, batch: AnswerBatch, offers: Sequence[Offer], model: str, params: AnswerParams, identity: Sequence[str]
) -> Made:
    """One batch of questions -> ``choice_scores`` of one arm. ``identity``: the weights and settings that shape them.

    Raises:
        MissingPrerequisite: the model cannot be loaded, or the arm's adapter does not move its outputs.
    """
    from tasks.answer import model_shown, speaking  # noqa: PLC0415  # pulls in torch
    from tasks.weigh import weigh  # noqa: PLC0415

    if not asks_model(batch.arm):
        return Made({t.CHOICE_SCORES: [choice_score(offer, None, batch.arm, "", None, identity) for offer in offers]})
    who = speaker(store, batch, model)
    whole, asked = [offer for offer in offers if offer.answers], {question.pair_id: question for question in batch.questions}
    found = {}
    if whole:
        with speaking(who, params) as engine:
            weighed = weigh(engine, [asked[offer.pair_id] for offer in whole], [offer.answers for offer in whole], params)
        found = dict(zip((offer.pair_id for offer in whole), weighed, strict=True))
    shown = model_shown(batch.arm, model, params)
    rows = [choice_score(offer, found.get(offer.pair_id), batch.arm, shown, who.adapter_id, identity) for offer in offers]
    return Made({t.CHOICE_SCORES: rows})


def control_ballots(cases: Sequence[ControlCase], by: ByModel, params: ChoiceParams) -> list[tuple[ControlCase, Ballot]]:
    """Which of two answers the base finds likelier when it is shown the question's evidence, for every control that can be put so.

    It weighs no arm but the measure itself: a model that has the fact before its eyes should find the right answer likelier.
    """
    from tasks.answer import Speaker, speaking  # noqa: PLC0415  # pulls in torch
    from tasks.weigh import weigh  # noqa: PLC0415

    put = [case for case in cases if case.control in COMPARABLE]
    of_pair: dict[str, list[ControlCase]] = {}
    for case in put:
        of_pair.setdefault(case.pair.pair_id, []).append(case)
    questions = [Question(name, some[0].pair.question, some[0].evidence) for name, some in of_pair.items()]
    answers = [list(dict.fromkeys(text for case in some for text in (case.answer_a, case.answer_b))) for some in of_pair.values()]
    with speaking(Speaker("base_rag", by.model), by.answer) as engine:
        weighed = dict(zip(of_pair, zip(answers, weigh(engine, questions, answers, by.answer), strict=True), strict=True))
    return [(case, _compared(case, *weighed[case.pair.pair_id], params)) for case in put]


def _compared(case: ControlCase, texts: Sequence[str], weighed: Weighed, params: ChoiceParams) -> Ballot:
    score = READINGS[params.reading]
    of = {text: score(option) for text, option in zip(texts, as_options(texts, weighed), strict=True)}
    a, b = of[case.answer_a], of[case.answer_b]
    return Ballot("tie" if a == b else "first" if a > b else "second", f"{params.reading}: first {a:.3f}, second {b:.3f} nats")
