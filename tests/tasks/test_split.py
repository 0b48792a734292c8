from collections import Counter, defaultdict
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.audit import audit_split
from tasks.split import REASONS, EmptySet, SplitParams, SplitResult, split_pairs
from tasks.text import normalise
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import REJECTED, SPLITS, Evidence, QaPair

PARTS = ["flange", "relay", "impeller", "seal", "housing", "gauge", "lamp", "hose", "filter", "shaft", "clamp", "nozzle"]
WORDINGS = [
    "What is the load limit of the {}?",
    "Up to which load may the {} be used?",
    "The {} bears what load at most?",
    "Can you say what the {} bears?",
]
LONG = [
    "Every {0} is wiped with a lint-free cloth, dried for 40 minutes at room temperature, and then put back into its own tray.",
    "The {0} that was taken out first is the one that the second technician signs for in the blue ledger beside the door.",
    "Nobody may open the {0} while the red lamp above the loading bay is lit, whatever the panel on the wall says.",
]
Made = tuple[QaPair, list[Evidence]]


def make_fact(
    document: str, fact: str, sentence: str, answer_key: str | None, questions: list[str], *, at: int = 0, page: int = 1
) -> list[Made]:
    """The wordings of one fact: its sentence is answer and evidence."""
    fact_id = key(document, normalise(sentence))
    made = []
    for rank, bare in enumerate(questions):
        pair_id = key(fact_id, bare)
        asked = f'According to "{document}", {bare}'
        pair = QaPair(pair_id, document, "c1", fact_id, rank, asked, bare, sentence, answer_key, "number", fact, "extractive/1")
        made.append((pair, [Evidence(key(pair_id, 0), pair_id, document, 0, page, at, len(sentence), sentence, ())]))
    return made


def make_document(document: str, n_facts: int = 12, n_wordings: int = 4) -> list[Made]:
    made = []
    for at, part in enumerate(PARTS[:n_facts]):
        name = f"{part} {document}"
        made += make_fact(
            document, part, f"The {name} bears {at + 3} kN.", f"{at + 3} kN", [w.format(name) for w in WORDINGS[:n_wordings]], at=100 * at
        )
    return made


def split(made: list[Made], **params: object) -> SplitResult:
    return split_pairs([pair for pair, _ in made], [span for _, spans in made for span in spans], SplitParams(**params))


def audit(made: list[Made], result: SplitResult, **params: object):
    return audit_split([pair for pair, _ in made], [span for _, spans in made for span in spans], result.rows, SplitParams(**params))


CORPUS = [made for at in range(30) for made in make_document(f"manual {at}")]


def test_shares_come_out_as_set_and_no_set_leaks():
    result = split(CORPUS)

    of = {row.pair_id: row for row in result.rows}
    n_facts = {name: len({row.fact_id for row in result.rows if row.split == name}) for name in Counter(r.split for r in result.rows)}
    held_out = {row.document_id for row in result.rows if row.split == "test_unseen_document"}
    seen = {row.document_id for row in result.rows} - held_out
    assert 1 <= len(held_out) <= 8  # 12 % of 30
    assert n_facts["test_unseen_document"] == 12 * len(held_out)
    n_seen = 12 * len(seen)
    assert 0.08 < n_facts["test_unseen_fact"] / n_seen < 0.22
    assert 0.01 < n_facts["validation"] / n_seen < 0.1
    assert 0.5 < n_facts["test_rephrased"] / n_facts["train"] < 0.7
    assert result.empty_sets == ()
    assert audit(CORPUS, result) == []
    assert len(of) == len(result.rows)


def test_every_pair_is_in_one_set_or_rejected_once_and_the_rows_fit_their_tables():
    result = split(CORPUS)

    assert sorted([row.pair_id for row in result.rows] + [row.item_id for row in result.rejected]) == sorted(p.pair_id for p, _ in CORPUS)
    assert SPLITS.to_arrow(result.rows).num_rows == len(result.rows)
    assert REJECTED.to_arrow(result.rejected).num_rows == len(result.rejected)
    assert {row.reason for row in result.rejected} <= set(REASONS)


def test_the_same_input_gives_the_same_rows_and_another_seed_other_sets():
    assert split(CORPUS) == split(CORPUS)
    assert split(CORPUS).rows != split(CORPUS, seed=1).rows


def test_a_held_out_fact_is_asked_once_and_the_other_wordings_are_spare():
    one, two = split(CORPUS), split(CORPUS, wordings_per_test_fact=2)

    def asked(result: SplitResult) -> set[int]:
        return set(Counter(row.fact_id for row in result.rows if row.split in ("test_unseen_fact", "test_unseen_document")).values())

    assert (asked(one), asked(two)) == ({1}, {2})
    assert {row.reason for row in one.rejected} == {"spare_wording"}
    assert {row.pair_id for row in one.rows} < {row.pair_id for row in two.rows}


def test_a_rephrased_fact_keeps_its_other_wordings_in_train():
    result = split(CORPUS)
    wordings = defaultdict(list)
    for row in result.rows:
        wordings[row.fact_id].append(row.split)

    rephrased = [sets for sets in wordings.values() if "test_rephrased" in sets]

    assert rephrased
    assert all(sorted(sets) == ["test_rephrased", "train", "train", "train"] for sets in rephrased)


def test_a_fact_with_two_wordings_gives_none_up():
    made = [m for at in range(10) for m in make_document(f"manual {at}", n_wordings=2)]

    result = split(made)

    assert "test_rephrased" not in {row.split for row in result.rows}
    assert "test_rephrased" in {empty.split for empty in result.empty_sets}


def test_wordings_that_differ_in_case_alone_are_one_wording():
    questions = ["What does the hose bear?", "what does the Hose bear", "What load does the hose bear?"]

    result = split(
        make_fact("a", "f", "The hose bears 3 kN.", "3 kN", questions), unseen_unit="document", unseen_document_share=0, rephrased_share=1
    )

    assert "test_rephrased" not in {row.split for row in result.rows}


def lineages(made: list[Made]) -> list[set[str]]:
    """Names of the facts that share a lineage, for facts made with ``make_fact``."""
    result = split(made, unseen_document_share=0, unseen_fact_share=0, rephrased_share=0)
    name = {pair.pair_id: pair.pattern for pair, _ in made}
    families = defaultdict(set)
    for row in result.rows:
        families[row.lineage_id].add(name[row.pair_id])
    return sorted(families.values(), key=sorted)


def test_facts_of_overlapping_spans_share_a_lineage():
    made = [
        *make_fact("a", "whole", "The hose bears 3 kN and leaks at 9 bar.", "9 bar", ["At what does the hose leak?"], at=0),
        *make_fact("a", "clause", "bears 3 kN", "3 kN", ["What does it bear?"], at=9),
        *make_fact("a", "next", "The clamp is blue.", "blue", ["Which colour is the clamp?"], at=39),
        *make_fact("a", "other page", "The lamp is red.", "red", ["Which colour is the lamp?"], at=0, page=2),
    ]

    assert lineages(made) == [{"clause", "whole"}, {"next"}, {"other page"}]


def test_a_chain_of_overlaps_is_one_lineage():
    made = [m for at in range(5) for m in make_fact("a", str(at), "abcdefghi" + str(at), str(at), [f"What is {at}?"], at=9 * at)]

    assert lineages(made) == [{"0", "1", "2", "3", "4"}]


def test_facts_that_share_a_long_run_of_words_share_a_lineage_and_shorter_runs_do_not():
    run = "the gauge is read by two people who write down what they see"
    made = [
        *make_fact("a", "one", f"First {run} twice.", "first", ["When is it read?"], at=0),
        *make_fact("a", "two", f"Later {run} once.", "later", ["How is it read then?"], at=200),
        *make_fact("a", "short", f"Never {run.rsplit(' ', 2)[0]}.", "never", ["When is it not read?"], at=400),
        *make_fact("b", "other document", f"First {run} twice.", "first", ["When does one read it?"], at=0),
    ]

    assert lineages(made) == [{"one", "two"}, {"other document"}, {"short"}]


def test_one_fact_stated_twice_in_other_words_is_one_lineage():
    made = [
        *make_fact("a", "stated", "The field pump has a mass of 42 kg.", "42 kg", ["What is the mass of the field pump?"], at=0),
        *make_fact("a", "again", "Two people lift the pump, as it weighs 42 kg.", "42 kg", ["How much does the field pump weigh?"], at=900),
        *make_fact("a", "same number", "Sand is sold in bags of 42 kg.", "42 kg", ["In bags of what mass is sand sold?"], at=1800),
        *make_fact("a", "near question", "The empty pump weighs 30 kg.", "30 kg", ["How much does the empty field pump weigh?"], at=2700),
    ]

    assert lineages(made) == [{"again", "stated"}, {"near question"}, {"same number"}]


def test_a_lineage_is_named_by_its_smallest_fact():
    made = [m for at in range(3) for m in make_fact("a", str(at), "abcdefghi" + str(at), str(at), [f"What is {at}?"], at=5 * at)]

    assert {row.lineage_id for row in split(made).rows} == {min(pair.fact_id for pair, _ in made)}


def test_the_unit_held_out_is_a_setting():
    facts, documents = split(CORPUS, unseen_unit="fact"), split(CORPUS, unseen_unit="document")

    assert {row.split for row in facts.rows} == {"train", "validation", "test_rephrased", "test_unseen_fact"}
    assert {row.split for row in documents.rows} == {"train", "validation", "test_rephrased", "test_unseen_document"}
    assert facts.empty_sets == (EmptySet("test_unseen_document", "split.unseen_unit is fact"),)
    assert documents.empty_sets == (EmptySet("test_unseen_fact", "split.unseen_unit is document"),)


def test_an_empty_set_is_reported():
    result = split(make_document("manual", 1), unseen_document_share=0, unseen_fact_share=0, validation_share=0, rephrased_share=0)

    assert [empty.split for empty in result.empty_sets] == ["validation", "test_rephrased", "test_unseen_fact", "test_unseen_document"]
    assert all("split.seed" in empty.why for empty in result.empty_sets)
    assert [empty.split for empty in split([]).empty_sets] == [
        "train",
        "validation",
        "test_rephrased",
        "test_unseen_fact",
        "test_unseen_document",
    ]


def seed_where(is_wanted) -> int:
    return next(seed for seed in range(500) if is_wanted(seed))


def two_documents(sentence: str, other: str) -> list[Made]:
    return [
        *make_fact("older", "older", sentence, None, ["What happens in the older plant?"]),
        *make_fact("younger", "younger", other, None, ["What is done in the younger plant?"]),
    ]


@pytest.mark.parametrize(
    ("sentence", "other", "what"),
    [
        (
            LONG[0].format("gauge"),
            "Mind: every gauge is wiped with a lint-free cloth, dried for 40 minutes at room temperature. Then go.",
            "13gram",
        ),
        ("Wear gloves.", "Wear gloves!", "quote"),
    ],
)
@pytest.mark.parametrize("younger_is_tested", [True, False])
def test_where_two_documents_state_the_same_the_younger_row_gives_way(sentence, other, what, younger_is_tested):
    made = two_documents(sentence, other)
    older, younger = (pair for pair, _ in made)
    apart = {"unseen_document_share": 0.5, "unseen_fact_share": 0, "validation_share": 0}
    tested = "younger" if younger_is_tested else "older"

    def held_out(seed: int) -> set[str]:
        alone = [row for m in made for row in split([m], seed=seed, **apart).rows]
        return {row.document_id for row in alone if row.split == "test_unseen_document"}

    seed = seed_where(lambda seed: held_out(seed) == {tested})
    result = split(made, seed=seed, **apart)

    assert [row.pair_id for row in result.rows] == [older.pair_id]
    (row,) = result.rejected
    assert (row.item_id, row.detail) == (younger.pair_id, older.pair_id)
    assert row.reason == f"shares_{what}_with_{'train' if younger_is_tested else 'test'}"


def test_two_documents_on_one_side_may_state_the_same():
    made = two_documents("Wear gloves.", "Wear gloves!")

    assert len(split(made, unseen_document_share=0, unseen_fact_share=0, validation_share=0).rows) == 2


def test_a_rephrased_question_whose_fact_lost_its_other_wordings_is_not_asked():
    old = make_fact("older", "older", LONG[0].format("gauge"), None, ["What is done to every gauge?"])
    questions = ["What happens to a gauge?", "How is a gauge treated?", "What does one do to a gauge?"]
    young = make_fact("younger", "younger", LONG[0].format("gauge") + " Always.", None, questions)
    setting = {"unseen_document_share": 0.5, "unseen_fact_share": 0, "validation_share": 0, "rephrased_share": 1}

    def suits(seed: int) -> bool:
        return (
            split(old, seed=seed, **setting).rows[0].split == "test_unseen_document"
            and split(young, seed=seed, **setting).rows[0].split != "test_unseen_document"
        )

    result = split([*old, *young], seed=seed_where(suits), **setting)

    assert Counter(row.reason for row in result.rejected) == {"shares_13gram_with_test": 2, "fact_not_taught": 1}


SENTENCES = [long.format(part) for long, part in product(LONG, PARTS[:4])] + [f"The {part} is wiped." for part in PARTS]


@st.composite
def corpora(draw) -> list[list[Made]]:
    """Documents whose facts are drawn from few sentences, so that documents often state the same; spans may overlap."""
    documents = []
    for document in range(draw(st.integers(2, 5))):
        made: list[Made] = []
        for at in draw(st.lists(st.integers(0, len(SENTENCES) - 1), min_size=1, max_size=8, unique=True)):
            sentence = SENTENCES[at]
            questions = [f"{word} is said of {at}?" for word in ("What", "Which thing", "Say what")[: draw(st.integers(1, 3))]]
            made += make_fact(f"d{document}", str(at), sentence, None, questions, at=draw(st.integers(0, 300)))
        documents.append(made)
    return documents


EVEN = {"unseen_document_share": 0.4, "unseen_fact_share": 0.3, "validation_share": 0.1}


@settings(max_examples=60, deadline=None)
@given(corpora(), st.integers(0, 50))
def test_a_new_document_moves_no_old_question(documents, seed):
    *old, _ = documents
    before = split([m for made in old for m in made], seed=seed, **EVEN)
    after = split([m for made in documents for m in made], seed=seed, **EVEN)
    known = {pair.pair_id for made in old for pair, _ in made}

    assert [row for row in after.rows if row.pair_id in known] == before.rows
    assert [row for row in after.rejected if row.item_id in known] == before.rejected


@settings(max_examples=60, deadline=None)
@given(corpora(), st.integers(0, 50))
def test_no_split_leaks_and_no_pair_vanishes(documents, seed):
    made = [m for own in documents for m in own]

    result = split(made, seed=seed, **EVEN)

    assert audit(made, result, seed=seed, **EVEN) == []
    assert len(result.rows) + len(result.rejected) == len(made)


def test_the_order_of_evidence_does_not_matter():
    pairs, evidence = [pair for pair, _ in CORPUS], [span for _, spans in CORPUS for span in spans]

    assert split_pairs(pairs, evidence) == split_pairs(pairs, evidence[::-1])


def test_an_added_wording_of_another_fact_leaves_the_sets_of_the_others():
    more = make_fact("manual 0", "extra", "The ladder bears 99 kN.", "99 kN", ["What does the ladder bear?"], at=5000)

    before, after = {(r.pair_id, r.split) for r in split(CORPUS).rows}, {(r.pair_id, r.split) for r in split([*CORPUS, *more]).rows}

    assert before < after


@pytest.mark.parametrize(
    "bad",
    [
        {"unseen_document_share": -0.1},
        {"rephrased_share": 2},
        {"unseen_fact_share": 0.9, "validation_share": 0.1},
        {"min_wordings_for_rephrased": 1},
        {"wordings_per_test_fact": 0},
        {"ngram": 14},
        {"leak_cosine": 0},
        {"unseen_unit": "chunk"},
    ],
)
def test_a_setting_out_of_bounds_is_refused_by_name(bad):
    with pytest.raises(ConfigError, match=f"split.{next(iter(bad))}"):
        SplitParams(**bad)


def test_a_pair_without_evidence_still_belongs_to_a_set():
    (pair, _), *_ = make_document("manual", 1, 1)

    result = split_pairs([replace(pair, answer_key=None)], [])

    assert len(result.rows) + len(result.rejected) == 1
