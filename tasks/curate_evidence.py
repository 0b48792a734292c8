"""QA pair and its source -> None, or how the two do not fit: the rules that re-read the document (D1, D11, D17) and the language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks import curate_patterns as pattern
from tasks.curate_context import ASKED_KINDS, Context, Finding
from tasks.language import sure_language
from tasks.text import contains_words, numbers

if TYPE_CHECKING:
    from warehouse.tables import Chunk, QaPair


def source_is_body(pair: QaPair, context: Context) -> Finding | None:
    """D1: not from a reference list, caption or front matter; reference lists are also known by their density of citation marks."""
    if context.chunk is None:
        return "no_chunk", pair.chunk_id
    for chunk in (context.chunk, *context.others):
        if chunk.kind == "references":
            return "from_references", f"chunk {chunk.chunk_id}"
        if chunk.kind not in ASKED_KINDS:
            return "outside_body", f"chunk {chunk.chunk_id} is {chunk.kind}"
        if density := reference_density(chunk, context.params.min_reference_words, context.params.max_citation_marks):
            return "from_references", f"{density:.1f} citation marks per 100 words"
    return None


def reference_density(chunk: Chunk, min_words: int, limit: float) -> float:
    """Citation marks per 100 words of a chunk that reads like a list of works; 0.0 for any other."""
    n_words = len(chunk.text.split())
    n_years = len(pattern.YEAR.findall(chunk.text))
    n_names = len(pattern.VENUE.findall(chunk.text)) + len(pattern.AUTHOR.findall(chunk.text))
    density = 100 * (n_years + n_names) / max(n_words, 1)
    return density if n_words >= min_words and min(n_years, n_names) > 0 and density >= limit else 0.0


def evidence_rereads(pair: QaPair, context: Context) -> Finding | None:
    """D11: every quote stands verbatim at its offsets in the page's text, and in a chunk (white space folded), one of them in the pair's.

    A refusal needs no evidence: what is not there cannot be quoted.
    """
    if not context.evidence:
        return None if pair.answer_kind == "refusal" else ("no_evidence", "")
    for span in context.evidence:
        page = context.page_texts.get(span.page, "")
        if not span.quote.strip() or span.document_id != pair.document_id:
            return "evidence_not_verbatim", span.evidence_id
        if page[span.char_from : span.char_from + span.n_chars] != span.quote:
            return "evidence_not_verbatim", f"{span.evidence_id} on page {span.page}"
    own, *others = [" ".join(chunk.text.split()) for chunk in (context.chunk, *context.others) if chunk] or [""]
    quotes = {span.evidence_id: " ".join(span.quote.split()) for span in context.evidence}
    homeless = [name for name, quote in quotes.items() if not any(quote in text for text in (own, *others))]
    is_elsewhere = not any(quote in own for quote in quotes.values())
    return ("evidence_outside_chunk", min(homeless or quotes)) if homeless or is_elsewhere else None


def numbers_stand_in_chunk(pair: QaPair, context: Context) -> Finding | None:
    """D17: every number of the answer stands in the chunk or its heading; numbers that only count the answer's steps do not matter.

    A refusal may name the number that was asked about.
    """
    answer = pattern.ENUMERATOR.sub("", pair.answer) if pair.answer_kind in ("list", "procedure") else pair.answer
    asked = pair.question if pair.answer_kind == "refusal" else ""
    known = {number.lstrip("+-") for number in numbers(f"{context.source} {asked}")}
    missing = sorted(number for number in numbers(answer) if number.lstrip("+-") not in known)
    return ("number_not_in_evidence", ", ".join(missing)) if missing else None


def speaks_the_language(pair: QaPair, context: Context) -> Finding | None:
    """Question and answer are in the language of the chunk, else of the document. Only what can be told for sure is told at all.

    Short texts often cannot: question and answer together are then asked once more. An answer that stands in the source is its matter.
    """
    if not context.params.same_language or context.language is None:
        return None
    is_quoted = contains_words(context.source, pair.answer)
    texts = {"question": pair.bare_question, "answer": "" if is_quoted else pair.answer}
    texts["question and answer"] = " ".join(texts.values())
    for what, text in texts.items():
        found = sure_language(text, context.params.language_certainty) if text.strip() else None
        if found not in (None, context.language):
            return "language_mismatch", f"{what} {found}, source {context.language}"
    return None
