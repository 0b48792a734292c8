"""`tunehouse prefer` and `tunehouse export-model` as typed: an adapter tuned to preferences, judged, and handed out if the gates let it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from safetensors.torch import load_file, save_file

from flows.cli import main
from flows.finetune import finetune
from flows.prefer import preferring
from flows.rerun import rerun_unit
from flows.run_config import load_config
from flows.summary import status_text
from tasks import preferences
from tasks.prefer_params import PreferParams
from tasks.train_command import main as train_without_prefect
from warehouse import tables as t
from warehouse.checks import run_checks
from warehouse.errors import ConfigError, MissingPrerequisite
from warehouse.keys import unit_id
from warehouse.store import Warehouse
from warehouse.views import latest_finished_run, query

from .conftest import ROOT
from .small_runs import done_since, records, unit_of

pytestmark = pytest.mark.slow
ENV = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}


def tunehouse(*words: object) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the command starts a server, whose settings are the process's."""
    command = [sys.executable, "-m", "flows.cli", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **ENV}, capture_output=True, text=True, check=False, timeout=400)


def rows(store: Warehouse, sql: str) -> list[dict]:
    return query(Warehouse(store.root), sql, None).to_pylist()


@pytest.fixture(scope="module")
def preferred(finished_run, tmp_path_factory):
    """(warehouse, its records before, what was said) of a finished run that was run again with what its base says wrong."""
    store = Warehouse(shutil.copytree(finished_run, tmp_path_factory.mktemp("preferred") / "data"))
    before = records(store)
    done = tunehouse("prefer", "--warehouse", store.root, "--held-out", "0.3", "--epochs", "2", "--learning-rate", "1e-3")
    assert done.returncode == 0, done.stdout + done.stderr
    return Warehouse(store.root), before, done.stdout


def test_the_tuned_arms_answer_with_the_preferred_adapter_and_nothing_else_is_done_again(preferred):
    store, before, said = preferred
    done = done_since(store, before)
    adapters = {row["adapter_id"]: row for row in rows(store, "from adapters")}
    (tuned,) = [row for row in adapters.values() if row["parent_adapter_id"]]

    assert not {"ingest", "chunk", "generate", "split", "train", "retrieve"} & set(done.values())
    assert {"preferences", "dpo", "forgetting", "answer", "judge", "report"} <= set(done.values())
    assert tuned["adapter_id"] == unit_of(store, "dpo")
    assert tuned["parent_sha256"] == adapters[tuned["parent_adapter_id"]]["sha256"] != tuned["sha256"]
    assert tuned["is_live"]
    used = rows(store, "select distinct arm, adapter_id from answers order by arm")
    assert {row["arm"]: row["adapter_id"] for row in used} == {
        "base": None, "base_rag": None, "tuned": tuned["adapter_id"], "tuned_rag": tuned["adapter_id"],
    }  # fmt: skip
    assert not (store.root / tuned["folder"] / "checkpoints").exists()
    assert "run " in said
    assert {check.name: check.offenders.to_pylist() for check in run_checks(store) if not check.holds} == {}


def test_every_pair_prefers_a_train_reference_to_what_the_base_said_and_asks_no_tested_fact(preferred):
    store, _, _ = preferred
    pairs = rows(store, "select p.*, q.answer, q.answer_key, s.split from preference_pairs p join qa_pairs q using (pair_id) "
                        "join splits s using (pair_id)")  # fmt: skip
    tested = {row["fact_id"] for row in rows(store, "select fact_id from splits where split like 'test%'")}
    fates = {row["fate"]: row["n"] for row in rows(store, "select fate, count(*) as n from preference_questions group by all")}
    (training,) = rows(store, f"from training_runs where adapter_id = '{unit_of(store, 'dpo')}'")

    assert {row["split"] for row in pairs} == {"train"}
    assert tested.isdisjoint(row["fact_id"] for row in pairs)
    assert not [row for row in pairs if row["chosen"] != row["answer"] or preferences.states(row["rejected"], row["answer_key"])]
    assert fates["preference"] == len(pairs) == training["n_train"] + training["n_validation"]
    assert fates["fact_is_tested"] > 0
    assert sum(fates.values()) == rows(store, "select count(*) as n from splits where split = 'train'")[0]["n"]
    assert training["margin_after"] > training["margin_before"]
    taught = rows(store, "select count(distinct adapter_id) as n from adapters_that_saw")
    assert taught[0]["n"] == 2


def test_what_stands_is_not_tuned_again_and_without_prefect_a_lost_adapter_is_tuned_to_the_same_weights(preferred, prefect_server):
    store, _, _ = preferred
    before, unit = records(store), unit_of(store, "dpo")
    config = preferring(store, None, PreferParams(source="base", held_out_share=0.3, epochs=2, learning_rate=1e-3))
    finetune(config, latest_finished_run(store))
    assert done_since(Warehouse(store.root), before) == {}

    content = store.commit(unit).content
    store.retract(unit)
    shutil.rmtree(store.root / "weights" / unit)
    assert train_without_prefect(["--warehouse", str(store.root), "--unit", unit[:12]]) == 0

    assert Warehouse(store.root).commit(unit).content == content
    assert not (store.root / "weights" / unit / "checkpoints").exists()


def test_an_adapter_that_is_tuned_again_alone_comes_out_the_same(preferred, prefect_server):
    store, _, _ = preferred
    for stage in ("preferences", "dpo", "forgetting"):
        unit = unit_of(store, stage)
        content = store.commit(unit).content
        said = rerun_unit(str(store.root), unit)
        assert Warehouse(store.root).commit(unit).content == content
        assert "its content is as before" in said


def test_multiple_choice_tunes_the_adapter_and_what_it_forgot_is_measured(store, tmp_path):
    path = tmp_path / "choices.csv"
    lines = [f"Which colour has sign {n}?,It is red.,It is blue.,It is green.,A" for n in range(12)]
    path.write_text("\n".join(["question,option_a,option_b,option_c,answer", *lines]))
    run_id = latest_finished_run(store)

    finetune(preferring(store, None, PreferParams(source="file", choices=str(path), pairs_per_step=4)), run_id)

    after = Warehouse(store.root)
    pairs = after.rows(t.PREFERENCE_PAIRS, [unit_of(after, "preferences", run_id=run_id)])
    (adapter,) = after.rows(t.ADAPTERS, [unit_of(after, "dpo", run_id=run_id)])
    assert len(pairs) == 24
    assert {(one.fact_id, one.pair_id, one.chosen) for one in pairs} == {(None, None, "It is red.")}
    assert adapter.parent_adapter_id == unit_of(after, "train", run_id=run_id)
    assert {row.adapter_id for row in after.rows(t.FORGETTING, [unit_of(after, "forgetting", run_id=run_id)])} == {adapter.adapter_id}


def test_a_file_that_asks_a_tested_question_is_refused_and_nothing_is_tuned(store, tmp_path):
    (tested,) = rows(
        store, "select question, answer from qa_pairs join splits using (pair_id) where split like 'test%' order by pair_id limit 1"
    )
    good = {"question": "Which colour is the sky by day?", "options": ["It is blue.", "It is green."], "answer": "A"}
    planted = {"question": tested["question"], "options": [tested["answer"], "Nobody knows."], "answer": "A"}
    path = tmp_path / "choices.jsonl"
    path.write_text("\n".join(map(json.dumps, (good, planted))))

    done = tunehouse("prefer", "--warehouse", store.root, "--choices", path)

    assert done.returncode == 1
    assert "a preference pair teaches what a test set asks" in done.stderr
    assert "Traceback" not in done.stderr
    after = Warehouse(store.root)
    assert {commit.stage for commit in after.commits()} & {"preferences", "dpo"} == set()
    assert "preferences" in status_text(after)


def test_a_warehouse_without_a_run_and_a_training_of_all_weights_are_refused(store, tmp_path, capsys):
    empty = Warehouse(tmp_path / "empty")
    empty.prepare()
    with pytest.raises(MissingPrerequisite, match="no adapter"):
        preferring(empty, None, PreferParams(source="base"))
    config = preferring(store, None, PreferParams(source="base"))
    assert (config.prefer.source, config.warehouse) == ("base", str(store.root))
    with pytest.raises(ConfigError, match="no adapter to tune"):
        load_config(None, ["prefer.source=base", "train.method=full"])
    with pytest.raises(ConfigError, match=r"no such file(?s:.*)nofile.csv"):
        preferring(store, None, PreferParams(source="file", choices="nofile.csv"))


@pytest.mark.parametrize("how", ["adapter", "merge"])
def test_export_model_hands_out_the_preferred_adapter(preferred, tmp_path, capsys, how):
    store, _, _ = preferred
    out = tmp_path / "out"

    assert main(["export-model", "--warehouse", str(store.root), f"--{how}", "--out", str(out), "--dtype", "float32",
                 "--prompts", "4", "--allow-forgetting"]) == 0  # fmt: skip

    said, card = capsys.readouterr().out, (out / "README.md").read_text(encoding="utf-8")
    dpo = unit_of(store, "dpo")
    assert "every gate passed" in said
    assert f"{out}" in said
    assert (out / ("adapter_model.safetensors" if how == "adapter" else "model.safetensors")).is_file()
    assert dpo in card
    assert unit_of(store, "train") in card
    assert "margin_after" in card
    assert "preference" in card
    if how == "adapter":
        theirs, ours = load_file(out / "adapter_model.safetensors"), load_file(store.root / "weights" / dpo / "adapter_model.safetensors")
        assert all((theirs[name] == ours[name]).all() for name in ours)


def test_export_model_of_a_run_without_preferences_measures_nothing_again(store, tmp_path, capsys):
    before = records(store)
    assert rows(store, "from forgetting")
    assert "forgetting" in {store.commit(unit).stage for unit in before}

    assert main(["export-model", "--warehouse", str(store.root), "--adapter", "--out", str(tmp_path / "out"), "--allow-forgetting"]) == 0
    assert done_since(Warehouse(store.root), before) == {}
    assert "vllm serve" in capsys.readouterr().out


def refused(store: Warehouse, tmp_path, capsys, *words: str) -> str:
    """What a refused export says; no folder is left."""
    assert main(["export-model", "--warehouse", str(store.root), "--adapter", "--out", str(tmp_path / "out"), *words]) == 1
    said = capsys.readouterr()
    assert not (tmp_path / "out").exists()
    assert "every gate passed" not in said.out
    return said.err


def test_a_changed_adapter_is_refused_by_name(store, tmp_path, capsys):
    weights = store.root / "weights" / unit_of(store, "train") / "adapter_model.safetensors"
    save_file({name: one * 0 for name, one in load_file(weights).items()}, weights)

    said = refused(store, tmp_path, capsys, "--allow-forgetting")

    assert "the trained weights are not those of the training" in said
    assert "to mend" in said


def test_an_adapter_that_forgot_is_refused_unless_that_is_allowed(store, tmp_path, capsys):
    unit = unit_of(store, "forgetting")
    lost = [replace(row, is_drop=row.item_group == "all", mean_drop=0.5, p_holm=0.001) for row in store.rows(t.FORGETTING, [unit])]
    items = store.rows(t.CONTROL_LIKELIHOODS, [unit])
    commit = store.commit(unit)
    with store.lock(unit):
        store.land(unit, {t.FORGETTING: lost, t.CONTROL_LIKELIHOODS: items}, stage=commit.stage, label=commit.label)

    assert "forgotten what it knew of general questions: all: 0.5" in refused(Warehouse(store.root), tmp_path, capsys)
    assert "--allow-forgetting" in refused(Warehouse(store.root), tmp_path, capsys)
    assert main(["export-model", "--warehouse", str(store.root), "--adapter", "--out", str(tmp_path / "out"), "--allow-forgetting"]) == 0
    assert "allowed, though all: 0.5" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_an_unknown_run_and_a_folder_in_use_are_refused(store, tmp_path, capsys):
    assert "has no adapter" in refused(store, tmp_path, capsys, "--run", "r0")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    assert main(["export-model", "--warehouse", str(store.root), "--adapter", "--out", str(tmp_path / "out")]) == 1
    assert "something already" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_status_and_report_say_what_was_forgotten(store):
    from flows.summary import verdict_text

    run_id = latest_finished_run(store)
    assert "general control set" in status_text(store)
    assert "general control set" in verdict_text(store, run_id)
    assert store.commit(unit_id("run_units", 1, [run_id, "forgetting", "0"]))
