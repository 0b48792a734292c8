"""Arms and controls weighed by a loaded model: what lands for each, and that the measure sees what it should."""

from __future__ import annotations

import pytest

from tasks.answer_params import AnswerParams
from tasks.choice import ChoiceParams, Offer
from tasks.choice_unit import COMPARABLE, ByModel, choose, control_ballots
from tasks.control_cases import ControlParams, draw_controls
from tasks.controls import control_rates, control_verdict
from tasks.engine import Question
from tasks.stages import AnswerBatch
from warehouse.store import Warehouse
from warehouse.tables import CHOICE_SCORES, CONTROL_RATES, CONTROL_VERDICTS, QaPair

EXACT = AnswerParams(dtype="float32")
QUESTIONS = tuple(Question(f"q{at}", f"What colour is lamp {at}?") for at in range(3))
COLOURS = ("The lamp is red.", "The lamp is green.", "The lamp is blue.", "The door is north.")
OFFERS = [Offer(f"q{at}", tuple(sorted({f"q{at}", "x1", "x2", "x3"})), COLOURS) for at in range(2)] + [Offer("q2")]


def chosen(tiny_llama, tmp_path, arm="base", questions=QUESTIONS, offers=OFFERS):
    return choose(Warehouse(tmp_path), AnswerBatch(arm, questions, None), offers, str(tiny_llama), EXACT, ["w"]).tables[CHOICE_SCORES]


def test_every_question_is_a_row_scored_or_with_its_reason(tiny_llama, tmp_path):
    rows = chosen(tiny_llama, tmp_path)

    assert [(row.pair_id, row.reason) for row in rows] == [("q0", None), ("q1", None), ("q2", "too_few_references")]
    assert {len(row.log_likelihoods) for row in rows[:2]} == {4}
    assert rows[0].log_likelihoods != rows[1].log_likelihoods
    assert rows[0].unconditional == pytest.approx(rows[1].unconditional, abs=1e-3)
    own = rows[0].option_pair_ids.index("q0")
    assert rows[0].acc == (max(rows[0].log_likelihoods) == rows[0].log_likelihoods[own])
    assert CHOICE_SCORES.to_arrow(rows).num_rows == 3


def test_the_same_questions_give_the_same_rows_and_none_give_none(tiny_llama, tmp_path):
    assert chosen(tiny_llama, tmp_path) == chosen(tiny_llama, tmp_path)
    assert chosen(tiny_llama, tmp_path, questions=(), offers=[]) == []


def test_an_arm_that_no_model_answers_weighs_nothing(tiny_llama, tmp_path):
    rows = chosen(tiny_llama, tmp_path, arm="reference", questions=())

    assert [row.reason for row in rows] == ["no_model", "no_model", "too_few_references"]
    assert {row.model for row in rows} == {""}


def pairs():
    made = []
    for at in range(1, 5):
        question, key = f"What of {at}?", f"{at}2.5 kg"
        made.append(QaPair(f"p{at}", "d0", "c", f"f{at}", 0, question, question, f"The pump weighs {key}.", key, "number", "p", "g"))
    return made


def test_controls_that_want_two_texts_to_tie_are_not_put_to_likelihoods(tiny_llama):
    cases = draw_controls(pairs(), {}, ControlParams(n_pairs=4))
    ballots = control_ballots(cases, ByModel(str(tiny_llama), EXACT), ChoiceParams())

    assert {case.control for case, _ in ballots} <= set(COMPARABLE)
    assert len(ballots) == sum(case.control in COMPARABLE for case in cases)
    assert {ballot.verdict for case, ballot in ballots if case.control == "K1"} == {"tie"}
    assert {ballot.verdict for case, ballot in ballots if case.control == "K2"} <= {"first", "second"}
    rows = [control_verdict("loglik/1", case, ballot) for case, ballot in ballots]
    rates = control_rates("loglik/1", rows, 4)
    assert {row.control: (row.n > 0, row.is_gate) for row in rates} == {f"K{n}": (n < 7, False) for n in range(1, 9)}
    assert CONTROL_VERDICTS.to_arrow(rows).num_rows == len(rows)
    assert CONTROL_RATES.to_arrow(rates).num_rows == 8
    assert control_ballots([], ByModel(str(tiny_llama), EXACT), ChoiceParams()) == []


@pytest.mark.slow
def test_a_model_that_reads_finds_the_evidence_s_number_likelier_than_another(request):
    base = request.config.rootpath / "deployments" / "demo" / "tiny_base"
    some = pairs()
    quotes = {pair.pair_id: (pair.answer,) for pair in some}
    cases = [case for case in draw_controls(some, quotes, ControlParams(n_pairs=4)) if case.control == "K6"]
    blind = [case.__class__(case.control, case.variant, case.pair, case.answer_a, case.answer_b, ()) for case in cases]

    seen = control_ballots(cases, ByModel(str(base), EXACT), ChoiceParams())
    unseen = control_ballots(blind, ByModel(str(base), EXACT), ChoiceParams())

    assert {ballot.verdict for _, ballot in seen} == {"first"}
    assert [ballot.reply for _, ballot in seen] != [ballot.reply for _, ballot in unseen]
