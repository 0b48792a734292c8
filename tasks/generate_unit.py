"""Units -> rows of the generate stage: one document's chunks, with a model to ask and its neighbours to look up where one is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.budget import Budget, BudgetParams
from tasks.embed import EmbedParams
from tasks.generate import ASKED_KINDS, Generated, GenerateParams, Model, generate_pairs
from tasks.generate_scene import Nearest
from tasks.units import Made, Unit
from warehouse import tables as t
from warehouse.errors import MissingPrerequisite
from warehouse.schema import Table
from warehouse.store import Warehouse

N_NEIGHBOURS = 16
"""Nearest chunks that are looked up at least: a chunk's multi-hop questions take its neighbours in turn."""


def generate(store: Warehouse, work: Unit, params: GenerateParams, embed_params: EmbedParams, budget: Budget | None = None) -> Made:
    """One document's chunks -> ``qa_pairs evidence``, and a ``rejected`` row for all that came to nothing; ``llm_calls`` of a model.

    Raises:
        MissingPrerequisite: a model is to be asked, and the document's chunks have no vectors yet.
    """
    (document,) = store.rows(t.DOCUMENTS, work.reads)
    chunks, slices, pages, lines = (store.rows(table, work.reads) for table in (t.CHUNKS, t.CHUNK_PAGES, t.PAGES, t.PAGE_LINES))
    source = (document, chunks, slices, pages, lines, params)
    if params.method != "llm":
        return _made(generate_pairs(*source))
    from tasks.ledger import Ledger  # noqa: PLC0415  # not needed without a model

    near = nearest(chunks, store.rows(t.CHUNK_VECTORS, work.reads), params.llm.top_k, embed_params)
    purse = budget or Budget(store.root, work.unit_id, BudgetParams())
    with Ledger(store, work, params.llm.model, stage="generate", document_id=document.document_id, budget=purse) as ledger:
        made = _made(generate_pairs(*source, Model(ledger.ask, near)), ledger.rows)
        return Made(made.tables, n_retryable=ledger.n_retryable)


def nearest(chunks: Sequence[t.Chunk], vectors: Sequence[t.ChunkVector], top_k: int, params: EmbedParams) -> Nearest:
    """Text -> ids of a document's chunks that may be asked about, nearest first, as many as anyone looks at.

    A document of so few chunks that all are looked at needs no model for that: they come in reading order.

    Raises:
        MissingPrerequisite: there are more, and they have no vectors.
    """
    from tasks.retrieve import nearest_chunks  # noqa: PLC0415  # pulls in sentence-transformers

    asked = [chunk.chunk_id for chunk in sorted(chunks, key=lambda chunk: chunk.rank) if chunk.kind in ASKED_KINDS]
    if len(asked) <= top_k:
        return lambda _: asked
    known = [row for row in vectors if row.chunk_id in set(asked)]
    if not known:
        raise MissingPrerequisite("the document's chunks have no vectors", where="stage embed", mend="run again: they are embedded first")

    def names(text: str) -> list[str]:
        (found,) = nearest_chunks([text], known, max(top_k, N_NEIGHBOURS), params)
        return [name for name, _ in found]

    return names


def _made(made: Generated, calls: Sequence[t.LlmCall] | None = None) -> Made:
    tables: dict[Table, Sequence[Any]] = {t.QA_PAIRS: made.pairs, t.EVIDENCE: made.evidence, t.REJECTED: made.rejected}
    return Made(tables if calls is None else tables | {t.LLM_CALLS: calls})
