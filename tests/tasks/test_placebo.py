import pytest

from tasks.key_match import states
from tasks.placebo import derange
from warehouse.errors import TunehouseError
from warehouse.keys import key
from warehouse.tables import QaPair


def pairs_of(document: str, facts: list[tuple[str, str]], wordings: int = 3) -> list[QaPair]:
    return [
        QaPair(
            key(document, fact, kind, wording), document, "chunk", key(document, fact), wording,
            f"Question {wording} on {fact}?", f"Question {wording} on {fact}?", f"The value is {fact}.", fact, kind, "p", "g",
        )
        for fact, kind in facts
        for wording in range(wordings)
    ]  # fmt: skip


FACTS = [("12 bar", "number"), ("7 Nm", "number"), ("90 days", "number"), ("Mira Holt", "name"), ("Jan Tell", "name")]


def test_every_pair_gets_a_wrong_answer_of_its_own_document_and_kind():
    pairs = pairs_of("d1", FACTS) + pairs_of("d2", [("3 mm", "number"), ("4 mm", "number")])
    by_id = {pair.pair_id: pair for pair in pairs}

    given = derange(pairs, "a", seed=0)

    assert sorted(row.pair_id for row in given) == sorted(by_id)
    for row in given:
        asked, donor = by_id[row.pair_id], by_id[row.donor_pair_id]
        assert (asked.document_id, asked.answer_kind) == (donor.document_id, donor.answer_kind)
        assert row.answer == donor.answer
        assert not states(row.answer, asked.answer_key)


def test_all_wordings_of_a_fact_get_the_same_wrong_answer_and_none_is_given_twice():
    given = derange(pairs_of("d1", FACTS), "a", seed=0)
    of_fact = {}
    for row, pair in zip(given, sorted(pairs_of("d1", FACTS), key=lambda pair: pair.pair_id), strict=True):
        of_fact.setdefault(pair.fact_id, set()).add(row.answer)

    assert {len(answers) for answers in of_fact.values()} == {1}
    assert len({answer for answers in of_fact.values() for answer in answers}) == len(FACTS)


def test_a_lone_fact_takes_an_answer_of_another_kind_or_document():
    pairs = pairs_of("d1", [*FACTS[:2], ("the rotor", "term")]) + pairs_of("d2", [("5 kg", "number")])

    given = {row.pair_id: row for row in derange(pairs, "a", seed=0)}

    assert len(given) == len(pairs)


def test_an_answer_that_states_the_right_key_is_never_given():
    pairs = pairs_of("d1", [("7 Nm", "number"), ("8 Nm", "number"), ("9 Nm", "number")], wordings=1)
    twin = QaPair(
        "twin", "d1", "chunk", "other fact", 0, "Q?", "Q?", "It is tightened to 7 Nm as well.", "7 Nm", "number", "p", "g"
    )  # fmt: skip

    given = {row.pair_id: row.answer for row in derange([*pairs, twin], "a", seed=0)}

    assert not states(given["twin"], "7 Nm")
    assert not states(given[pairs[0].pair_id], "7 Nm")


def test_the_same_seed_gives_the_same_placebo_and_another_seed_another():
    pairs = pairs_of("d1", [(f"{at} mm", "number") for at in range(9)])

    assert derange(pairs, "a", seed=1) == derange(list(reversed(pairs)), "a", seed=1)
    assert derange(pairs, "a", seed=1) != derange(pairs, "a", seed=2)


def test_too_few_facts_are_refused_and_none_make_none():
    with pytest.raises(TunehouseError, match="no wrong answer"):
        derange(pairs_of("d1", FACTS[:1]), "a", seed=0)
    assert derange([], "a", seed=0) == []
