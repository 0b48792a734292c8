"""A run in the warehouse -> everything that its report shows, as plain values: no markup and no drawing."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass

import duckdb

from tasks.forgetting import forgetting_text
from tasks.judge_trust import read_trust
from tasks.report import headline
from tasks.report_basis import Basis, Row, fetch, judged, read_basis
from tasks.statistics import ReportParams
from tasks.units import units_of
from warehouse.errors import MissingPrerequisite
from warehouse.keys import draw
from warehouse.store import Warehouse
from warehouse.tables import ARM_RATES, ESTIMATES, FORGETTING, RUN_RESULTS, RUNS, TEST_SPLITS, ArmRate, Estimate, Run
from warehouse.views import connect, latest_finished_run, ledger_rows

SEED = 0  # of the draw that orders the questions shown


@dataclass(frozen=True, slots=True)
class Evidence:
    """One span that a question rests on, and where it stands on its page."""

    document_id: str
    page: int
    width: float
    """Of the page, PDF points."""
    height: float
    quote: str
    boxes: tuple[tuple[float, ...], ...]
    """x0 y0 x1 y1 of each printed line that the span touches; empty where unknown."""


@dataclass(frozen=True, slots=True)
class TestQuestion:
    """One test question with what every arm answered."""

    pair_id: str
    split: str
    document_id: str
    file_name: str
    title: str
    section: str
    question: str
    reference: str
    answer_key: str | None
    evidence: tuple[Evidence, ...]
    answers: tuple[Row, ...]
    """In the order of the arms: arm, answer, finish_reason, states_key, token_f1, rouge_l, cosine."""
    outcomes: tuple[Row, ...]
    """judge, contrast, arm_a, arm_b, outcome, and the words of each order and vote; see :func:`tasks.report_basis.judged`."""


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything that a run's report shows."""

    run: Row
    """The row of ``runs``; settings, versions and seeds are read from their JSON."""
    result: Row
    """The row of ``run_results``; empty while the run has not ended."""
    params: ReportParams
    headline: str
    estimates: list[Estimate]
    arm_rates: list[ArmRate]
    arms: list[str]
    """In the order of the settings."""
    coverage: list[Row]
    adapters: list[Row]
    """Adapters with their training runs."""
    forgot: str
    """What the general control set says of the tuned arms' adapter; empty where it was not asked."""
    steps: list[Row]
    """The view ``loss_curve``."""
    scores: list[Row]
    """arm, split and the measures of each answer."""
    flips: list[Row]
    documents: list[Row]
    questions: list[TestQuestion]
    """In a drawn order, the test sets in turn."""
    basis: Basis
    """What the verdict rests on."""


def run_verdict(store: Warehouse, run_id: str | None = None) -> tuple[Run, list[Estimate], list[ArmRate]]:
    """A run with the estimates and arm rates that it came to; ``run_id`` None: the latest finished one.

    Raises:
        MissingPrerequisite: no run has been made, or the run has not come to its verdict.
    """
    name = run_id or latest_finished_run(store)
    runs = [row for row in ledger_rows(store, RUNS) if row.run_id == name]
    if run_id and not runs:
        raise MissingPrerequisite(f"there is no run {run_id}", where=str(store.root), mend="`tunehouse sql run_history` lists the runs")
    units = [work.unit_id for work in units_of(store, runs[0].run_id, "report")] if runs else []
    estimates, arm_rates = store.rows(ESTIMATES, units), store.rows(ARM_RATES, units)
    if not estimates and not arm_rates:
        raise MissingPrerequisite(
            f"run {name or '(none)'} has come to no verdict",
            where=str(store.root),
            mend="`tunehouse run PDF_OR_FOLDER`; `tunehouse status` says how far it is",
        )
    return runs[0], estimates, arm_rates


def report_data(store: Warehouse, run_id: str | None = None) -> ReportData:
    """Read a run; ``run_id`` None: the latest finished one.

    Raises:
        MissingPrerequisite: no run has been made, or the run has not come to its verdict.
    """
    landed, estimates, arm_rates = run_verdict(store, run_id)
    name = landed.run_id
    run = {field: getattr(landed, field) for field in ("run_id", "started_at", "flow_run_id", "git_commit", "is_dirty")}
    run |= {field: json.loads(getattr(landed, field)) for field in ("settings", "versions", "seeds")}
    ended = [row for row in ledger_rows(store, RUN_RESULTS) if row.run_id == name]
    fields = ("finished_at", "status", "n_units", "n_units_done", "n_pending", "n_warnings", "message")
    params = ReportParams(**run["settings"].get("report", {}))
    trust = read_trust(store, landed.run_id)
    with connect(store, landed.run_id) as con:
        arms = _arms(run["settings"], arm_rates)
        return ReportData(
            run=run,
            result={field: getattr(ended[0], field) for field in fields} if ended else {},
            params=params,
            headline=headline(estimates, arm_rates, params, trust),
            estimates=estimates,
            arm_rates=arm_rates,
            arms=arms,
            coverage=fetch(con, "select step, part, fate, n from coverage"),
            adapters=fetch(con, "from adapters left join (select * exclude (unit_id, run_id) from training_runs) using (adapter_id)"),
            forgot=forgetting_text(store.rows(FORGETTING, [work.unit_id for work in units_of(store, name, "forgetting")][:1])),
            steps=fetch(con, "select adapter_id, step, loss, n_tokens_so_far, seconds_so_far from loss_curve"),
            scores=fetch(
                con,
                "select z.arm, s.split, z.token_f1, z.rouge_l, z.cosine from scores z join splits s using (pair_id) order by all",
            ),
            flips=fetch(con, "select * exclude (run_id) from flips"),
            documents=fetch(con, "select * exclude (unit_id, run_id) from documents order by file_name, document_id"),
            questions=in_turn(_questions(con, arms, params.headline_contrast)),
            basis=read_basis(con, trust, params.headline_contrast),
        )


def in_turn(questions: list[TestQuestion]) -> list[TestQuestion]:
    """The questions in the order of a draw, one of each test set after the other: the first ten are a fair sample, not a choice."""
    of_set: dict[str, list[TestQuestion]] = defaultdict(list)
    for question in sorted(questions, key=lambda question: draw(SEED, "report", question.pair_id)):
        of_set[question.split].append(question)
    ranked = [(rank, TEST_SPLITS.index(split), q) for split, some in of_set.items() for rank, q in enumerate(some)]
    return [question for *_, question in sorted(ranked, key=lambda place: place[:2])]


def _arms(settings: Row, arm_rates: list[ArmRate]) -> list[str]:
    named = list(settings.get("answer", {}).get("arms", ()))
    return named + sorted({row.arm for row in arm_rates} - set(named))


def _questions(con: duckdb.DuckDBPyConnection, arms: list[str], headline_contrast: str) -> list[TestQuestion]:
    answers, outcomes = _answers(con, arms), judged(con, headline_contrast)
    evidence = _evidence(con)
    found = fetch(
        con,
        """
        select p.pair_id, s.split, p.document_id, d.file_name, d.title, c.section, p.question, p.answer as reference, p.answer_key
        from splits s
        join qa_pairs p using (pair_id)
        left join documents d on d.document_id = p.document_id
        left join chunks c on c.chunk_id = p.chunk_id
        where starts_with(s.split, 'test_')
        """,
    )
    for row in found:
        name = row["pair_id"]
        row |= {"file_name": row["file_name"] or "", "title": row["title"] or "", "section": row["section"] or ""}
        row |= {"evidence": tuple(evidence[name]), "answers": tuple(answers[name]), "outcomes": tuple(outcomes.get(name, ()))}
    return [TestQuestion(**row) for row in found]


def _answers(con: duckdb.DuckDBPyConnection, arms: list[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    rows = fetch(
        con,
        """
        select a.pair_id, a.arm, a.answer, a.finish_reason, z.states_key, z.token_f1, z.rouge_l, z.cosine
        from answers a
        left join scores z using (answer_id)
        """,
    )
    for row in sorted(rows, key=lambda row: (row["pair_id"], arms.index(row["arm"]) if row["arm"] in arms else len(arms), row["arm"])):
        found[row.pop("pair_id")].append(row)
    return found


def _evidence(con: duckdb.DuckDBPyConnection) -> dict[str, list[Evidence]]:
    """By pair; a span's boxes are those of the printed lines it touches, else the one around them all."""
    found: dict[str, list[Evidence]] = defaultdict(list)
    rows = fetch(
        con,
        """
        with touched as (
            select e.evidence_id, list(l.box order by l.char_from) as boxes
            from evidence e
            join page_lines l on l.document_id = e.document_id and l.page = e.page
                and l.char_from < e.char_from + e.n_chars and e.char_from < l.char_from + l.n_chars
            where len(l.box) = 4
            group by e.evidence_id
        )
        select e.pair_id, e.document_id, e.page, p.width, p.height, e.quote, coalesce(t.boxes, [e.box]) as boxes
        from evidence e
        join splits s on s.pair_id = e.pair_id and starts_with(s.split, 'test_')
        join pages p on p.document_id = e.document_id and p.page = e.page
        left join touched t using (evidence_id)
        order by e.pair_id, e.rank
        """,
    )
    for row in rows:
        boxes = tuple(tuple(box) for box in row["boxes"] if len(box) == 4)  # noqa: PLR2004  # x0 y0 x1 y1
        found[row["pair_id"]].append(Evidence(row["document_id"], row["page"], row["width"], row["height"], row["quote"], boxes))
    return found
