"""Which of several answers a model finds likeliest, read four ways, and which answers it is offered."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from tasks.choice import (
    READINGS,
    ChoiceParams,
    Offer,
    Option,
    Weighed,
    bits_per_byte,
    choice_score,
    choose,
    make_offers,
    perplexity,
    share_se,
)
from tasks.choice_rates import choice_figures, make_choice_rates, make_specific_gains
from tasks.statistics import ReportParams
from warehouse.errors import ConfigError
from warehouse.tables import CHOICE_RATES, CHOICE_SCORES, SPECIFIC_GAINS, QaPair, SplitRow

OPTIONS = [Option(-4.0, 4, 4), Option(-5.0, 10, 10), Option(-9.0, 9, 9)]


def test_a_known_case():
    gold = 1
    assert choose(OPTIONS, "acc") == 0 != gold
    assert choose(OPTIONS, "acc_norm") == gold
    assert share_se(0.6, 10) == pytest.approx(0.163299, abs=1e-6)
    assert share_se(0.6, 1) is None


def test_known_perplexity_and_bits_per_byte():
    assert perplexity(120, 40) == pytest.approx(20.085537, abs=1e-6)
    assert bits_per_byte(120, 150) == pytest.approx(1.154156, abs=1e-6)
    assert perplexity(10_000, 1) == math.inf


def test_bytes_are_not_characters():
    options = [Option(-6.0, 6, 12), Option(-5.0, 6, 6)]
    assert (choose(options, "acc_norm"), choose(options, "acc_bytes")) == (1, 0)


def test_an_answer_that_is_likely_anyway_says_nothing_of_the_question():
    options = [Option(-2.0, 5, 5, unconditional=-2.0), Option(-4.0, 5, 5, unconditional=-9.0)]
    assert (choose(options, "acc"), choose(options, "acc_mutual_info")) == (0, 1)


@pytest.mark.parametrize("reading", READINGS)
def test_no_options_cannot_be_chosen_from(reading):
    with pytest.raises(ValueError):
        choose([], reading)


def pair(at: int, answer: str | None = None, document: str = "d0", key: str | None = None) -> QaPair:
    text = f"The part {at} weighs {at + 20} kg." if answer is None else answer
    question = f"How heavy is part {at}?"
    return QaPair(f"q{at:02}", document, "c", f"f{at:02}", 0, question, question, text, key or f"{at + 20} kg", "number", "p", "g")


def split_rows(pairs, split_of=lambda at: "test_rephrased" if at % 2 else "train"):
    """Every two pairs are one family: the first taught, the second asked, unless ``split_of`` says otherwise."""
    return [SplitRow(one.pair_id, one.document_id, one.fact_id, f"l{at // 2}", split_of(at)) for at, one in enumerate(pairs)]


PAIRS = [pair(at) for at in range(12)]
SPLITS = split_rows(PAIRS)


def test_the_own_reference_stands_among_others_of_the_document_and_other_families():
    (offer,) = make_offers([PAIRS[1]], PAIRS, SPLITS, ChoiceParams())

    assert len(offer.answers) == 4
    assert PAIRS[1].answer in offer.answers
    assert list(offer.option_pair_ids) == sorted(offer.option_pair_ids)
    families = {row.lineage_id for row in SPLITS if row.pair_id in offer.option_pair_ids}
    assert len(families) >= 3
    assert "q00" not in offer.option_pair_ids  # the other wording of the same fact


def test_the_order_of_the_pairs_changes_nothing():
    shuffled = random.Random(3).sample(PAIRS, len(PAIRS))
    assert make_offers(PAIRS[:4], shuffled, SPLITS[::-1], ChoiceParams()) == make_offers(PAIRS[:4], PAIRS, SPLITS, ChoiceParams())


def test_an_untaught_fact_stands_beside_untaught_ones_alone():
    splits = split_rows(PAIRS, lambda at: "train" if at < 6 else "test_unseen_fact")
    (asked,) = make_offers([PAIRS[7]], PAIRS, splits, ChoiceParams())
    (taught,) = make_offers([PAIRS[1]], PAIRS, splits, ChoiceParams())

    assert {int(name[1:]) >= 6 for name in asked.option_pair_ids} == {True}
    assert {int(name[1:]) < 6 for name in taught.option_pair_ids} == {True}


def test_others_say_something_else_and_are_of_like_length():
    same = [pair(2, "THE PART 0 weighs 20 kg!"), pair(4, "It weighs 20 kg, as said."), pair(6, "No. " * 40), pair(8, ""), pair(10, "Ja.")]
    pairs = [PAIRS[0], *same, *(pair(at, document="d1") for at in (1, 3, 5))]
    splits = [SplitRow(one.pair_id, one.document_id, one.fact_id, one.fact_id, "train") for one in pairs]

    assert make_offers(pairs[:1], pairs, splits, ChoiceParams()) == [Offer("q00")]
    (offer,) = make_offers(pairs[:1], [*pairs, PAIRS[7], PAIRS[9], PAIRS[11]], [*splits, *SPLITS[7::2]], ChoiceParams(n_others=1))
    assert set(offer.option_pair_ids) - {"q00"} <= {"q07", "q09", "q11"}


def test_repeated_answers_are_one_option():
    pairs = [PAIRS[0], *(replace(pair(at), answer="The yard is closed.") for at in range(2, 9, 2))]
    splits = [SplitRow(one.pair_id, one.document_id, one.fact_id, one.fact_id, "train") for one in pairs]

    assert make_offers(pairs[:1], pairs, splits, ChoiceParams()) == [Offer("q00")]
    (offer,) = make_offers(pairs[:1], pairs, splits, ChoiceParams(n_others=1))
    assert len(set(offer.answers)) == 2


def test_no_questions_get_no_offers():
    assert make_offers([], PAIRS, SPLITS, ChoiceParams()) == []


@pytest.mark.parametrize("wrong", [{"n_others": 0}, {"max_length_factor": 0.5}, {"reading": "loudest"}])
def test_settings_out_of_bounds_are_refused(wrong):
    with pytest.raises(ConfigError, match=r"judge\.choice"):
        ChoiceParams(**wrong)


def chosen(arm: str, at: int, own: float, others: float, is_right: bool = True):
    """A row of an arm whose reference costs ``own`` nats and the others ``others`` each, all of 30 characters or so."""
    offer = Offer(f"q{at:02}", ("q00", f"q{at:02}") if at else ("q00", "q99"), ("The part 0 weighs 20 kg.", "The part 9 weighs 29 kg."))
    row = choice_score(offer, Weighed([-others, -own] if at else [-own, -others], [-50.0, -50.0], [8, 8]), arm, "m", None, [])
    assert row.acc_norm is is_right
    return row


def test_a_row_says_what_was_weighed():
    row = chosen("tuned", 1, 10.0, 40.0)

    assert (row.acc, row.acc_norm, row.acc_bytes, row.acc_mutual_info, row.reason) == (True, True, True, True, None)
    assert row.mutual_information == pytest.approx(40.0)
    assert row.perplexity == pytest.approx(math.exp(10 / 8))
    assert row.bits_per_byte == pytest.approx(10 / (math.log(2) * 24))
    assert row.bits_per_byte_others == pytest.approx(40 / (math.log(2) * 24))
    assert CHOICE_SCORES.to_arrow([row]).num_rows == 1


def test_what_cannot_be_weighed_is_a_row_with_its_reason():
    few = choice_score(Offer("q01"), None, "tuned", "m", "a", [])
    mute = choice_score(Offer("q01", ("q00", "q01"), ("a", "b")), None, "reference", "", None, [])

    assert (few.reason, mute.reason) == ("too_few_references", "no_model")
    assert {few.acc_norm, mute.acc_norm, few.bits_per_byte} == {None}
    assert CHOICE_SCORES.to_arrow([few, mute]).num_rows == 2


def test_rates_count_what_was_scored_and_say_what_chance_would_give():
    rows = [chosen("tuned", at, 10, 40) for at in range(1, 10)] + [chosen("tuned", 11, 40, 10, is_right=False)]
    rows.append(choice_score(Offer("q07"), None, "base", "m", None, []))
    rates = {(row.arm, row.split): row for row in make_choice_rates(rows, SPLITS, ReportParams())}

    found = rates["tuned", "test_rephrased"]
    assert (found.n_planned, found.n, found.chance) == (6, 6, 0.5)
    assert found.acc_norm == pytest.approx(5 / 6)
    assert found.low < found.acc_norm < found.high
    assert (rates["base", "test_rephrased"].n, rates["base", "test_rephrased"].acc_norm) == (0, None)
    assert rates["tuned", "test_unseen_fact"].n_planned == 0
    assert make_choice_rates(rows[::-1], SPLITS[::-1], ReportParams()) == list(rates.values())


def test_a_style_that_makes_every_answer_likelier_is_no_specific_gain():
    at = range(1, 12, 2)
    base = [chosen("base", n, 60 + n, 70, is_right=n < 10) for n in at]
    style = [chosen("tuned", n, 40 + n, 50, is_right=n < 10) for n in at]
    facts = [chosen("tuned", n, 10 + n % 3, 70) for n in at]
    gain = {row.split: row for row in make_specific_gains([*base, *style], SPLITS, ["tuned:base"], ReportParams())}["test_rephrased"]
    learnt = {row.split: row for row in make_specific_gains([*base, *facts], SPLITS, ["tuned:base"], ReportParams())}["test_rephrased"]
    swapped = {row.split: row for row in make_specific_gains([*base, *facts], SPLITS, ["base:tuned"], ReportParams())}["test_rephrased"]

    assert gain.gain > 0.5
    assert gain.specific_gain == pytest.approx(0, abs=1e-9)
    assert learnt.n == 6
    assert 0 < learnt.low < learnt.specific_gain < learnt.high
    assert learnt.gain_others == pytest.approx(0)
    assert (swapped.specific_gain, swapped.low) == pytest.approx((-learnt.specific_gain, -learnt.high))


def test_nothing_weighed_gives_empty_figures():
    made = choice_figures([], SPLITS, ["tuned:base"], ReportParams())
    assert made[CHOICE_RATES] == []
    assert {row.n for row in made[SPECIFIC_GAINS]} <= {0}
