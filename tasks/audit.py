"""Sets as landed -> leaks: each test set's own rule, checked anew by plain joins that owe nothing to how the sets were made.

test_rephrased        its fact is trained; its wording is not
test_unseen_fact      no trained fact, overlapping span, quote, run of words, or paraphrase (same document, same answer, near question);
                      nothing that was refined from the same pair as a trained one
test_unseen_document  no trained document, quote or run of words; no trained wording

Trained means train and validation: both shape the adapter that is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.deduplicate import question_vectors, what_is_said
from tasks.embed import EmbedParams
from tasks.split import SplitParams
from tasks.text import ngrams, normalise, words
from warehouse.errors import LeakFound
from warehouse.tables import Evidence, QaPair, Split, SplitRow

if TYPE_CHECKING:
    import numpy as np

VERSION = 1
N_NAMED = 3  # leaks that an error message names


@dataclass(frozen=True, slots=True)
class Leak:
    """A test pair and the trained pair with which it shares what its set forbids. ``train_pair_id`` is empty for a fact never taught."""

    rule: str
    split: Split
    test_pair_id: str
    train_pair_id: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Trained:
    """What train and validation hold -> the first pair that holds it."""

    facts: dict[str, str]
    taught: dict[tuple[str, str], str]
    documents: dict[str, str]
    wordings: dict[object, str]
    quotes: dict[str, str]
    runs: dict[tuple[str, ...], str]
    spans: dict[tuple[str, int], list[tuple[Evidence, str]]]
    saying: dict[tuple[str, str], list[QaPair]]
    families: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Scene:
    """All that a check may look at."""

    trained: _Trained
    spans: Mapping[str, Sequence[Evidence]]
    vectors: Mapping[str, np.ndarray]
    params: SplitParams
    parents: Mapping[str, str]


Found = tuple[str, str, str]
"""(rule, train_pair_id, detail)."""
Check = Callable[[QaPair, _Scene], Found | None]


def audit_split(
    pairs: Sequence[QaPair],
    evidence: Sequence[Evidence],
    rows: Sequence[SplitRow],
    params: SplitParams = SplitParams(),  # noqa: B008  # frozen
    embed_params: EmbedParams | None = None,
    parents: Mapping[str, str] | None = None,
) -> list[Leak]:
    """Every breach of a test set's rule, at most one per test pair and rule, in the order of ``rows``. Empty when all is well.

    ``parents``: parent of every pair that has one, dropped pairs included; None: those that ``pairs`` themselves name.
    """
    kin = {pair.pair_id: pair.parent_id for pair in pairs if pair.parent_id} if parents is None else parents
    by_id = {pair.pair_id: pair for pair in pairs}
    spans: dict[str, list[Evidence]] = defaultdict(list)
    for span in evidence:
        spans[span.pair_id].append(span)
    taught = [(by_id[row.pair_id], row.split) for row in rows if row.split in ("train", "validation")]
    trained = _trained(taught, spans, params.ngram, kin)
    tests = [(by_id[row.pair_id], row.split) for row in rows if row.split in CHECKS]
    scene = _Scene(trained, spans, _vectors(tests, trained, embed_params), params, kin)
    found = ((pair, split, check(pair, scene)) for pair, split in tests for check in CHECKS[split])
    return [Leak(leak[0], split, pair.pair_id, leak[1], leak[2]) for pair, split, leak in found if leak]


def refuse_leaks(leaks: Sequence[Leak]) -> None:
    """Let a clean split pass.

    Raises:
        LeakFound: there is a leak; the message names rule and both ids of the first few.
    """
    if not leaks:
        return
    named = "; ".join(
        f"{leak.split} {leak.test_pair_id} and trained {leak.train_pair_id or 'none'}: {leak.rule} ({leak.detail})"
        for leak in leaks[:N_NAMED]
    )
    more = f"; and {len(leaks) - N_NAMED} more" if len(leaks) > N_NAMED else ""
    raise LeakFound(
        f"{len(leaks)} leaks between what is trained and what is asked",
        where=named + more,
        mend="look both pairs up in qa_pairs; drop one in curation, or report it: the split should not have let it through",
    )


def is_taught(pair: QaPair, scene: _Scene) -> Found | None:
    """A rephrased pair asks for a fact that some other wording in train teaches."""
    return None if (pair.fact_id, what_is_said(pair)) in scene.trained.taught else ("fact_not_taught", "", pair.fact_id)


def shares_wording(pair: QaPair, scene: _Scene) -> Found | None:
    """Asked in trained words: the whole question, or within the document the question without the title."""
    for wording in _wordings(pair):
        if wording in scene.trained.wordings:
            return "shares_wording", scene.trained.wordings[wording], pair.bare_question
    return None


def shares_fact(pair: QaPair, scene: _Scene) -> Found | None:
    """Asks for a trained fact."""
    train_id = scene.trained.facts.get(pair.fact_id)
    return ("shares_fact", train_id, pair.fact_id) if train_id else None


def shares_family(pair: QaPair, scene: _Scene) -> Found | None:
    """Was refined from the pair that a trained one was refined from, or from a trained one, or that from it."""
    family = _family(pair, scene.parents)
    train_id = scene.trained.families.get(family)
    return ("shares_family", train_id, family) if train_id else None


def shares_document(pair: QaPair, scene: _Scene) -> Found | None:
    """Asks about a trained document."""
    train_id = scene.trained.documents.get(pair.document_id)
    return ("shares_document", train_id, pair.document_id) if train_id else None


def shares_span(pair: QaPair, scene: _Scene) -> Found | None:
    """Rests on code points that a trained pair rests on."""
    for own in scene.spans.get(pair.pair_id, ()):
        for other, train_id in scene.trained.spans.get((own.document_id, own.page), ()):
            start, end = max(own.char_from, other.char_from), min(own.char_from + own.n_chars, other.char_from + other.n_chars)
            if start < end:
                return "shares_span", train_id, f"page {own.page}, code points {start} to {end}"
    return None


def shares_quote(pair: QaPair, scene: _Scene) -> Found | None:
    """Rests on the same words, wherever they stand."""
    for span in scene.spans.get(pair.pair_id, ()):
        quote = normalise(span.quote)
        if train_id := scene.trained.quotes.get(quote) if quote else None:
            return "shares_quote", train_id, span.quote
    return None


def shares_run(pair: QaPair, scene: _Scene) -> Found | None:
    """Has a run of ``ngram`` words of its question or answer in common with a trained question or answer."""
    for run in sorted(_runs(pair, scene.params.ngram)):
        if train_id := scene.trained.runs.get(run):
            return f"shares_{scene.params.ngram}gram", train_id, " ".join(run)
    return None


def paraphrases(pair: QaPair, scene: _Scene) -> Found | None:
    """Asks nearly what a trained pair of the document asks, and the answer says the same."""
    others = scene.trained.saying.get((pair.document_id, what_is_said(pair)), ())
    cosines = [(float(scene.vectors[pair.pair_id] @ scene.vectors[other.pair_id]), other.pair_id) for other in others]
    cosine, train_id = max(cosines, default=(-1.0, ""))
    return ("paraphrase", train_id, f"cosine {cosine:.3f}") if cosine >= scene.params.leak_cosine else None


CHECKS: dict[Split, tuple[Check, ...]] = {
    "test_rephrased": (is_taught, shares_wording),
    "test_unseen_fact": (shares_wording, shares_fact, shares_family, shares_span, shares_quote, shares_run, paraphrases),
    "test_unseen_document": (shares_wording, shares_document, shares_quote, shares_run),
}


def _trained(
    pairs: Iterable[tuple[QaPair, Split]], spans: Mapping[str, Sequence[Evidence]], n: int, parents: Mapping[str, str]
) -> _Trained:
    trained = _Trained({}, {}, {}, {}, {}, {}, defaultdict(list), defaultdict(list), {})
    for pair, split in pairs:
        trained.facts.setdefault(pair.fact_id, pair.pair_id)
        trained.documents.setdefault(pair.document_id, pair.pair_id)
        trained.families.setdefault(_family(pair, parents), pair.pair_id)
        trained.saying[pair.document_id, what_is_said(pair)].append(pair)
        if split == "train":
            trained.taught.setdefault((pair.fact_id, what_is_said(pair)), pair.pair_id)
        for wording in _wordings(pair):
            trained.wordings.setdefault(wording, pair.pair_id)
        for run in _runs(pair, n):
            trained.runs.setdefault(run, pair.pair_id)
        for span in spans.get(pair.pair_id, ()):
            trained.quotes.setdefault(normalise(span.quote), pair.pair_id)
            trained.spans[span.document_id, span.page].append((span, pair.pair_id))
    return trained


def _vectors(tests: Iterable[tuple[QaPair, Split]], trained: _Trained, embed_params: EmbedParams | None) -> dict[str, np.ndarray]:
    """Of the pairs that could paraphrase each other, and no others."""
    needed: dict[str, QaPair] = {}
    for pair, split in tests:
        others = trained.saying.get((pair.document_id, what_is_said(pair)), ()) if split == "test_unseen_fact" else ()
        needed |= {one.pair_id: one for one in (pair, *others) if others}
    return question_vectors(needed.values(), embed_params)


def _wordings(pair: QaPair) -> tuple[object, ...]:
    return normalise(pair.question), (pair.document_id, normalise(pair.bare_question))


def _family(pair: QaPair, parents: Mapping[str, str]) -> str:
    name, n_left = pair.parent_id or pair.pair_id, len(parents)
    while name in parents and n_left:  # no longer chain can be free of a circle
        name, n_left = parents[name], n_left - 1
    return name


def _runs(pair: QaPair, n: int) -> set[tuple[str, ...]]:
    """A refusal's own words tell nothing of what is asked."""
    said = "" if pair.answer_kind == "refusal" else pair.answer
    return ngrams(words(pair.bare_question), n) | ngrams(words(said), n)
