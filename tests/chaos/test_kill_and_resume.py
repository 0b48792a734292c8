"""The chaos harness in short, and proof that it would see damage: each kind is planted in a warehouse and found."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.units import Unit, record_units, units_of
from warehouse.store import Warehouse
from warehouse.tables import RUN_RESULTS, RUNS, TRAINING_STEPS, VERDICTS, Run, RunResult, TrainingStep, Verdict

from .damage import difference, left_over, litter

CHAOS = Path(__file__).with_name("chaos.py")
N_KILLS = 12


def make_warehouse(root: Path, *, seconds: float = 1.0, word: str = "tie", n: int = 3) -> Warehouse:
    store = Warehouse(root)
    store.prepare()
    verdicts = [Verdict(f"v{at}", "tuned:base", f"p{at}", "similarity/1", "none", 0, word, "") for at in range(n)]
    store.land("u1", {VERDICTS: verdicts}, stage="judge")
    store.land("u2", {TRAINING_STEPS: [TrainingStep("s1", "a", 1, 2.5, 0.1, 1.0, 64, seconds)]}, stage="train")
    run_id = f"run-{seconds}"
    store.land(f"{run_id}-start", {RUNS: [Run(run_id, f"at {seconds}", "", "{}", "{}", None, None, "{}")]}, stage="run")
    for stage, unit in (("judge", "u1"), ("train", "u2")):
        record_units(store, run_id, stage, [Unit(unit, stage, "")])
    store.land(f"{run_id}-end", {RUN_RESULTS: [RunResult(run_id, f"at {seconds}", "completed", 2, 2, 0, 0, "")]}, stage="run")
    return store


def test_runs_that_differ_in_times_alone_do_not_differ(tmp_path):
    found = difference(make_warehouse(tmp_path / "a"), make_warehouse(tmp_path / "b", seconds=2.0))

    assert found.is_none, found.examples
    assert found.n_rows == 8


def test_a_lost_a_doubled_and_a_changed_row_are_found(tmp_path):
    whole = make_warehouse(tmp_path / "whole")

    fewer = difference(whole, make_warehouse(tmp_path / "fewer", n=2))
    more = difference(whole, make_warehouse(tmp_path / "more", n=5))
    other = difference(whole, make_warehouse(tmp_path / "other", word="first"))

    assert (fewer.n_lost, fewer.n_doubled, fewer.n_changed) == (1, 0, 0)
    assert (more.n_lost, more.n_doubled, more.n_changed) == (0, 2, 0)
    assert (other.n_lost, other.n_doubled, other.n_changed) == (0, 0, 3)
    assert min(fewer.n_parts_changed, more.n_parts_changed, other.n_parts_changed) > 0


def test_a_row_that_two_units_hold_is_doubled(tmp_path):
    whole, twice = (make_warehouse(tmp_path / name) for name in ("whole", "twice"))
    twice.land("u3", {VERDICTS: [Verdict("v0", "tuned:base", "p0", "similarity/1", "none", 0, "tie", "")]}, stage="judge")
    record_units(twice, "run-1.0", "judge", [Unit("u1", "judge", ""), Unit("u3", "judge", "")])

    assert difference(whole, twice).n_doubled >= 1


def test_what_an_interrupted_write_leaves_is_seen_and_the_next_sweep_takes_it(tmp_path):
    store = make_warehouse(tmp_path / "a")
    torn = [store.root / "verdicts" / ".u9-abc.parquet.1.1.tmp", store.root / "commits" / ".u9.json.1.1.tmp"]
    orphan = store.root / "verdicts" / "u9-abc.parquet"
    for path in (*torn, orphan):
        path.write_bytes(b"half")

    assert left_over(store) == {path.relative_to(store.root).as_posix() for path in (*torn, orphan)}
    assert store.sweep() == 3
    assert litter(store) == set()
    assert len(store.commits()) == len(make_warehouse(tmp_path / "b").commits())


def test_a_sweep_leaves_the_ledger_that_another_run_is_landing(tmp_path, monkeypatch):
    store = make_warehouse(tmp_path / "a")
    fsync, swept = os.fsync, []

    def fsync_while_another_run_ends(handle):
        fsync(handle)
        swept.append(Warehouse(store.root).sweep())

    monkeypatch.setattr(os, "fsync", fsync_while_another_run_ends)
    record_units(store, "run-2", "ingest", [Unit("u1", "ingest", "a.pdf")])

    assert swept
    assert [work.unit_id for work in units_of(store, "run-2", "ingest")] == ["u1"]
    assert Warehouse(store.root).verify() == []


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> dict[str, dict[str, int]]:
    folder = tmp_path_factory.mktemp("chaos")
    words = ["--kills", str(N_KILLS), "--pairs", "1", "--seed", "1", "--keep", str(folder / "work"), "--json", str(folder / "figures.json")]
    done = subprocess.run([sys.executable, str(CHAOS), *words], capture_output=True, text=True, check=False)
    assert (folder / "figures.json").is_file(), done.stdout + done.stderr
    shutil.rmtree(folder / "work", ignore_errors=True)
    return json.loads((folder / "figures.json").read_text()) | {"said": done.stdout}


@pytest.mark.slow
def test_kills_in_every_stage_lose_double_tear_and_change_nothing(figures):
    killed = figures["killed"]

    assert killed["kills"] == N_KILLS
    assert killed["kills_mid_write"] > 0, "no kill fell into a write: nothing was shown"
    assert len(figures["kills_by_stage"]) >= N_KILLS - 3, figures["kills_by_stage"]
    assert killed["lives_finished"] == killed["lives"] > 0, figures["said"]
    assert killed["rows_compared"] > 1000
    wrong = ("runs_failed", "rows_lost", "rows_doubled", "rows_changed", "parts_changed", "units_torn", "files_left_over_at_the_end")
    assert {name: killed[name] for name in wrong} == dict.fromkeys(wrong, 0), figures["said"]


@pytest.mark.slow
def test_at_most_the_units_under_way_are_redone(figures):
    killed = figures["killed"]

    assert 0 < killed["units_redone"] <= killed["units_under_way_at_a_kill"] <= 2 * killed["kills"]
    assert killed["units_redone_in_vain"] == 0
    assert killed["units_redone_though_committed"] == 0
    assert killed["units_committed_with_two_contents"] == 0


@pytest.mark.slow
def test_two_runs_at_once_both_succeed_and_do_each_unit_once(figures):
    two = figures["two_at_once"]

    assert two["lives_finished"] == two["lives"] == 1, figures["said"]
    wrong = (
        "runs_failed",
        "rows_lost",
        "rows_doubled",
        "rows_changed",
        "parts_changed",
        "units_redone",
        "units_committed_with_two_contents",
    )
    assert {name: two[name] for name in wrong} == dict.fromkeys(wrong, 0), figures["said"]
    assert two["units_committed_with_two_contents"] == 0
