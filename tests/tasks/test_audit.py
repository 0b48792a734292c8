from dataclasses import replace

import pytest

from tasks.audit import Leak, audit_split, refuse_leaks
from tasks.split import SplitParams
from warehouse.errors import LeakFound
from warehouse.keys import key
from warehouse.tables import Evidence, QaPair, Split, SplitRow

MASS = "The field pump, ready for transport but without its hoses, has a mass of 42 kg in all its variants."
LIFT = "Two people lift it, as it weighs 42 kg."
SEAL = "The seal is changed every 9 months by a technician who has been trained on the rig for two full days."
PLACES = {MASS: 0, LIFT: 200, SEAL: 400}
Made = tuple[QaPair, Evidence, SplitRow]


def make_row(
    pair_id: str,
    split: Split,
    bare: str,
    answer_key: str,
    sentence: str,
    *,
    document: str = "manual",
    fact: str | None = None,
    at: int | None = None,
) -> Made:
    fact_id = fact or key(document, sentence)
    pair = QaPair(pair_id, document, "c", fact_id, 0, f"In {document}: {bare}", bare, sentence, answer_key, "number", "p", "hand/1")
    span = Evidence(key(pair_id), pair_id, document, 0, 1, PLACES.get(sentence, 900) if at is None else at, len(sentence), sentence, ())
    return pair, span, SplitRow(pair_id, document, fact_id, fact_id, split)


def audit(*made: Made) -> list[Leak]:
    pairs, evidence, rows = zip(*made, strict=True) if made else ((), (), ())
    return audit_split(pairs, evidence, rows)


def found(*made: Made) -> list[tuple[str, str, str]]:
    return [(leak.rule, leak.test_pair_id, leak.train_pair_id) for leak in audit(*made)]


TRAINED = [
    make_row("mass-1", "train", "What is the mass of the field pump?", "42 kg", MASS),
    make_row("mass-2", "train", "The field pump has what mass?", "42 kg", MASS),
]
CLEAN = [
    *TRAINED,
    make_row("mass-3", "test_rephrased", "How heavy is the field pump?", "42 kg", MASS),
    make_row("seal-1", "test_unseen_fact", "How often is the seal changed?", "every 9 months", SEAL),
    make_row("lamp-1", "test_unseen_document", "Which colour is the lamp?", "red", "The lamp is red.", document="leaflet"),
    make_row("lamp-2", "validation", "Which colour is the lamp?", "blue", "The lamp is blue.", at=700),
]


def test_a_clean_split_passes():
    assert audit(*CLEAN) == []
    refuse_leaks([])
    assert audit() == []


def test_a_reworded_question_about_a_trained_fact_turns_the_audit_red():
    planted = make_row("planted", "test_unseen_fact", "How much does the field pump weigh?", "42 kg", MASS)

    rules = {rule for rule, *_ in found(*TRAINED, planted)}

    assert rules == {"shares_fact", "shares_span", "shares_quote", "shares_13gram", "paraphrase"}
    with pytest.raises(LeakFound, match=r"planted and trained mass-1: shares_fact"):
        refuse_leaks(audit(*TRAINED, planted))


def test_a_paraphrase_with_other_evidence_turns_the_audit_red():
    planted = make_row("planted", "test_unseen_fact", "How much does the field pump weigh?", "42 kg", LIFT)

    (leak,) = audit(*TRAINED, planted)

    assert (leak.rule, leak.split, leak.test_pair_id, leak.train_pair_id) == ("paraphrase", "test_unseen_fact", "planted", "mass-1")
    assert leak.detail.startswith("cosine 0.8")


def test_a_trained_paraphrase_of_a_held_out_fact_turns_the_audit_red_too():
    planted = make_row(
        "planted", "validation", "After how many months does one change the seal?", "every 9 months", "Change it: every 9 months."
    )

    assert found(*CLEAN, planted) == [("paraphrase", "seal-1", "planted")]


def test_another_answer_or_another_question_is_no_paraphrase():
    other_answer = make_row("a", "test_unseen_fact", "How much does the empty field pump weigh?", "30 kg", "Empty it weighs 30 kg.", at=600)
    other_question = make_row(
        "b", "test_unseen_fact", "In bags of what mass is sand sold?", "42 kg", "Sand is sold in bags of 42 kg.", at=700
    )

    assert audit(*TRAINED, other_answer, other_question) == []


@pytest.mark.parametrize("split", ["test_rephrased", "test_unseen_fact", "test_unseen_document"])
def test_no_set_may_ask_in_trained_words(split):
    planted = make_row("planted", split, "what is the mass of the field  pump", "42 kg", LIFT)

    assert ("shares_wording", "planted", "mass-1") in found(*TRAINED, planted)


def test_a_rephrased_fact_that_only_validation_holds_was_not_taught():
    planted = make_row("planted", "test_rephrased", "When is the seal changed?", "every 9 months", SEAL)
    validated = make_row("seal", "validation", "How often is the seal changed?", "every 9 months", SEAL)

    assert found(*TRAINED, planted, validated) == [("fact_not_taught", "planted", "")]


def test_a_span_that_overlaps_by_one_code_point_leaks_and_a_neighbour_does_not():
    planted = make_row("planted", "test_unseen_fact", "Who lifts it?", "two people", "Two people do.", at=len(MASS) - 1)
    neighbour = make_row("planted", "test_unseen_fact", "Who lifts it?", "two people", "Two people do.", at=len(MASS))

    assert found(*TRAINED, planted) == [("shares_span", "planted", "mass-1")]
    assert found(*TRAINED, neighbour) == []


def test_an_unseen_document_may_not_be_trained_nor_repeat_a_quote_or_a_long_run():
    same_document = make_row("p1", "test_unseen_document", "Who lifts it?", "two people", "Two people do.", at=700)
    same_quote = make_row("p2", "test_unseen_document", "What is heavy?", "the pump", MASS.upper(), document="leaflet")
    same_run = make_row(
        "p3", "test_unseen_document", "What is said?", "mass", "But " + MASS[4:].replace("variants", "forms"), document="leaflet"
    )

    assert found(*TRAINED, same_document) == [("shares_document", "p1", "mass-1")]
    assert found(*TRAINED, same_quote) == [("shares_quote", "p2", "mass-1"), ("shares_13gram", "p2", "mass-1")]
    assert found(*TRAINED, same_run) == [("shares_13gram", "p3", "mass-1")]


def test_one_question_of_two_documents_is_no_leak():
    planted = make_row(
        "planted", "test_unseen_document", "What is the mass of the field pump?", "7 kg", "It is light: 7 kg.", document="leaflet"
    )

    assert audit(*TRAINED, planted) == []


def test_the_error_names_rule_and_both_ids_of_the_first_and_counts_the_rest():
    leaks = [Leak("shares_fact", "test_unseen_fact", f"test-{at}", f"train-{at}", "f") for at in range(5)]

    with pytest.raises(LeakFound) as caught:
        refuse_leaks(leaks)

    message = str(caught.value)
    assert message.startswith("5 leaks")
    assert "test-0 and trained train-0: shares_fact" in message
    assert "test-2 and trained train-2" in message
    assert "test-3" not in message
    assert "2 more" in message


def test_the_run_of_words_is_a_setting():
    planted = make_row("planted", "test_unseen_fact", "Who lifts it?", "two people", "The crate has a mass of 42 kg.", at=700)
    pairs, evidence, rows = zip(*TRAINED, planted, strict=True)

    assert audit_split(pairs, evidence, rows) == []
    assert [leak.rule for leak in audit_split(pairs, evidence, rows, SplitParams(ngram=5))] == ["shares_5gram"]


def test_the_same_input_gives_the_same_leaks():
    planted = make_row("planted", "test_unseen_fact", "How much does the field pump weigh?", "42 kg", MASS)

    assert audit(*CLEAN, planted) == audit(*CLEAN, planted)


def test_a_row_moved_across_the_border_by_hand_is_found():
    moved = [(pair, span, replace(row, split="test_unseen_fact") if row.pair_id == "mass-2" else row) for pair, span, row in CLEAN]

    assert {(leak.test_pair_id, leak.train_pair_id) for leak in audit(*moved)} == {("mass-2", "mass-1")}
