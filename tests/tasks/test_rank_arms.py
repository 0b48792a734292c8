"""Bradley-Terry strengths: a known table, the likelihood itself, ties, and arms that cannot be put on one scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.rank_arms import Duel, bradley_terry, connected_groups, make_strengths
from tasks.statistics import Outcome, ReportParams

PARAMS = ReportParams()


def duels(*results):
    return [Duel(a, b, float(at < won)) for a, b, won, lost in results for at in range(won + lost)]


KNOWN = duels(("A", "B", 6, 4), ("B", "C", 7, 3), ("A", "C", 8, 2))


def test_a_known_table():
    assert list(bradley_terry(KNOWN, "ABC").values()) == pytest.approx([0.591468, 0.149102, -0.740570], abs=1e-6)


def test_the_strengths_are_where_the_likelihood_is_highest():
    found = bradley_terry(KNOWN, "ABC")

    def log_likelihood(strengths):
        return sum(
            duel.score * -np.logaddexp(0, strengths[duel.arm_b] - strengths[duel.arm_a])
            + (1 - duel.score) * -np.logaddexp(0, strengths[duel.arm_a] - strengths[duel.arm_b])
            for duel in KNOWN
        )

    best = log_likelihood(found)
    for arm in "ABC":
        for step in (-1e-3, 1e-3):
            assert log_likelihood(found | {arm: found[arm] + step}) < best


def test_two_arms_give_the_log_odds():
    found = bradley_terry(duels(("A", "B", 108, 53)), "AB")
    assert found["A"] - found["B"] == pytest.approx(0.711839, abs=1e-6)


def test_a_tie_is_half_a_win_each_way():
    tied = [Duel("A", "B", 0.5)] * 4 + duels(("A", "B", 2, 1))
    assert bradley_terry(tied, "AB") == pytest.approx(bradley_terry(duels(("A", "B", 4, 3)), "AB"), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["AB", "BC", "AC"]), st.sampled_from([0.0, 0.5, 1.0])), min_size=3, max_size=40))
def test_strengths_are_centred_and_mirror_when_every_verdict_is_turned_round(said):
    some = [Duel(*arms, score) for arms, score in said]
    found, mirrored = (bradley_terry([duel._replace(score=turn(duel.score)) for duel in some], "ABC") for turn in (float, lambda s: 1 - s))
    if found is None:
        assert mirrored is None
    else:
        assert sum(found.values()) == pytest.approx(0, abs=1e-9)
        assert [mirrored[arm] for arm in "ABC"] == pytest.approx([-found[arm] for arm in "ABC"], abs=1e-4)


def test_an_arm_that_never_loses_has_no_finite_strength():
    some = [Duel("A", "B", 1.0), Duel("B", "C", 0.5)]
    assert connected_groups(some, "ABC") == [["A"], ["B", "C"]]
    assert bradley_terry(some, "ABC") is None
    assert bradley_terry(duels(("A", "B", 3, 3), ("C", "D", 2, 2)), "ABCD") is None


def sets(results, n_documents=8):
    return {
        ("j/1", contrast, "test_rephrased"): [
            Outcome(f"q{at:03}", f"d{at % n_documents}", f"f{at}", outcome) for at, outcome in enumerate(outcomes)
        ]
        for contrast, outcomes in results.items()
    }


MIXED = ["arm_a", "arm_a", "arm_b", "tie"]


def test_three_arms_make_three_rows_with_intervals_over_documents():
    rows = make_strengths(sets({"x:y": MIXED * 12, "y:z": MIXED * 12, "x:z": MIXED * 12}), PARAMS)

    assert [row.arm for row in rows] == ["x", "y", "z"]
    assert rows[0].strength > rows[1].strength > rows[2].strength
    assert all(row.low < row.strength < row.high and (row.unit, row.n_units, row.n) == ("document", 8, 96) for row in rows)


def test_two_arms_need_no_scale():
    assert make_strengths(sets({"x:y": MIXED}), PARAMS) == []
    assert make_strengths({}, PARAMS) == []


def test_what_is_not_connected_says_between_whom():
    rows = make_strengths(sets({"x:y": ["arm_a"] * 8, "y:z": MIXED * 4}), PARAMS)
    assert {(row.strength, row.low, row.is_connected) for row in rows} == {(None, None, False)}
    assert "x | y, z" in rows[0].note
