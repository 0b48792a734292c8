"""One setting at several values: what the runs share is computed once, a value that fails is a row, and the plot shows the table."""

from __future__ import annotations

import re

import pytest

from flows.cli import main
from flows.sweep_matrix import Given, read_curve
from tasks.curve_page import page, plots
from tasks.train_params import TrainParams
from warehouse.errors import ConfigError
from warehouse.store import Warehouse
from warehouse.tables import TRAINING_EXAMPLES
from warehouse.views import query

from .small_runs import SMALL, done_since, records, run

# ---- what is to be tried ---------------------------------------------------------------------------------------------------------


def tried(text, *overrides):
    return read_curve(text, Given(overrides=overrides, sources=("papers",)))


def test_values_are_read_as_yaml_and_keep_their_order():
    curve = tried("train.max_pairs=50,null,10", "train.rank=4")

    assert [trial.values for trial in curve.trials] == [{"train.max_pairs": value} for value in ("50", "null", "10")]
    assert [trial.config.train for trial in curve.trials] == [TrainParams(max_pairs=n, rank=4) for n in (50, None, 10)]
    assert tried("judge.contrasts=[tuned:base],[tuned:base, tuned:base_rag]").trials[0].text == "judge.contrasts=['tuned:base']"


def test_the_same_curve_has_the_same_id_wherever_it_lands():
    here, there = (read_curve("train.rank=4,8", Given(sources=("papers",), warehouse=name)) for name in ("here", "there"))

    assert here.sweep_id == there.sweep_id
    assert here.sweep_id != tried("train.rank=4,16").sweep_id
    assert here.sweep_id != tried("train.rank=4,8", "train.seed=1").sweep_id


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("train.max_pairs", "several values"),
        ("train.max_pairs=50", "several values"),
        ("train.max_pairs=50,[", "cannot be read"),
        ("train.max_pairs=50,50.0", "train.max_pairs=50 and train.max_pairs=50.0 come to the same settings"),
        ("train.max_pairs=50,0", r"train\.max_pairs"),
        ("train.max_pear=1,2", r"max_pear"),
        ("warehouse=a,b", "one warehouse"),
    ],
)
def test_what_cannot_be_tried_is_refused_by_name(text, named):
    with pytest.raises(ConfigError, match=named):
        tried(text)


VALUE = """settings ->> '/train.max_pairs'"""


# ---- a curve of three values, the first of which leaves nothing to train on ------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(prefect_server, pages, tmp_path_factory):
    """The warehouse of ``tunehouse curve train.max_pairs=1,20,null``, its exit code, what it printed and its page."""
    from prefect.settings import PREFECT_API_URL

    folder = tmp_path_factory.mktemp("curve")
    out, shown = folder / "out" / "curve.html", []
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("API_URL", PREFECT_API_URL.value()), ("LOGGING_LEVEL", "ERROR"), ("SERVER_ANALYTICS_ENABLED", "false")):
            patch.setenv(f"PREFECT_{name}", value)
        patch.setattr("flows.cli_sweep.say", lambda *lines: shown.extend(lines))
        words = [word for setting in SMALL for word in ("--set", setting)]
        code = main(["curve", "train.max_pairs=1,20,null", str(pages), "--warehouse", str(folder / "data"), "--out", str(out), *words])
    return Warehouse(folder / "data"), code, "\n".join(shown), out.read_text()


def rows_of(store, sql):
    return [tuple(row.values()) for row in query(store, sql, "all").to_pylist()]


def taught(store, value):
    ((run_id, _),) = rows_of(store, f"select run_id, rank from sweep_runs where {VALUE} = '{value}'")
    (unit,) = [unit for unit, _ in rows_of(store, f"select unit_id, stage from run_units where run_id = '{run_id}' and stage = 'train'")]
    return {row.pair_id for row in store.rows(TRAINING_EXAMPLES, [unit]) if row.role == "train"}


@pytest.mark.slow
def test_a_value_that_fails_is_a_row_with_its_reason_and_keeps_no_other_from_being_tried(drawn):
    store, code, shown, _ = drawn

    assert code == 1
    points = rows_of(store, f"select {VALUE}, status, split_part(reason, chr(10), 1) from sweep_runs order by rank")
    assert points == [("1", "failed", "the train set is empty"), ("20", "completed", ""), ("null", "completed", "")]
    assert "train.max_pairs=1 failed: the train set is empty" in shown


@pytest.mark.slow
def test_what_the_runs_share_is_computed_once(drawn):
    store, *_ = drawn

    stages = dict(rows_of(store, "select stage, count(*) from commits where stage <> 'run' group by stage"))
    runs = dict(rows_of(store, f"select {VALUE}, run_id from sweep_runs"))
    shared = {"ingest": 3, "chunk": 3, "embed": 3, "generate": 3, "curate": 3, "deduplicate": 1, "split": 1, "retrieve": 1}
    assert {stage: stages[stage] for stage in shared} == shared
    assert stages["train"] == 2
    done = dict(rows_of(store, "select run_id, n_units_done from run_results"))
    units = {
        value: {unit for unit, _ in rows_of(store, f"select distinct unit_id, stage from run_units where run_id = '{run_id}'")}
        for value, run_id in runs.items()
    }
    assert done[runs["null"]] == len(units["null"] - units["20"])
    assert sum(done.values()) == sum(stages.values())


@pytest.mark.slow
def test_fewer_pairs_are_part_of_more_and_none_named_means_all(drawn, pages):
    store, *_ = drawn

    few, every = taught(store, "20"), taught(store, "null")

    assert 0 < len(few) <= 20 < len(every)
    assert few < every
    assert rows_of(store, "select distinct settings['train.max_pairs'], n_taught from sweep where n_taught is not null order by 2") == [
        ("20", len(few)),
        ("null", len(every)),
    ]
    before = records(store)
    run(pages, store.root)
    assert done_since(store, before) == {}


@pytest.mark.slow
def test_table_and_page_show_the_estimates_of_every_run(drawn):
    store, _, shown, html = drawn

    shown_rows = "select settings['train.max_pairs'], split, n, rate, low, high from sweep where contrast = 'tuned:base_rag'"
    found = rows_of(store, f"{shown_rows} order by 2, 1")
    landed = rows_of(
        store,
        f"select {VALUE}, e.split, e.n, round(e.rate, 3), round(e.low, 3), round(e.high, 3) from sweep_runs "
        "join estimates e using (run_id) where e.contrast = 'tuned:base_rag' order by 2, 1",
    )
    assert found == landed
    assert {split for _, split, *_ in found} == {"test_rephrased", "test_unseen_fact", "test_unseen_document"}
    for value, split, n, *_ in found:
        assert re.search(rf"^\s*{value} .* {split} +{n} ", shown, re.MULTILINE), (value, split)
    rated = [row for row in found if row[3] is not None]
    assert html.count('class="dot"') == len(rated) > 0
    assert html.count('class="whisker"') == sum(row[4] is not None for row in rated)
    assert "the train set is empty" in html
    assert "taught facts, asked in a wording" not in html
    assert "<script" not in html


@pytest.mark.slow
def test_a_curve_drawn_again_does_nothing_new_and_replaces_its_rows(drawn, pages):
    from flows.sweep import try_all

    store, *_ = drawn
    before, runs = records(store), len(rows_of(store, "from runs"))
    curve = read_curve("train.max_pairs=1,20,null", Given(None, SMALL, (str(pages),), str(store.root)))

    points = try_all(curve, lambda _: None)

    assert done_since(store, before) == {}
    assert [point.status for point in points] == ["failed", "completed", "completed"]
    assert len(rows_of(store, "from runs")) == runs + 3
    assert rows_of(store, "select rank, run_id from sweep_runs order by rank") == [(point.rank, point.run_id) for point in points]


# ---- the plot --------------------------------------------------------------------------------------------------------------------


def row(rank, value, rate, low, high, *, split="test_unseen_fact", judge="similarity/1"):
    found = {"setting": "train.max_pairs", "rank": rank, "value": value, "rate": rate, "low": low, "high": high}
    found |= {"split": split, "judge": judge, "contrast": "tuned:base", "n": 9, "n_taught": 5, "p_value": None, "p_holm": None}
    return found | {"is_difference": False, "status": "completed", "reason": "", "run_id": "r", "n_units": 4, "n_done": 2}


def test_rates_stand_where_the_axis_says():
    ticks, (panel,) = plots(
        [row(1, "100", 0.75, 0.5, 1.0), row(0, "50", 0.5, None, None), row(2, "200", None, None, None), row(3, "400", 0.5, 0.5, 0.5)]
    )

    assert [tick.label for tick in ticks] == ["100\u00a0%", "75\u00a0%", "50\u00a0%", "25\u00a0%", "0\u00a0%"]
    assert [(point.row["value"], point.y, point.top, point.bottom) for point in panel.points] == [
        ("50", 50.0, None, None),
        ("100", 25.0, 0.0, 50.0),
        ("200", None, None, None),
        ("400", 50.0, 50.0, 50.0),
    ]
    assert [point.x for point in panel.points] == [12.5, 37.5, 62.5, 87.5]
    assert [(one.row["value"], other.row["value"]) for one, other in panel.steps] == [("50", "100")]


def test_every_judge_and_test_set_has_a_panel_people_first():
    rows = [
        row(0, "1", 0.5, 0.4, 0.6, split=split, judge=judge)
        for judge in ("similarity/1", "human/1")
        for split in ("test_unseen_fact", "test_rephrased")
    ]

    _, panels = plots(rows)

    assert [(panel.judge, panel.split) for panel in panels] == [
        (judge, split) for judge in ("human/1", "similarity/1") for split in ("test_rephrased", "test_unseen_fact")
    ]


def test_a_curve_without_a_verdict_is_a_page_that_says_so_and_markup_is_text():
    failed = row(0, "<b>", None, None, None, split=None, judge=None) | {"contrast": None, "status": "failed"}

    html = page([failed], ["<script>alert(1)</script>"])

    assert "No value came to a verdict" in html
    assert "<script" not in html
    assert "&lt;b&gt;" in html
