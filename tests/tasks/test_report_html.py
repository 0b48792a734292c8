"""The report: every figure and answer is in it, nothing it quotes is more than text, and it asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from tasks.report_charts import histograms, interval_plot, loss_curves, rate_plot, waterfall
from tasks.report_data import Evidence, report_data
from tasks.report_html import clean, render, within_budget, write_report
from tasks.report_marks import Piece, mark, mark_key
from tasks.report_pages import PageParams, page_images, source_paths
from tasks.report_views import View, outcome_choices
from warehouse.errors import MissingPrerequisite, TunehouseError
from warehouse.store import Warehouse
from warehouse.tables import ArmRate, Estimate

TAGS = set(
    """html head meta link title style body svg defs image use pattern rect line text circle polyline a header p nav main section h1 h2 h3
    h4 ul ol li dl dt dd div span strong em small code table caption colgroup col thead tbody tr th td details summary article figure
    figcaption blockquote q mark ins del label select option optgroup button footer script""".split()  # noqa: SIM905  # easier to read
)


class Page(HTMLParser):
    """What a browser would make of the report: its elements with attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag, css_class=""):
        return [attrs for name, attrs in self.elements if name == tag and css_class in attrs.get("class", "").split(" ")]


@pytest.fixture(scope="module")
def run(land_hostile_run):
    return land_hostile_run()


@pytest.fixture(scope="module")
def html(run, tmp_path_factory):
    return write_report(run[0], None, tmp_path_factory.mktemp("out") / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def estimate(**values):
    given = {"estimate_id": "e", "judge": "similarity/1", "contrast": "tuned:base", "split": "test_rephrased", "n_planned": 10, "n": 10}
    given |= {"n_wins": 3, "n_ties": 6, "n_losses": 1, "n_unscored": 0, "rate": 0.6, "low": 0.55, "high": 0.65, "bound_low": 0.6}
    given |= {
        "bound_high": 0.6,
        "unit": "fact",
        "n_units": 10,
        "p_value": 0.01,
        "p_holm": 0.03,
        "n_tests": 3,
        "mcnemar_p": 0.6,
        "mde": 0.1,
        "is_difference": True,
    }
    return Estimate(**(given | {"scope": "about these", "method": "m"} | values))


# ---- what it says ----------------------------------------------------------------------------------------------------------------


def test_headline_contrasts_arms_losses_and_every_answer_are_in_it(run, page):
    data = report_data(run[0])

    assert data.headline.split(": win rate")[0] in page.text
    assert all(fact in page.text for fact in data.headline.rstrip(".").split("; ")[1:])
    assert "won 4, tied 8, lost 0" in page.text
    assert "lost: kind references" in page.text
    assert "lost: too short" in page.text
    assert len(page.all("article", "card")) == 24
    assert len(page.all("span", "yes")) >= 8
    assert "1" * 64 in page.text
    assert "Loss by optimizer step: from 2.00 to 1.00 nats. " in [attrs.get("aria-label") for attrs in page.all("svg")]


def test_a_run_is_the_same_report_byte_for_byte_each_time_and_lands_beside_the_tables(run, html):
    path = write_report(run[0])

    assert path == run[0].root / "reports" / "r1.html"
    assert path.read_text(encoding="utf-8") == html


def test_a_run_without_test_questions_has_a_report_that_says_so(land_hostile_run, tmp_path):
    store, _ = land_hostile_run(n_questions=0)

    text = Page(write_report(store, None, tmp_path / "r.html").read_text(encoding="utf-8")).text

    assert "There are no test questions." in text
    assert "no questions" in text


def test_a_warehouse_without_a_verdict_has_no_report(tmp_path):
    store = Warehouse(tmp_path)
    store.prepare()

    with pytest.raises(MissingPrerequisite, match="no verdict"):
        write_report(store)


def test_a_file_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(TunehouseError, match="cannot be written"):
        write_report(run[0], None, tmp_path / "file" / "report.html")


# ---- what it must not do ---------------------------------------------------------------------------------------------------------


def test_hostile_text_stays_text(page):
    assert {tag for tag, _ in page.elements} <= TAGS
    assert len(page.all("script")) == 1
    assert [attrs for _, attrs in page.elements for name in attrs if name.startswith("on")] == []
    assert "onerror=alert(1)" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "</script><img src=x onerror=alert(1)>" in " ".join(page.texts)


def test_no_control_or_bidirectional_character_is_let_through(html):
    assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", html) == []
    assert clean("a\u202eb\x07c\u200d\nd\ud800\u2028") == "abc\u200d\nd\n"


def test_every_reference_stays_inside_the_file(page):
    references = [attrs[name] for _, attrs in page.elements for name in ("href", "src", "xlink:href", "srcset", "action") if name in attrs]

    assert references
    assert [value[:40] for value in references if not re.match(r"#[\w-]+$|data:,$|data:image/(png|jpeg);base64,", value)] == []


def test_the_policy_lets_only_the_reports_own_script_run(html):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1]
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)[1]
    sha256 = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{sha256}'" in policy
    assert "http" not in policy


# ---- pages -----------------------------------------------------------------------------------------------------------------------


def test_the_highlight_lies_on_the_evidence(run, page):
    import pymupdf

    (pdf,) = run[1].iterdir()
    (found,) = pymupdf.open(pdf)[0].search_for("The torque of the K-2 valve is 42 Nm.")
    mark_box = page.all("rect", "evidence")[0]
    x, y, width, height = (float(mark_box[name]) for name in ("x", "y", "width", "height"))

    assert x <= found.x0 + 1
    assert x + width >= found.x1 - 1
    assert abs(y + height / 2 - (found.y0 + found.y1) / 2) < 4
    assert height < 25


def test_one_page_is_drawn_once_however_many_questions_rest_on_it(page):
    assert len(page.all("image")) == 1
    assert len(page.all("use")) == 24


def test_a_source_that_is_gone_or_changed_leaves_the_quote_alone(land_hostile_run, tmp_path):
    store, sources = land_hostile_run()
    (pdf,) = sources.iterdir()
    changed = bytearray(pdf.read_bytes())
    changed[-20] ^= 1
    for act in (lambda: pdf.write_bytes(changed), pdf.unlink, sources.rmdir):
        act()
        text = Page(write_report(store, None, tmp_path / "r.html").read_text(encoding="utf-8")).text
        assert text.count("No image: the file was not found by its content") == 24
        assert text.count("The torque of the K-2 valve is 42 Nm.") >= 24


def test_a_renamed_source_is_found_by_its_content(run, tmp_path):
    (pdf,) = run[1].iterdir()
    moved = tmp_path / "deep" / "other name"
    moved.parent.mkdir()
    moved.write_bytes(pdf.read_bytes())
    (moved.parent / "loop").symlink_to(tmp_path)
    documents = report_data(run[0]).documents

    assert [path for path, _ in source_paths(documents, [str(tmp_path)]).values()] == [moved]


def test_images_stop_at_their_share_of_the_file_and_at_their_deadline(run):
    data = report_data(run[0])
    sources = data.run["settings"]["sources"]

    assert page_images(data.questions, data.documents, sources, PageParams(max_bytes=100)) == {}
    assert page_images(data.questions, data.documents, sources, PageParams(memory_mb=1)) == {}


def test_a_crop_holds_its_evidence_and_stays_on_the_page():
    for box in ((0, 0, 10, 10), (500, 800, 590, 840), (70, 300, 300, 312)):
        view = View.of(Evidence("d", 1, 595.0, 842.0, "", (box,)), "page-0")
        x, y, width, height = view.crop
        assert 0 <= x <= box[0]
        assert 0 <= y <= box[1]
        assert box[2] <= x + width <= 595
        assert box[3] <= y + height <= 842
    assert View.of(Evidence("d", 1, 595.0, 842.0, "", ()), "page-0").crop == (0, 0, 595, 842)


# ---- words -----------------------------------------------------------------------------------------------------------------------


def test_words_that_differ_from_the_reference_are_marked_and_the_key_is_named():
    marked = mark("The torque of the valve is 42 Nm today.", "The torque of the K-2 valve is 42 Nm.", "42 Nm")

    assert marked.is_compared
    assert [(piece.words, piece.kind, piece.is_key) for piece in marked.pieces] == [
        ("The torque of the", "same", False),
        ("K-2", "missing", False),
        ("valve is", "same", False),
        ("42 Nm", "same", True),
        ("today.", "extra", False),
    ]


def test_an_answer_about_something_else_is_not_marked_word_by_word():
    marked = mark("Blue paint, mostly.", "The torque of the valve is 42 Nm.")

    assert marked == mark("Blue paint, mostly.", "The torque of the valve is 42 Nm.", None)
    assert not marked.is_compared
    assert marked.pieces == (Piece("Blue paint, mostly."),)
    assert mark("", "The torque.").pieces == ()


def test_every_item_of_a_list_is_named_where_it_stands():
    pieces = mark_key("First the red bolt, then 1,200 g of the grease.", "red bolt; 1200 g")

    assert [piece.words for piece in pieces if piece.is_key] == ["red bolt,", "1,200 g"]


# ---- charts ----------------------------------------------------------------------------------------------------------------------


def test_intervals_stand_in_place_on_an_axis_that_reaches_them():
    plot = interval_plot([estimate(), estimate(split="test_unseen_fact", rate=0.5, low=None, high=None)], "tuned:base")
    (_, (first, second)), *_ = plot.groups

    assert [tick.label for tick in plot.ticks] == ["25\u00a0%", "37.5\u00a0%", "50\u00a0%", "62.5\u00a0%", "75\u00a0%"]
    assert (first.at, first.low, first.high) == (70.0, 60.0, 80.0)
    assert (second.at, second.low) == (50.0, None)
    assert interval_plot([], "tuned:base").groups == []


def test_bars_start_at_nothing():
    rows = [ArmRate("a", "base", "test_rephrased", 10, 10, 10, 2, 0.2, 0.1, 0.25, "fact", 10, "m")]

    ((_, (bar,)),) = rate_plot(rows, ["base"]).groups

    assert (bar.at, bar.low, bar.high) == (80.0, 40.0, 100.0)


def test_each_step_of_the_waterfall_adds_up_and_names_every_loss():
    coverage = [
        {"step": "chunks", "part": "body", "fate": "asked", "n": 6},
        {"step": "chunks", "part": "table", "fate": "no_pattern", "n": 1},
        {"step": "chunks", "part": "references", "fate": "kind_references", "n": 3},
        {"step": "verdicts", "part": "similarity/1 tuned:base", "fate": "arm_b", "n": 4},
        {"step": "verdicts", "part": "similarity/1 tuned:base", "fate": "unscored", "n": 1},
    ]
    chunks, verdicts = waterfall(coverage)

    assert [(bar.label, bar.n, bar.at, bar.width, bar.is_loss) for bar in chunks.bars] == [
        ("asked", 6, 0, 60, False), ("kind_references", 3, 60, 30, True), ("no_pattern (table)", 1, 90, 10, True)
    ]  # fmt: skip
    assert [(bar.label, bar.is_loss) for bar in verdicts.bars] == [("base wins", False), ("unscored", True)]
    assert chunks.n == sum(bar.n for bar in chunks.bars)


def test_a_loss_that_is_no_number_leaves_the_curve_readable():
    steps = [{"adapter_id": "a", "step": step, "loss": loss} for step, loss in ((1, 4.0), (2, float("nan")), (3, 1.0))]

    (curve,) = loss_curves(steps, {"a": 2.0}).curves

    assert (curve.points, curve.end) == ("0.0,0.0 100.0,75.0", 50.0)
    assert loss_curves([], {}).curves == []


def test_histograms_count_every_answer():
    scores = [{"arm": "base", "split": "s", "token_f1": value, "rouge_l": value, "cosine": value} for value in (-0.2, 0.0, 0.49, 1.0)]

    label, (histogram,) = histograms(scores, ["base", "tuned"])[0]

    assert (label, sum(histogram.counts), histogram.counts[0], histogram.counts[9], histogram.counts[-1]) == ("token F1", 4, 2, 1, 1)


# ---- questions -------------------------------------------------------------------------------------------------------------------


def test_the_first_questions_are_drawn_from_each_test_set_in_turn(run):
    questions = report_data(run[0]).questions

    assert [question.split for question in questions[:4]] == ["test_rephrased", "test_unseen_fact"] * 2
    assert [question.pair_id for question in questions] != sorted(question.pair_id for question in questions)


def test_questions_that_do_not_fit_are_left_out_and_counted(run):
    data = report_data(run[0])
    some = within_budget(data.questions, max_bytes=1)

    assert len(some) == 10
    assert within_budget(data.questions) == data.questions
    assert "10 of 24 questions fit in this file" in Page(render(data, some, {})).text


def test_outcomes_offered_as_filters_tell_the_contrasts_apart(run):
    rules = dict(outcome_choices(report_data(run[0])))

    assert rules["tuned+ base-"] == "tuned states the fact, base does not"
    assert "base+ tuned-" in rules
    assert rules["base- tuned-"] == "no arm states the fact"
