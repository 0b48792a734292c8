"""What a verdict rests on, as the report shows it: every figure drawn or printed is that of the tables, and nothing is claimed without."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tasks.length_control import gaps_of, sigmoid
from tasks.report_basis import Basis, Gap, fetch
from tasks.report_basis_charts import (
    LANES,
    control_plots,
    forests,
    format_table,
    length_plots,
    length_rows,
    slice_plots,
    spread_plots,
    strength_plots,
)
from tasks.report_data import report_data
from tasks.report_html import render, within_budget, write_report
from tasks.report_views import judged_choices, judgements
from warehouse.views import connect

from .. import judged_run
from ..judged_run import ARMS, FORMATS, HUMAN, LLM, MEASURE, N_DOCUMENTS

HOSTILE = "\u202e</script><img src=x onerror=alert(1)>{{ 7*7 }}"
HEADLINE = "tuned:base"


class Sections(HTMLParser):
    """The text of each section of a report, by the section's id, and its elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.at = ""
        self.texts: dict[str, list[str]] = {}
        self.elements: dict[str, list[tuple[str, dict[str, str]]]] = {}
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        self.at = given.get("id", "") if tag == "section" else self.at
        self.elements.setdefault(self.at, []).append((tag, given))

    def handle_data(self, data):
        self.texts.setdefault(self.at, []).append(data)

    def __getitem__(self, section: str) -> str:
        return " ".join(" ".join(self.texts.get(section, [])).split())

    def labels(self, section: str) -> list[str]:
        return [attrs["aria-label"] for tag, attrs in self.elements[section] if tag == "svg" and "aria-label" in attrs]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return judged_run.land(tmp_path_factory.mktemp("judged") / "data", hostile=HOSTILE)


@pytest.fixture(scope="module")
def data(store):
    return report_data(store)


@pytest.fixture(scope="module")
def html(store, tmp_path_factory):
    return write_report(store, None, tmp_path_factory.mktemp("out") / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Sections(html)


@pytest.fixture(scope="module")
def rows(store):
    """``rows(sql)`` of the run's views, over one connection."""
    with connect(store, "r1") as con:
        yield lambda sql: fetch(con, sql)


# ---- documents -------------------------------------------------------------------------------------------------------------------


def test_the_documents_of_a_forest_add_up_to_the_estimate_that_pools_them(data):
    drawn = forests(data.basis, data.estimates, HEADLINE)

    assert len(drawn) == 6  # three judges, two test sets with questions
    for forest in drawn:
        (estimate,) = [row for row in data.estimates if (row.judge, row.contrast, row.split) == forest.title]
        for name in ("n", "n_wins", "n_ties", "n_losses", "n_unscored"):
            assert sum(spot.row[name] for spot in forest.spots) == getattr(estimate, name)
        low, high = (float(forest.ticks[at].label.split("\u00a0")[0]) / 100 for at in (0, -1))
        assert low <= estimate.low < estimate.high <= high
        assert [forest.pooled.at, forest.pooled.low, forest.pooled.high] == pytest.approx(
            [100 * (value - low) / (high - low) for value in (estimate.rate, estimate.low, estimate.high)], abs=0.01
        )
        assert len(forest.spots) == N_DOCUMENTS
        for spot in forest.spots:
            wins, ties, n = (spot.row[name] for name in ("n_wins", "n_ties", "n"))
            assert spot.at == (None if not n else pytest.approx(100 * ((wins + ties / 2) / n - low) / (high - low), abs=0.11))


def test_a_larger_document_has_a_larger_dot_and_the_headlines_set_stands_first(data):
    (first, *others) = forests(data.basis, data.estimates, HEADLINE)

    assert first.title == (HUMAN, HEADLINE, "test_unseen_fact")
    assert [forest.title[2] for forest in others] == ["test_unseen_fact"] * 2 + ["test_rephrased"] * 3
    by_n = sorted((spot.row["n"], spot.size) for spot in first.spots if spot.row["n"])
    assert by_n[0][0] < by_n[-1][0]
    assert [size for _, size in by_n] == sorted(size for _, size in by_n)


def test_the_forest_prints_the_views_rows(rows, page):
    text = page["documents"]

    for row in rows(f"from win_rate_by_document where contrast = '{HEADLINE}' and n > 0"):
        assert f"{100 * row['rate']:.1f} % {row['n']}" in text
        assert f"{row['n_wins']}, {row['n_ties']}, {row['n_losses']}" in text


def test_without_verdicts_nothing_is_drawn():
    empty = Basis()

    assert forests(empty, [], HEADLINE) == slice_plots(empty, HEADLINE) == strength_plots(empty) == spread_plots(empty, ARMS) == []
    assert control_plots(empty) == length_rows(empty, HEADLINE) == length_plots(empty, [(LLM, HEADLINE, "test_rephrased")]) == []
    assert format_table(empty, ARMS) == ([], [])


# ---- lengths ---------------------------------------------------------------------------------------------------------------------


def test_the_questions_drawn_against_length_are_those_that_the_rate_at_equal_length_was_fitted_to(data):
    lengths = [row for row in data.basis.lengths if row["n"]]

    assert lengths
    for row in lengths:
        some = data.basis.gaps[row["judge"], row["contrast"], row["split"]]
        gaps = gaps_of([(gap.characters, 0) for gap in some])
        assert (len(some), gaps.gap_in_sd, gaps.share_longer) == (row["n"], pytest.approx(row["gap_in_sd"]), row["share_longer"])


def test_the_fitted_curve_crosses_equal_length_at_the_rate_that_the_table_has(data):
    plots = length_plots(data.basis, [(LLM, HEADLINE, "test_unseen_fact")])

    (plot,) = plots
    rate = (LANES["arm_b"] - plot.crossing) / (LANES["arm_b"] - LANES["arm_a"])
    assert rate == pytest.approx(plot.row["rate_at_equal_length"], abs=1e-3)
    assert rate == pytest.approx(sigmoid(plot.row["theta"]), abs=1e-3)
    assert len(plot.dots) == plot.row["n"]
    assert [tick.at for tick in plot.ticks if tick.label == "0"] == [plot.zero]
    points = [tuple(map(float, point.split(","))) for point in plot.curve.split(" ")]
    assert all(0 <= x <= 100 and LANES["arm_a"] <= y <= LANES["arm_b"] for x, y in points)


def test_dots_of_an_outcome_stay_in_its_lane_and_in_place_from_report_to_report(data):
    group = (LLM, HEADLINE, "test_unseen_fact")

    assert length_plots(data.basis, [group]) == length_plots(data.basis, [group])
    for dot in length_plots(data.basis, [group])[0].dots:
        assert min(LANES, key=lambda lane: abs(LANES[lane] - dot.y)) == dot.outcome


def test_answers_of_one_length_are_drawn_without_a_curve(data):
    group = (LLM, HEADLINE, "test_unseen_fact")
    (row,) = [row for row in data.basis.lengths if (row["judge"], row["contrast"], row["split"]) == group]
    flat = dict.fromkeys(("theta", "beta", "rate_at_equal_length", "low", "high"))
    basis = Basis(lengths=[row | flat | {"is_identifiable": False}], gaps={group: [Gap("a", 0, "tie"), Gap("b", 0, "arm_a")]})

    (plot,), ((spot,),) = length_plots(basis, [group]), [rows.spots for rows in length_rows(basis, HEADLINE)]

    assert (plot.curve, plot.crossing, len(plot.dots)) == ("", None, 2)
    assert spot.at is None
    assert spot.row["warnings"] == [row["method"]]


def test_every_reservation_about_length_is_in_words(rows, page):
    text = page["length"]
    found = rows("from win_rate_at_equal_length where n > 0")

    assert {warning for row in found for warning in row["warnings"].split(", ")} >= {"extrapolated", "moved"}
    for row in found:
        assert all(f"{warning}: " in text for warning in row["warnings"].split(", ") if warning)
        assert f"{100 * row['rate_at_equal_length']:.1f} %" in text


# ---- formats, knowledge, ranking --------------------------------------------------------------------------------------------------


def test_every_format_has_its_ring_and_the_spread_is_the_tables(rows, data, page):
    drawn = spread_plots(data.basis, data.arms)

    assert [(rows.title, [spot.row["arm"] for spot in rows.spots]) for rows in drawn] == [
        (("test_rephrased",), list(ARMS)),
        (("test_unseen_fact",), list(ARMS)),
    ]
    for spot in (spot for rows in drawn for spot in rows.spots):
        assert len(spot.dots) == len(FORMATS)
        assert (min(spot.dots), max(spot.dots)) == (spot.low, spot.high)
        assert spot.at in spot.dots
    for row in rows("from prompt_spread"):
        shown = f"spread {100 * row['spread']:.1f} points" if row["what"] == "arm" else f"{row['n_same_sign']} of {row['n_formats']}"
        assert shown in page["formats"]
    for row in rows("from format_rates"):
        assert f"{100 * row['rate']:.1f} %" in page["formats"]


def test_a_better_prompts_gain_is_printed_with_its_halves(rows, page):
    for row in rows("from elicitations"):
        assert f"{row['n_choosing']} {row['n_scoring']} {100 * row['default_rate']:.1f} % {100 * row['best_rate']:.1f} %" in page["formats"]
        assert f"{100 * row['gap']:+.1f} [" in page["formats"]


def test_slices_are_the_tables_from_known_to_unknown(rows, data, page):
    drawn = slice_plots(data.basis, HEADLINE)

    assert drawn[0].title == (HUMAN, HEADLINE, "test_unseen_fact")
    assert {tuple(spot.row["slice"] for spot in rows.spots) for rows in drawn} == {("known", "maybe", "unknown")}
    for row in rows(f"from knowledge_win_rate where contrast = '{HEADLINE}' and n > 0"):
        assert f"{100 * row['rate']:.1f} %" in page["knowledge"]
    found = {(row["judge"], row["contrast"], row["split"], row["slice"]): row["rate"] for row in rows("from slice_rates")}
    for plot in drawn:
        assert [spot.at for spot in plot.spots] == pytest.approx(
            [100 * found[*plot.title, spot.row["slice"]] for spot in plot.spots], abs=0.01
        )


def test_arms_stand_from_strong_to_weak_as_in_the_view(rows, data, page):
    drawn = {rows.title: [spot.row["arm"] for spot in rows.spots] for rows in strength_plots(data.basis)}

    for (judge, split), arms in drawn.items():
        ranked = rows(f"select arm from arm_ranking where judge = '{judge}' and split = '{split}'")
        assert arms == [row["arm"] for row in ranked]
    for row in rows("from arm_ranking where strength is not null"):
        assert f"{row['strength']:+.2f}"[:4] in page["ranking"]
    for rows_ in strength_plots(data.basis):
        for spot in rows_.spots:
            assert (spot.at > 50) == (spot.row["strength"] > 0)


def test_arms_that_cannot_be_ranked_have_the_reason_in_their_place(data):
    note = "no finite strengths: wins and ties do not lead round between a | b"
    lost = {"strength": None, "low": None, "high": None, "is_connected": False, "note": note}
    from dataclasses import replace

    unranked = replace(data, basis=replace(data.basis, strengths=[row | lost for row in data.basis.strengths]))

    assert f"No ranking: {note}." in Sections(render(unranked, [], {}))["ranking"]


def test_what_an_arm_finds_likely_is_printed_beside_guessing(rows, page):
    for row in rows("from choice_rates"):
        assert (
            f"{row['arm']} {100 * row['acc_norm']:.1f} % [20, 90] {100 * row['chance']:.1f} % {100 * row['acc']:.1f} %"
            in page["likelihood"]
        )
    for row in rows("from specific_gains"):
        assert f"{row['gain']:+.3f} {row['gain_others']:+.3f} {row['specific_gain']:+.3f} [+0.011, +0.115]" in page["likelihood"]
    assert "22 +2 unscored" in page["likelihood"]


# ---- flips, judges ----------------------------------------------------------------------------------------------------------------


def test_flips_are_the_tables_and_each_number_leads_to_its_questions(rows, page):
    links = [attrs for tag, attrs in page.elements["flips"] if tag == "a" and "data-outcome" in attrs]

    for row in rows("from flip_rate where n > 0"):
        arm_a, arm_b = row["contrast"].split(":")
        assert f"{row['n_positive']} {row['n_negative']} {row['n']} {100 * row['negative_rate']:.1f} %" in page["flips"]
        for rule in (f"{arm_a}+ {arm_b}-", f"{arm_b}+ {arm_a}-"):
            assert {"href": "#questions", "data-set": row["split"], "data-outcome": rule} in links
    heads = re.findall(r"(\w+) against (\w+)", page["flips"])
    assert heads[0] == ("tuned", "base")


def test_each_control_is_printed_with_what_it_needs_and_whether_it_passed(rows, page):
    text = page["judges"]

    for row in rows("from control_rates"):
        assert f"{row['n_passed']} of {row['n']} {100 * row['rate']:.0f} % {100 * row['least']:.0f} %" in text
        assert f"{row['control']} {row['what']}" in text
    assert "not seen by this measure" in text
    assert "FAILED" not in text


def test_calibration_agreement_and_places_are_printed_as_landed(rows, page):
    text = page["judges"]

    calibrated = rows("from calibrations where rate is not null")
    assert {row["judge"] for row in calibrated} == {LLM, MEASURE}
    for row in calibrated:
        assert f"{100 * row['said']:.1f} % of {row['n']} {100 * row['rate']:.1f} %" in text
        assert f"{row['n_labelled']} {row['n_labelled_so']} so" in text
    for row in rows("from judge_agreements where value is not null"):
        assert f"{row['n']} {100 * row['agreement']:.0f} % {row['value']:.2f}" in text
    for row in rows("from position_consistency"):
        assert f"{row['n']} {100 * row['consistency']:.0f} % {100 * row['first_bias']:.0f} %" in text


def test_a_judge_that_failed_a_control_is_called_unfit_wherever_its_figures_stand(tmp_path):
    unfit = judged_run.land(tmp_path / "data", judges=(LLM,), failing="K2")

    page = Sections(write_report(unfit, None, tmp_path / "r.html").read_text(encoding="utf-8"))

    for section in ("verdict", "contrasts", "documents", "knowledge", "ranking"):
        assert "judge unfit: K2" in page[section]
    assert page["verdict"].startswith("judge unfit: K2. llm/1")
    assert "unfit: K2" in page["judges"]
    assert "FAILED" in page["judges"]
    assert "difference " not in page["contrasts"].replace("differences", "").replace("A difference is", "")


def test_a_judge_of_the_tuned_models_family_is_named(page):
    assert "openai/llama-judge judged answers, and meta-llama/Llama-3.2-1B was tuned: models of one family (llama)" in page["verdict"]


def test_what_a_run_lacks_is_left_out_or_says_how_to_get_it(land_hostile_run, tmp_path):
    store, _ = land_hostile_run()

    page = Sections(write_report(store, None, tmp_path / "r.html").read_text(encoding="utf-8"))

    assert "ranking" not in page.elements
    assert "length" not in page.elements
    assert page["formats"].endswith("answer.formats.n_questions says how many questions are.")
    assert page["knowledge"].endswith("answer.knowledge.n_samples says how often each question is put to it.")
    assert "tunehouse label asks" in page["judges"]
    assert "likelihood" not in page.elements


# ---- the judges' words ------------------------------------------------------------------------------------------------------------


def test_each_question_has_what_the_judge_said_in_both_orders(data):
    (question,) = [q for q in data.questions if q.pair_id == "p12"]
    (judged,) = [row for row in question.outcomes if (row["judge"], row["contrast"]) == (LLM, "tuned:base_rag")]

    assert question.outcomes[0]["contrast"] == HEADLINE
    assert [(word["first"], word["says"]) for word in judged["words"]] == [("tuned", "base_rag"), ("base_rag", "base_rag")]
    assert judged["outcome"] == "arm_b"
    assert judged["words"][0]["reply"].startswith("Read, ab: [[second]]")


def test_a_reply_stays_text_and_every_one_is_in_the_report(data, html, page):
    spoken = [word for question in data.questions for row in question.outcomes for word in row["words"]]

    assert page["questions"].count("Read, ab: [[") == sum(word["reply"].startswith("Read, ab") for word in spoken) > 100
    assert {tag for tag, _ in page.elements["questions"]} & {"img", "script"} == set()
    assert "\u202e" not in html
    assert "{{ 7*7 }}" in page["questions"]


def test_a_filter_by_outcome_holds_for_the_questions_that_the_tables_name(rows, data, page):
    cards = [attrs for tag, attrs in page.elements["questions"] if tag == "article"]
    known = judgements(data)
    choices = dict(zip(known, judged_choices(data), strict=True))

    assert known[0] == (HUMAN, HEADLINE)
    for (judge, contrast), (label, offered) in choices.items():
        assert label == judge
        outcomes = rows(f"select outcome from stg_verdicts where judge = '{judge}' and contrast = '{contrast}'")
        for code, words in offered:
            wanted = {"arm_a": "wins over", "arm_b": "wins over", "tie": "tie", "none": "unscored"}[code.partition("-")[2]]
            assert wanted in words
            n = sum(code in card["data-judged"].split(" ") for card in cards)
            if not (judge == HUMAN and code.endswith("none")):  # those were not drawn to be labelled
                assert n == sum((row["outcome"] or "none") == code.partition("-")[2] for row in outcomes)


def test_long_replies_count_towards_what_a_report_may_hold(data):
    from dataclasses import replace

    first = data.questions[0]
    word = first.outcomes[0]["words"][0] | {"reply": "x" * 10_000}
    wordy = [replace(question, outcomes=(first.outcomes[0] | {"words": [word]},)) for question in data.questions]

    assert len(within_budget(wordy, max_bytes=500_000)) < len(within_budget(data.questions, max_bytes=500_000)) == len(data.questions)
