from dataclasses import replace
from pathlib import Path

import pytest

from tasks.chunk import chunk_document
from tasks.curate import CurateParams, curate_document
from tasks.curate_measures import answerable_share, grounded_share
from tasks.curate_rules import REASONS, RULES
from tasks.find_files import find_files
from tasks.generate import GenerateParams, generate_pairs
from tasks.read_pdf import read_document
from tasks.text import ngrams, words
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import KEPT_PAIRS, REJECTED, Chunk, Document, Evidence, Page, QaPair

SAMPLES = Path(__file__).parents[2] / "deployments" / "demo" / "papers"
TITLE = "Kestrel K-9 Field Pump: Reading the Text on Its Display?"
TORQUE = "The outlet flange is fastened with four M8 bolts at 24.5 Nm."
RELAY = "The start relay (SR) closes 1,200 ms after the text on the display turns green."
PARTS = "The pump consists of a housing, an impeller and a ceramic seal"
BODY = f"{TORQUE} {RELAY} It may be stored dry for up to 9 months.\n{PARTS}\n"
TABLE = "Bolt torque in Nm\nM6 10\nM8 24.5\n"
REFERENCES = (
    "[1] J. Harlow and M. Brandt. Wear of ceramic seals in field pumps. Journal of Pump Engineering, vol. 12, pp. 33-41, 2011. "
    "[2] A. Lindqvist, P. Okafor. Dry storage of impellers. In Proceedings of the Workshop on Storage, 2016. doi 10.1000/182. "
    "[3] K. Yamada. Relays that close late. arXiv preprint arXiv:1901.00001, 2019."
)
PAGE_1, PAGE_2 = Page("p1", "d1", 1, BODY + TABLE, 595, 842), Page("p2", "d1", 2, REFERENCES, 595, 842)
CHUNKS = [
    Chunk("body", "d1", 0, "2 Assembly", "body", BODY, 40),
    Chunk("table", "d1", 1, "2 Assembly", "table", TABLE, 12),
    Chunk("unmarked", "d1", 2, "", "body", REFERENCES, 90),
    Chunk("listed", "d1", 3, "References", "references", REFERENCES, 90),
    Chunk("caption", "d1", 4, "", "caption", TORQUE, 12),
]
DOCUMENT = Document("d1", "0" * 64, "pump.pdf", None, TITLE, "metadata", 2, 2, 9, 9, "ok", None, (), None)


def make_pair(
    bare: str = "At what torque is the outlet flange fastened?",
    answer: str = TORQUE,
    answer_key: str | None = "24.5 Nm",
    *,
    question: str | None = None,
    quote: str = TORQUE,
    chunk_id: str = "body",
    **changes: object,
) -> tuple[QaPair, Evidence]:
    asked = question or f'According to "{TITLE}", {bare[0].lower()}{bare[1:]}'
    pair_id = key(asked, answer, answer_key, chunk_id, quote)
    pair = QaPair(pair_id, "d1", chunk_id, key("d1", quote), 0, asked, bare, answer, answer_key, "text", "predicate", "extractive/1")
    page = PAGE_1 if quote in PAGE_1.text else PAGE_2
    at = page.text.find(quote)
    span = Evidence(key(pair_id, 0), pair_id, "d1", 0, page.page, at, len(quote), quote, ())
    return replace(pair, **changes), span


def curate(*made: tuple[QaPair, Evidence], params: CurateParams = CurateParams(), examples: tuple[str, ...] = ()):  # noqa: B008
    pairs, evidence = [pair for pair, _ in made], [span for _, span in made if span]
    return curate_document(DOCUMENT, pairs, evidence, CHUNKS, [PAGE_1, PAGE_2], params, prompt_examples=examples)


ORDINARY = {
    "a quantity": make_pair(),
    "the statement with a gap": make_pair("The outlet flange is fastened with four M8 bolts at what torque?"),
    "asked by can you say": make_pair("Can you say how long the start relay waits?", RELAY, "1,200 ms", quote=RELAY),
    "a number written otherwise": make_pair("When does the start relay close?", "It closes after 1200 ms.", "1200 ms", quote=RELAY),
    "a word of opinion that the source uses": make_pair(
        "For how long may it be stored dry?", "It may be stored dry for up to 9 months.", "9 months"
    ),
    "text that is the document's matter": make_pair("Which colour does the text on the display turn?", RELAY, "green", quote=RELAY),
    "a long list without a full stop": make_pair(
        "Which parts does the pump consist of?", PARTS, "housing; impeller; ceramic seal", quote=PARTS, answer_kind="list"
    ),
    "a numbered list": make_pair(
        "What are the parts of the pump?",
        "1. a housing\n2. an impeller\n3. a ceramic seal",
        "housing; impeller; ceramic seal",
        quote=PARTS,
        answer_kind="list",
    ),
    "a table row": make_pair("What is the bolt torque for M6?", "M6 10", "10", quote="M6 10", chunk_id="table"),
    "a choice that names the answer": make_pair(
        "Which takes more, M8 or M6?", "M8 24.5", "M8", quote="M8 24.5", chunk_id="table", answer_kind="comparison"
    ),
    "a short answer": make_pair(answer="24.5 Nm"),
    "a sentence with a citation": make_pair(answer="It is fastened at 24.5 Nm, as for M8 bolts."),
    "no title asked for": make_pair(question="At what torque is the outlet flange fastened?"),
    "a message in quotes": make_pair('What does the display show after "the text on the display turns green"?', RELAY, "SR", quote=RELAY),
    "an irregular verb": make_pair("The start relay made what?", RELAY, "green", quote=RELAY),
    "a verb with a hyphen": make_pair("The relay fine-tunes what?", RELAY, "green", quote=RELAY),
    "a clause that opens with that": make_pair("What is it that text on the display does?", RELAY, "green", quote=RELAY),
    "an unanswerable question, declined": (
        make_pair("Which grease does the pump need?", "The manual does not say which grease the pump needs.", None, answer_kind="refusal")[
            0
        ],
        None,
    ),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_pair_is_kept(name):
    curated = curate(ORDINARY[name])

    assert [(row.reason, row.detail) for row in curated.rejected] == []
    assert [row.pair_id for row in curated.kept] == [ORDINARY[name][0].pair_id]


BROKEN = {
    "no_chunk": make_pair(chunk_id="gone"),
    "from_references": make_pair("Who wrote of relays that close late?", "K. Yamada.", "K. Yamada", quote="K. Yamada.", chunk_id="listed"),
    "outside_body": make_pair(chunk_id="caption"),
    "no_evidence": (make_pair()[0], replace(make_pair()[1], pair_id="another")),
    "evidence_not_verbatim": (make_pair()[0], replace(make_pair()[1], char_from=1)),
    "evidence_outside_chunk": make_pair(quote="M6 10"),
    "garbled_text": make_pair(answer="The flange is fastened at 24.5 Nm_L\ufffd."),
    "not_a_question": make_pair(question=f'The torque of the flange in "{TITLE}".'),
    "text_after_question": make_pair(question=f'What is the torque in "{TITLE}"? Source: the manual'),
    "no_verb": make_pair("And the torque of the flange then?"),
    "question_length": make_pair(question="What is the torque?", bare="What is the torque?"),
    "markup": make_pair("What does the value 1e6 on the flange mean?"),
    "title_twice": make_pair(question=f'According to "{TITLE}", what is the torque in "{TITLE}"?'),
    "title_altered": make_pair(question='In "Kestrel K-9 Field Pumps: Reading Text on Its Displays", what is the torque of the flange?'),
    "foreign_title": make_pair('What does "Visual Prompt Tuning for Pumps" say about the torque?'),
    "meta_phrase": make_pair("What torque does the provided text give for the flange?"),
    "empty_answer": make_pair(answer=" \u2013 ", answer_key=None),
    "language_mismatch": make_pair("Mit welchem Drehmoment wird der Flansch verschraubt?", "Der Flansch wird mit 24.5 Nm verschraubt."),
    "not_a_refusal": make_pair("Which grease does the pump need?", "It needs white grease.", None, answer_kind="refusal"),
    "unanswerable": make_pair(answer="It is unclear for the flange; elsewhere it is 24.5 Nm."),
    "echoes_question": make_pair(answer="At what torque is the outlet flange fastened?\n24.5 Nm."),
    "source_block": make_pair(answer="It is fastened at 24.5 Nm.\n\nSource: Kestrel K-9"),
    "contact_details": make_pair(answer="Fastened at 24.5 Nm; ask pumps@kestrel.example for more."),
    "reference_list": make_pair(answer="At 24.5 Nm.\n[1] J. Harlow. Seals.\n[2] A. Lindqvist. Storage."),
    "cut_answer": make_pair(answer="The outlet flange is fastened at 24.5 Nm and"),
    "number_not_in_evidence": make_pair(answer="The outlet flange is fastened at 24.5 Nm in 3 rounds."),
    "speculative": make_pair("What do you think is the best torque for the flange?"),
    "key_not_stated": make_pair(answer="The outlet flange is fastened with four M8 bolts."),
    "gives_answer_away": make_pair("Is the outlet flange fastened at 24.5 Nm?"),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_broken_pair_is_dropped_with_its_reason(reason):
    curated = curate(BROKEN[reason])

    assert curated.kept == []
    assert [row.reason for row in curated.rejected] == [reason]
    assert curated.rejected[0].stage == "curate"
    assert curated.rejected[0].item_id == BROKEN[reason][0].pair_id


def test_every_reason_has_a_sentence_and_a_pair_that_it_drops():
    assert set(BROKEN) | {"from_prompt_example"} == set(REASONS)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("NO ANSWER FOUND", "unanswerable"),
        ("ERROR ANSWER NOT FOUND", "unanswerable"),
        ("N/A", "unanswerable"),
        ("The provided context does not mention a torque.", "unanswerable"),
        ("The document does not specify the torque.", "unanswerable"),
        ("I'm sorry, no torque was given.", "unanswerable"),
        ("The torque is not mentioned in it.", "unanswerable"),
        ("Perhaps a torque wrench.", "speculative"),
        ("By the University of A, the Institute of B and the Department of C.", "contact_details"),
        ("At a torque. References: Harlow 2011", "source_block"),
        ("The outlet flange is fastened with four M8 bolts at a torque that is given below the", "cut_answer"),
        ("The outlet flange is fastened with four bolts by hand and then by a calibrated wrench", "cut_answer"),
        ("There is no direct reference to a torque, so a torque wrench will do.", "unanswerable"),
        ("The torque is not explicitly quantified in it.", "unanswerable"),
        ("At what torque is the outlet\nAt a torque.", None),
        ("At what torque is the outlet?\nAt a torque.", "echoes_question"),
        ('The display shows "I don\'t know" until the relay closes.', None),
        ("It is fastened by hand, [†] not by machine.", "garbled_text"),
        ("It is fastened in the context of the assembly.", None),
        ("The context says that it is fastened.", "meta_phrase"),
        ('According to the manual "Kestrel K-9", by hand.', None),
        ("According to the manual, by hand.", "meta_phrase"),
    ],
)
def test_what_an_answer_may_not_be(answer, reason):
    assert [row.reason for row in curate(make_pair(answer=answer, answer_key=None)).rejected] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("bare", "reason"),
    [
        ("What is the flange's torque, as explained in 'Visual prompt tuning'?", "foreign_title"),
        ("What do 'Wear of Ceramic Seals in Large Pumps' and the users' notes say of the flange?", "foreign_title"),
        ("What does the flange do in 'Kestrel K-9 Field Pumps: Reading the Texts on Its Display'?", "title_altered"),
        ("According to 'the text on the display', which relay's the one?", None),
        ("What is the 'start relay' of the pump's display for?", None),
        ("What is the flange for, according to 'K-9 Notes'?", "foreign_title"),
    ],
)
def test_a_title_may_stand_in_any_kind_of_quotes(bare, reason):
    pair = make_pair(bare, RELAY, None, quote=RELAY, question=bare)

    assert [row.reason for row in curate(pair).rejected] == ([reason] if reason else [])


def test_a_sentence_of_the_source_that_hedges_is_an_answer():
    sentence = "The cause of the leak is known, but it is unclear when it began."
    page = replace(PAGE_1, text=BODY + sentence)
    chunk = replace(CHUNKS[0], text=BODY + sentence)
    pair, span = make_pair("When did the leak of the pump begin?", sentence, None)
    span = replace(span, char_from=len(BODY), n_chars=len(sentence), quote=sentence)

    assert curate_document(DOCUMENT, [pair], [span], [chunk], [page]).rejected == []


def test_a_list_of_works_is_known_by_its_marks_even_where_no_heading_named_it():
    curated = curate(
        make_pair("Who wrote about relays that close late?", "K. Yamada.", "K. Yamada", quote="K. Yamada.", chunk_id="unmarked")
    )

    assert [row.reason for row in curated.rejected] == ["from_references"]


def test_a_table_of_years_is_no_list_of_works():
    years = "Year and yield in tonnes\n" + "\n".join(f"{year} {year - 1900}" for year in range(1980, 2020))
    page, chunk = replace(PAGE_1, text=years), replace(CHUNKS[1], text=years)
    pair, span = make_pair("What was the yield in 1999?", "1999 99", "99", chunk_id="table")
    span = replace(span, char_from=years.index("1999 99"), n_chars=7, quote="1999 99")

    assert curate_document(DOCUMENT, [pair], [span], [chunk], [page]).rejected == []


def test_a_short_title_may_also_be_a_word_of_the_question():
    document = replace(DOCUMENT, title="K-9")
    pair, span = make_pair("What is the torque of the K-9 flange?", question='According to "K-9", what is the torque of the K-9 flange?')

    assert curate_document(document, [pair], [span], CHUNKS, [PAGE_1]).rejected == []


def test_evidence_over_a_page_break_rereads_on_both_pages():
    first, second = TORQUE[:30], TORQUE[30:]
    pages = [replace(PAGE_1, text="Assembly\n" + first), replace(PAGE_2, text=second + " More.")]
    chunk = replace(CHUNKS[0], text=f"{first}\n{second}")
    pair, span = make_pair()
    spans = [
        replace(span, evidence_id="e1", rank=1, page=2, char_from=0, n_chars=len(second), quote=second),
        replace(span, evidence_id="e0", rank=0, page=1, char_from=9, n_chars=len(first), quote=first),
    ]

    assert curate_document(DOCUMENT, [pair], spans, [chunk], pages).rejected == []
    assert [row.reason for row in curate_document(DOCUMENT, [pair], spans, [chunk], pages[:1]).rejected] == ["evidence_not_verbatim"]


def test_a_pair_may_also_rest_on_another_chunk_of_its_document_whose_numbers_then_count():
    pair, span = make_pair("Which bolt takes less than the flange's 24.5 Nm?", "M6, which takes 10 Nm, not 24.5 Nm.", "M6")
    at = PAGE_1.text.index("M6 10")
    beside = replace(span, evidence_id="e1", rank=1, char_from=at, n_chars=5, quote="M6 10")

    assert curate_document(DOCUMENT, [pair], [span, beside], CHUNKS, [PAGE_1, PAGE_2]).rejected == []
    assert [row.reason for row in curate_document(DOCUMENT, [pair], [span], CHUNKS, [PAGE_1, PAGE_2]).rejected] == [
        "number_not_in_evidence"
    ]


def test_a_quote_from_the_references_taints_a_pair_that_also_quotes_the_body():
    pair, span = make_pair()
    beside = replace(span, evidence_id="e1", rank=1, page=2, char_from=0, n_chars=13, quote="[1] J. Harlow")
    chunks = [chunk for chunk in CHUNKS if chunk.chunk_id != "unmarked"]

    assert [row.reason for row in curate_document(DOCUMENT, [pair], [span, beside], chunks, [PAGE_1, PAGE_2]).rejected] == [
        "from_references"
    ]


@pytest.mark.slow
def test_a_question_of_the_prompt_s_examples_does_not_come_through():
    example = "At what torque is the outlet flange of a mill tightened?"

    assert [row.reason for row in curate(make_pair(), examples=(example,)).rejected] == ["from_prompt_example"]


@pytest.mark.slow
def test_a_question_near_a_prompt_s_example_does_not_come_through():
    curated = curate(make_pair(), ORDINARY["a table row"], examples=("How tight must one make the flange at the outlet?",))

    assert [(row.reason, row.item_id) for row in curated.rejected] == [("from_prompt_example", make_pair()[0].pair_id)]
    assert curated.rejected[0].detail.startswith("cosine 0.")


def test_every_pair_is_kept_or_rejected_once_and_the_rows_fit_their_tables():
    made = [*ORDINARY.values(), *(pair for reason, pair in BROKEN.items() if reason not in ("no_evidence", "evidence_not_verbatim"))]

    curated = curate(*made)

    assert sorted([row.pair_id for row in curated.kept] + [row.item_id for row in curated.rejected]) == sorted(
        pair.pair_id for pair, _ in made
    )
    assert KEPT_PAIRS.to_arrow(curated.kept).num_rows == len(ORDINARY)
    assert REJECTED.to_arrow(curated.rejected).num_rows == len(made) - len(ORDINARY)


def test_the_same_input_gives_the_same_rows():
    made = [*ORDINARY.values(), *BROKEN.values()]

    assert curate(*made) == curate(*made)


def test_a_document_without_pairs_gives_no_rows():
    curated = curate_document(DOCUMENT, [], [], [], [])

    assert (curated.kept, curated.rejected) == ([], [])


@pytest.mark.slow
def test_pairs_that_the_generator_reads_off_a_sample_are_kept():
    (source,) = find_files([SAMPLES / "orvex-h9-service-manual.pdf"]).files
    read = read_document(source)
    chunked = chunk_document(read.document, read.pages, read.lines, read.sections)
    made = generate_pairs(read.document, chunked.chunks, chunked.chunk_pages, read.pages, read.lines, GenerateParams())

    curated = curate_document(read.document, made.pairs, made.evidence, chunked.chunks, read.pages)

    assert len(made.pairs) > 200
    assert len(curated.kept) + len(curated.rejected) == len(made.pairs)
    assert len(curated.kept) > 0.98 * len(made.pairs)


def test_what_stands_nowhere_in_the_document_is_flagged_and_kept():
    pair = make_pair("Which zebra quagga giraffe elephant does the keeper feed?", "The keeper feeds the zebra hay every day.", "hay")

    (row,) = curate(pair).kept

    assert row.flags == ("low_groundedness", "low_answerability")
    assert row.grounded_share == 0
    assert row.n_answer_words == 8


def test_a_key_that_the_quote_states_is_grounded_in_whatever_words_it_is_given():
    (stated,) = curate(make_pair("How is SR written out in full?", "SR is short for start relay.", "start relay", quote=RELAY)).kept
    (unstated,) = curate(make_pair("How is SR written out in full?", "SR is short for slow relay.", "slow relay", quote=RELAY)).kept

    assert stated.grounded_share == unstated.grounded_share == 0
    assert "low_groundedness" not in stated.flags
    assert "low_groundedness" in unstated.flags


def test_shares_are_what_a_count_by_hand_gives():
    grams = frozenset(ngrams(words("the outlet flange is fastened with bolts"), 4))

    assert grounded_share("The outlet flange is fastened today", "", grams) == 2 / 3
    assert grounded_share("The outlet flange is fastened today", "is the outlet flange is", grams) == 1 / 2
    assert grounded_share("24.5 Nm", "", grams) == 1
    assert answerable_share("What are the flanges of a zebra?", frozenset({"flange"})) == 1 / 2
    assert answerable_share("What is it?", frozenset()) == 1


def test_each_rule_is_asked_in_a_fixed_order_and_the_first_that_fails_wins():
    pair = make_pair(answer="NO ANSWER FOUND", chunk_id="listed", quote="K. Yamada.")

    assert [row.reason for row in curate(pair).rejected] == ["from_references"]
    assert len(RULES) == len(set(RULES))


@pytest.mark.parametrize(
    "bad",
    [
        {"min_title_words": 0},
        {"title_likeness": 1.5},
        {"max_question_words": 2},
        {"max_affiliations": -1},
        {"example_ngram": 0},
        {"min_score": 0},
    ],
)
def test_a_setting_out_of_bounds_is_refused_by_name(bad):
    with pytest.raises(ConfigError, match=f"curate.{next(iter(bad))}"):
        CurateParams(**bad)
