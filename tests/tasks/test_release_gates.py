"""What is handed out is what was trained: a dead adapter, a merge gone wrong and another chat template each stop at their gate."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tasks.base_model import load_base
from tasks.export_model import export_model, find_release
from tasks.forgetting import forgetting_rows
from tasks.release_gates import merge, refuse_dead, refuse_other_files, refuse_other_merge, refuse_other_template
from tasks.release_params import ReleaseParams
from tasks.train import train_adapter
from tasks.train_params import TrainExample, TrainParams
from tasks.units import Unit, record_units
from warehouse import tables as t
from warehouse.errors import ConfigError, GateRefused, MissingPrerequisite
from warehouse.store import Warehouse

FACTS = [TrainExample(f"p{n:02}", f"What is the code of part {n}?", f"The code is {n * 37 % 101}.") for n in range(20)]
PROBES = [one.question for one in FACTS[:6]]
DOCUMENT = t.Document("d1", "0" * 64, "pump | <b>.pdf", None, "Kestrel", "metadata", 1, 1, 9, 9, "ok", None, (), None)


def settings(base: Path, **changes) -> TrainParams:
    return TrainParams(base_model=str(base), rank=8, alpha=16, learning_rate=1e-2, epochs=4, tokens_per_step=256, n_threads=1, **changes)


@pytest.fixture(scope="module")
def base(save_tiny_llama, tmp_path_factory) -> Path:
    return save_tiny_llama(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def trained(base, tmp_path_factory):
    """(parameters, folder, row) of an adapter that says what it was taught."""
    folder = tmp_path_factory.mktemp("warehouse") / "weights" / "a1"
    return settings(base), folder, train_adapter(FACTS, [], settings(base), folder, "a1").adapter


@pytest.fixture
def merged(trained, tmp_path) -> Path:
    params, folder, _ = trained
    merge(params.base_model, folder, tmp_path / "merged", "float32")
    return tmp_path / "merged"


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        (to / name).write_bytes((folder / name).read_bytes())
    return to


def test_a_live_adapter_passes_and_a_zeroed_one_does_not(trained, tmp_path):
    params, folder, row = trained
    refuse_other_files(row, folder, "adapter_model.safetensors")
    assert refuse_dead(folder, params, PROBES) > params.min_logit_change
    zeroed = copied(folder, tmp_path / "zeroed")
    tensors = load_file(zeroed / "adapter_model.safetensors")
    save_file({name: one * 0 if "lora_B" in name else one for name, one in tensors.items()}, zeroed / "adapter_model.safetensors")

    with pytest.raises(GateRefused, match="dead"):
        refuse_dead(zeroed, params, PROBES)
    with pytest.raises(GateRefused, match="not those of the training"):
        refuse_other_files(row, zeroed, "adapter_model.safetensors")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_merged_model_says_what_base_and_adapter_say(trained, tmp_path, dtype):
    params, folder, _ = trained
    merge(params.base_model, folder, tmp_path / "merged", dtype)

    least = 1.0 if dtype == "float32" else 0.5  # weights that are nearly random leave many tokens nearly tied

    gap = refuse_other_merge(tmp_path / "merged", params.base_model, folder, dtype, PROBES, ReleaseParams(min_equal_answers=least))

    assert gap.log_prob_gap < (1e-4 if dtype == "float32" else 0.05)
    assert gap.equal_answers >= least


@pytest.mark.parametrize("which", ["layers.1.mlp.down_proj", "layers.0.self_attn.v_proj"])
def test_a_merge_with_one_tensor_scaled_is_refused(trained, merged, which):
    params, folder, _ = trained
    tensors = load_file(merged / "model.safetensors")
    (name,) = [name for name in tensors if which in name]
    tensors[name] = tensors[name] * 1.5
    save_file(tensors, merged / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(GateRefused, match="not base and adapter"):
        refuse_other_merge(merged, params.base_model, folder, "float32", PROBES, ReleaseParams())


def test_the_base_alone_is_no_merge(trained, tmp_path):
    params, folder, _ = trained
    plain = load_base(params.base_model, "float32")
    plain.model.save_pretrained(tmp_path / "plain")
    plain.tokenizer.save_pretrained(tmp_path / "plain")

    with pytest.raises(GateRefused, match="not base and adapter"):
        refuse_other_merge(tmp_path / "plain", params.base_model, folder, "float32", PROBES, ReleaseParams())


@pytest.mark.parametrize("fault", ["changed", "missing"])
def test_another_chat_template_is_refused(trained, merged, fault):
    params, _, _ = trained
    refuse_other_template(merged, params.base_model, PROBES)
    file = merged / "chat_template.jinja"
    if fault == "missing":
        file.unlink()
    else:
        file.write_text(file.read_text().replace("<|end|>", "<|end|>\n"))

    with pytest.raises(GateRefused, match="chat template"):
        refuse_other_template(merged, params.base_model, PROBES)


def test_a_base_that_changed_after_the_training_is_refused(trained, save_tiny_llama, tmp_path):
    _, folder, row = trained
    other = save_tiny_llama(tmp_path / "other", chat_template="{{ messages[0]['content'] }}")

    with pytest.raises(GateRefused, match="not the one that was trained on"):
        refuse_other_files(replace(row, base_model=str(other)), folder, "adapter_model.safetensors")


@pytest.fixture
def store(trained) -> Warehouse:
    """A finished run that taught the adapter all train pairs but one."""
    params, folder, row = trained
    made = Warehouse(folder.parents[1])
    made.prepare()
    pairs = [t.QaPair(one.pair_id, "d1", "c1", "f", 0, one.question, one.question, one.answer, None, "number", "p", "x") for one in FACTS]
    left_out = replace(pairs[0], pair_id="left-out", fact_id="g")
    examples = [t.TrainingExample(f"e-{one.pair_id}", "a1", one.pair_id, "train", 9, is_truncated=False) for one in FACTS]
    run = t.TrainingRun("a1", 20, 0, 4, 4, 9, 9, 5.0, 1.0, None, 1.0, "epochs", 0, "cpu", "bfloat16", ())
    splits = [t.SplitRow(one.pair_id, "d1", "f", "l", "train") for one in [*pairs, left_out]]
    made.land("u", {t.DOCUMENTS: [DOCUMENT], t.QA_PAIRS: [*pairs, left_out], t.SPLITS: splits}, stage="split")
    made.land("a1", {t.ADAPTERS: [row], t.TRAINING_RUNS: [run], t.TRAINING_EXAMPLES: examples}, stage="train")
    told = {"train": asdict(params), "chunk": {"tokenizer": str(folder / "there")}, "sources": [str(folder)], "warehouse": str(made.root)}
    made.land("run", {t.RUNS: [t.Run("r1", "2026-01-01", "", json.dumps(told), "{}", None, None, "{}")]}, stage="run")
    record_units(made, "r1", "split", [Unit("u", "split", "all")])
    record_units(made, "r1", "train", [Unit("a1", "train", "a1")])
    return made


@pytest.mark.parametrize("how", ["adapter", "merge"])
def test_what_is_handed_out_loads_and_its_card_names_no_place_of_this_machine(store, trained, tmp_path, how):
    params, folder, row = trained
    release = find_release(store, "r1", ReleaseParams(n_prompts=6))
    out = tmp_path / "out"

    lines = export_model(store, release, [], how, out, ReleaseParams(n_prompts=6), licence="cc-by-4.0", dtype="float32")

    assert [line for line in lines if line.startswith("vllm serve")]
    assert any(str(out) in line for line in lines)
    tokenizer = AutoTokenizer.from_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(params.base_model if how == "adapter" else out, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, out) if how == "adapter" else model
    chat = [{"role": "user", "content": FACTS[0].question}]
    asked = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    tuned = PeftModel.from_pretrained(load_base(params.base_model, "float32").model, folder)
    assert torch.allclose(model(**asked).logits, tuned(**asked).logits, atol=1e-3)
    for file in out.glob("*.*"):
        if file.suffix != ".safetensors":
            assert not [place for place in (store.root, params.base_model, tmp_path) if str(place) in file.read_text()], file.name
    card = (out / "README.md").read_text()
    for said in (row.sha256, row.base_sha256, "license: cc-by-4.0", "pump &#124; &lt;b&gt;.pdf", "| x |  | 20 |", "tokenizer: there"):
        assert said in card


def test_a_folder_that_is_in_use_stays_and_a_refusal_leaves_nothing(store, trained, tmp_path):
    release = find_release(store, "r1", ReleaseParams())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    with pytest.raises(ConfigError, match="something already"):
        export_model(store, release, [], "adapter", tmp_path / "full")
    items = [t.ControlLikelihood(f"c{n}", "a1", f"i{n}", "nature", 1.0, 1.5 + n / 100) for n in range(8)]
    lost = forgetting_rows(items, "a1")

    with pytest.raises(GateRefused, match="forgotten"):
        export_model(store, release, lost, "adapter", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]
    export_model(store, release, lost, "adapter", tmp_path / "out", allow_forgetting=True)
    assert "allowed, though all: 0.5" in (tmp_path / "out" / "README.md").read_text()


def test_a_run_without_an_adapter_says_so(tmp_path):
    empty = Warehouse(tmp_path)
    empty.prepare()
    with pytest.raises(MissingPrerequisite, match="no adapter"):
        find_release(empty, None, ReleaseParams())


@pytest.mark.parametrize("setting", [{"n_prompts": 0}, {"max_log_prob_gap": 0.0}, {"min_equal_answers": 1.5}, {"alpha": 0}])
def test_thresholds_out_of_bounds_are_refused_by_name(setting):
    with pytest.raises(ConfigError, match=f"release.{next(iter(setting))}"):
        ReleaseParams(**setting)
