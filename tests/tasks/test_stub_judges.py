"""Judges whose bias is known, as verdict rows: what the figures make of each."""

from __future__ import annotations

import random

import pytest

from tasks.formulas import swap_statistics
from tasks.judge import JudgeParams
from tasks.outcomes import estimates_of, make_length_controls, outcome_sets
from tasks.statistics import ReportParams
from warehouse.tables import Answer, SplitRow, Verdict

N, N_DOCUMENTS = 240, 12
CONTRAST, JUDGE = "tuned:base", "stub/1"
NAMES = [f"q{at:03}" for at in range(N)]
SPLITS = [SplitRow(name, f"d{at % N_DOCUMENTS}", f"f{at}", f"l{at}", "test_unseen_document") for at, name in enumerate(NAMES)]
DRAW = random.Random(1)
LENGTHS = {(arm, name): DRAW.randint(20, 400) for arm in ("tuned", "base") for name in NAMES}
ANSWERS = [Answer(f"{a}-{n}", n, a, "tiny", None, "x" * size, 9, 9, "stop") for (a, n), size in LENGTHS.items()]
ORDERS = {"ab": ("tuned", "base"), "ba": ("base", "tuned")}


def judged_by(stub):
    """``stub(name, shown)`` names first or second. Returns the estimate, the set and the swap statistics."""
    verdicts = [
        Verdict(f"{name}-{order}", CONTRAST, name, JUDGE, order, 0, stub(name, shown), "")
        for name in NAMES
        for order, shown in ORDERS.items()
    ]
    params = ReportParams()
    sets = {name: of for name, of in outcome_sets(verdicts, SPLITS, JudgeParams()).items() if name == (JUDGE, CONTRAST, SPLITS[0].split)}
    by_order = {order: {v.pair_id: v.verdict for v in verdicts if v.order == order} for order in ORDERS}
    swap = swap_statistics([(by_order["ab"][name], by_order["ba"][name]) for name in NAMES])
    return estimates_of(sets, params)[0], sets, swap


def length_control(sets):
    return make_length_controls(sets, ANSWERS, ReportParams())[0]


def test_a_judge_that_names_the_first_answer_makes_ties_and_no_winner():
    row, sets, swap = judged_by(lambda name, shown: "first")
    length = length_control(sets)

    assert (row.rate, row.n_ties, row.is_difference) == (0.5, N, False)
    assert (swap.consistency, swap.first_bias, swap.second_bias) == (0.0, 1.0, 0.0)
    assert length.rate_at_equal_length == pytest.approx(0.5)


def test_a_judge_that_names_the_longer_answer_shows_no_winner_at_equal_length():
    row, sets, swap = judged_by(lambda name, shown: "first" if LENGTHS[shown[0], name] > LENGTHS[shown[1], name] else "second")
    length = length_control(sets)

    assert swap.consistency > 0.98  # but for a few answers of equal length
    assert length.beta > 2
    assert length.rate_at_equal_length == pytest.approx(0.5, abs=0.05)
    assert length.is_separated
    assert length.low is None
    assert 0.4 < row.rate < 0.6


def test_a_judge_that_knows_which_model_is_tuned_gives_it_every_question():
    row, sets, swap = judged_by(lambda name, shown: "first" if shown[0] == "tuned" else "second")
    length = length_control(sets)

    assert (row.rate, row.n_wins, row.is_difference, swap.consistency) == (1.0, N, True, 1.0)
    assert length.is_separated


def test_a_judge_that_throws_a_coin_is_steady_half_the_time_and_seldom_shows_a_winner():
    n_coins, n_shown = 60, 0
    for seed in range(n_coins):
        coin = random.Random(seed)
        row, _, swap = judged_by(lambda name, shown, coin=coin: coin.choice(["first", "second"]))
        assert swap.consistency == pytest.approx(0.5, abs=0.15)
        n_shown += row.is_difference

    assert n_shown <= 7  # of 60 at a level of 5 %: more than that in one of a hundred such tests
