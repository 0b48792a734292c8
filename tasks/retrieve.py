"""Chunks -> vectors, test questions -> the nearest chunks over all documents, by exact cosine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.embed import embed, model_identity, windows
from warehouse.errors import ConfigError
from warehouse.keys import key
from warehouse.tables import ChunkVector, Retrieval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

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
    """One unit vector per body or table chunk, by chunk_id: the mean of its windows' vectors, made unit length again.

    Each window is embedded behind the document's title and the section's heading, which questions name and chunks rarely do.
    """
    import numpy as np  # noqa: PLC0415  # keeps the settings quick to import

    wanted = sorted((chunk for chunk in chunks if chunk.kind in KINDS), key=lambda chunk: chunk.chunk_id)
    texts = [_windows_with_heading(chunk, documents[chunk.document_id].title, params) for chunk in wanted]
    vectors = embed([window for some in texts for window in some], params)
    bounds = np.cumsum([0, *(len(some) for some in texts)])
    identity = model_identity(params.model)
    return [
        ChunkVector(chunk.chunk_id, chunk.document_id, identity, tuple(_unit(vectors[start:end].mean(axis=0)).tolist()))
        for chunk, start, end in zip(wanted, bounds[:-1], bounds[1:], strict=True)
    ]


def retrieve(
    pairs: Sequence[QaPair],
    vectors: Sequence[ChunkVector],
    params: RetrieveParams,
    embed_params: EmbedParams,
) -> list[Retrieval]:
    """The ``top_k`` chunks nearest to each question as asked, fewer where there are fewer chunks; ties go to the smaller chunk_id."""
    import numpy as np  # noqa: PLC0415  # keeps the settings quick to import

    if not pairs or not vectors:
        return []
    ordered = sorted(vectors, key=lambda row: row.chunk_id)
    table = np.array([row.vector for row in ordered], dtype=np.float32)
    found = []
    for pair, query in zip(pairs, embed([pair.question for pair in pairs], embed_params), strict=True):
        scores = np.round(table @ query, SCORE_DIGITS)
        # a stable sort leaves equal scores in the order of their ids
        for rank, at in enumerate(np.argsort(-scores, kind="stable")[: params.top_k]):
            chunk_id = ordered[at].chunk_id
            is_evidence = chunk_id == pair.chunk_id
            found.append(Retrieval(key(pair.pair_id, rank, chunk_id), pair.pair_id, rank, chunk_id, float(scores[at]), is_evidence))
    return found


def _windows_with_heading(chunk: Chunk, title: str, params: EmbedParams) -> list[str]:
    heading = " - ".join(part for part in (title, chunk.section) if part)
    return [f"{heading}\n{window}" for window in windows(chunk.text, params.window_words)]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float((vector @ vector) ** 0.5), 1e-12)
