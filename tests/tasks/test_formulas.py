"""Formulas against published figures, against scipy, and against counting by hand."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.formulas import (
    bits_per_byte,
    clopper_pearson,
    cluster_interval,
    clustered_se,
    design_effect,
    effective_n,
    flips,
    holm,
    majority_accuracy,
    mcnemar_p,
    mde,
    n_for,
    permutation_p,
    perplexity,
    sign_flip_p,
    sign_test_p,
    swap_statistics,
    unscored_bounds,
    wilson,
    win_rate,
)

WINNERS = Path(__file__).parents[2] / ".." / "shared" / "data" / "judging" / "winners.txt"
N_WINS, N_LOSSES = 108, 53
EARLIER = ((29, 15, 10, 14, 17, 16, 27, 11, 15, 7), (14, 8, 7, 11, 12, 11, 21, 9, 12, 3))
LATER = ((28, 14, 10, 9, 21, 19, 24, 8, 20, 8), (13, 7, 7, 6, 16, 14, 18, 6, 17, 4))

clustered_signs = st.lists(st.tuples(st.sampled_from([-1, 0, 1]), st.integers(0, 5)), min_size=1, max_size=24)


def in_clusters(sizes, wins):
    scores = [1.0 if at < n_won else 0.0 for n, n_won in zip(sizes, wins, strict=True) for at in range(n)]
    clusters = [name for name, n in enumerate(sizes) for _ in range(n)]
    return scores, clusters


@pytest.mark.skipif(not WINNERS.exists(), reason="the judging data is not at hand")
def test_the_counts_are_those_of_the_published_log():
    letters = WINNERS.read_text().strip()
    assert (letters.count("F"), letters.count("B")) == (N_WINS, N_LOSSES)


def test_a_win_rate_with_its_intervals_and_p():
    assert win_rate(N_WINS, 0, 161) == pytest.approx(0.670807, abs=1e-6)
    assert wilson(N_WINS, 161) == pytest.approx((0.594980, 0.738674), abs=1e-6)
    assert clopper_pearson(N_WINS, 161) == pytest.approx((0.592464, 0.742729), abs=1e-6)
    assert sign_test_p(N_WINS, N_LOSSES) == pytest.approx(1.746028e-05, rel=1e-6)


def test_log_odds_and_elo_of_the_published_log():
    log_odds = math.log(N_WINS / N_LOSSES)
    assert (N_WINS - 161 / 2) / math.sqrt(161 / 4) == pytest.approx(4.334607, abs=1e-6)
    assert log_odds == pytest.approx(0.711839, abs=1e-6)
    assert 400 / math.log(10) * log_odds == pytest.approx(123.659, abs=1e-3)


def test_unscored_questions_bound_the_rate():
    bounds = unscored_bounds(N_WINS, 0, 174, 13)
    assert bounds == pytest.approx((0.620690, 0.695402), abs=1e-6)
    assert wilson(N_WINS, 174) == pytest.approx((0.546722, 0.689443), abs=1e-6)
    assert wilson(N_WINS + 13, 174) == pytest.approx((0.623409, 0.758955), abs=1e-6)


def test_a_clustered_standard_error_has_the_small_sample_factor():
    scores = [float(score) for score in range(20)]
    clusters = [score % 4 for score in range(20)]
    assert clustered_se(scores, clusters) == pytest.approx(0.645497, abs=1e-6)
    assert clustered_se(scores, clusters) / math.sqrt(4 / 3) == pytest.approx(0.559017, abs=1e-6)
    assert clustered_se(scores[:10], range(10)) == pytest.approx(0.957427, abs=1e-6)


@pytest.mark.parametrize(
    ("documents", "se", "low", "high", "effect", "n_patterns", "macro"),
    [(EARLIER, 0.048419, 0.5613, 0.7803, 1.5383, 14, 0.671972), (LATER, 0.052050, 0.5531, 0.7886, 1.7777, 16, 0.667970)],
)
def test_the_published_log_counted_by_document(documents, se, low, high, effect, n_patterns, macro):
    scores, clusters = in_clusters(*documents)
    interval = cluster_interval(scores, clusters)

    assert (len(scores), sum(scores)) == (161, N_WINS)
    assert clustered_se(scores, clusters) == pytest.approx(se, abs=1e-6)
    assert interval[:2] == pytest.approx((low, high), abs=1e-4)
    assert design_effect(scores, clusters) == pytest.approx(effect, abs=1e-4)
    assert effective_n(scores, clusters) == pytest.approx(161 / effect, abs=0.01)
    assert sign_flip_p([round(2 * score - 1) for score in scores], clusters) == n_patterns / 1024
    assert np.mean([won / n for n, won in zip(*documents, strict=True)]) == pytest.approx(macro, abs=1e-6)


def test_swapped_orders_show_how_steady_a_judge_is():
    words = {"F": "first", "S": "second", "T": "tie"}
    orders = [(words[one], words[two]) for one, two in zip("FFFSSTFSFF", "SSFFFTSFFT", strict=True)]
    assert swap_statistics(orders) == pytest.approx((0.7, 0.2, 0.0))
    assert swap_statistics([]) is None


def test_the_sign_test_leaves_ties_out():
    assert sign_test_p(7, 1) == pytest.approx(0.0703125)
    assert sign_test_p(0, 0) == 1.0


def test_flips_and_their_exact_test():
    assert flips(15, 35, 200) == pytest.approx((0.075, 0.175, 0.10))
    assert mcnemar_p(15, 35) == pytest.approx(0.00660045, abs=1e-8)
    assert flips(0, 0, 0) is None


def test_perplexity_and_bits_per_byte():
    assert perplexity(120, 40) == pytest.approx(20.085537, abs=1e-6)
    assert bits_per_byte(120, 150) == pytest.approx(1.154156, abs=1e-6)
    with pytest.raises(ValueError):
        perplexity(1, 0)
    with pytest.raises(ValueError):
        bits_per_byte(1, 0)


@pytest.mark.parametrize(("n", "points"), [(53, 18.8), (100, 13.8), (161, 10.96), (400, 7.0), (783, 5.0), (2000, 3.1)])
def test_the_smallest_detectable_difference(n, points):
    assert 100 * mde(n) == pytest.approx(points, abs=0.05)


@given(st.floats(4.5, 1e6))
def test_the_smallest_detectable_difference_solves_its_equation(n):
    difference = mde(n)
    assert difference == pytest.approx((1.959964 / 2 + 0.841621 * math.sqrt(0.25 - difference**2)) / math.sqrt(n), rel=1e-5)


def test_too_few_questions_detect_nothing():
    assert mde(3.8) is None
    assert mde(0) is None


def test_one_cluster_is_not_estimable():
    assert clustered_se([0.0, 1.0], ["d", "d"]) is None
    assert cluster_interval([0.0, 1.0], ["d", "d"]) is None
    assert cluster_interval([], []) is None


def test_clusters_that_do_not_differ_count_as_single_questions():
    interval = cluster_interval([1.0] * 12, [at // 2 for at in range(12)])
    assert interval[:2] == pytest.approx(wilson(6, 6))
    assert "6 units" in interval.method


def test_an_interval_stays_between_nought_and_one():
    interval = cluster_interval([1.0, 1.0, 1.0, 0.0], ["a", "b", "c", "d"])
    assert interval.high == 1.0
    assert cluster_interval([0.0, 0.0, 0.0, 1.0], ["a", "b", "c", "d"]).low == 0.0


@given(st.integers(0, 60), st.integers(1, 60))
def test_wilson_agrees_with_scipy(n_successes, n):
    from scipy.stats import binomtest

    n_successes = min(n_successes, n)
    theirs = binomtest(n_successes, n).proportion_ci(method="wilson")
    assert wilson(n_successes, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(clustered_signs)
def test_the_sign_flip_p_is_that_of_going_through_every_pattern(questions):
    totals = [sum(sign for sign, name in questions if name == cluster) for cluster in {name for _, name in questions}]
    sums = [
        abs(sum(flip * total for flip, total in zip(pattern, totals, strict=True)))
        for pattern in itertools.product((1, -1), repeat=len(totals))
    ]
    by_hand = sum(reached >= abs(sum(totals)) for reached in sums) / len(sums)

    assert sign_flip_p([sign for sign, _ in questions], [name for _, name in questions]) == pytest.approx(by_hand, abs=1e-12)


def test_the_sign_flip_p_agrees_with_scipy():
    from scipy.stats import permutation_test

    totals = (3, 1, -1, 2, 4, 0, 2, -2)
    theirs = permutation_test(
        (np.array(totals),), lambda sample: sample.sum(), permutation_type="samples", vectorized=False, n_resamples=np.inf
    ).pvalue
    signs = [1 if total > 0 else -1 for total in totals for _ in range(abs(total))]
    clusters = [at for at, total in enumerate(totals) for _ in range(abs(total))]
    assert sign_flip_p(signs, clusters) == pytest.approx(theirs, abs=1e-12)


def test_the_sign_flip_p_of_a_thousand_documents_needs_no_random_draws():
    from scipy.stats import binomtest

    assert sign_flip_p([1] * 540 + [-1] * 460, range(1000)) == pytest.approx(binomtest(540, 1000).pvalue, rel=1e-6)


@given(clustered_signs)
def test_swapping_the_arms_mirrors_the_interval_and_keeps_p(questions):
    signs, clusters = [sign for sign, _ in questions], [name for _, name in questions]
    scores = [(sign + 1) / 2 for sign in signs]
    ours, mirrored = cluster_interval(scores, clusters), cluster_interval([1 - score for score in scores], clusters)

    assert sign_flip_p([-sign for sign in signs], clusters) == pytest.approx(sign_flip_p(signs, clusters))
    if ours is None:
        assert mirrored is None
    else:
        assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx(ours[:2], abs=1e-9)


@given(clustered_signs)
def test_the_clustered_error_is_that_of_the_cluster_totals(questions):
    scores, clusters = [(sign + 1) / 2 for sign, _ in questions], [name for _, name in questions]
    mean = np.mean(scores)
    totals = [sum(score - mean for score, own in zip(scores, clusters, strict=True) if own == name) for name in set(clusters)]
    if len(totals) > 1:
        by_numpy = math.sqrt(len(totals) * np.var(totals, ddof=1)) / len(scores)
        assert clustered_se(scores, clusters) == pytest.approx(by_numpy, abs=1e-9)


def test_an_interval_of_differences_has_their_span():
    same = cluster_interval([0.0] * 12, [at // 2 for at in range(12)], span=(-1.0, 1.0))
    assert same[:2] == pytest.approx([2 * end - 1 for end in wilson(3, 6)])
    assert cluster_interval([1.0, 1.0, 1.0, -1.0], "abcd", span=(-1.0, 1.0)).high == 1.0


@settings(deadline=None)  # the first call imports scipy
@given(clustered_signs)
def test_stretching_the_scores_stretches_the_interval(questions):
    signs, clusters = [float(sign) for sign, _ in questions], [name for _, name in questions]
    wide, narrow = cluster_interval(signs, clusters, span=(-1.0, 1.0)), cluster_interval([(sign + 1) / 2 for sign in signs], clusters)
    if narrow is None:
        assert wide is None
    else:
        assert wide[:2] == pytest.approx([2 * end - 1 for end in narrow[:2]], abs=1e-9)


def test_the_permutation_test_of_ten_differences_goes_through_all_patterns():
    differences = [0.3, 0.1, -0.05, 0.2, 0.15, 0, 0.4, -0.1, 0.25, 0.05]
    assert np.mean(differences) == pytest.approx(0.13)
    assert permutation_p(differences) == pytest.approx(44 / 1024, abs=1e-12)
    assert permutation_p([]) == 1.0


def test_beyond_the_draws_the_permutation_test_is_close_and_repeatable():
    differences = [1.0] * 20 + [-1.0] * 10
    exact = sign_test_p(20, 10)
    assert permutation_p(differences) == permutation_p(differences)
    assert permutation_p(differences) == pytest.approx(exact, abs=0.01)


@settings(deadline=None)  # the first call imports scipy
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=9))
def test_the_permutation_test_and_the_sign_flip_test_agree_on_whole_numbers(sums):
    signs = [1 if total > 0 else -1 for total in sums for _ in range(abs(total))]
    clusters = [at for at, total in enumerate(sums) for _ in range(abs(total))]
    assert permutation_p([float(total) for total in sums]) == pytest.approx(sign_flip_p(signs, clusters), abs=1e-12)


def test_holm_over_the_eight_published_arms():
    adjusted = holm([0.2649, 0.0482, 0.0600, 0.00076, 6e-5, 2e-7, 2e-6, 2e-7])
    assert adjusted == pytest.approx([0.2649, 0.1446, 0.1446, 0.00304, 0.0003, 1.6e-6, 1.2e-5, 1.6e-6])
    assert sum(p < 0.05 for p in adjusted) == 5
    assert holm([]) == []


@settings(max_examples=20, deadline=None)  # statsmodels collects garbage at each call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_steps_down_from_the_smallest(p_values):
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    by_hand, highest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[at]))
        by_hand[at] = highest
    assert holm(p_values) == pytest.approx(by_hand, abs=1e-12)


def test_votes_help_where_they_are_independent():
    assert [majority_accuracy(0.7, n) for n in (1, 3, 5, 7)] == pytest.approx([0.7, 0.784, 0.83692, 0.873964])
    assert majority_accuracy(0.5, 5) == pytest.approx(0.5)


def test_how_many_questions_a_difference_takes():
    assert n_for(0.05) == 783
    assert mde(n_for(0.05)) <= 0.05 < mde(n_for(0.05) - 1)
    for hopeless in (0.0, 0.5, -0.1):
        with pytest.raises(ValueError):
            n_for(hopeless)
