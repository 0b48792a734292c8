"""A run in the warehouse -> what its verdict rests on, as plain rows: documents, lengths, formats, slices, controls, people's labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import duckdb

from tasks.ballot import without_source_block
from tasks.judge_trust import Trust, judge_rank
from warehouse.tables import TEST_SPLITS

Row = dict[str, Any]
Group = tuple[str, str, str]
"""Judge, contrast and test set."""


class Gap(NamedTuple):
    """One scored question: how many characters longer arm_a's answer is than arm_b's, and who won."""

    pair_id: str
    characters: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Basis:
    """Rows of tables and views of one run."""

    documents: Sequence[Row] = ()
    """The view ``win_rate_by_document``."""
    strengths: Sequence[Row] = ()
    lengths: Sequence[Row] = ()
    gaps: Mapping[Group, Sequence[Gap]] = field(default_factory=dict)
    """Of each row of ``lengths`` the questions that it was fitted to."""
    choices: Sequence[Row] = ()
    """``choice_rates``, of the judge loglik."""
    gains: Sequence[Row] = ()
    """``specific_gains``, of the judge loglik."""
    format_rates: Sequence[Row] = ()
    format_spreads: Sequence[Row] = ()
    format_gains: Sequence[Row] = ()
    elicitations: Sequence[Row] = ()
    slices: Sequence[Row] = ()
    flip_rates: Sequence[Row] = ()
    trust: Trust = field(default_factory=Trust)
    """Controls, and how steady each judge is when answers change places."""
    positions: Sequence[Row] = ()
    agreements: Sequence[Row] = ()
    calibrations: Sequence[Row] = ()


def fetch(con: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    """The rows of a query as dicts."""
    return list(con.sql(sql).to_arrow_table().to_pylist())


def read_basis(con: duckdb.DuckDBPyConnection, trust: Trust, headline_contrast: str) -> Basis:
    """``con``: over the views of one run. What is shown as a table stands in order, the headline's contrast first."""

    def ordered(rows: list[Row]) -> list[Row]:
        return sorted(rows, key=lambda row: (row["contrast"] != headline_contrast, row["contrast"], TEST_SPLITS.index(row["split"])))

    return Basis(
        documents=fetch(con, "from win_rate_by_document"),
        strengths=fetch(con, "from arm_strengths"),
        lengths=fetch(con, "from length_controls"),
        gaps=_gaps(con),
        choices=sorted(fetch(con, "from choice_rates order by arm"), key=lambda row: TEST_SPLITS.index(row["split"])),
        gains=ordered(fetch(con, "from specific_gains")),
        format_rates=fetch(con, "from format_rates"),
        format_spreads=fetch(con, "from format_spreads"),
        format_gains=ordered(fetch(con, "from format_gains")),
        elicitations=fetch(con, "from elicitations order by arm, split"),
        slices=fetch(con, "from slice_rates"),
        flip_rates=fetch(con, "from flip_rates"),
        trust=trust,
        positions=fetch(con, "from stg_positions order by judge, contrast"),
        agreements=ordered(fetch(con, "from judge_agreements where n > 0 order by judges")),
        calibrations=ordered(fetch(con, "from calibrations order by judge, labeller, outcome desc")),
    )


def _gaps(con: duckdb.DuckDBPyConnection) -> dict[Group, list[Gap]]:
    """As judges are shown the answers: without the list of sources that a model may put at the end."""
    rows = fetch(
        con,
        """
        select o.judge, o.contrast, s.split, o.pair_id, o.outcome, a.answer as answer_a, b.answer as answer_b
        from stg_verdicts o
        join splits s using (pair_id)
        join answers a on a.pair_id = o.pair_id and a.arm = o.arm_a
        join answers b on b.pair_id = o.pair_id and b.arm = o.arm_b
        where o.outcome is not null
        order by o.judge, o.contrast, s.split, o.pair_id
        """,
    )
    length = {text: len(without_source_block(text)) for row in rows for text in (row["answer_a"], row["answer_b"])}
    found: dict[Group, list[Gap]] = defaultdict(list)
    for row in rows:
        gap = length[row["answer_a"]] - length[row["answer_b"]]
        found[row["judge"], row["contrast"], row["split"]].append(Gap(row["pair_id"], gap, row["outcome"]))
    return found


def judged(con: duckdb.DuckDBPyConnection, headline_contrast: str) -> dict[str, list[Row]]:
    """By pair, each judge's outcome of each contrast with the words that it rests on: who was shown first, what was said, and why.

    The headline's contrast stands first, and the judges to be heard first. What was not drawn to be labelled is left out.

    Of a word: ``first``, the arm that was shown first, or empty; ``says``, the arm that it names, or tie, unparsed, error; ``reply``.
    """
    words: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    spoken = fetch(
        con,
        """
        select pair_id, judge, contrast, "order", vote, verdict, reply
        from verdicts
        where verdict <> 'not_asked'
        order by all
        """,
    )
    for row in spoken:
        arm_a, _, arm_b = row["contrast"].partition(":")
        shown = (arm_b, arm_a) if row["order"] == "ba" else (arm_a, arm_b)
        says = {"first": shown[0], "second": shown[1]}.get(row["verdict"], row["verdict"])
        first = "" if row["order"] == "none" else shown[0]
        words[row["pair_id"], row["judge"], row["contrast"]].append(
            {"first": first, "vote": row["vote"], "says": says, "reply": row["reply"].strip()}
        )
    found: dict[str, list[Row]] = defaultdict(list)
    for row in fetch(con, "select pair_id, judge, contrast, arm_a, arm_b, outcome from stg_verdicts order by all"):
        pair_id = row.pop("pair_id")
        own = words[pair_id, row["judge"], row["contrast"]]
        if own:
            found[pair_id].append(row | {"words": own})
    for rows in found.values():
        rows.sort(key=lambda row: (row["contrast"] != headline_contrast, row["contrast"], judge_rank(row["judge"]), row["judge"]))
    return found
