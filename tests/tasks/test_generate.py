"""Facts read off sentences and tables: what is found, how it is asked, what it rests on, and what is left alone."""

import re

import pytest

from tasks.generate import Generated, GenerateParams, generate_pairs
from tasks.key_match import states
from warehouse.errors import ConfigError
from warehouse.tables import Chunk, ChunkKind, ChunkPage, Document, Page, PageLine

TITLE = "Orlen P4 Press: Service Manual"


def document(title: str = TITLE) -> Document:
    return Document("d1", "0" * 64, "p4.pdf", None, title, "metadata", 2, 2, 1000, 500, "ok", None, (), None)


def chunk_on_page(text: str, rank: int = 0, kind: ChunkKind = "body", page: int = 1, before: str = "") -> tuple[Chunk, ChunkPage, Page]:
    name = f"c{rank}"
    piece = ChunkPage(f"{name}s", name, "d1", 0, page, len(before), len(text))
    return Chunk(name, "d1", rank, "2 Fitting the ram", kind, text, 10), piece, Page(f"p{page}", "d1", page, before + text, 595, 842)


def generate(text: str, kind: ChunkKind = "body", params: GenerateParams | None = None) -> Generated:
    chunk, piece, page = chunk_on_page(text, kind=kind)
    return generate_pairs(document(), [chunk], [piece], [page], [], params or GenerateParams())


def keys(made: Generated) -> set[str]:
    return {pair.answer_key or "" for pair in made.pairs}


@pytest.mark.parametrize(
    ("sentence", "key", "question"),
    [
        ("The ram bolts are tightened to 42 Nm in two rounds.", "42 Nm", "To what torque are the ram bolts tightened in two rounds?"),
        ("The tank holds up to 18 litres of coolant.", "18 litres", "How many litres of coolant does the tank hold?"),
        ("The filter must be replaced every 600 hours.", "600 hours", "How often must the filter be replaced?"),
        ("The guard plate is 6 mm thick.", "6 mm", "How thick is the guard plate?"),
        ("The maximum pressure of the press is 12 bar.", "12 bar", "How high is the maximum pressure of the press?"),
        ("The sensor has a range of 30 m.", "30 m", "What is the range of the sensor?"),
        ("The P4 was introduced in March 2019.", "March 2019", "When was the P4 introduced?"),
        (
            "During start-up the pump delivers 42 l/min at the nozzle.",
            "42 l/min",
            "What flow rate does the pump deliver at the nozzle during start-up?",
        ),
        ("The P4 was designed by Ingrid Saltzer.", "Ingrid Saltzer", "Who designed the P4?"),
        ("The spare fuse is stored in the blue cabinet.", "blue cabinet", "Where is the spare fuse stored?"),
        ("The housing is cast from Durrokit.", "Durrokit", "From what material is the housing cast?"),
        ("The press consists of a frame, a ram and a table.", "frame; ram; table", "What does the press consist of?"),
        ("The person on duty is called the key warden.", "key warden", "What is the person on duty called?"),
        ("The P4 needs less current than the P3.", "P4", "Which needs less current, the P4 or the P3?"),
        ("Orlenite is a sintered alloy of iron that resists brine.", "sintered alloy of iron", "What is Orlenite?"),
        ("The Ram Load Index (RLI) limits the stroke.", "Ram Load Index", "What does RLI stand for?"),
        ("Of all parts, 57 percent were returned to the works.", "57 percent", "What percentage of all parts were returned to the works?"),
        ("The foreman, Caspar Ninian, signed the work sheet.", "Caspar Ninian", "What is the name of the foreman?"),
        ("There are 17 valves in the manifold.", "17 valves", "How many valves are there in the manifold?"),
        ("Tighten the ram bolts to 42 Nm.", "42 Nm", "To what torque must the ram bolts be tightened?"),
        (
            "The liner, which is made of rubber, must be replaced after 9 months.",
            "9 months",
            "After how many months must the liner be replaced?",
        ),
        ("We trained the model for 3 epochs.", "3 epochs", "For how many epochs did the authors train the model?"),
    ],
)
def test_a_stated_fact_is_asked_for_and_its_key_stands_in_the_answer(sentence: str, key: str, question: str) -> None:
    made = generate(sentence)

    assert key in keys(made)
    assert question in {pair.bare_question for pair in made.pairs}
    assert all(states(pair.answer, pair.answer_key) for pair in made.pairs if pair.answer_key)


@pytest.mark.parametrize(
    "sentence",
    [
        "It weighs 4 kg and holds 18 litres of coolant.",
        "This pump delivers 42 l/min at the nozzle.",
        "Figure 2 shows that the pump delivers 42 l/min.",
        "As described in Section 3, the ram bolts are tightened to 42 Nm.",
        "The former was designed by Ingrid Saltzer.",
        "Saltzer et al. tightened the bolts to 42 Nm.",
        "The values are taken from [12] and",
        "where x = 3 and the loss L(x) is 4 %.",
        "the ram bolts are tightened to 42 Nm.",
        "The ram bolts are tightened to 42 Nm",
        "Send your report to press@orlen.example within 4 days.",
        "No bolt is tightened to 42 Nm.",
    ],
)
def test_what_cannot_stand_alone_is_left_alone(sentence: str) -> None:
    made = generate(sentence)

    assert made.pairs == []
    assert [row.reason for row in made.rejected] == ["no_pattern"]


def test_every_fact_has_three_wordings_or_more_and_every_question_names_the_title_once() -> None:
    made = generate("The ram bolts are tightened to 42 Nm. The tank holds 18 litres of coolant. The P4 was designed by Ingrid Saltzer.")

    wordings = [pair for pair in made.pairs if pair.answer_key == "42 Nm"]
    assert 3 <= len({pair.bare_question for pair in wordings}) <= 5
    assert len({pair.fact_id for pair in wordings}) == 1
    for pair in made.pairs:
        assert pair.question.count(TITLE) == 1
        assert pair.question.endswith("?")
        assert TITLE not in pair.bare_question
    assert len({re.sub(r"[^,]*,", "", pair.question) for pair in made.pairs}) > 1


def test_without_source_in_question_the_question_is_the_bare_one() -> None:
    made = generate("The ram bolts are tightened to 42 Nm.", params=GenerateParams(source_in_question=False))

    assert made.pairs
    assert all(pair.question == pair.bare_question for pair in made.pairs)


def test_citations_openers_and_first_person_are_cleaned_in_the_answer_and_verbatim_in_the_evidence() -> None:
    printed = "However, we tightened the ram bolts to 42 Nm [3, 4]."
    made = generate(printed)

    assert {pair.answer for pair in made.pairs} == {"The authors tightened the ram bolts to 42 Nm."}
    assert {row.quote for row in made.evidence} == {printed}


@pytest.mark.parametrize("kind", ["references", "caption", "front_matter"])
def test_other_kinds_of_chunk_are_not_asked_about_and_named_as_dropped(kind: ChunkKind) -> None:
    made = generate("The ram bolts are tightened to 42 Nm.", kind=kind)

    assert made.pairs == []
    assert [(row.item_id, row.reason) for row in made.rejected] == [("c0", f"kind_{kind}")]


def test_a_document_without_chunks_gives_nothing() -> None:
    assert generate_pairs(document(), [], [], [], [], GenerateParams()) == Generated()


def test_the_same_input_gives_the_same_rows_in_whatever_order_chunks_come() -> None:
    one = chunk_on_page("The tank holds 18 litres of coolant.", 0, page=1)
    two = chunk_on_page("The ram weighs 4 kg.", 1, page=2)
    chunks, pieces, pages = [one[0], two[0]], [one[1], two[1]], [one[2], two[2]]

    first = generate_pairs(document(), chunks, pieces, pages, [], GenerateParams())
    second = generate_pairs(document(), chunks[::-1], pieces[::-1], pages[::-1], [], GenerateParams())

    assert first == second
    assert len({pair.pair_id for pair in first.pairs}) == len(first.pairs) > 0


def test_evidence_rereads_from_the_page_with_the_box_of_the_lines_it_touches() -> None:
    before, first, second = "Fitting\n", "The ram bolts are tightened ", "to 42 Nm. The tank is green."
    chunk, piece, page = chunk_on_page(first + second, before=before)
    at = len(before)
    lines = [
        PageLine("l0", "d1", 1, 0, "heading", 0, 7, (50.0, 40.0, 90.0, 52.0)),
        PageLine("l1", "d1", 1, 1, "body", at, len(first), (50.0, 60.0, 300.0, 72.0)),
        PageLine("l2", "d1", 1, 1, "body", at + len(first), len(second), (50.0, 74.0, 280.0, 86.0)),
    ]

    made = generate_pairs(document(), [chunk], [piece], [page], lines, GenerateParams())

    row = made.evidence[0]
    assert page.text[row.char_from : row.char_from + row.n_chars] == row.quote == "The ram bolts are tightened to 42 Nm."
    assert row.box == (50.0, 60.0, 300.0, 86.0)
    assert {row.pair_id for row in made.evidence} == {pair.pair_id for pair in made.pairs}


def test_a_sentence_over_a_page_break_rests_on_two_rows() -> None:
    left, right = "The ram bolts are tightened", "to 42 Nm in two rounds."
    chunk = Chunk("c0", "d1", 0, "", "body", f"{left}\n{right}", 12)
    pieces = [ChunkPage("s0", "c0", "d1", 0, 1, 0, len(left)), ChunkPage("s1", "c0", "d1", 1, 2, 0, len(right))]
    pages = [Page("p1", "d1", 1, left, 595, 842), Page("p2", "d1", 2, right, 595, 842)]

    made = generate_pairs(document(), [chunk], pieces, pages, [], GenerateParams())

    spans = [(row.page, row.rank, row.quote) for row in made.evidence if row.pair_id == made.pairs[0].pair_id]
    assert spans == [(1, 0, left), (2, 1, right)]


def test_a_chunk_that_its_page_does_not_hold_is_rejected_pair_by_pair() -> None:
    chunk, piece, page = chunk_on_page("The ram bolts are tightened to 42 Nm.")
    other = Page(page.page_id, "d1", 1, page.text.replace("42", "35"), 595, 842)

    made = generate_pairs(document(), [chunk], [piece], [other], [], GenerateParams())

    assert made.pairs == []
    assert made.evidence == []
    assert {row.reason for row in made.rejected if row.item_id != chunk.chunk_id} == {"not_in_text"}
    assert [row.reason for row in made.rejected if row.item_id == chunk.chunk_id] == ["no_pair_left"]
    assert len(made.rejected) > GenerateParams().min_wordings


def test_a_question_that_two_facts_answer_differently_is_dropped_with_a_row() -> None:
    made = generate("The tank holds 18 litres of coolant. The tank holds 20 litres of coolant.")

    assert not keys(made) & {"18 litres", "20 litres"}
    assert "ambiguous_question" in {row.reason for row in made.rejected}


def test_a_numbered_list_is_asked_step_by_step_and_as_a_whole() -> None:
    made = generate("1. Close the main valve.\n2. Remove the ram guard.\n3. Loosen the four bolts.\n")

    assert "close the main valve; remove the ram guard; loosen the four bolts" in keys(made)
    assert "What must be done directly after the main valve has been closed?" in {pair.bare_question for pair in made.pairs}


TABLE = "Item | Setting | Remark\nRam nut | 310 Nm | left-hand thread\nGuard stud | 96 Nm | check weekly"


def test_each_cell_of_a_whole_table_is_asked_for_and_rests_on_its_row() -> None:
    made = generate(TABLE, kind="table")

    assert keys(made) == {"310 Nm", "left-hand thread", "96 Nm", "check weekly"}
    assert "What is the setting of the item Ram nut?" in {pair.bare_question for pair in made.pairs}
    assert {row.quote for row in made.evidence} == set(TABLE.split("\n")[1:])


@pytest.mark.parametrize("broken", [TABLE.replace(" | check weekly", ""), TABLE.replace("Setting", "310"), TABLE.replace("96 Nm", "")])
def test_a_table_with_ragged_rows_no_header_or_empty_cells_is_left_alone(broken: str) -> None:
    assert generate(broken, kind="table").pairs == []


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"method": "guess"}, "generate.method"),
        ({"min_wordings": 0}, "generate.min_wordings"),
        ({"wordings": 2}, "generate.wordings"),
        ({"max_facts_per_chunk": 0}, "generate.max_facts_per_chunk"),
    ],
)
def test_settings_out_of_bounds_are_refused_by_name(settings: dict[str, object], where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        GenerateParams(**settings)  # type: ignore[arg-type]

    assert caught.value.where == where


def test_settings_limit_facts_keys_and_wordings() -> None:
    text = "The ram bolts are tightened to 42 Nm in two rounds. The tank holds 18 litres of coolant."
    params = GenerateParams(wordings=3, max_keys_per_sentence=1, max_facts_per_chunk=1)

    made = generate(text, params=params)

    assert keys(made) == {"42 Nm"}
    assert len(made.pairs) == params.wordings


def test_a_chunk_whose_every_pair_is_taken_back_is_a_row_too() -> None:
    made = generate("The ram bolts are tightened to 42 Nm. The ram bolts are tightened to 57 Nm.")

    assert made.pairs == []
    assert [row.reason for row in made.rejected if row.item_id == "c0"] == ["no_pair_left"]
    assert "ambiguous_question" in {row.reason for row in made.rejected if row.item_id != "c0"}
