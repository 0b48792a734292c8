"""A run in the warehouse -> one HTML file that shows its verdict and what it rests on: no network, nothing but text from documents.

What documents, models and settings say enters through Jinja's autoescape alone, and every value is first stripped of control and
bidirectional characters (:func:`clean`). The file's policy lets only its own script run and allows no request.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks import report_basis_charts as basis_charts
from tasks import report_charts as charts
from tasks.report import CAVEATS, meaning_of_win
from tasks.report_basis import Row
from tasks.report_data import ReportData, TestQuestion, report_data
from tasks.report_marks import Marked, Piece, mark, mark_key
from tasks.report_pages import Place, page_images
from tasks.report_views import (
    View,
    flip_groups,
    judged_choices,
    judged_codes,
    judgements,
    notices,
    outcome_choices,
    page_views,
    settings_rows,
)
from tasks.statistics import ReportParams
from warehouse.errors import TunehouseError
from warehouse.store import Warehouse, write_atomically
from warehouse.tables import Estimate

TEMPLATES = Path(__file__).parent / "templates"
N_FIRST = 10  # questions shown at a time; their page images come first
MAX_TEXT_BYTES = 4_500_000  # of all questions as they stand in the report; with the images it stays below 15 MB
MARKUP_BYTES = 2_500  # around one question, about
REPLY_BYTES = 250  # ... and around one reply of a judge
DROPPED = frozenset({"Cc", "Cf", "Cs", "Cn"})
KEPT = "\t\n\u200c\u200d"  # the joiners are part of how some scripts and emoji are written
SPLIT_MEANINGS = {
    "test_rephrased": "taught facts, asked in a wording that was not trained on",
    "test_unseen_fact": "facts never taught, from documents that were",
    "test_unseen_document": "facts from documents that were kept out of training",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A test question as the report shows it."""

    question: TestQuestion
    reference: tuple[Piece, ...]
    answers: list[Marked]
    quotes: list[tuple[Piece, ...]]
    views: list[View | None]
    """Of each evidence span on its page; None where the page has no image."""
    stating: str
    """The arms that state the fact, for the filter."""
    judged: str
    """What each judge says of each contrast, for the filter."""


def write_report(store: Warehouse, run_id: str | None = None, out: Path | None = None) -> Path:
    """Write the report of a run (None: the latest finished one) to ``out`` and return where; by default below the warehouse.

    Raises:
        MissingPrerequisite: the run has not come to its verdict.
        TunehouseError: the file cannot be written.
    """
    data = report_data(store, run_id)
    shown = within_budget(data.questions)
    images = page_images(shown, data.documents, data.run["settings"].get("sources", ()))
    path = out or store.root / "reports" / f"{data.run['run_id']}.html"
    content = render(data, shown, images).encode("utf-8")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise TunehouseError(
            f"the report cannot be written: {error.strerror}", where=str(path), mend="name a file you may write: --out FILE"
        ) from error
    return path


def render(data: ReportData, questions: Sequence[TestQuestion], images: Mapping[Place, str]) -> str:
    """The report as HTML. ``questions``: those of ``data`` that are to be shown; ``images``: data URIs of pages."""
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    pages = {place: f"page-{rank}" for rank, place in enumerate(images)}
    judged = judgements(data)
    validation = {row["adapter_id"]: row["validation_loss"] for row in data.adapters}
    return environment().get_template("report.html.j2").render(
        data=data,
        charts={
            "intervals": charts.interval_plot(data.estimates, data.params.headline_contrast),
            "rates": charts.rate_plot(data.arm_rates, data.arms),
            "waterfall": charts.waterfall(data.coverage),
            "loss": charts.loss_curves(data.steps, validation),
            "histograms": charts.histograms(data.scores, data.arms),
            "means": charts.mean_scores(data.scores, data.arms),
            **_basis(data),
        },
        notices=notices(data),
        caveats=CAVEATS,
        splits=SPLIT_MEANINGS,
        flip_groups=flip_groups(_headline_first(data), data.basis.flip_rates, {question.pair_id for question in questions}),
        shown=[_shown(question, pages, judged) for question in questions],
        outcome_choices=outcome_choices(data),
        judged_choices=judged_choices(data),
        wins={row.judge: meaning_of_win(row.judge) for row in data.estimates},
        pages=page_views(pages, images, data.questions),
        settings=settings_rows(data.run["settings"]),
        n_first=N_FIRST,
        style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )  # fmt: skip


def _headline_first(data: ReportData) -> list[Row]:
    return sorted(data.flips, key=lambda row: row["contrast"] != data.params.headline_contrast)


def _basis(data: ReportData) -> dict[str, Any]:
    """The charts of what the verdict rests on."""
    basis, contrast = data.basis, data.params.headline_contrast
    forests = basis_charts.forests(basis, data.estimates, contrast)
    return {
        "forests": forests,
        "strengths": basis_charts.strength_plots(basis),
        "lengths": basis_charts.length_rows(basis, contrast),
        "length_plots": basis_charts.length_plots(basis, [forest.title for forest in forests]),
        "spreads": basis_charts.spread_plots(basis, data.arms),
        "formats": basis_charts.format_table(basis, data.arms),
        "slices": basis_charts.slice_plots(basis, contrast),
        "controls": basis_charts.control_plots(basis),
    }


def within_budget(questions: Sequence[TestQuestion], max_bytes: int = MAX_TEXT_BYTES) -> list[TestQuestion]:
    """As many of the first questions as fit, at least the first screen of them."""
    shown: list[TestQuestion] = []
    room = max_bytes
    for question in questions:
        texts = [question.question, question.reference, *(e.quote for e in question.evidence), *(a["answer"] for a in question.answers)]
        replies = [word["reply"] for judged in question.outcomes for word in judged["words"]]
        texts += replies
        room -= MARKUP_BYTES + REPLY_BYTES * len(replies) + 2 * sum(len(text.encode("utf-8", "replace")) for text in texts)
        if room < 0 and len(shown) >= N_FIRST:
            break
        shown.append(question)
    return shown


def interval_image(estimates: Sequence[Estimate], params: ReportParams) -> str:
    """The headline contrast's interval plot as a small SVG data URI, for where a whole page cannot be shown."""
    plot = charts.interval_plot([row for row in estimates if row.contrast == params.headline_contrast], params.headline_contrast)
    marks = [mark for _, group in plot.groups for mark in group]
    image = environment().get_template("intervals.svg.j2").render(marks=marks, ticks=plot.ticks)
    return f"data:image/svg+xml;base64,{base64.b64encode(image.encode()).decode()}"


def clean(text: str) -> str:
    """``text`` without control and formatting characters (Unicode Cc, Cf: bidirectional overrides are among them) and lone surrogates.

    Tab and line feed stay, and the joiners that some scripts are written with; line and paragraph separators become line feeds.
    """
    if text.isprintable():  # nearly all of it, page images above all
        return text
    plain = text.replace("\r\n", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return "".join(char for char in plain if char in KEPT or unicodedata.category(char) not in DROPPED)


def environment() -> Environment:
    """What every page of ours is rendered with: autoescape on, every value cleaned, an unknown name an error."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: clean(value) if type(value) is str else value,  # our own markup has a type of its own
    )
    environment.filters["percent"] = lambda share, digits=0: "" if share is None else f"{100 * share:.{digits}f} %"
    environment.filters["words"] = lambda code: str(code).replace("_", " ")
    return environment


def _shown(question: TestQuestion, pages: Mapping[Place, str], judged: Sequence[tuple[str, str]]) -> Shown:
    answers = [
        mark(row["answer"], question.reference, question.answer_key if row["states_key"] else None) for row in question.answers
    ]  # fmt: skip
    views = [View.of(evidence, pages.get((evidence.document_id, evidence.page))) for evidence in question.evidence]
    return Shown(
        question,
        mark_key(question.reference, question.answer_key),
        answers,
        [mark_key(evidence.quote, question.answer_key) for evidence in question.evidence],
        views,
        " ".join(row["arm"] for row in question.answers if row["states_key"]),
        judged_codes(question, judged),
    )
