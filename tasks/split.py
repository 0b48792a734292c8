"""Surviving pairs, oldest document first -> train, validation and three test sets, by lineage and never by row.

A lineage is what must be held out together: facts of one document that share a span or a long run of words, say the same thing in answer
to nearly the same question, or were refined from one another. Sets are drawn by a hash of stable ids and a seed, and where two documents
state the same thing the younger row gives way, so a new document moves no old question.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.deduplicate import what_is_said
from tasks.embed import EmbedParams
from tasks.lineage import find_lineages, runs_of
from tasks.text import normalise
from warehouse.errors import ConfigError
from warehouse.keys import draw, key
from warehouse.tables import TEST_SPLITS, Evidence, QaPair, Rejected, Split, SplitRow

VERSION = 1
STAGE = "split"
SPLITS: tuple[Split, ...] = ("train", "validation", *TEST_SPLITS)
TAUGHT: tuple[Split, ...] = ("train", "validation")

REASONS: dict[str, str] = {
    "spare_wording": "Its fact is held out, and enough other wordings of it are asked.",
    "shares_wording_with_train": "It asks in the words of an older trained question.",
    "shares_wording_with_test": "It would be trained, and an older test question asks in its words.",
    "shares_quote_with_train": "It rests on the same words as an older trained pair of another document.",
    "shares_quote_with_test": "It would be trained, and an older test pair of another document rests on the same words.",
    "shares_13gram_with_train": "It shares a long run of words with an older trained pair.",
    "shares_13gram_with_test": "It would be trained, and shares a long run of words with an older test pair.",
    "fact_not_taught": "Its fact was to be taught in other wordings, and all of those had to give way.",
}


@dataclass(frozen=True, slots=True)
class SplitParams:
    """What is held out, and how much of it."""

    seed: int = 0
    """Draws every set; another seed holds out other documents and facts."""
    unseen_unit: Literal["fact", "document", "both"] = "both"
    """What is held out whole: facts of trained documents, documents, or both."""
    unseen_document_share: float = 0.12
    """Chance of a document to be held out with all its facts."""
    unseen_fact_share: float = 0.15
    """Chance of a lineage of facts to be held out, in documents that are trained on."""
    validation_share: float = 0.05
    """Chance of a lineage to be used for validation."""
    rephrased_share: float = 0.6
    """Chance of a trained fact to be asked in a wording that was held out."""
    min_wordings_for_rephrased: int = 3
    """Only facts with at least this many wordings give one up."""
    wordings_per_test_fact: int = 1
    """How many wordings of a held-out fact are asked; the others are spare. Facts, not wordings, make a test set larger."""
    ngram: int = 13
    """A test pair may share no run of this many words with a trained one (GPT-3's rule against contamination)."""
    leak_cosine: float = 0.75
    """Questions of one document at least this near, with the same answer, ask for one fact; its wordings measure .76 to .91."""

    def __post_init__(self) -> None:
        for name in ("unseen_document_share", "unseen_fact_share", "validation_share", "rephrased_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{getattr(self, name)} is no share", where=f"split.{name}", mend="use a number from 0 to 1")
        if self.unseen_fact_share + self.validation_share >= 1:
            raise ConfigError(
                "nothing is left to train on", where="split.unseen_fact_share, validation_share", mend="let them sum to less than 1"
            )
        for name, least in (("min_wordings_for_rephrased", 2), ("wordings_per_test_fact", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"{getattr(self, name)} is too few", where=f"split.{name}", mend=f"use at least {least}")
        if not 4 <= self.ngram <= 13:  # noqa: PLR2004  # above 13 the shipped checks would object; three words are common to all English
            raise ConfigError(f"{self.ngram} is out of bounds", where="split.ngram", mend="use 4 to 13; 13 is the usual rule")
        if not 0 < self.leak_cosine <= 1:
            raise ConfigError(f"{self.leak_cosine} is no cosine to ask for", where="split.leak_cosine", mend="use more than 0, at most 1")
        if self.unseen_unit not in ("fact", "document", "both"):
            raise ConfigError(f"{self.unseen_unit!r} cannot be held out", where="split.unseen_unit", mend="use fact, document or both")


@dataclass(frozen=True, slots=True)
class EmptySet:
    """A set without pairs, and why."""

    split: Split
    why: str


@dataclass(frozen=True, slots=True)
class SplitResult:
    """Each pair is in one set or rejected, once, in the order in which they came. ``empty_sets``: for a warning."""

    rows: list[SplitRow]
    rejected: list[Rejected]
    empty_sets: tuple[EmptySet, ...]


def split_pairs(
    pairs: Sequence[QaPair],
    evidence: Sequence[Evidence],
    params: SplitParams = SplitParams(),
    embed_params: EmbedParams | None = None,
    parents: Mapping[str, str] | None = None,
) -> SplitResult:
    """Put every pair into one set, or reject it with a reason. The order of ``pairs`` is their age.

    ``parents``: parent of every pair that has one, dropped pairs included; None: those that ``pairs`` themselves name.
    """
    spans = _spans_by_pair(evidence)
    lineages = find_lineages(pairs, spans, params, embed_params, parents)
    splits = {pair.pair_id: _draw_split(pair, lineages[pair.fact_id], params) for pair in pairs}
    splits |= _rephrased(pairs, splits, params)
    found = _spare_wordings(pairs, splits, params)
    asked = [pair for pair in pairs if pair.pair_id not in found]
    found |= _conflicts(asked, splits, spans, params)
    found |= _untaught([pair for pair in asked if pair.pair_id not in found], splits)
    rows = [
        SplitRow(pair.pair_id, pair.document_id, pair.fact_id, lineages[pair.fact_id], splits[pair.pair_id])
        for pair in pairs
        if pair.pair_id not in found
    ]
    rejected = [_rejection(pair, *found[pair.pair_id]) for pair in pairs if pair.pair_id in found]
    return SplitResult(rows, rejected, _empty_sets(rows, splits, params))


def _draw_split(pair: QaPair, lineage: str, params: SplitParams) -> Split:
    document_share = 0.0 if params.unseen_unit == "fact" else params.unseen_document_share
    fact_share = 0.0 if params.unseen_unit == "document" else params.unseen_fact_share
    if draw(params.seed, "document", pair.document_id) < document_share:
        return "test_unseen_document"
    at = draw(params.seed, "lineage", lineage)
    if at < fact_share:
        return "test_unseen_fact"
    return "validation" if at < fact_share + params.validation_share else "train"


def _family(pair: QaPair) -> tuple[str, str]:
    """What wordings are wordings of: a fact, and which part of it is asked for."""
    return pair.fact_id, what_is_said(pair)


def _families(pairs: Iterable[QaPair], is_wanted: Callable[[QaPair], bool]) -> dict[tuple[str, str], list[QaPair]]:
    families: dict[tuple[str, str], list[QaPair]] = defaultdict(list)
    for pair in pairs:
        if is_wanted(pair):
            families[_family(pair)].append(pair)
    return families


def _rephrased(pairs: Sequence[QaPair], splits: Mapping[str, Split], params: SplitParams) -> dict[str, Split]:
    """One wording of some trained facts, to be asked and not trained."""
    chosen: dict[str, Split] = {}
    for family, wordings in _families(pairs, lambda pair: splits[pair.pair_id] == "train").items():
        times = Counter(normalise(pair.bare_question) for pair in wordings)
        if len(times) < params.min_wordings_for_rephrased or draw(params.seed, "rephrased", *family) >= params.rephrased_share:
            continue
        held_out = min(wordings, key=lambda pair: draw(params.seed, "wording", pair.pair_id))
        if times[normalise(held_out.bare_question)] == 1:
            chosen[held_out.pair_id] = "test_rephrased"
    return chosen


def _spare_wordings(pairs: Sequence[QaPair], splits: Mapping[str, Split], params: SplitParams) -> dict[str, tuple[str, str]]:
    """Wordings of held-out facts beyond those that are asked -> (reason, detail)."""
    spare = {}
    for wordings in _families(pairs, lambda pair: splits[pair.pair_id] in ("test_unseen_fact", "test_unseen_document")).values():
        drawn = sorted(wordings, key=lambda pair: draw(params.seed, "wording", pair.pair_id))
        for pair in drawn[params.wordings_per_test_fact :]:
            spare[pair.pair_id] = ("spare_wording", f"{drawn[0].pair_id} is asked")
    return spare


def _conflicts(
    pairs: Sequence[QaPair], splits: Mapping[str, Split], spans: Mapping[str, Sequence[Evidence]], params: SplitParams
) -> dict[str, tuple[str, str]]:
    """In order of age, each row that shares with an older row of the other side what its set forbids -> (reason, detail)."""
    taught: dict[object, str] = {}
    asked: dict[object, str] = {}
    found: dict[str, tuple[str, str]] = {}
    for pair in pairs:
        split = splits[pair.pair_id]
        is_taught = split in TAUGHT
        marks = _marks(pair, split, spans.get(pair.pair_id, ()), params)
        older = asked if is_taught else taught
        hit = next(((what, older[what, mark]) for what, mark in marks if (what, mark) in older), None)
        if hit:
            found[pair.pair_id] = (f"shares_{hit[0]}_with_{'test' if is_taught else 'train'}", hit[1])
            continue
        for mark in marks:
            (taught if is_taught else asked).setdefault(mark, pair.pair_id)
    return found


def _marks(pair: QaPair, split: Split, spans: Sequence[Evidence], params: SplitParams) -> list[tuple[str, object]]:
    """(kind, what) that a pair of ``split`` may not have in common with the other side. A rephrased pair shares its fact on purpose."""
    bare = normalise(pair.bare_question)
    marks: list[tuple[str, object]] = [("wording", normalise(pair.question)), ("wording", (pair.document_id, bare))]
    if split != "test_rephrased":
        marks += [("quote", quote) for span in spans if (quote := normalise(span.quote))]
        marks += [("13gram", gram) for gram in sorted(runs_of(pair, params.ngram))]
    return marks


def _untaught(pairs: Sequence[QaPair], splits: Mapping[str, Split]) -> dict[str, tuple[str, str]]:
    taught = {_family(pair) for pair in pairs if splits[pair.pair_id] == "train"}
    return {
        pair.pair_id: ("fact_not_taught", pair.fact_id)
        for pair in pairs
        if splits[pair.pair_id] == "test_rephrased" and _family(pair) not in taught
    }


def _spans_by_pair(evidence: Iterable[Evidence]) -> dict[str, list[Evidence]]:
    spans: dict[str, list[Evidence]] = defaultdict(list)
    for span in evidence:
        spans[span.pair_id].append(span)
    return spans


def _empty_sets(rows: Sequence[SplitRow], drawn: Mapping[str, Split], params: SplitParams) -> tuple[EmptySet, ...]:
    """Sets that got no row, each with the setting or the circumstance behind it."""
    filled, meant = {row.split for row in rows}, set(drawn.values())
    n_documents = len({row.document_id for row in rows})
    unasked = {"fact": "test_unseen_document", "document": "test_unseen_fact"}.get(params.unseen_unit)
    empty = []
    for split in SPLITS:
        if split in filled:
            continue
        if split == unasked:
            why = f"split.unseen_unit is {params.unseen_unit}"
        elif split in meant:
            why = "all its pairs had to give way to older ones; see rejected, stage split"
        else:
            why = f"the draw gave it none of {n_documents} documents and {len(rows)} pairs; raise its share or change split.seed"
        empty.append(EmptySet(split, why))
    return tuple(empty)


def _rejection(pair: QaPair, reason: str, detail: str) -> Rejected:
    return Rejected(key(STAGE, pair.pair_id, reason), STAGE, pair.pair_id, pair.document_id, reason, detail)
