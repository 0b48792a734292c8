"""`tunehouse label` on a real run: by hand of the keyboard, broken off and taken up again, by two people, up to the gate."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from flows.cli import main
from flows.labelling import Sitting, label_run
from flows.summary import verdict_text
from tasks.controls import is_gated
from tasks.judge_trust import read_trust
from tasks.label_session import PROMPT
from warehouse.checks import run_checks
from warehouse.errors import ConfigError
from warehouse.views import query

from .conftest import ROOT
from .small_runs import done_since, records, run

pytestmark = pytest.mark.slow
CONTRAST = "tuned:base"


def rows(store, sql, run_id=None):
    return query(store, sql, run_id).to_pylist()


def label(store, monkeypatch, lines, *words, reviewer="Ann"):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines)))
    return main(["label", "--warehouse", str(store.root), "--reviewer", reviewer, "--contrast", CONTRAST, *words])


def sit(store, reviewer, choose, n=10, seed=0):
    """Label as ``choose(what is shown)`` says; (what came of it, every text shown)."""
    texts = []
    done = label_run(store, None, Sitting(reviewer, CONTRAST, n, seed), lambda prompt: choose(texts[-1]), texts.append)
    return done, [text for text in texts if "FIRST answer" in text]


def parts(text):
    """(reference, first answer, second answer) of what is shown of an item."""
    found, name = {}, ""
    for line in text.splitlines():
        if line.startswith("  │ "):
            found[name] += [line.removeprefix("  │ ")]
        else:
            name = line
            found.setdefault(name, [])
    return tuple(" ".join(found[name]) for name in ("Reference", "FIRST answer", "SECOND answer"))


def attentive(text):
    """A person who compares words: the answer that is the reference wins, two that are alike tie, and so does all else."""
    reference, first, second = parts(text)
    return "t" if first == second or reference not in (first, second) else "1" if first == reference else "2"


def test_a_sitting_at_the_keyboard_is_broken_off_and_taken_up_again(store):
    command = [sys.executable, "-c", "import sys; from flows.cli import main; sys.exit(main())"]
    words = ["label", "--warehouse", str(store.root), "--reviewer", "Ann", "--contrast", CONTRAST, "--n", "10"]

    def typed(lines):
        done = subprocess.run([*command, *words], input=lines, capture_output=True, text=True, cwd=ROOT, check=True, timeout=120)
        return done.stdout

    first = typed("1\n2\nperhaps\nt\n")
    assert first.count(PROMPT) == 5  # one was not understood, and at the last the input ended
    assert "3 labels by Ann" in first
    assert "9 are left" in first
    assert "win" not in first.split("labels by Ann")[1]  # no figures before the end
    landed = rows(store, "select * from labels order by label_id")
    assert sorted(row["verdict"] for row in landed) == ["first", "second", "tie"]
    assert {row["reviewer"] for row in landed} == {"Ann"}

    second = typed("s\n" + "t\n" * 20)

    assert "── 1 of 9 ──" in second
    assert "9 labels by Ann" in second
    assert "none is left" not in second
    assert len(rows(store, "from labels")) == 12
    assert (
        rows(store, "from labels where label_id in ({})".format(", ".join(f"'{row['label_id']}'" for row in landed)) + " order by label_id")
        == landed
    )
    (done,) = rows(store, "from labels_by_reviewer")
    assert (done["n_labelled"] + done["n_skipped"], done["n_controls"]) == (10, 2)
    assert "0 labels by Ann" in typed("t\n")


def test_nothing_shown_names_an_arm_and_both_orders_come(store):
    _, texts = sit(store, "Ann", attentive, n=30)

    assert len(texts) == 36
    assert not any(arm in text for text in texts for arm in ("tuned", "base_rag", "base:"))
    assert {row["order"] for row in rows(store, 'select distinct "order" from labels')} == {"ab", "ba"}
    assert rows(store, "select count(distinct pair_id) as n from labels where control <> ''") != [{"n": 0}]
    tested = {row["pair_id"] for row in rows(store, "select pair_id from splits where starts_with(split, 'test_')")}
    assert all((row["pair_id"] in tested) == (not row["control"]) for row in rows(store, "from labels"))


def test_people_become_a_judge_of_the_run_and_the_others_stay_as_they_were(store, capsys):
    (run_id,) = {row["run_id"] for row in rows(store, "select run_id from runs")}
    others = "from estimates where not starts_with(judge, 'human') order by estimate_id"
    before, old = rows(store, others), records(store)
    n_tested = rows(store, "select split, count(*) as n from splits where starts_with(split, 'test_') group by split order by split")

    sit(store, "Ann", attentive, n=20)
    done, _ = sit(store, "Ben", lambda text: "1", n=20)

    assert rows(store, others) == before
    assert set(done_since(store, old).values()) == {"label", "controls", "judge", "report"}
    people = {row["split"]: row for row in rows(store, f"from estimates where judge = 'human/1' and contrast = '{CONTRAST}'")}
    assert {split: row["n_planned"] for split, row in people.items() if row["n_planned"]} == {row["split"]: row["n"] for row in n_tested}
    assert sum(row["n"] + row["n_unscored"] for row in people.values()) == 20
    assert sum(row["n_not_asked"] for row in people.values()) == sum(row["n"] for row in n_tested) - 20
    assert [row for row in people.values() if row["n"] and not row["bound_low"] <= row["rate"] <= row["bound_high"]] == []
    (kappa,) = rows(store, "from reviewer_agreement")
    assert (kappa["reviewer_a"], kappa["reviewer_b"], kappa["n"]) == ("Ann", "Ben", 20)
    pairs = rows(store, f"select judges from judge_agreements where contrast = '{CONTRAST}'")
    assert {tuple(row["judges"]) for row in pairs} == {("human/1", "similarity/1")}
    assert {(row["judge"], row["labeller"]) for row in rows(store, "from calibrations where n > 0")} == {("similarity/1", "human/1")}
    assert len(done.estimates) == 3
    assert [check.name for check in run_checks(store) if not check.holds] == []
    assert "by human/1" in verdict_text(store, run_id)

    # whoever names the first answer whatever stands there is found out
    assert is_gated("human/1")
    assert read_trust(store, run_id).unfit("human/1")
    gate = ["gate", "--warehouse", str(store.root), "--judge", "human", "--contrast", CONTRAST, "--on", "rate", "--min-win-rate", "0"]
    assert main(gate) == 1
    assert "judge unfit: K" in capsys.readouterr().err


def test_the_gate_passes_by_the_word_of_attentive_people(store, monkeypatch, capsys):
    sit(store, "Ann", attentive, n=20)

    assert read_trust(store, rows(store, "select run_id from runs")[0]["run_id"]).unfit("human/1") == ()
    gate = ["gate", "--warehouse", str(store.root), "--judge", "human", "--contrast", CONTRAST, "--on", "rate", "--min-win-rate", "0"]
    assert main(gate) == 0
    assert label(store, monkeypatch, ["t"], "--n", "21") == 0
    out = capsys.readouterr().out
    assert "1 labels by Ann" in out
    assert "n_not_asked" in out


def test_a_later_run_that_names_people_takes_their_labels_in(store, pages):
    figures = (
        "select split, n_wins, n_ties, n_losses, n_unscored, n_not_asked from estimates "
        f"where judge = 'human/1' and contrast = '{CONTRAST}' order by split"
    )
    sit(store, "Ann", attentive, n=12)
    late, before = rows(store, figures), records(store)

    run_id = run(pages, store.root, "judge.judges=[similarity, human]")

    assert rows(store, figures, run_id) == late
    assert set(done_since(store, before).values()) <= {"controls", "judge", "report"}
    (settings,) = rows(store, f"select settings from runs where run_id = '{run_id}'")
    assert json.loads(settings["settings"])["judge"]["judges"] == ["similarity", "human"]
    assert sit(store, "Ann", attentive, n=14)[0].estimates == []
    assert [check.name for check in run_checks(store) if not check.holds] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--contrast", "tuned:placebo"], "does not compare tuned:placebo"),
        (["--n", "0"], "too few"),
        (["--reviewer", " "], "nobody's name"),
        (["--reviewer", "A\x1b[2J"], "nobody's name"),
        (["--run", "r99"], "r99"),
    ],
)
def test_what_cannot_be_labelled_is_an_error_and_lands_nothing(store, monkeypatch, capsys, words, said):
    assert label(store, monkeypatch, ["1"], *words) == 1
    assert said in capsys.readouterr().err
    assert rows(store, "from labels") == []


def test_a_sitting_needs_somebody():
    with pytest.raises(ConfigError, match="--reviewer"):
        Sitting("")
