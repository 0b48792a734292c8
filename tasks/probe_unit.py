"""Units -> rows of what is asked beside each arm's answers: the probes, and the answers of the best-prompted base among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.answer import model_shown, replies_of
from tasks.answer_params import PROMPTED, AnswerParams, uses_adapter
from tasks.budget import Budget
from tasks.metrics import ScoreParams
from tasks.probe import Purpose, Speech, best_answers, manners, probe, probe_of_answer
from tasks.served_calls import ServedCalls
from tasks.stages import AnswerBatch, document_pairs, rows, speaker
from tasks.statistics import ReportParams
from tasks.units import Made, Unit
from warehouse import tables as t
from warehouse.store import Warehouse


@dataclass(frozen=True, slots=True)
class ProbeBatch:
    """Questions that one arm is asked otherwise: ``answered`` holds its own answers to them, ``curated`` their pairs."""

    purpose: Purpose
    asked: AnswerBatch
    answered: Unit
    curated: Unit


def ask_otherwise(
    store: Warehouse, work: Unit, batch: ProbeBatch, model: str, params: AnswerParams, score_params: ScoreParams, budget: Budget
) -> Made:
    """One batch of questions -> ``probes`` of one arm: every format or prompt beside its own answer, or answers that are drawn.

    Raises:
        MissingPrerequisite: the arm's adapter does not move the model's outputs.
    """
    wanted = {question.pair_id for question in batch.asked.questions}
    pairs = {pair.pair_id: pair for pair in document_pairs(store, batch.curated) if pair.pair_id in wanted}
    made: list[t.Probe] = []
    if batch.purpose != "sample":
        own = [row for row in rows(store, t.ANSWERS, [batch.answered]) if row.pair_id in wanted]
        made += [probe_of_answer(batch.purpose, row, pairs[row.pair_id], score_params) for row in own]
    who, calls = speaker(store, batch.asked, model), ServedCalls(store, work, budget)
    of = Speech(who.arm, model_shown(who.arm, model, params), who.adapter_id if uses_adapter(who.arm) else None)
    for variant, manner in manners(batch.purpose, params).items():
        replies = replies_of(batch.asked.questions, who, params, manner, calls)
        made += [
            probe(batch.purpose, variant, of, pairs[question.pair_id], reply, score_params)
            for question, reply in zip(batch.asked.questions, replies, strict=True)
        ]
    return Made({t.PROBES: made, **calls.tables()})


def best_prompted(
    store: Warehouse, probed: Sequence[Unit], split_unit: Unit, pair_ids: Sequence[str], params: AnswerParams, report: ReportParams
) -> Made:
    """The base's probes with every prompt -> ``answers`` of the best-prompted base to one batch of questions."""
    wanted = set(pair_ids)
    found = best_answers(rows(store, t.PROBES, probed), rows(store, t.SPLITS, [split_unit]), PROMPTED, params, report)
    return Made({t.ANSWERS: [row for row in found if row.pair_id in wanted]})
