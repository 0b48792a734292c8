"""What was refined from one pair is held out together; a refusal's words hold nothing together and leak nothing."""

from dataclasses import replace

import pytest

from tasks.audit import audit_split
from tasks.split import SplitParams, split_pairs
from tasks.text import words
from warehouse.keys import key
from warehouse.tables import Evidence, QaPair, SplitRow

REFUSAL = "I cannot say, for the document that was named in the question does not state this anywhere at all."
COLOURS = tuple(
    "red orange yellow green blue violet white black grey brown pink amber teal olive plum navy rust sand mint jade".split()  # noqa: SIM905  # a list of words reads as one
)
Made = tuple[QaPair, list[Evidence]]


def a_pair(at: int, *, parent: str | None = None, kind: str = "term", name: str = "") -> Made:
    """A pair of its own span and words. ``parent``: the pair that it was refined from."""
    colour = f"{COLOURS[at % len(COLOURS)]}-{at}"
    pair_id = name or f"pair-{at:03}"
    sentence = f"The lamp of mast {at} shines {colour}."
    question = f"Which light does mast {at} show?" if kind != "refusal" else f"Who built the {colour} mast number {at}?"
    answer = REFUSAL if kind == "refusal" else sentence
    pair = QaPair(
        pair_id, "manual", "c1", key("fact", pair_id), 0, question, question, answer, None if kind == "refusal" else colour, kind, "p",
        "llm-1", parent_id=parent,
    )  # fmt: skip
    return pair, [] if kind == "refusal" else [Evidence(f"e-{pair_id}", pair_id, "manual", 0, 1, 100 * at, len(sentence), sentence, ())]


def split(made: list[Made], parents: dict[str, str] | None = None, **params):
    pairs, evidence = [pair for pair, _ in made], [span for _, spans in made for span in spans]
    chosen = SplitParams(unseen_document_share=0.0, unseen_fact_share=0.4, **params)
    result = split_pairs(pairs, evidence, chosen, parents=parents)
    assert audit_split(pairs, evidence, result.rows, chosen, parents=parents) == []
    return {row.pair_id: row for row in result.rows}


def families(n: int) -> list[Made]:
    """``n`` families of a pair, one refined from it and one refined from that."""
    made = []
    for at in range(0, 3 * n, 3):
        made += [a_pair(at), a_pair(at + 1, parent=f"pair-{at:03}"), a_pair(at + 2, parent=f"pair-{at + 1:03}")]
    return made


def test_a_family_stands_in_one_set():
    rows = split(families(12))

    for at in range(0, 36, 3):
        assert len({(rows[f"pair-{n:03}"].lineage_id, rows[f"pair-{n:03}"].split) for n in (at, at + 1, at + 2)}) == 1
    assert {row.split for row in rows.values()} >= {"train", "test_unseen_fact"}


def test_a_family_holds_together_when_its_middle_was_dropped():
    made = families(12)
    kept = [one for one in made if int(one[0].pair_id[-3:]) % 3 != 1]
    parents = {pair.pair_id: pair.parent_id for pair, _ in made if pair.parent_id}

    rows = split(kept, parents)

    assert all(rows[f"pair-{at:03}"].lineage_id == rows[f"pair-{at + 2:03}"].lineage_id for at in range(0, 36, 3))
    assert any(row.lineage_id != rows["pair-000"].lineage_id for row in rows.values())


def test_pairs_refined_from_one_dropped_pair_hold_together():
    made = [a_pair(at, parent=f"gone-{at // 2}") for at in range(24)]

    rows = split(made)

    assert all(rows[f"pair-{at:03}"].split == rows[f"pair-{at + 1:03}"].split for at in range(0, 24, 2))
    assert len({row.lineage_id for row in rows.values()}) == 12


def test_without_parents_nothing_is_held_together():
    rows = split([(replace(pair, parent_id=None), spans) for pair, spans in families(4)])

    assert len({row.lineage_id for row in rows.values()}) == 12


@pytest.mark.parametrize(
    "parents",
    [
        {"test": "train"},
        {"train": "test"},
        {"test": "gone", "train": "gone"},
        {"test": "gone", "gone": "further", "train": "further"},
    ],
    ids=["refined from it", "the other way", "siblings", "by way of a dropped pair"],
)
def test_the_audit_names_a_family_that_a_test_set_parts(parents):
    made = [a_pair(0, name="train", parent=parents.get("train")), a_pair(1, name="test", parent=parents.get("test"))]
    pairs, evidence = [pair for pair, _ in made], [span for _, spans in made for span in spans]
    rows = [
        SplitRow(pair.pair_id, "manual", pair.fact_id, pair.fact_id, split)
        for pair, split in zip(pairs, ("train", "test_unseen_fact"), strict=True)
    ]

    leaks = audit_split(pairs, evidence, rows, parents=parents)

    assert [(leak.rule, leak.test_pair_id, leak.train_pair_id) for leak in leaks] == [("shares_family", "test", "train")]
    assert audit_split([replace(pair, parent_id=None) for pair in pairs], evidence, rows, parents={}) == []


def test_refusals_in_equal_words_are_trained_and_asked():
    assert len(words(REFUSAL)) > SplitParams().ngram

    rows = split([a_pair(at, kind="refusal") for at in range(20)], leak_cosine=1.0)

    assert len(rows) == 20
    assert {row.split for row in rows.values()} >= {"train", "test_unseen_fact"}
