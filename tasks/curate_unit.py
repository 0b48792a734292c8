"""Units -> rows of the curate stage: one document's pairs, with what people decided about them and a model to ask where one is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tasks.budget import Budget
from tasks.curate import Curated, CurateParams, curate_document
from tasks.curate_reviews import concerning
from tasks.prompt import PROMPTS, load_prompt
from tasks.text import sentence_spans, words
from tasks.units import Made, Unit
from warehouse import tables as t
from warehouse.schema import Table
from warehouse.store import Warehouse


def curate(
    store: Warehouse, work: Unit, params: CurateParams, budget: Budget, *, reviews: Sequence[t.Review] = (), refusal: str = ""
) -> Made:
    """One document's pairs -> ``kept_pairs``, and a ``rejected`` row for each that fails a rule, a mark or a review.

    With a scoring model also ``pair_scores llm_calls``; with rewritten pairs also ``qa_pairs evidence`` of these.
    """
    (document,) = store.rows(t.DOCUMENTS, work.reads)
    pairs, evidence, chunks, pages = (store.rows(table, work.reads) for table in (t.QA_PAIRS, t.EVIDENCE, t.CHUNKS, t.PAGES))
    sift = partial(
        curate_document, document, pairs, evidence, chunks, pages, params,
        reviews=reviews, refusal=refusal, prompt_examples=prompt_examples(pairs),
    )  # fmt: skip
    if not params.scorer.is_on:
        return _curated(sift())
    from tasks.ledger import Ledger  # noqa: PLC0415  # not needed without a model

    with Ledger(store, work, params.scorer.model, stage="curate", document_id=document.document_id, budget=budget) as ledger:
        made = _curated(sift(ask=ledger.ask))
        return replace(made, tables={**made.tables, t.LLM_CALLS: ledger.rows}, n_retryable=ledger.n_retryable)


def _curated(curated: Curated) -> Made:
    made: dict[Table, Sequence[Any]] = {t.KEPT_PAIRS: curated.kept, t.REJECTED: curated.rejected}
    more: dict[Table, Sequence[Any]] = {t.PAIR_SCORES: curated.scores, t.QA_PAIRS: curated.new_pairs, t.EVIDENCE: curated.new_evidence}
    return Made(made | {table: some for table, some in more.items() if some})


def reviews_of(store: Warehouse, generated: Unit, decisions: Mapping[str, t.Review]) -> list[t.Review]:
    """The decisions (by pair_id) that concern one document's pairs as they are generated now."""
    return concerning([pair.pair_id for pair in store.rows(t.QA_PAIRS, [generated.unit_id])], decisions) if decisions else []


def prompt_examples(pairs: Sequence[t.QaPair], min_words: int = 6) -> list[str]:
    """The questions that stand in the prompt files that made ``pairs`` (D2): what a model is shown it likes to ask again."""
    asked = {pair.prompt_sha256 for pair in pairs} - {None}
    prompts = [load_prompt(path.stem) for path in sorted(PROMPTS.glob("*.md"))] if asked else []
    texts = [f"{prompt.system}\n{prompt.user}" for prompt in prompts if prompt.sha256 in asked]
    sentences = (text[start:end] for text in texts for start, end in sentence_spans(text))
    return [sentence for sentence in sentences if sentence.rstrip("\"'”’)").endswith("?") and len(words(sentence)) >= min_words]  # noqa: RUF001
