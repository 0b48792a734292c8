"""What the generator must not ask: misread grammar, empty words, cut keys, examples and prompts inside a document."""

import re

import pytest

from tasks.extract_examples import example_ranges
from tasks.generate import Generated, GenerateParams, generate_pairs
from warehouse.tables import Chunk, ChunkKind, ChunkPage, Document, Page


def chunk_of(text: str, rank: int = 0, kind: ChunkKind = "body") -> Chunk:
    return Chunk(f"c{rank}", "d1", rank, "2 Fitting the ram", kind, text, 10)


def generate(*texts: str, kind: ChunkKind = "body") -> Generated:
    """Pairs of a document with one page and one chunk a text."""
    title = "Orlen P4 Press: Service Manual"
    document = Document("d1", "0" * 64, "p4.pdf", None, title, "metadata", len(texts), len(texts), 1000, 500, "ok", None, (), None)
    chunks = [chunk_of(text, rank, kind) for rank, text in enumerate(texts)]
    pieces = [ChunkPage(f"s{rank}", f"c{rank}", "d1", 0, rank + 1, 0, len(text)) for rank, text in enumerate(texts)]
    pages = [Page(f"p{rank}", "d1", rank + 1, text, 595, 842) for rank, text in enumerate(texts)]
    return generate_pairs(document, chunks, pieces, pages, [], GenerateParams())


def keys(made: Generated) -> set[str]:
    return {pair.answer_key or "" for pair in made.pairs}


def questions(text: str) -> set[str]:
    return {pair.bare_question for pair in generate(text).pairs}


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param("The proposed methods of drying are forming thin sheets.", id="copula and gerund taken for a progressive"),
        pytest.param("All Saltzer fine-tunes exhibit similar wear of the seal.", id="a noun taken for the verb"),
        pytest.param("For the test set, JAVA files from the press maker was used.", id="subject and verb disagree"),
        pytest.param("For every bolti value, we generate a corresponding torque curve.", id="a flattened subscript"),
        pytest.param("The pressure qi drives the ram plate of the press.", id="a letter with an index"),
        pytest.param("The polished ram doesn't touch the guard plate of the press.", id="a contracted negation"),
        pytest.param("A 100 would denote perfect alignment with the guard plate.", id="a bare number"),
        pytest.param("Higher loads gave an out of range error.", id="a verb that says nothing"),
        pytest.param("The model interprets the context and gives a polished response.", id="a bare noun and an empty verb"),
        pytest.param("The benchmark employs Kober to judge each answer of the pump.", id="a noun that many things share"),
        pytest.param("The first method involves Kober oil of the highest grade.", id="an ordinal before a generic noun"),
        pytest.param("Diagnosing either condition requires laboratory oil and pressure tests.", id="either without its two"),
        pytest.param("The seal is not possible due to the high pressure.", id="a denied copula"),
        pytest.param("What the ram does, and why, is a matter of the second step.", id="no subject"),
    ],
)
def test_a_misread_or_empty_sentence_is_asked_nothing(sentence: str) -> None:
    assert questions(sentence) == set()


def test_an_opening_condition_keeps_its_preposition_in_the_question() -> None:
    asked = questions("With higher precision gauges, Orlen pumps must spend more energy in the Kober circuit.")

    assert asked
    assert all("with higher precision gauges" in question for question in asked if "Orlen pumps" in question)


def test_an_opening_clause_stays_in_every_wording_of_a_value() -> None:
    made = generate("When heating the press to full power, the count of open valves is 7.")

    assert made.pairs
    assert all("when heating the press" in pair.bare_question.casefold() for pair in made.pairs)


@pytest.mark.parametrize(
    ("sentence", "cut"),
    [
        ("Ram lapping is a technique used in the press shop to smooth seals.", "technique"),
        ("Ram lapping is an important capability for the press shop of Orlen.", "important capability"),
        ("Shimming is the process of moving a plate from a wide gap to a narrow gap.", "process of moving a plate"),
        ("The lapping of rams shows significant improvements across all Orlen presses.", "significant improvements"),
        ("Orlen reduces human labour required for the lapping of the ram plates.", "human labour required"),
    ],
)
def test_a_key_that_is_cut_or_says_nothing_is_not_wanted(sentence: str, cut: str) -> None:
    assert cut not in keys(generate(sentence))


def test_a_definition_reaches_to_the_end_of_its_complement() -> None:
    made = generate("Shimming is the process of moving a plate from a wide gap to a narrow gap.")

    assert "What is the process of moving a plate from a wide gap to a narrow gap?" in {pair.bare_question for pair in made.pairs}


def test_two_nouns_that_share_a_head_are_no_list_of_two() -> None:
    assert "laboratory oil; pressure tests" not in keys(generate("The Orlen press requires laboratory oil and pressure tests."))


@pytest.mark.parametrize("mark", ["’", "'"])  # noqa: RUF001  # as printed
def test_a_possessive_is_no_part_of_an_abbreviated_term(mark: str) -> None:
    made = generate(f"The shop tests ram load indicators{mark} (RLIs) drift over time.")

    assert not any(mark in (pair.answer_key or "") or f"indicators{mark}" in pair.bare_question for pair in made.pairs)
    assert "ram load indicator" in keys(made)


def test_no_question_puts_what_before_the_noun_of_its_subject() -> None:
    asked = questions("Ram plates are stamped with the Kober seal of the works.")

    assert asked
    assert not any(re.search(r"what ram plates", question, re.IGNORECASE) for question in asked)


def test_a_term_is_asked_for_by_its_gloss() -> None:
    made = generate(
        "• Ram lapping: Rubbing the ram against a plate of cast iron.\n2. Feed Agent: This agent loads blanks into the Orlen press."
    )

    asked = {pair.bare_question: pair.answer_key for pair in made.pairs}
    assert asked["Which term is used for rubbing the ram against a plate of cast iron?"] == "Ram lapping"
    assert asked["Which agent loads blanks into the Orlen press?"] == "Feed Agent"


def test_a_label_before_a_full_sentence_is_no_gloss() -> None:
    assert not [pair for pair in generate("OP-3121: The sorting of plates with a leading zero was wrong.").pairs if pair.pattern == "gloss"]


def test_a_whole_predicate_asks_for_its_subject_with_every_condition() -> None:
    sentence = "The Kober valve opens the brine line, the oil line and the steam line, whatever the pressure of the press."

    assert "What opens the brine line, the oil line and the steam line, whatever the pressure of the press?" in questions(sentence)


EXAMPLE = "Question: How far does the ram of Billy move?\nThe ram of Billy is tightened to 35 Nm."


def test_example_text_is_asked_nothing_on_to_the_next_section() -> None:
    made = generate(f"The ram bolts are tightened to 42 Nm.\n{EXAMPLE}", "The plate of Billy is 6 mm thick.")

    assert keys(made) == {"42 Nm"}
    assert "c1" in {row.item_id for row in made.rejected}


@pytest.mark.parametrize(
    "line",
    [
        "USER:",
        "SYSTEM",
        "EXAMPLE: Feeding the press",
        "Student answer: 240",
        "##Reason: it",
        "Press Extraction System Message You are a fitter",
    ],
)
def test_a_line_that_opens_like_a_prompt_begins_an_example(line: str) -> None:
    chunk = chunk_of(f"Plain text.\n{line}\nMore of it.")

    assert example_ranges([chunk]) == {"c0": [(12, len(chunk.text))]}


def test_an_example_ends_where_the_authors_speak_again_and_a_template_ends_with_its_line() -> None:
    resumed = chunk_of(f"{EXAMPLE}\nRam Refinement Flow We tighten the bolts.")
    template = chunk_of("USER: {question}\nThe ram bolts are tightened to 42 Nm.")

    assert example_ranges([resumed]) == {"c0": [(0, len(EXAMPLE) + 1)]}
    assert example_ranges([template]) == {"c0": [(0, len("USER: {question}"))]}
    assert example_ranges([]) == {}


def test_a_table_may_have_an_empty_corner_but_no_code() -> None:
    table = "| Bore | Stroke\nP3 press | 40 mm | 90 mm\nP4 press | 50 mm | 95 mm"

    assert keys(generate(table, kind="table")) == {"40 mm", "90 mm", "50 mm", "95 mm"}
    assert generate(table.replace("Stroke", "int i = 0;"), kind="table").pairs == []
