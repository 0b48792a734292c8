"""Pairs and their spans -> lineages: which facts of a document have so much in common that no set may hold some and not the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from tasks.deduplicate import question_vectors, what_is_said
from tasks.embed import EmbedParams
from tasks.text import ngrams, words
from warehouse.tables import Evidence, QaPair

if TYPE_CHECKING:
    from tasks.split import SplitParams

COSINE_NOISE = 0.005
"""bf16 vectors of one text differ by a quarter of this between batches; the audit may not see what was not held together."""


def find_lineages(
    pairs: Sequence[QaPair],
    spans: Mapping[str, Sequence[Evidence]],
    params: SplitParams,
    embed_params: EmbedParams | None,
    parents: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Fact id -> lineage id: the smallest fact id of the connected component, which never crosses a document."""
    from scipy.cluster.hierarchy import DisjointSet  # noqa: PLC0415  # slow to import

    facts: DisjointSet = DisjointSet(sorted({pair.fact_id for pair in pairs}))
    found = (_overlaps(pairs, spans), _shared_runs(pairs, params.ngram), _paraphrases(pairs, params, embed_params), _kin(pairs, parents))
    for one, other in (joined for some in found for joined in some):
        facts.merge(one, other)
    return {fact: min(family) for family in facts.subsets() for fact in family}


def _overlaps(pairs: Iterable[QaPair], spans: Mapping[str, Sequence[Evidence]]) -> list[tuple[str, str]]:
    """Facts whose evidence has code points in common."""
    pages: dict[tuple[str, int], list[tuple[int, int, str]]] = defaultdict(list)
    for pair in pairs:
        for span in spans.get(pair.pair_id, ()):
            pages[span.document_id, span.page].append((span.char_from, span.char_from + span.n_chars, pair.fact_id))
    joined = []
    for page in pages.values():
        reached, holder = -1, ""
        for start, end, fact in sorted(page):
            if start < reached:
                joined.append((holder, fact))
            if end > reached:
                reached, holder = end, fact
    return joined


def _shared_runs(pairs: Iterable[QaPair], n: int) -> list[tuple[str, str]]:
    """Facts of one document that share a run of ``n`` words in bare question or answer."""
    first: dict[tuple[str, tuple[str, ...]], str] = {}
    joined = []
    for pair in pairs:
        for gram in runs_of(pair, n):
            holder = first.setdefault((pair.document_id, gram), pair.fact_id)
            if holder != pair.fact_id:
                joined.append((holder, pair.fact_id))
    return joined


def _paraphrases(pairs: Iterable[QaPair], params: SplitParams, embed_params: EmbedParams | None) -> list[tuple[str, str]]:
    """Facts of one document that say the same thing in answer to nearly the same question: one fact, stated twice."""
    groups: dict[tuple[str, str], list[QaPair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.document_id, what_is_said(pair)].append(pair)
    groups = {said: group for said, group in groups.items() if len({pair.fact_id for pair in group}) > 1}
    vectors = question_vectors((pair for group in groups.values() for pair in group), embed_params)
    least = params.leak_cosine - COSINE_NOISE
    return [
        (one.fact_id, other.fact_id)
        for group in groups.values()
        for one, other in combinations(group, 2)
        if one.fact_id != other.fact_id and float(vectors[one.pair_id] @ vectors[other.pair_id]) >= least
    ]


def _kin(pairs: Sequence[QaPair], parents: Mapping[str, str] | None) -> Iterator[tuple[str, str]]:
    """Facts of pairs that descend from one pair, whether that is among them or was dropped."""
    named = {pair.pair_id: pair.parent_id for pair in pairs if pair.parent_id} if parents is None else parents
    holders: dict[str, str] = {}
    for pair in pairs:
        ancestor = eldest(pair, named)
        holder = holders.setdefault(ancestor, pair.fact_id)
        if holder != pair.fact_id:
            yield holder, pair.fact_id


def eldest(pair: QaPair, parents: Mapping[str, str]) -> str:
    """Id of the pair that this one descends from in the end; its own where it has no parent."""
    ancestor, seen = pair.parent_id or pair.pair_id, {pair.pair_id}
    while ancestor in parents and ancestor not in seen:
        seen.add(ancestor)
        ancestor = parents[ancestor]
    return ancestor


def runs_of(pair: QaPair, n: int) -> set[tuple[str, ...]]:
    """Runs of ``n`` words of the bare question and the answer. A refusal's words are everybody's, and say nothing of what is asked."""
    runs = ngrams(words(pair.bare_question), n)
    return runs if pair.answer_kind == "refusal" else runs | ngrams(words(pair.answer), n)
