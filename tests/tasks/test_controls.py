"""Questions with a known winner: what is changed in them, and which judges come out fit."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import perturb
from tasks.ballot import Ballot
from tasks.control_cases import CONTROLS, ControlParams, draw_controls
from tasks.controls import control_rates, is_gated, judge_controls
from tasks.embed import EmbedParams
from tasks.gate import GateParams, hold
from tasks.judge import JUDGES, Judge, JudgeParams
from tasks.judge_trust import Trust
from tasks.judge_unit import measured
from tasks.metrics import ScoreParams
from tasks.statistics import Outcome, estimate
from tasks.text import numbers, words
from warehouse.errors import ConfigError
from warehouse.tables import CONTROL_RATES, CONTROL_VERDICTS, QaPair

NAMES = ("Mirefold", "Tavelin", "Sarn Heights", "Kestrel", "Orrin", "Dunmore")


def pairs(n=60):
    made = []
    for at in range(n):
        if at % 2:
            name = NAMES[at // 2 % 6]
            answer, key, kind = f"The valve {at} was built by {name} in the old yard.", name, "name"
        else:
            answer, key, kind = f"The pump {at} is rated at {at + 20}.5 bar.", f"{at + 20}.5 bar", "number"
        made.append(QaPair(f"q{at:02}", f"d{at % 3}", "c", f"f{at}", 0, f"What of {at}?", f"What of {at}?", answer, key, kind, "p", "g"))
    return made


def of(cases, control):
    return [case for case in cases if case.control == control]


def test_every_control_is_drawn_as_often_as_asked():
    counts = Counter(case.control for case in draw_controls(pairs(), {}, ControlParams(n_pairs=50)))
    assert counts == {name: 100 if name == "K4" else 50 for name in CONTROLS}


def test_a_small_corpus_gives_fewer_and_the_rates_say_how_many():
    cases = draw_controls(pairs(4), {}, ControlParams())
    said = judge_controls("similarity", cases, JudgeParams(), lambda some: measured(some, ScoreParams(), EmbedParams()))
    rates = control_rates("similarity/1", said, 50)

    assert {(row.control, row.n, row.n_wanted) for row in rates if row.control in ("K1", "K3")} == {("K1", 4, 50), ("K3", 4, 50)}


def test_no_pairs_give_no_cases_and_a_row_that_says_so():
    assert draw_controls([], {}, ControlParams()) == []
    assert draw_controls(pairs(), {}, ControlParams(n_pairs=0)) == []
    rates = control_rates("llm/1", [], 0)
    assert [(row.control, row.n, row.is_passed) for row in rates] == [(name, 0, None) for name in CONTROLS]


def test_the_same_pairs_in_any_order_give_the_same_cases():
    assert draw_controls(pairs(), {}, ControlParams()) == draw_controls(pairs()[::-1], {}, ControlParams())
    assert draw_controls(pairs(), {}, ControlParams(n_pairs=5, seed=1)) != draw_controls(pairs(), {}, ControlParams(n_pairs=5))


def test_refusals_and_further_wordings_of_a_fact_are_left_out():
    some = pairs(4)
    refusal = QaPair("r", "d0", "c", "fr", 0, "?", "?", "The document does not state this.", None, "refusal", "p", "g")
    again = QaPair("w", "d0", "c", some[0].fact_id, 1, "??", "??", some[0].answer, some[0].answer_key, "number", "p", "g")

    drawn = {case.pair.pair_id for case in draw_controls([*some, refusal, again], {}, ControlParams())}

    assert drawn == {pair.pair_id for pair in some}


def test_what_is_wrong_is_one_number_one_name_or_a_negation_in_turn():
    wrong = of(draw_controls(pairs(), {}, ControlParams(n_pairs=45)), "K6")
    counts = Counter(case.variant for case in wrong)

    assert set(counts) == {"another number", "another name", "negated"}
    assert min(counts.values()) >= 10
    for case in wrong:
        assert case.answer_a == case.pair.answer != case.answer_b
        changed = Counter(words(case.answer_a)) - Counter(words(case.answer_b))
        assert sum(changed.values()) <= 2


def test_the_other_reference_does_not_state_the_key():
    for case in of(draw_controls(pairs(), {}, ControlParams()), "K2"):
        assert case.pair.answer_key not in case.answer_b


@given(st.text(alphabet="ab 0123456789.,", max_size=40), st.integers(0, 9))
def test_another_number_changes_one_number_and_keeps_its_form(text, seed):
    changed = perturb.another_number(text, "", seed)

    assert (changed is None) == (not any(letter.isdigit() for letter in text))
    if changed:
        assert changed != text
        assert len(changed) == len(text)
        assert sum(one != other for one, other in zip(text, changed, strict=True)) == 1
        assert changed == perturb.another_number(text, "", seed)


def test_the_number_that_was_asked_for_is_the_one_changed():
    changed = perturb.another_number("In 1987 it took 42 Nm over 3 days.", "42 Nm", 0)
    assert numbers(changed) & {"1987", "42", "3"} == {"1987", "3"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is dry.", "It is not dry."),
        ("It is not dry.", "It is dry."),
        ("Members May borrow it.", "Members May not borrow it."),
        ("Rain falls.", None),
    ],
)
def test_a_negation_is_put_in_or_taken_away(text, expected):
    assert perturb.negated(text) == expected


def test_dress_changes_no_word():
    text = "The pump is rated at 42 bar. It runs dry."
    assert words(perturb.dressed_up(text, "42 bar")) == words(text)
    assert perturb.dressed_up(text, "42 bar") == "- The pump is rated at **42 bar**.\n- It runs dry."
    assert words(perturb.with_citation(text, 0))[: len(words(text))] == words(text)


def test_similarity_finds_what_states_the_key_and_does_not_see_a_negation():
    cases = draw_controls(pairs(), {}, ControlParams())
    said = judge_controls("similarity", cases, JudgeParams(), lambda some: measured(some, ScoreParams(), EmbedParams()))
    rates = {row.control: row for row in control_rates("similarity/1", said, 50)}

    assert all(rates[name].is_passed for name in ("K1", "K2", "K3", "K4", "K5", "K7", "K8"))
    assert not rates["K6"].is_passed
    unseen = {row.variant for row in said if row.control == "K6" and row.verdict != "first"}
    assert "negated" in unseen
    assert "another name" not in unseen
    assert not any(row.is_gate for row in rates.values())
    assert Trust(list(rates.values())).unfit("similarity/1") == ()
    assert CONTROL_RATES.to_arrow(list(rates.values())).num_rows == 8
    assert CONTROL_VERDICTS.to_arrow(said).num_rows == len(cases)


def rates_of(decide, judge="llm/1 openai/x #0"):
    cases = draw_controls(pairs(), {}, ControlParams())
    JUDGES["stub"] = Judge(1, lambda some, params, ask: [decide(case) for case in some], lambda params: params.prompt)
    try:
        said = judge_controls("stub", cases, JudgeParams(), lambda some: [])
    finally:
        del JUDGES["stub"]
    return control_rates(judge, said, 50)


def test_a_judge_that_names_the_first_answer_passes_identical_answers_alone_among_winners():
    rates = rates_of(lambda case: [Ballot("first", "", order) for order in ("ab", "ba")])
    assert Trust(rates).unfit(rates[0].judge) == ("K2", "K3", "K4", "K6")


def test_replies_without_a_verdict_fail_and_calls_without_a_reply_do_not_count():
    unread = rates_of(lambda case: [Ballot("unparsed", "", "ab"), Ballot("tie", "", "ba")])
    assert {row.is_passed for row in unread} == {False}
    failed = rates_of(lambda case: [Ballot("error", "", "ab"), Ballot("tie", "", "ba")])
    assert {(row.n, row.is_passed) for row in failed} == {(0, None)}
    assert failed[0].n_errors == 50


def test_models_must_pass_and_without_controls_are_not_known_to():
    assert [is_gated(name) for name in ("llm/1 openai/x #0", "rubric/1 y", "human/ann", "similarity/1", "loglik/1")] == [
        True, True, True, False, False
    ]  # fmt: skip
    assert Trust().unfit("llm/1 openai/x #0") == ("no controls",)
    assert Trust().unfit("human/ann") == ()
    assert Trust().unfit("similarity/1") == ()


def test_a_gate_does_not_open_for_an_unfit_or_unsteady_judge():
    judge = "llm/1 openai/x #0"
    row = estimate([Outcome(f"q{at}", f"d{at}", f"l{at}", "arm_a") for at in range(20)], "test_unseen_document", "tuned:base", judge)
    good, bad = (rates_of(lambda case, said=said: [Ballot(said, "", "none")]) for said in ("first", "tie"))
    rule = GateParams("tuned:base")

    assert "K2" in hold(row, None, rule, Trust(bad)).reasons[0]
    assert not hold(row, None, rule).is_passed
    fit = [rate for rate in good if rate.is_passed]
    assert hold(row, None, rule, Trust(fit)).is_passed
    assert hold(row, None, rule, Trust(fit, {(judge, "tuned:base"): 0.5})).reasons[0].startswith("judge unstable: only 50 %")


@pytest.mark.parametrize("changes", [{"n_pairs": -1}, {"refusal": " "}])
def test_settings_out_of_bounds_are_refused(changes):
    with pytest.raises(ConfigError):
        ControlParams(**changes)


def test_without_a_key_an_answer_is_measured_against_its_reference():
    one = replace(pairs(1)[0], answer_key=None)
    other = replace(pairs(3)[2], document_id=one.document_id, answer="Members may borrow up to six plates.", answer_key=None)

    own, wrong, again = measured([(one, one.answer), (one, other.answer), (one, one.answer)], ScoreParams(), EmbedParams())

    assert own == again
    assert own.states_key is None
    assert measured([(other, other.answer)], ScoreParams(), EmbedParams())[0].contrastive_cosine > wrong.contrastive_cosine
    assert own.cosine > wrong.cosine
