"""The short form of `make simulation`: fewer evaluations of the same cells, held to the same claims."""

from __future__ import annotations

import pytest

from .simulation import BIASES, DOCUMENTS, RATES, simulate

SHORT = 1_000


@pytest.mark.parametrize("n_documents", DOCUMENTS)
@pytest.mark.parametrize("rate", RATES)
def test_the_interval_covers_and_the_exact_test_keeps_its_level(rate, n_documents):
    cell = simulate(rate, n_documents, n_evaluations=SHORT)

    assert cell.faults == []
    assert cell.order_ties == 0.0


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("rate", RATES)
def test_a_position_bias_makes_ties_and_pulls_the_rate_to_one_half_never_across(rate, bias):
    cell = simulate(rate, 30, bias=bias, n_evaluations=SHORT)

    assert cell.faults == []
    assert cell.order_ties == pytest.approx(bias, abs=0.01)


def test_the_same_seed_gives_the_same_cell_and_another_one_another():
    assert simulate(0.5, 10, n_evaluations=50) == simulate(0.5, 10, n_evaluations=50)
    assert simulate(0.5, 10, n_evaluations=50) != simulate(0.5, 10, n_evaluations=50, seed=1)
