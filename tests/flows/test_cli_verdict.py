"""The commands that ask something of a finished run, and the one that lands judgements made elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.cli import main
from tasks.judge import JudgeParams
from tasks.outcomes import figures
from tasks.statistics import ReportParams
from tasks.units import record_units, unit
from warehouse import tables as t
from warehouse.checks import run_checks
from warehouse.store import Warehouse
from warehouse.views import latest_finished_run, query

PUBLISHED = Path(__file__).parents[2] / ".." / "shared" / "data" / "judging" / "judging_log.txt"
CONTRAST, JUDGE = "tuned:base_rag", "similarity/1"
N, N_DOCUMENTS = 96, 12


def land_run(store, run_id, is_stated, *, at="2026-01-01T00:00:00"):
    """A run over the same 96 questions on 12 documents. ``is_stated(arm, number)``: whether the arm states the fact."""
    names = [f"q{number:03}" for number in range(N)]
    arms = CONTRAST.split(":")
    splits = [t.SplitRow(name, f"d{k % N_DOCUMENTS}", f"f{k}", f"l{k}", "test_unseen_document") for k, name in enumerate(names)]
    states = {(arm, name): is_stated(arm, k) for arm in arms for k, name in enumerate(names)}
    scores = [t.Score(f"{arm}-{name}", name, arm, value, 4, 0.5, 0.5, 0.5, 0.1, 0.5, 0.5, None) for (arm, name), value in states.items()]
    verdicts = [
        t.Verdict(f"v-{name}", CONTRAST, name, JUDGE, "none", 0, "first" if a > b else "second" if b > a else "tie", "")
        for name in names
        for a, b in [[states[arm, name] for arm in arms]]
    ]
    made = figures(verdicts, scores, [], splits, arms, JudgeParams(contrasts=(CONTRAST,)), ReportParams())
    rows = {"split": {t.SPLITS: splits}, "score": {t.SCORES: scores}, "judge": {t.VERDICTS: verdicts}, "report": made}
    store.prepare()
    for stage, tables in rows.items():
        work = unit(stage, 1, run_id, inputs=[run_id])
        store.land(work.unit_id, tables, stage=stage)
        record_units(store, run_id, stage, [work])
    store.land(f"run-{run_id}", {t.RUNS: [t.Run(run_id, at, "", "{}", "{}", None, None, "{}")]}, stage="run")
    store.land(f"end-{run_id}", {t.RUN_RESULTS: [t.RunResult(run_id, at, "completed", 4, 4, 0, 0, "")]}, stage="run")


def good(arm, number):
    return number % 7 < 5 if arm == "tuned" else number % 7 == 5


def poor(arm, number):
    return number % 2 == 0 if arm == "tuned" else number % 4 == 3


@pytest.fixture
def warehouse(tmp_path):
    store = Warehouse(tmp_path / "data")
    land_run(store, "r1", poor, at="2026-01-01T00:00:00")
    land_run(store, "r2", good, at="2026-02-01T00:00:00")
    return store


def tunehouse(store, command, *words):
    return main([command, "--warehouse", str(store.root), *words])


def rows_of(store, sql, run=None):
    return [tuple(row.values()) for row in query(store, sql, run).to_pylist()]


def broken(store, run=None):
    """Claims that a run breaks, those left out that need documents, pairs and answers, which these runs do not have."""
    whole = {"every_id_finds_its_row", "every_test_question_is_answered", "flip_rates_match_flips", "kept_pair_is_split_or_rejected_once"}
    return {check.name for check in run_checks(store, run) if not check.holds} - whole


# ---- gate ------------------------------------------------------------------------------------------------------------------------


def test_a_run_that_holds_passes_with_exit_code_nought_and_a_row(warehouse, capsys):
    assert tunehouse(warehouse, "gate", "--contrast", CONTRAST, "--min-win-rate", ".5") == 0
    assert "passed: tuned:base_rag on test_unseen_document by similarity/1" in capsys.readouterr().out
    assert rows_of(warehouse, "select contrast, split, basis, is_passed, run_id from gates") == [
        (CONTRAST, "test_unseen_document", "low", True, "r2")
    ]
    assert broken(warehouse) == set()


def test_a_run_that_does_not_hold_fails_with_exit_code_one_and_the_reasons(warehouse, capsys):
    words = ("--contrast", CONTRAST, "--min-win-rate", ".95", "--max-negative-flips", ".05", "--run", "r1")

    assert tunehouse(warehouse, "gate", *words) == 1
    said = capsys.readouterr()
    assert said.out.startswith("failed: tuned:base_rag")
    assert "low end of the win rate" in said.err
    assert "high end of the negative flip rate" in said.err
    assert rows_of(warehouse, "select is_passed, len(reasons) from gates", "r1") == [(False, 2)]
    assert rows_of(warehouse, "from gates") == []  # r2 was asked nothing


def test_the_rate_itself_may_be_asked(warehouse):
    (rate, low) = rows_of(warehouse, "select rate, low from estimates where split = 'test_unseen_document'")[0]
    between = str((rate + low) / 2)

    assert tunehouse(warehouse, "gate", "--min-win-rate", between) == 1
    assert tunehouse(warehouse, "gate", "--min-win-rate", between, "--on", "rate") == 0


def test_asked_twice_a_gate_is_one_row_and_two_rules_are_two(warehouse):
    for rule in (".5", ".5", ".6"):
        tunehouse(warehouse, "gate", "--min-win-rate", rule)
    assert rows_of(warehouse, "select min_win_rate from gates order by 1") == [(0.5,), (0.6,)]
    assert rows_of(warehouse, "select count(*) from run_units where stage = 'gate'") == [(2,)]


@pytest.mark.parametrize("words", [["--contrast", "tuned:nobody"], ["--split", "train"], ["--judge", "nobody"], ["--min-win-rate", "50"]])
def test_a_rule_that_cannot_be_held_is_an_error_and_not_a_failed_model(warehouse, words, capsys):
    assert tunehouse(warehouse, "gate", *words) == 2
    said = capsys.readouterr()
    assert "to mend" in said.err
    assert said.out == ""


# ---- compare-runs ----------------------------------------------------------------------------------------------------------------


def test_two_runs_are_compared_on_the_questions_that_both_tested(warehouse, capsys):
    assert tunehouse(warehouse, "compare-runs", "r2", "r1") == 0
    assert "states_key" in capsys.readouterr().out
    sql = "select run_a, run_b, n, mean_b, n_only_a from run_comparison where subject = 'tuned' and measure = 'states_key'"
    assert rows_of(warehouse, sql, "r2") == [("r2", "r1", N, 0.5, 0)]
    assert rows_of(warehouse, "from run_comparison", "r1") == []
    assert broken(warehouse) == set()


@pytest.mark.parametrize(("words", "fault"), [(["r1", "r1"], "itself"), (["r1", "r9"], "no run r9")])
def test_runs_that_cannot_be_compared_are_an_error(warehouse, words, fault, capsys):
    assert tunehouse(warehouse, "compare-runs", *words) == 1
    assert fault in capsys.readouterr().err


# ---- import-judgements -----------------------------------------------------------------------------------------------------------


LOG = "Loaded 5 finetune entries from answers.csv\n" + "".join(
    f"Winner: EvalWinner.{name}\n" for name in ("FINE_TUNED", "BASE", "FINE_TUNED")
)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "judged.txt"
    path.write_text(LOG)
    return path


def test_a_log_becomes_a_run_of_its_own_and_says_what_has_no_verdict(tmp_path, log, capsys):
    store = Warehouse(tmp_path / "new")

    assert tunehouse(store, "import-judgements", str(log)) == 0
    said = capsys.readouterr().out
    assert "judged.txt: 3 judgements; 2 of 5 loaded entries have no verdict" in said
    assert "2 of 5 entries have no verdict: between 40.0 and 80.0 %" in said
    assert rows_of(store, "select split, n, n_wins, n_losses, n_unscored, is_difference from win_rate") == [("imported", 3, 2, 1, 2, False)]
    assert [check.name for check in run_checks(store) if not check.holds] == []
    assert rows_of(store, "select status, n_verdicts from run_history") == [("imported", 5)]


def test_the_same_log_is_imported_once(tmp_path, log):
    store = Warehouse(tmp_path / "new")
    for _ in range(2):
        tunehouse(store, "import-judgements", str(log))
    tunehouse(store, "import-judgements", str(log), "--judge", "gpt/2")

    assert rows_of(store, "select count(*) from runs") == [(2,)]
    assert rows_of(store, "select distinct judge from verdicts order by 1", "all") == [("gpt/2",), ("imported/1",)]


def test_imported_judgements_do_not_take_the_place_of_the_latest_run(warehouse, log):
    tunehouse(warehouse, "import-judgements", str(log))

    assert latest_finished_run(warehouse) == "r2"
    assert rows_of(warehouse, "select distinct split from estimates") != [("imported",)]
    (imported,) = rows_of(warehouse, "select run_id from run_history where status = 'imported'")
    assert rows_of(warehouse, "select n, n_unscored from win_rate", imported[0]) == [(3, 2)]
    assert broken(warehouse, "all") == set()


@pytest.mark.parametrize(("words", "fault"), [(["--contrast", "tuned"], "two arms"), ([], "no verdict was found")])
def test_what_cannot_be_imported_lands_nothing(tmp_path, words, fault, capsys):
    path = tmp_path / "empty.txt"
    path.write_text("nothing here\n")

    assert tunehouse(Warehouse(tmp_path / "new"), "import-judgements", str(path), *words) == 1
    assert fault in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published log is not at hand")
def test_the_published_log_is_imported_whole(tmp_path, capsys):
    store = Warehouse(tmp_path / "new")

    assert tunehouse(store, "import-judgements", str(PUBLISHED)) == 0
    said = capsys.readouterr().out
    assert "13 of 174 loaded entries have no verdict" in said
    assert "win rate 67.1 % [59.5, 73.9]" in said
    assert "between 62.1 and 69.5 %" in said
    assert rows_of(store, "select n_losses, n_wins, n, n_unscored from win_rate") == [(53, 108, 161, 13)]
    assert [check.name for check in run_checks(store) if not check.holds] == []
