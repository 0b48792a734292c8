"""Chunks -> vectors of their sentences; test questions -> the chunks with the nearest sentence over all documents, by exact cosine.

A question asks for one sentence's fact, so a chunk is as near as its nearest sentence; each is embedded behind its document's title, which
questions name and sentences rarely do. Measured on 400 questions of four arXiv papers, share whose own chunk is among the first two: .66;
.50 for the mean of these vectors, .35 for the mean of 120-word windows, .29 without titles. On the sample documents .94.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.embed import embed, model_identity, windows
from tasks.text import sentence_spans
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import ChunkVector, Retrieval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.embed import EmbedParams
    from warehouse.tables import Chunk, Document, QaPair

VERSION = 1
KINDS = ("body", "table")
SCORE_DIGITS = 6
"""Cosines are compared to this many digits: what lies below is rounding, and ties go by chunk_id."""


@dataclass(frozen=True, slots=True)
class RetrieveParams:
    """What the retrieval arms are shown."""

    top_k: int = 2
    """Chunks per question, best first."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a setting out of bounds."""
        if self.top_k < 1:
            raise ConfigError("out of bounds", where="retrieve.top_k", mend="use at least 1")


def embed_chunks(chunks: Sequence[Chunk], documents: Mapping[str, Document], params: EmbedParams) -> list[ChunkVector]:
    """One unit vector per sentence of every body or table chunk, by chunk_id and place; none for blank chunks."""
    wanted = sorted((chunk for chunk in chunks if chunk.kind in KINDS), key=lambda chunk: chunk.chunk_id)
    pieces = [(chunk, rank, piece) for chunk in wanted for rank, piece in enumerate(_pieces(chunk.text, params.window_words))]
    vectors = embed([f"{documents[chunk.document_id].title}\n{piece}" for chunk, _, piece in pieces], params)
    identity = model_identity(params.model)
    return [
        ChunkVector(key(chunk.chunk_id, identity, rank), chunk.chunk_id, chunk.document_id, rank, identity, tuple(vector.tolist()))
        for (chunk, rank, _), vector in zip(pieces, vectors, strict=True)
    ]


def retrieve(
    pairs: Sequence[QaPair],
    vectors: Sequence[ChunkVector],
    params: RetrieveParams,
    embed_params: EmbedParams,
) -> list[Retrieval]:
    """The ``top_k`` chunks nearest to each question as asked, fewer where there are fewer chunks; ties go to the smaller chunk_id."""
    if not pairs or not vectors:
        return []
    near = nearest_chunks([pair.question for pair in pairs], vectors, params.top_k, embed_params)
    return [
        Retrieval(key(pair.pair_id, rank, name), pair.pair_id, rank, name, score, name == pair.chunk_id)
        for pair, found in zip(pairs, near, strict=True)
        for rank, (name, score) in enumerate(found)
    ]


def nearest_chunks(
    texts: Sequence[str], vectors: Sequence[ChunkVector], top_k: int, embed_params: EmbedParams
) -> list[list[tuple[str, float]]]:
    """For each text the (chunk_id, cosine) of the ``top_k`` chunks nearest to it, best first; ties go to the smaller chunk_id."""
    import numpy as np  # noqa: PLC0415  # keeps the settings quick to import

    ordered = sorted(vectors, key=lambda row: (row.chunk_id, row.rank))
    table = np.array([row.vector for row in ordered], dtype=np.float32)
    starts = [at for at, row in enumerate(ordered) if not at or row.chunk_id != ordered[at - 1].chunk_id]
    found = []
    for query in embed(texts, embed_params):
        scores = np.round(np.maximum.reduceat(table @ query, starts), SCORE_DIGITS)
        best = np.argsort(-scores, kind="stable")[:top_k]  # a stable sort leaves equal scores in the order of their ids
        found.append([(ordered[starts[at]].chunk_id, float(scores[at])) for at in best])
    return found


def _pieces(text: str, n_words: int) -> list[str]:
    """The sentences of ``text``, longer ones cut into windows."""
    return [piece for start, end in sentence_spans(text) for piece in windows(text[start:end], n_words)]
