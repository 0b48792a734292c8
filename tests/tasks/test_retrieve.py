import numpy as np
import pytest

from tasks.embed import EmbedParams, embed
from tasks.retrieve import RetrieveParams, embed_chunks, retrieve
from warehouse.errors import ConfigError
from warehouse.tables import CHUNK_VECTORS, RETRIEVALS, Chunk, ChunkVector, Document, QaPair

EMBED = EmbedParams()
TITLES = {"d1": "Service Manual for the Valve K-2", "d2": "Field Study of Alpine Beetles"}
TEXTS = {
    "c1": ("d1", "Torque", "The flange bolts are tightened to 35 Nm in two passes."),
    "c2": ("d1", "Storage", "Keep the seals in a dry place below 25 degrees, away from light."),
    "c3": ("d2", "Methods", "Traps were set at eleven sites between May and September."),
    "c4": ("d2", "Results", "The most frequent species made up 41 percent of the catch."),
}


def document(name: str) -> Document:
    return Document(name, name, f"{name}.pdf", None, TITLES[name], "metadata", 1, 1, 1, 1, "ok", None, (), None)


def chunk(name: str, kind: str = "body", text: str | None = None) -> Chunk:
    owner, section, own = TEXTS[name]
    return Chunk(name, owner, 0, section, kind, text or own, 20)  # type: ignore[arg-type]


def pair(name: str, chunk_id: str, question: str) -> QaPair:
    return QaPair(name, TEXTS[chunk_id][0], chunk_id, "f", 0, question, question, "a", None, "text", "p", "g")


def vector(name: str, *numbers: float, rank: int = 0) -> ChunkVector:
    return ChunkVector(f"{name}{rank}", name, "d", rank, "m", numbers)


DOCUMENTS = {name: document(name) for name in TITLES}
CHUNKS = [chunk(name) for name in TEXTS]
PAIRS = [
    pair("q1", "c1", "What torque do the flange bolts of the valve get?"),
    pair("q2", "c2", "How should the seals be stored?"),
    pair("q3", "c3", "When were the traps set?"),
    pair("q4", "c4", "According to 'Field Study of Alpine Beetles', what share did the most frequent species have?"),
]


def test_a_question_finds_the_chunk_it_was_made_from():
    vectors = embed_chunks(CHUNKS, DOCUMENTS, EMBED)
    found = retrieve(PAIRS, vectors, RetrieveParams(top_k=2), EMBED)

    assert [row.chunk_id for row in found if row.rank == 0] == ["c1", "c2", "c3", "c4"]
    assert [row.is_evidence_chunk for row in found if row.rank == 0] == [True] * 4
    assert all(first.score >= second.score for first, second in zip(found[::2], found[1::2], strict=True))
    assert RETRIEVALS.to_arrow(found).num_rows == 8
    assert CHUNK_VECTORS.to_arrow(vectors).num_rows == 4


def test_a_question_that_names_a_title_finds_its_document():
    found = retrieve(
        [pair("q", "c3", "What does the Field Study of Alpine Beetles say?")],
        embed_chunks(CHUNKS, DOCUMENTS, EMBED),
        RetrieveParams(top_k=2),
        EMBED,
    )

    assert {row.chunk_id for row in found} == {"c3", "c4"}


def test_the_same_input_gives_the_same_rows_in_any_order():
    vectors = embed_chunks(CHUNKS, DOCUMENTS, EMBED)

    assert embed_chunks(CHUNKS[::-1], DOCUMENTS, EMBED) == vectors
    assert retrieve(PAIRS, vectors[::-1], RetrieveParams(), EMBED) == retrieve(PAIRS, vectors, RetrieveParams(), EMBED)


def test_chunks_that_are_not_asked_about_are_not_embedded():
    kinds = ["body", "table", "caption", "references"]

    found = embed_chunks([chunk(name, kind) for name, kind in zip(TEXTS, kinds, strict=True)], DOCUMENTS, EMBED)

    assert [row.chunk_id for row in found] == ["c1", "c2"]


def test_a_chunk_has_a_vector_for_each_sentence_and_each_window_of_a_long_one():
    small = EmbedParams(window_words=10)
    words = " ".join(f"Word{n}" for n in range(25))
    found = embed_chunks([chunk("c1", text=f"The pump is red. {words}.\nIt is heavy.")], DOCUMENTS, small)

    pieces = ["The pump is red.", *[" ".join(f"{words}.".split()[at : at + 10]) for at in (0, 10, 20)], "It is heavy."]
    wanted = embed([f"Service Manual for the Valve K-2\n{piece}" for piece in pieces], small)
    assert np.allclose([row.vector for row in found], wanted, atol=1e-6)
    assert np.allclose(np.linalg.norm(wanted, axis=1), 1)
    assert [row.rank for row in found] == [0, 1, 2, 3, 4]


def test_a_chunk_is_as_near_as_its_nearest_sentence():
    (question,) = embed(["Which?"], EMBED)
    same, opposite = tuple(question.tolist()), tuple((-question).tolist())
    vectors = [vector("a", *opposite, rank=0), vector("a", *same, rank=1), vector("b", *opposite, rank=0)]

    found = retrieve([pair("q", "c1", "Which?")], vectors, RetrieveParams(top_k=3), EMBED)

    assert [(row.chunk_id, round(row.score, 3)) for row in found] == [("a", 1.0), ("b", -1.0)]


def test_ties_go_to_the_smaller_id_and_scores_are_cosines():
    (question,) = embed(["Which?"], EMBED)
    same = tuple(question.tolist())
    opposite = tuple((-question).tolist())
    vectors = [vector("c", *same), vector("a", *opposite), vector("b", *same)]

    found = retrieve([pair("q", "c1", "Which?")], vectors, RetrieveParams(top_k=3), EMBED)

    assert [row.chunk_id for row in found] == ["b", "c", "a"]
    assert [row.score for row in found] == pytest.approx([1, 1, -1], abs=1e-5)


def test_fewer_chunks_than_asked_for_are_all_found_and_none_is_none():
    vectors = embed_chunks(CHUNKS[:1], DOCUMENTS, EMBED)

    assert len(retrieve(PAIRS[:1], vectors, RetrieveParams(top_k=9), EMBED)) == 1
    assert embed_chunks([], DOCUMENTS, EMBED) == []
    assert retrieve([], vectors, RetrieveParams(), EMBED) == retrieve(PAIRS, [], RetrieveParams(), EMBED) == []


def test_retrieving_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"retrieve\.top_k"):
        RetrieveParams(top_k=0)
