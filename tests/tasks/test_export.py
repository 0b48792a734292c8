"""Pairs go out in the formats that others train on, with a card; what was written loads, and renders as our own trainer would."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tasks.export import CARD, export_pairs
from tasks.units import Unit, record_units
from warehouse import tables as t
from warehouse.errors import ConfigError, MissingPrerequisite
from warehouse.store import Warehouse

TINY_BASE = Path(__file__).parents[2] / "deployments" / "demo" / "tiny_base"
NAME = "pump | <b>`K-9`</b>.pdf"
DOCUMENT = t.Document("d1", "0" * 64, NAME, None, "Kestrel K-9", "metadata", 1, 1, 9, 9, "ok", None, (), None)
CHUNK = t.Chunk("c1", "d1", 0, "Assembly", "body", "At 24.5 Nm.", 9)
SETS = {"p1": "train", "p2": "train", "p3": "test_rephrased", "p4": "test_unseen_fact"}


def pair(name, **changes):
    asked = f'What takes 24.5 Nm, {name}?\n"Ünïcode" 表'
    made = t.QaPair(name, "d1", "c1", f"f-{name}", 0, asked, asked, "=The flange.", "flange", "name", "predicate", "extractive-2")
    return replace(made, **changes)


PAIRS = [
    pair("p1"),
    pair("p2", answer_key=None, answer_kind="refusal", generator="llm-1", prompt_sha256="a" * 64),
    pair("p3"),
    pair("p4"),
    pair("p5"),
]
EVIDENCE = [t.Evidence(f"e-{name}", name, "d1", 0, 1, 3, 7, "24.5 Nm", ()) for name in ("p1", "p3", "p4", "p5")]


@pytest.fixture
def store(tmp_path) -> Warehouse:
    made = Warehouse(tmp_path / "data")
    made.prepare()
    splits = [t.SplitRow(name, "d1", f"f-{name}", f"l-{name}", split) for name, split in SETS.items()]
    rejected = [t.Rejected("r1", "curate", "p5", "d1", "no_verb", "")]
    rows = {t.DOCUMENTS: [DOCUMENT], t.CHUNKS: [CHUNK], t.QA_PAIRS: PAIRS, t.EVIDENCE: EVIDENCE, t.SPLITS: splits, t.REJECTED: rejected}
    made.land("u", rows, stage="split")
    made.land("run", {t.RUNS: [t.Run("r1", "2026-01-01", "", "{}", "{}", None, None, "{}")]}, stage="run")
    record_units(made, "r1", "split", [Unit("u", "split", "all")])
    return made


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


SAID = {
    "chat": {"messages": [{"role": "user", "content": PAIRS[0].question}, {"role": "assistant", "content": "=The flange."}]},
    "alpaca": {"instruction": PAIRS[0].question, "input": "", "output": "=The flange."},
    "sharegpt": {"conversations": [{"from": "human", "value": PAIRS[0].question}, {"from": "gpt", "value": "=The flange."}]},
}


@pytest.mark.parametrize("how", SAID)
def test_each_format_says_the_pair_its_way_and_where_it_came_from(store, tmp_path, how):
    export_pairs(store, None, how, ["train"], tmp_path / "out", licence="cc-by-4.0")

    rows = {row["pair_id"]: row for row in lines(tmp_path / "out" / "data" / "train.jsonl")}

    assert sorted(rows) == ["p1", "p2"]
    assert {name: rows["p1"][name] for name in SAID[how]} == SAID[how]
    assert rows["p1"]["evidence"] == [{"page": 1, "char_from": 3, "quote": "24.5 Nm"}]
    assert (rows["p1"]["document"], rows["p1"]["title"], rows["p2"]["evidence"]) == (NAME, "Kestrel K-9", None)
    assert [path.name for path in (tmp_path / "out" / "data").iterdir()] == ["train.jsonl"]


def test_without_a_split_every_set_is_a_file_of_its_own(store, tmp_path):
    done = export_pairs(store, None, "chat", [], tmp_path / "out", licence="unknown")

    assert {file.split: file.n_rows for file in done.files} == {"train": 2, "test_rephrased": 1, "test_unseen_fact": 1}


def test_the_card_tells_counts_makers_checksums_licence_and_what_was_left_out(store, tmp_path):
    done = export_pairs(store, None, "chat", [], tmp_path / "out", licence="cc-by-4.0")
    _, head, card = (tmp_path / "out" / CARD).read_text(encoding="utf-8").split("---\n", 2)

    assert yaml.safe_load(head)["license"] == "cc-by-4.0"
    assert "| pump &#124; &lt;b&gt;&#96;K-9&#96;&lt;/b&gt;.pdf | 2 | 1 | 1 |" in card
    assert "| extractive-2 | 3 |" in card
    assert "| llm-1 | 1 |" in card
    assert f"| not on record | {'a' * 64} |" in card
    assert "| curate | no_verb | 1 |" in card
    for file in done.files:
        assert hashlib.sha256((tmp_path / "out" / file.path).read_bytes()).hexdigest() == file.sha256
        assert f"| {file.path} | {file.n_rows} | {file.sha256} |" in card


@pytest.mark.parametrize("how", ["chat", "hf"])
def test_the_same_run_gives_the_same_bytes(store, tmp_path, how):
    one, two = (export_pairs(store, None, how, [], tmp_path / name, licence="mit") for name in ("one", "two"))

    assert one.files == two.files
    assert (tmp_path / "one" / CARD).read_bytes() == (tmp_path / "two" / CARD).read_bytes()


def test_a_folder_that_holds_something_is_not_touched(store, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(ConfigError, match="something already"):
        export_pairs(store, None, "chat", [], tmp_path, licence="mit")


@pytest.mark.parametrize(("splits", "error"), [(["validation"], MissingPrerequisite), (["training"], ConfigError)])
def test_nothing_to_export_leaves_nothing_behind(store, tmp_path, splits, error):
    with pytest.raises(error):
        export_pairs(store, None, "chat", splits, tmp_path / "out", licence="mit")

    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["chat", "hf"])
def test_datasets_loads_it_offline_and_a_chat_template_renders_it_as_our_trainer_does(store, tmp_path, monkeypatch, how):
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    from datasets import load_dataset
    from transformers import AutoTokenizer

    from tasks.base_model import chat_prompt

    export_pairs(store, None, how, [], tmp_path / "out", licence="mit")

    loaded = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))

    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 2, "test_rephrased": 1, "test_unseen_fact": 1}
    row = next(row for row in loaded["train"] if row["pair_id"] == "p1")
    tokenizer = AutoTokenizer.from_pretrained(TINY_BASE)
    rendered = tokenizer.apply_chat_template(row["messages"], tokenize=False)
    assert PAIRS[0].question in rendered
    assert rendered.startswith(chat_prompt(tokenizer, PAIRS[0].question))
    assert "=The flange." in rendered
