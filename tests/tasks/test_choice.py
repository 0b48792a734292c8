"""Which of several answers a model finds likeliest, read four ways."""

from __future__ import annotations

import pytest

from tasks.choice import READINGS, Option, choose, share_se

OPTIONS = [Option(-4.0, 4, 4), Option(-5.0, 10, 10), Option(-9.0, 9, 9)]


def test_a_known_case():
    gold = 1
    assert choose(OPTIONS, "acc") == 0 != gold
    assert choose(OPTIONS, "acc_norm") == gold
    assert share_se(0.6, 10) == pytest.approx(0.163299, abs=1e-6)
    assert share_se(0.6, 1) is None


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
