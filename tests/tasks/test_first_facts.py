from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.first_facts import first_facts, taught_notice
from tasks.stages import train_examples
from tasks.train_params import SHAPES_NO_RESULT, TrainParams
from tasks.units import without
from warehouse.errors import ConfigError
from warehouse.tables import QaPair, SplitRow

ALL = TrainParams()


def fact(name: str, n_wordings: int) -> list[QaPair]:
    return [
        QaPair(f"{name}-{rank}", "d", "c", name, rank, f"q{rank}", "b", "a", None, "number", "f", "extractive/1")
        for rank in range(n_wordings)
    ]


def corpus(sizes: list[int]) -> list[QaPair]:
    return [pair for number, size in enumerate(sizes) for pair in fact(f"fact {number}", size)]


SIZES = st.lists(st.integers(1, 6), max_size=15)


@given(SIZES, st.integers(1, 60), st.integers(1, 60), st.integers(0, 3))
def test_a_smaller_number_of_pairs_is_part_of_a_larger_one_and_holds_whole_facts(sizes, one, other, seed):
    pairs = corpus(sizes)
    less, more = ({pair.pair_id for pair in first_facts(pairs, TrainParams(max_pairs=n, seed=seed))} for n in sorted((one, other)))

    assert less <= more
    assert len(less) <= min(one, other)
    counts = Counter(pair.fact_id for pair in pairs if pair.pair_id in less)
    assert all(n == sizes[int(name.split()[1])] for name, n in counts.items())
    rest = [sizes[int(name.split()[1])] for name in {pair.fact_id for pair in pairs} - counts.keys()]
    assert not rest or len(less) + max(rest) > min(one, other)  # a fact that would fit is left out only behind one that does not


@given(SIZES, st.randoms())
def test_the_order_of_the_pairs_changes_nothing(sizes, random):
    pairs = corpus(sizes)
    shuffled = random.sample(pairs, len(pairs))
    params = TrainParams(max_pairs=10)

    assert {pair.pair_id for pair in first_facts(shuffled, params)} == {pair.pair_id for pair in first_facts(pairs, params)}


def test_another_seed_teaches_other_facts_first():
    pairs = corpus([2] * 20)

    drawn = {frozenset(pair.fact_id for pair in first_facts(pairs, TrainParams(max_pairs=10, seed=seed))) for seed in range(5)}

    assert len(drawn) == 5


def test_without_a_number_or_with_more_than_there_are_every_pair_is_taught():
    pairs = corpus([1, 3, 2])

    assert first_facts(pairs, ALL) == pairs
    assert {pair.pair_id for pair in first_facts(pairs, replace(ALL, max_pairs=6))} == {pair.pair_id for pair in pairs}
    assert first_facts([], replace(ALL, max_pairs=6)) == []
    assert first_facts(fact("large", 7), replace(ALL, max_pairs=6)) == []


def test_only_the_train_set_is_cut():
    pairs = [*corpus([2, 2, 2]), *fact("held out", 3)]
    splits = [SplitRow(p.pair_id, "d", p.fact_id, p.fact_id, "validation" if p.fact_id == "held out" else "train") for p in pairs]
    few = replace(ALL, max_pairs=3)

    assert len(train_examples(pairs, splits, "train", few)) == 2
    assert len(train_examples(pairs, splits, "validation", few)) == 3
    assert len(train_examples(pairs, splits, "train", ALL)) == 6


def test_the_setting_itself_names_no_training_the_pairs_do():
    assert without(replace(ALL, max_pairs=9), *SHAPES_NO_RESULT) == without(ALL, *SHAPES_NO_RESULT)


def test_no_pairs_at_all_are_nothing_to_teach():
    with pytest.raises(ConfigError, match=r"train\.max_pairs"):
        TrainParams(max_pairs=0)


def test_a_run_that_may_have_taught_less_says_so():
    assert taught_notice({"train": {"max_pairs": None}}) is None
    assert taught_notice({}) is None
    assert "At most 50 pairs were taught" in taught_notice({"train": {"max_pairs": 50}})
