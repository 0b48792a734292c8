"""A person's sheet -> rows of ``reviews``: each line is checked against the pair it names; a bad one is told, the others go in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from tasks.curate import BEYOND_REVIEW
from tasks.curate_patterns import REFUSAL
from tasks.curate_reviews import standing
from tasks.key_match import states
from tasks.review_sheet import TO_EDIT, Line, read_sheet, write_sheet
from tasks.text import fold
from warehouse.errors import ConfigError, MissingPrerequisite
from warehouse.keys import key, unit_id
from warehouse.store import Warehouse
from warehouse.tables import REVIEWS, Review
from warehouse.views import connect, latest_finished_run, ledger_rows

Decision = Literal["keep", "drop", "change"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
LATER_STAGES = ("deduplicate", "split")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a sheet's lines: decisions that are new, how many stood already, and what is wrong with the others."""

    reviews: list[Review] = field(default_factory=list)
    n_standing: int = 0
    faults: list[str] = field(default_factory=list)
    """Each names its line and says how to mend it."""


class _Refused(Exception):
    """Why a line cannot be taken."""


def export_sheet(store: Warehouse, run: str | None, path: Path) -> int:
    """Write every pair of a run to ``path``; returns how many. ``run`` None: the latest finished one.

    Raises:
        MissingPrerequisite: the run has no pairs.
    """
    with connect(store, run) as con:
        rows = con.sql("from review_sheet").to_arrow_table().to_pylist()
    if not rows:
        raise MissingPrerequisite(
            "there are no pairs to review",
            where=f"run {run or latest_finished_run(store)}",
            mend="`tunehouse run PDF_OR_FOLDER` makes some",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write_sheet(rows), encoding="utf-8", newline="")
    return len(rows)


def import_sheet(store: Warehouse, run: str | None, path: Path, reviewer: str) -> Imported:
    """Land the decisions of a sheet. One that says what stands already is passed over, so a sheet may be imported twice.

    Raises:
        ConfigError: the sheet cannot be read, or nobody is named.
    """
    if not reviewer.strip():
        raise ConfigError("nobody is named", where="--reviewer", mend="say who decided: --reviewer NAME")
    lines = read_sheet(path)
    pairs = _pairs(store, run)
    with store.lock("reviews"):  # of two imports at once the later one sees the earlier
        decisions = standing(ledger_rows(store, REVIEWS))
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        imported = decide(lines, pairs, decisions, reviewer.strip(), now)
        if imported.reviews:
            name = unit_id("review", 1, sorted(review.review_id for review in imported.reviews))
            with store.lock(name):
                store.land(name, {REVIEWS: imported.reviews}, stage="review", label=f"{reviewer.strip()}, {path.name}")
    return imported


def decide(lines: Sequence[Line], pairs: Mapping[str, Row], decisions: Mapping[str, Review], reviewer: str, now: str) -> Imported:
    """What each line says of its pair.

    ``pairs``: by pair_id, rows of the view ``review_sheet`` with ``document_id`` and ``rereads`` (every quote stands in its page).
    ``decisions``: by pair_id, what stands so far. ``now``: UTC, ISO 8601.
    """
    imported, n_standing = Imported(), 0
    taken: dict[str, int] = {}
    for line in lines:
        try:
            decision = _decision(line, pairs, taken)
            if decision is None:
                continue
            name = line.cells["pair_id"]
            taken[name] = line.number
            review = _review(line, pairs[name], decision, decisions.get(name), reviewer, now)
        except _Refused as refused:
            imported.faults.append(f"line {line.number}: {refused}")
            continue
        if _says_the_same(review, decisions.get(name)):
            n_standing += 1
        else:
            imported.reviews.append(review)
    return Imported(imported.reviews, n_standing, imported.faults)


def _decision(line: Line, pairs: Mapping[str, Row], taken: Mapping[str, int]) -> Decision | None:
    """What the line decides; None for one that nobody touched. ``taken``: pair_id -> the line before this one that decides on it."""
    said, name = line.cells["decision"].strip().casefold(), line.cells["pair_id"]
    pair = pairs.get(name)
    if not said:
        touched = [column for column, (old, new) in _texts(line, pair).items() if old != new] if pair else []
        touched += ["note"] if line.cells.get("note", "").strip() else []
        if touched:
            raise _Refused(f"{' and '.join(touched)} was edited, but nothing is decided: write change, keep or drop, or undo the edit")
        return None
    if said not in DECISIONS:
        raise _Refused(f"{line.cells['decision']!r} is no decision: write keep, drop or change")
    if pair is None:
        raise _Refused(f"the run has no pair {name!r}: export again, or name the sheet's run with --run")
    if name in taken:
        raise _Refused(f"line {taken[name]} decides on this pair already: take one of the two out")
    return said


def _texts(line: Line, pair: Row) -> dict[str, tuple[str, str]]:
    """Column -> (as it is, as the line has it) of what may be edited; blanks at the ends are nothing, nor is a column that is not there."""
    texts = {}
    for column in TO_EDIT:
        old = (pair[column] or "").replace("\r\n", "\n")
        new = line.cells.get(column, old).strip()
        texts[column] = (old, old if new == old.strip() else new)
    return texts


def _review(line: Line, pair: Row, decision: Decision, before: Review | None, reviewer: str, now: str) -> Review:
    texts = _texts(line, pair)
    old, new = ({column: text[at] for column, text in texts.items()} for at in (0, 1))
    if decision != "drop":
        _refuse_unfounded(pair, decision)
    if decision == "keep" and new != old:
        raise _Refused("it was edited: write change to have the new words, or undo the edit to keep the old ones")
    if decision == "change":
        _refuse_bad_change(pair, old, new)
    said = new if decision == "change" else old
    note = line.cells.get("note", "").strip()
    answer_key = said["answer_key"] or None
    replaces = before.review_id if before else None
    return Review(
        review_id=key("review", pair["pair_id"], decision, said["question"], said["answer"], answer_key, note, reviewer, replaces),
        pair_id=pair["pair_id"],
        document_id=pair["document_id"],
        decision=decision,
        question=said["question"],
        answer=said["answer"],
        answer_key=answer_key,
        note=note,
        reviewer=reviewer,
        reviewed_at=now,
        replaces=replaces,
    )


def _refuse_unfounded(pair: Row, decision: Decision) -> None:
    """A pair is kept only with evidence that stands in its page, and not beside another that says the same."""
    stage, _, reason = pair["status"].partition(": ")
    if (not pair["rereads"] and pair["answer_kind"] != "refusal") or reason in BEYOND_REVIEW:
        raise _Refused(f"its evidence does not stand in the page that it names ({reason or 'no evidence'}): it can only be dropped")
    if decision == "keep" and stage in LATER_STAGES:
        raise _Refused(f"{stage} took it out ({reason}, {pair['status_detail']}): drop the other pair, or change this one")


def _refuse_bad_change(pair: Row, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    if new == old:
        raise _Refused("nothing was changed: edit question, answer or answer_key, or write keep")
    for column in ("question", "answer"):
        if not new[column]:
            raise _Refused(f"the {column} is empty: fill it in, or write drop")
    answer_key = new["answer_key"]
    declines = new["answer"] == old["answer"] or REFUSAL.search(fold(new["answer"]))
    if pair["answer_kind"] == "refusal" and (answer_key or not declines):
        raise _Refused("the question was made to be unanswerable and has no evidence: its answer can only decline, without a key")
    if answer_key and not states(new["answer"], answer_key):
        raise _Refused(f"the answer does not state its key {answer_key!r}: mend one of the two, or leave the key empty")
    if answer_key != old["answer_key"] and answer_key and not states(pair["quote"] or "", answer_key):
        raise _Refused(f"the key {answer_key!r} does not stand in the quote: give one that does, or leave the key empty")


def _says_the_same(review: Review, before: Review | None) -> bool:
    """True when the decision that stands is this one, word for word, by the same person."""
    return before is not None and all(getattr(review, name) == getattr(before, name) for name in ("decision", *TO_EDIT, "note", "reviewer"))


def _pairs(store: Warehouse, run: str | None) -> dict[str, Row]:
    """A run's pairs by id, as :func:`decide` takes them."""
    sql = """
    with reread as (
        select e.pair_id, bool_and(coalesce(substr(p.text, e.char_from + 1, e.n_chars) = e.quote, false)) as rereads
        from evidence e
        left join pages p using (document_id, page)
        group by e.pair_id
    )
    select s.*, q.document_id, q.answer_kind, coalesce(r.rereads, false) as rereads
    from review_sheet s
    join qa_pairs q using (pair_id)
    left join reread r using (pair_id)
    """
    name = run or latest_finished_run(store)
    if name == "all":
        raise ConfigError("decisions are on the pairs of one run", where="--run all", mend="name the run that was exported")
    with connect(store, name) as con:
        return {row["pair_id"]: row for row in con.sql(sql).to_arrow_table().to_pylist()}
