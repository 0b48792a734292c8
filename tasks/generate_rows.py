"""Facts of one document -> rows: pairs with ids and titles, the page spans they rest on, and a row for everything that was dropped."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.curate_patterns import ENGLISH
from tasks.extract_spans import PageSpan, PageSpans
from tasks.extract_titles import with_title
from tasks.generate_draft import Drafted, Dropped, Stated, printed
from tasks.text import normalise, words
from warehouse.keys import key
from warehouse.tables import Document, Evidence, QaPair, Rejected

STAGE = "generate"
UNFILLED = "unfilled_"
"""Begins the reason of a question that was asked for and not had; what became of the last try follows."""


@dataclass(frozen=True, slots=True)
class Generated:
    """What one document gave: pairs, the spans they rest on, and a row for each chunk or pair that was left out."""

    pairs: list[QaPair] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Manner:
    """How facts become rows. ``min_wordings``: fewest that one may be left with; ``needs_first``: without its first it is lost."""

    generator: str
    has_source: bool
    min_wordings: int = 1
    needs_first: bool = True


def lay_out(document: Document, drafted: Drafted, texts: Mapping[str, str], spans: PageSpans, manner: Manner) -> Generated:
    """Rows of everything that a generator made of a document. ``texts``: of its chunks, by chunk_id.

    A pair whose words do not stand in the page's text is dropped, and so is a question that stands twice; each is a row, and so is the
    question asked for that is left without a pair by it.
    """
    made = Generated()
    made.rejected.extend(rejection(document.document_id, dropped) for dropped in drafted.dropped)
    families = [_add(made, document, stated, texts, spans, manner) for stated in drafted.stated]
    reasons = _drop_unfit(made, manner, families)
    filled: set[str] = set()
    for stated, (first, *_) in zip(drafted.stated, families, strict=True):
        reason = reasons.get(first, "repeated_question" if first in filled else "")
        if reason and stated.slot_id:
            made.rejected.append(rejection(document.document_id, Dropped(stated.slot_id, f"{UNFILLED}{reason}", stated.questions[0])))
        filled.add(first)
    return made


def rejection(document_id: str, dropped: Dropped) -> Rejected:
    """The row of something that came to nothing."""
    return Rejected(key(STAGE, dropped.item_id, dropped.reason), STAGE, dropped.item_id, document_id, dropped.reason, dropped.detail)


def named_source(question: str, title: str, *seeds: str) -> str:
    """``question`` with ``title`` named once, verbatim: in an English clause, or behind the question where it is in another language."""
    if ENGLISH.intersection(words(question)):
        return with_title(question, title, *seeds)
    return f'{question.rstrip("? ")} ("{title.strip()}")?'


def _add(made: Generated, document: Document, stated: Stated, texts: Mapping[str, str], spans: PageSpans, manner: Manner) -> list[str]:
    """One fact's pairs and evidence, rejected where its words and the page's differ. Returns the ids of its wordings' pairs."""
    places = [spans.locate(one.chunk_id, one.char_from, one.n_chars) for one in stated.stretches]
    wanted = [printed(one, texts) for one in stated.stretches]
    is_verbatim = all(_letters(place.quote for place in some) == _letters([text]) for some, text in zip(places, wanted, strict=True))
    fact_id = stated.fact_id(document.document_id, texts)
    ids = [stated.pair_id(document.document_id, fact_id, question, manner.generator) for question in stated.questions]
    for wording, (pair_id, bare) in enumerate(zip(ids, stated.questions, strict=True)):
        if not is_verbatim:
            made.rejected.append(rejection(document.document_id, Dropped(pair_id, "not_in_text", "\n".join(wanted)[:80])))
            continue
        made.pairs.append(
            QaPair(
                pair_id=pair_id,
                document_id=document.document_id,
                chunk_id=stated.chunk_id,
                fact_id=fact_id,
                wording=wording,
                question=_asked(bare, document.title, pair_id, stated) if manner.has_source else bare,
                bare_question=bare,
                answer=stated.answer,
                answer_key=stated.answer_key,
                answer_kind=stated.answer_kind,
                pattern=stated.pattern,
                generator=manner.generator,
                parent_id=stated.parent_id,
                prompt_sha256=stated.wordings_sha256 if wording else stated.prompt_sha256,
            )
        )
        made.evidence.extend(_evidence(pair_id, document.document_id, [place for some in places for place in some]))
    return ids


def _asked(bare: str, title: str, pair_id: str, stated: Stated) -> str:
    return named_source(bare, title, pair_id) if stated.prompt_sha256 else with_title(bare, title, pair_id)


def _evidence(pair_id: str, document_id: str, places: Sequence[PageSpan]) -> list[Evidence]:
    return [
        Evidence(key(pair_id, rank), pair_id, document_id, rank, place.page, place.char_from, place.n_chars, place.quote, place.box)
        for rank, place in enumerate(places)
    ]


def _letters(texts: Iterable[str]) -> str:
    return "".join("".join(text.split()) for text in texts)


def _drop_unfit(made: Generated, manner: Manner, families: Sequence[Sequence[str]]) -> dict[str, str]:
    """Take out questions that stand twice, then facts that are left with too few wordings; each drop is a row.

    With the same key the later of two equal questions is a copy; with different keys neither can be judged. What was refined from a pair
    that is taken out goes with it. Returns pair_id -> reason of all that is not kept.
    """
    by_question: dict[str, list[QaPair]] = defaultdict(list)
    for pair in made.pairs:
        by_question[normalise(pair.bare_question)].append(pair)
    dropped: dict[str, str] = {}
    for first, *more in by_question.values():
        if any(normalise(pair.answer_key or pair.answer) != normalise(first.answer_key or first.answer) for pair in more):
            dropped |= dict.fromkeys((pair.pair_id for pair in (first, *more)), "ambiguous_question")
        else:
            dropped |= {pair.pair_id: "repeated_question" for pair in more if pair.pair_id != first.pair_id}
    n_left = Counter(_fact(pair) for pair in made.pairs if pair.pair_id not in dropped)
    dropped |= {p.pair_id: "few_wordings" for p in made.pairs if p.pair_id not in dropped and n_left[_fact(p)] < manner.min_wordings}
    for first_id, *others in families if manner.needs_first else ():
        if first_id in dropped:
            dropped |= {other: "first_wording_dropped" for other in others if other not in dropped}
    kept = {pair.pair_id for pair in made.pairs} - dropped.keys()
    for pair in made.pairs:  # parents stand before what was refined from them
        if pair.parent_id and pair.parent_id not in kept:
            dropped.setdefault(pair.pair_id, "parent_dropped")
            kept.discard(pair.pair_id)
    made.rejected.extend(
        rejection(pair.document_id, Dropped(pair.pair_id, dropped[pair.pair_id], pair.bare_question))
        for pair in made.pairs
        if pair.pair_id in dropped
    )
    made.pairs[:] = {pair.pair_id: pair for pair in made.pairs if pair.pair_id not in dropped}.values()
    made.evidence[:] = {row.evidence_id: row for row in made.evidence if row.pair_id not in dropped}.values()
    made.rejected[:] = {row.rejection_id: row for row in made.rejected}.values()
    return {name: dropped.get(name, "not_in_text") for family in families for name in family if name not in kept}


def _fact(pair: QaPair) -> tuple[str, str | None, str]:
    return pair.fact_id, pair.answer_key, pair.pattern
