"""Pairs and what people decided about them -> which pairs there are now, and who has spoken for each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tasks.generate_rows import named_source
from tasks.text import normalise
from warehouse.keys import key
from warehouse.tables import Evidence, QaPair, Review

PERSON = "person"
PATTERN = "review"


@dataclass(frozen=True, slots=True)
class Revised:
    """A document's pairs with those that people rewrote; ``decisions`` by pair_id, ``rewritten`` the ids of the new pairs."""

    pairs: list[QaPair]
    """Those that were given, then the new ones."""
    new_pairs: list[QaPair]
    new_evidence: list[Evidence]
    decisions: Mapping[str, Review]


def standing(reviews: Iterable[Review]) -> dict[str, Review]:
    """pair_id -> the decision that holds: the one that no other takes the place of. Of several (imports on two machines) the latest."""
    known = list(reviews)
    replaced = {review.replaces for review in known}
    open_ones = [review for review in known if review.review_id not in replaced]
    return {review.pair_id: review for review in sorted(open_ones, key=lambda review: (review.reviewed_at, review.review_id))}


def concerning(pair_ids: Collection[str], decisions: Mapping[str, Review]) -> list[Review]:
    """The decisions on these pairs, and on the pairs that these decisions make, in a fixed order."""
    wanted, found = list(pair_ids), {}
    while wanted:
        review = decisions.get(wanted.pop())
        if review and review.review_id not in found:
            found[review.review_id] = review
            wanted += [rewritten_id(review)] if review.decision == "change" else []
    return [found[name] for name in sorted(found)]


def rewritten_id(review: Review) -> str:
    """The id of the pair that a change makes: the same change by anyone makes the same pair."""
    return key(PERSON, review.pair_id, review.question, review.answer, review.answer_key)


def revise(pairs: Sequence[QaPair], evidence: Sequence[Evidence], titles: Mapping[str, str], reviews: Sequence[Review]) -> Revised:
    """Make the pairs that people rewrote. A new pair keeps its parent's fact and evidence; its question names the title where that did.

    ``titles``: by document_id. A rewritten pair may itself be reviewed.
    """
    decisions = {review.pair_id: review for review in reviews}
    spans: dict[str, list[Evidence]] = {}
    for span in evidence:
        spans.setdefault(span.pair_id, []).append(span)
    known = {pair.pair_id for pair in pairs}
    revised = Revised(list(pairs), [], [], decisions)
    for pair in revised.pairs:  # grows as it is walked: changes of changes come behind
        review = decisions.get(pair.pair_id)
        if review is None or review.decision != "change" or rewritten_id(review) in known:
            continue
        made = _rewrite(pair, titles[pair.document_id], review)
        known.add(made.pair_id)
        own = [replace(span, evidence_id=key(made.pair_id, span.rank), pair_id=made.pair_id) for span in spans.get(pair.pair_id, ())]
        spans[made.pair_id] = own
        revised.pairs.append(made)
        revised.new_pairs.append(made)
        revised.new_evidence.extend(own)
    return revised


def _rewrite(pair: QaPair, title: str, review: Review) -> QaPair:
    pair_id = rewritten_id(review)
    names_title = normalise(pair.question) != normalise(pair.bare_question)
    is_same_question = review.question == pair.bare_question
    asked = pair.question if is_same_question else named_source(review.question, title, pair_id) if names_title else review.question
    return replace(
        pair,
        pair_id=pair_id,
        question=asked,
        bare_question=review.question,
        answer=review.answer,
        answer_key=review.answer_key,
        pattern=PATTERN,
        generator=PERSON,
        parent_id=pair.pair_id,
        prompt_sha256=None,
    )
