"""Chunking: our own samples read from their PDFs, documents made of rows here, and the shared papers for rule D1."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.bibliography import bibliography_density, opens_references
from tasks.chunk import Chunked, ChunkParams, chunk_document, load_tokenizer
from tasks.find_files import find_files
from tasks.read_pdf import ReadDocument, read_document
from warehouse.errors import ConfigError
from warehouse.tables import Document, LineRole, Page, PageLine, Section

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "deployments" / "demo" / "papers").glob("*.pdf"))
PAPERS = ROOT / ".." / "shared" / "data" / "papers"


def read(path: Path) -> ReadDocument:
    return read_document(find_files([path]).files[0])


def chunks_of(found: ReadDocument, params: ChunkParams | None = None) -> Chunked:
    return chunk_document(found.document, found.pages, found.lines, found.sections, params or ChunkParams())


def made(*pages: str, headings: tuple[str, ...] = (), roles: dict[str, LineRole] | None = None) -> ReadDocument:
    """A document out of page texts; paragraphs named in ``headings`` open sections, those in ``roles`` have that role."""
    document = Document("d", "0" * 64, "d.pdf", None, "d", "file_name", len(pages), len(pages), 1, 1, "ok", None, (), None)
    lines: list[PageLine] = []
    sections: list[Section] = []
    for number, text in enumerate(pages, start=1):
        at = 0
        for block, part in enumerate(text.split("\n")):
            role = (roles or {}).get(part, "heading" if part in headings else "body")
            if part:
                lines.append(PageLine(f"{number}-{at}", "d", number, block, role, at, len(part), ()))
            if part in headings:
                sections.append(Section(part, "d", len(sections), part, 1, number, at, "type_size"))
            at += len(part) + 1
    return ReadDocument(document, [Page(str(n), "d", n, text, 595, 842) for n, text in enumerate(pages, start=1)], lines, sections)


def assert_whole(found: ReadDocument, chunked: Chunked) -> None:
    """Every non-blank character stands in exactly one chunk, and every chunk is its slices."""
    texts = {page.page: page.text for page in found.pages}
    times: Counter[tuple[int, int]] = Counter()
    slices: dict[str, list[str]] = {}
    for piece in chunked.chunk_pages:
        slices.setdefault(piece.chunk_id, []).append(texts[piece.page][piece.char_from : piece.char_from + piece.n_chars])
        times.update((piece.page, at) for at in range(piece.char_from, piece.char_from + piece.n_chars))
    wrong = [
        (page, text[at - 20 : at + 20])
        for page, text in texts.items()
        for at, c in enumerate(text)
        if not c.isspace() and times[page, at] != 1
    ]
    assert wrong == []
    assert [chunk.text for chunk in chunked.chunks] == ["\n".join(slices[chunk.chunk_id]) for chunk in chunked.chunks]
    assert [chunk.rank for chunk in chunked.chunks] == list(range(len(chunked.chunks)))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_samples_chunks_hold_all_its_text_once_and_fit(path):
    found = read(path)
    chunked = chunks_of(found)
    tokenizer = load_tokenizer(ChunkParams().tokenizer)

    assert_whole(found, chunked)
    assert all(chunk.n_tokens <= 256 for chunk in chunked.chunks)
    assert [chunk.n_tokens for chunk in chunked.chunks] == [
        len(tokenizer.encode(c.text, add_special_tokens=False).ids) for c in chunked.chunks
    ]
    assert {chunk.kind for chunk in chunked.chunks} == {"body", "table", "caption", "references", "front_matter"}
    assert chunked.chunks[0].kind == "front_matter"
    assert not [c.text for c in chunked.chunks if c.kind in ("body", "table") and "example.org" in c.text]
    assert all(opens_references(chunk.section) for chunk in chunked.chunks if chunk.kind == "references")


def test_no_chunk_of_text_crosses_a_section_and_a_bare_heading_opens_the_next():
    found = read(SAMPLES[0].parent / "mirefold-plate-loan-policy.pdf")
    headings = {section.heading for section in found.sections}

    bodies = [chunk for chunk in chunks_of(found).chunks if chunk.kind == "body"]

    assert bodies
    for chunk in bodies:
        inside = [line for line in chunk.text.split("\n") if line in headings]
        assert inside[-1:] in ([], [chunk.section])
        assert inside[:-1] in ([], ["5 Loans to other institutions"])


def test_a_sentence_over_a_page_break_is_whole_in_one_chunk():
    found = made("A short one stands here. The pump was stopped because\n", "its seal leaked badly. Another sentence follows.\n")

    (chunk,) = chunks_of(found).chunks

    assert chunk.text == "A short one stands here. The pump was stopped because\nits seal leaked badly. Another sentence follows."
    assert [(piece.page, piece.rank) for piece in chunks_of(found).chunk_pages] == [(1, 0), (2, 1)]


def test_cuts_fall_at_paragraphs_before_sentences_and_at_sentences_before_words():
    sentence = "The valve of the pump opens slowly when the water rises above the mark."
    paragraph = " ".join([sentence] * 3)
    found = made("\n".join([paragraph] * 4) + "\n")

    by_paragraph = chunks_of(found, ChunkParams(max_tokens=64)).chunks
    by_sentence = chunks_of(found, ChunkParams(max_tokens=32)).chunks
    hard = chunks_of(made("word " * 100 + "\n"), ChunkParams(max_tokens=32)).chunks

    assert [chunk.text for chunk in by_paragraph] == [paragraph] * 4
    assert all(set(chunk.text.replace("\n", " ").split(". ")) <= {sentence, sentence[:-1]} for chunk in by_sentence)
    assert [len(chunk.text.split()) for chunk in hard] == [32, 32, 32, 4]


def test_everything_from_the_references_heading_to_an_appendix_is_references():
    listed = "[1] Amsel, H. Breeding birds of the marshes. Torvale University Press, 2011. https://a.example/1\n"
    found = made(
        f"Scope\nThe text of the document stands here and says what is to be said.\nReferences\n{listed}",
        f"{listed}Odd heading\n{listed}Appendix A\nThe appendix holds further text that is no reference at all.\n",
        headings=("Scope", "References", "Odd heading", "Appendix A"),
    )

    kinds = [(chunk.section, chunk.kind) for chunk in chunks_of(found).chunks]

    assert kinds == [("Scope", "body"), ("References", "references"), ("Odd heading", "references"), ("Appendix A", "body")]


def test_a_bibliography_without_a_heading_is_told_by_its_density():
    entry = "Pask, D. and Lindqvar, E. No sex difference in the return of reedlings. Journal of Ringing Studies 9, pp. 112-119, 2004."
    text = "The reedling returns to the place where it bred before, whatever the state of the reed in that year may be. " * 6

    chunks = chunks_of(made(f"{text}\n", "\n".join([entry] * 6) + "\n")).chunks

    assert bibliography_density(entry) > 10 > bibliography_density(text)
    assert {chunk.kind for chunk in chunks if "Pask" in chunk.text} == {"references"}
    assert {chunk.kind for chunk in chunks if "Pask" not in chunk.text} == {"body"}


def test_d1_tells_references_from_text_in_the_shared_papers():
    if not PAPERS.exists():
        pytest.skip("the shared papers are not here")
    pieces: dict[str, list[float]] = {"references": [], "body": []}
    for source in find_files([PAPERS]).files:
        chunks = chunks_of(read_document(source)).chunks
        for kind, densities in pieces.items():
            words = " ".join(chunk.text for chunk in chunks if chunk.kind == kind).split()
            densities += [bibliography_density(" ".join(words[at : at + 250])) for at in range(0, len(words) - 125, 250)]

    recall = sum(density >= 10 for density in pieces["references"]) / len(pieces["references"])
    false = sum(density >= 10 for density in pieces["body"]) / len(pieces["body"])

    assert len(pieces["references"]) >= 18
    assert len(pieces["body"]) >= 90
    assert recall >= 0.95
    assert false <= 0.05


def test_tables_captions_and_front_matter_are_kinds_of_their_own():
    title, author, mail, caption, row = "On Pumps", "Ada Berg", "ada@pumps.example", "Table 1: Torques.", "Bolt | 42 Nm"
    text = "The pump is driven by a motor of 75 kW, which is mounted on a hinged plate."
    found = made(
        f"{title}\n{author}\n{mail}\n1 Scope\n{text}\n{caption}\n{row}\n{text}\n",
        headings=("1 Scope",), roles={title: "title", caption: "caption", row: "table"},
    )  # fmt: skip

    kinds = {chunk.kind: chunk.text for chunk in chunks_of(found).chunks}

    assert kinds == {
        "front_matter": f"{title}\n{author}\n{mail}", "body": f"1 Scope\n{text}\n{text}", "caption": caption, "table": row,
    }  # fmt: skip


def test_a_document_without_text_has_no_chunks():
    assert chunks_of(made()) == Chunked([], [])
    assert chunks_of(made("", "\n")) == Chunked([], [])


def test_the_same_input_gives_the_same_rows():
    found = read(SAMPLES[0])

    assert chunks_of(found) == chunks_of(read(SAMPLES[0]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="ab.? A1|-é中😀\n", max_size=200), max_size=4), st.integers(16, 60))
def test_any_text_is_kept_once(pages, max_tokens):
    found = made(*pages)

    assert_whole(found, chunks_of(found, ChunkParams(max_tokens=max_tokens)))


def test_the_tokenizer_is_a_setting_of_its_own(tiny_llama: Path):
    found = read(SAMPLES[0])

    chunked = chunks_of(found, ChunkParams(tokenizer=str(tiny_llama)))

    assert_whole(found, chunked)
    assert len(chunked.chunks) > len(chunks_of(found).chunks)
    with pytest.raises(ConfigError, match=r"chunk\.tokenizer"):
        load_tokenizer(str(tiny_llama / "nothing"))


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ConfigError, match=r"chunk\.max_tokens"):
        ChunkParams(max_tokens=3)
    with pytest.raises(ConfigError, match=r"chunk\.min_fill"):
        ChunkParams(min_fill=2)
