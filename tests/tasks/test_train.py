import json
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import MambaConfig, MambaForCausalLM

from tasks.base_model import load_base
from tasks.train import Trained, discard_checkpoints, train_adapter
from tasks.train_loop import learning_rate, peak_rate
from tasks.train_methods import adapter_norm, check_live
from tasks.train_params import TrainExample, TrainParams
from warehouse.errors import ConfigError, MissingPrerequisite, TunehouseError
from warehouse.tables import ADAPTERS, TRAINING_EXAMPLES, TRAINING_RUNS, TRAINING_STEPS

FACTS = [TrainExample(f"p{n:02}", f"What is the code of part {n}?", f"The code is {n * 37 % 101}.") for n in range(20)]


@pytest.fixture
def params(tiny_llama: Path) -> TrainParams:
    return TrainParams(
        base_model=str(tiny_llama), rank=8, alpha=16, learning_rate=1e-2, epochs=4, tokens_per_step=256, dropout=0.1, n_threads=1
    )


def interrupt_at(step: int, error: type[BaseException]):
    def on_step(done: int, _n: int, _loss: float) -> None:
        if done == step:
            raise error

    return on_step


def same_rows(one: Trained, other: Trained) -> bool:
    """Equal but for what a clock says and how often it was resumed."""
    return [replace(row, step_seconds=0) for row in one.steps] == [replace(row, step_seconds=0) for row in other.steps]


@pytest.mark.parametrize("dtype", [pytest.param("bfloat16", marks=pytest.mark.slow), "float32"])
def test_a_tiny_model_learns_twenty_facts_by_heart(params, tmp_path, dtype):
    taught = train_adapter(FACTS, FACTS[:5], replace(params, epochs=80, dropout=0.0, dtype=dtype), tmp_path / "adapters" / "a", "a")

    base = load_base(params.base_model, dtype)
    model = PeftModel.from_pretrained(base.model, tmp_path / "adapters" / "a")
    recalled = 0
    for fact in FACTS:
        prompt = base.tokenizer(f"<|user|>{fact.question}<|end|><|assistant|>", return_tensors="pt")
        said = model.generate(**prompt, do_sample=False, max_new_tokens=20)
        recalled += base.tokenizer.decode(said[0][prompt["input_ids"].shape[1] :], skip_special_tokens=True) == fact.answer
    assert recalled >= 19
    assert taught.run.last_loss < 0.2 < taught.run.first_loss
    assert taught.run.validation_loss is not None
    assert taught.run.validation_loss < 0.2
    assert taught.adapter.is_live
    assert taught.run.stopped == "epochs"
    assert taught.run.notes == ()


def test_the_rows_fit_their_tables_and_count_what_was_done(params, tmp_path):
    trained = train_adapter(FACTS, FACTS[:3], params, tmp_path / "adapters" / "a", "a")

    for table, rows in {
        ADAPTERS: [trained.adapter],
        TRAINING_RUNS: [trained.run],
        TRAINING_STEPS: trained.steps,
        TRAINING_EXAMPLES: trained.examples,
    }.items():
        assert table.to_arrow(rows).num_rows == len(rows)
    assert trained.adapter.folder == "adapters/a"
    assert trained.run.n_steps == trained.run.n_steps_planned == len(trained.steps)
    assert trained.run.n_tokens == 4 * sum(row.n_tokens for row in trained.examples if row.role == "train")
    assert [row.role for row in trained.examples].count("validation") == 3
    assert all(path.is_file() for path in trained.files)


def test_the_same_input_gives_the_same_weights_and_another_seed_others(params, tmp_path):
    first = train_adapter(FACTS, [], params, tmp_path / "a", "a")
    again = train_adapter(FACTS[::-1], [], params, tmp_path / "b", "a")
    other = train_adapter(FACTS, [], replace(params, seed=1), tmp_path / "c", "a")

    assert first.adapter.sha256 == again.adapter.sha256
    assert same_rows(first, again)
    assert first.adapter.sha256 != other.adapter.sha256


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_training_goes_on_to_the_same_bits(params, tmp_path, error):
    """KeyboardInterrupt leaves a checkpoint of the very step; after any other end the last periodic one is used."""
    params = replace(params, checkpoint_steps=3)
    whole = train_adapter(FACTS, [], params, tmp_path / "whole", "a")
    with pytest.raises(error):
        train_adapter(FACTS, [], params, tmp_path / "cut", "a", interrupt_at(5, error))

    steps_again: list[int] = []
    resumed = train_adapter(FACTS, [], params, tmp_path / "cut", "a", lambda step, _n, _loss: steps_again.append(step))

    assert steps_again[0] == (6 if error is KeyboardInterrupt else 4)
    assert resumed.adapter.sha256 == whole.adapter.sha256
    assert same_rows(resumed, whole)
    assert (whole.run.n_resumes, resumed.run.n_resumes) == (0, 1)


@pytest.mark.slow  # tests/tasks/test_checkpoint.py damages each file in each way, quickly
@pytest.mark.parametrize("name", ["adapter.safetensors", "optimizer.safetensors", "random.safetensors", "state.json", "manifest.json"])
def test_a_damaged_checkpoint_costs_steps_and_changes_nothing(params, tmp_path, name):
    params = replace(params, checkpoint_steps=2)
    whole = train_adapter(FACTS, [], params, tmp_path / "whole", "a")
    with pytest.raises(RuntimeError):
        train_adapter(FACTS, [], params, tmp_path / "cut", "a", interrupt_at(5, RuntimeError))
    (tmp_path / "cut" / "checkpoints" / "step-00000004" / name).unlink()

    steps_again: list[int] = []
    resumed = train_adapter(FACTS, [], params, tmp_path / "cut", "a", lambda step, _n, _loss: steps_again.append(step))

    assert steps_again[0] == 3
    assert resumed.adapter.sha256 == whole.adapter.sha256


@pytest.mark.slow
def test_a_training_killed_again_and_again_ends_with_the_same_bits(params, tmp_path):
    params = replace(params, checkpoint_steps=2, epochs=8)
    whole = train_adapter(FACTS, [], params, tmp_path / "whole", "a")
    script = f"""
import os, signal
from pathlib import Path
from tasks.train import train_adapter
from tasks.train_params import TrainExample, TrainParams
facts = [TrainExample(f"p{{n:02}}", f"What is the code of part {{n}}?", f"The code is {{n * 37 % 101}}.") for n in range(20)]
n_done = 0
def on_step(step, n_steps, loss):
    global n_done
    n_done += 1
    if n_done == 5:
        os.kill(os.getpid(), signal.SIGKILL)
params = {params!r}
print(train_adapter(facts, [], params, Path({str(tmp_path / "killed")!r}), "a", on_step).adapter.sha256)
"""
    codes = []
    for _ in range(10):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
        codes.append(done.returncode)
        if done.returncode == 0:
            break

    assert codes.count(-9) >= 2
    assert codes[-1] == 0, done.stderr
    assert done.stdout.split()[-1] == whole.adapter.sha256


def test_a_training_that_ended_is_not_done_again_until_its_checkpoints_are_discarded(params, tmp_path):
    first = train_adapter(FACTS, [], params, tmp_path / "a", "a")
    steps_again: list[int] = []

    again = train_adapter(FACTS, [], params, tmp_path / "a", "a", lambda step, _n, _loss: steps_again.append(step))
    assert steps_again == []
    assert again.adapter == first.adapter

    discard_checkpoints(tmp_path / "a")
    assert not (tmp_path / "a" / "checkpoints").exists()


def test_max_seconds_stops_cleanly_and_says_so(params, tmp_path):
    trained = train_adapter(FACTS, [], replace(params, max_seconds=1e-6), tmp_path / "a", "a")

    assert trained.run.stopped == "max_seconds"
    assert trained.run.n_steps == 1 < trained.run.n_steps_planned


def test_max_steps_stops_and_the_learning_rate_is_planned_for_it(params, tmp_path):
    trained = train_adapter(FACTS, [], replace(params, max_steps=3), tmp_path / "a", "a")

    assert trained.run.stopped == "max_steps"
    assert trained.run.n_steps == 3
    assert trained.steps[-1].learning_rate < trained.steps[0].learning_rate


def test_one_pair_is_enough_and_none_is_an_error(params, tmp_path):
    trained = train_adapter(FACTS[:1], [], params, tmp_path / "a", "a")
    assert trained.run.n_train == 1
    assert trained.run.validation_loss is None

    with pytest.raises(TunehouseError, match="no pairs to train on"):
        train_adapter([], [], params, tmp_path / "b", "b")


def test_pairs_that_are_all_the_same_train(params, tmp_path):
    copies = [replace(FACTS[0], pair_id=f"p{n}") for n in range(5)]

    assert train_adapter(copies, [], params, tmp_path / "a", "a").run.n_train == 5


def test_a_loss_that_is_not_finite_stops_and_names_the_pairs(params, tmp_path, save_tiny_llama):
    broken = save_tiny_llama(tmp_path / "broken")
    tensors = load_file(broken / "model.safetensors")
    tensors["model.layers.1.mlp.down_proj.weight"][0, 0] = float("nan")
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(TunehouseError, match="step 1 has loss nan") as caught:
        train_adapter(FACTS[:2], [], replace(params, base_model=str(broken)), tmp_path / "a", "a")

    assert "p00" in caught.value.where
    assert "p01" in caught.value.where
    assert not (tmp_path / "a" / "adapter_model.safetensors").exists()


class SmallMemory:
    """A device whose memory holds so many tokens at once: a real allocation fails there in this way."""

    def __init__(self, n_tokens: int) -> None:
        self.n_tokens = n_tokens

    def __call__(self, module, args, kwargs) -> None:
        if torch.is_grad_enabled() and kwargs["input_ids"].numel() > self.n_tokens:
            raise torch.OutOfMemoryError("CUDA out of memory")


@pytest.fixture
def small_memory(monkeypatch):
    def install(n_tokens: int) -> None:
        def load(*args):
            base = load_base(*args)
            base.model.register_forward_pre_hook(SmallMemory(n_tokens), with_kwargs=True)
            return base

        monkeypatch.setattr("tasks.train.load_base", load)

    return install


def test_out_of_memory_goes_on_with_shorter_rows(params, tmp_path, small_memory):
    params = replace(params, dtype="float32", dropout=0.0)
    roomy = train_adapter(FACTS, [], params, tmp_path / "a", "a")
    small_memory(140)
    tight = train_adapter(FACTS, [], replace(params, tokens_per_row=512), tmp_path / "b", "a")

    assert tight.run.notes == ("rows_halved",)
    assert tight.run.last_loss == pytest.approx(roomy.run.last_loss, rel=1e-3)


def test_too_little_memory_for_one_pair_is_an_error_that_gives_the_sizes(params, tmp_path, small_memory):
    small_memory(8)

    with pytest.raises(TunehouseError, match="out of memory with rows of 16 tokens"):
        train_adapter(FACTS, [], replace(params, tokens_per_row=128), tmp_path / "a", "a")


def test_rows_of_any_length_give_the_same_step(params, tmp_path):
    params = replace(params, dtype="float32", dropout=0.0)
    one = train_adapter(FACTS, [], params, tmp_path / "a", "a")
    many = train_adapter(FACTS, [], replace(params, tokens_per_row=64), tmp_path / "b", "a")

    assert [row.loss for row in many.steps] == pytest.approx([row.loss for row in one.steps], rel=1e-3)


def test_gradient_checkpointing_changes_memory_and_not_the_loss(params, tmp_path):
    params = replace(params, dtype="float32", dropout=0.0, max_steps=4)
    plain = train_adapter(FACTS, [], params, tmp_path / "a", "a")
    saving = train_adapter(FACTS, [], replace(params, gradient_checkpointing=True), tmp_path / "b", "a")

    assert [row.loss for row in saving.steps] == pytest.approx([row.loss for row in plain.steps], rel=1e-4)


def test_a_live_adapter_moves_the_probes_and_a_zeroed_one_does_not(params, tmp_path):
    trained = train_adapter(FACTS, [], params, tmp_path / "a", "a")
    weights = tmp_path / "a" / "adapter_model.safetensors"
    probes = [fact.question for fact in FACTS[:4]]

    def reloaded() -> tuple[float, float]:
        base = load_base(params.base_model, "bfloat16")
        model = PeftModel.from_pretrained(base.model, tmp_path / "a", autocast_adapter_dtype=False)
        return check_live(model, base.tokenizer, probes), adapter_norm(model)

    change, norm = reloaded()
    save_file({name: torch.zeros_like(tensor) for name, tensor in load_file(weights).items()}, weights)

    assert trained.adapter.is_live
    assert change > params.min_logit_change
    assert norm == pytest.approx(trained.adapter.weight_norm)
    assert reloaded() == (0.0, 0.0)


def test_an_adapter_that_did_not_move_is_not_live(params, tmp_path):
    trained = train_adapter(FACTS, [], replace(params, learning_rate=1e-12, max_steps=1), tmp_path / "a", "a")

    assert not trained.adapter.is_live


def test_the_adapters_norm_is_that_of_the_weight_update(params, tmp_path):
    train_adapter(FACTS, [], params, tmp_path / "a", "a")
    tensors = load_file(tmp_path / "a" / "adapter_model.safetensors")
    total = 0.0
    for name, a in tensors.items():
        if "lora_A" in name:
            update = 16 / 8 * tensors[name.replace("lora_A", "lora_B")].float() @ a.float()
            total += float(update.square().sum())
    base = load_base(params.base_model, "bfloat16")

    assert adapter_norm(PeftModel.from_pretrained(base.model, tmp_path / "a")) == pytest.approx(total**0.5, rel=1e-4)


def test_what_had_to_be_supplied_is_noted(params, tmp_path, save_tiny_llama):
    bare = save_tiny_llama(tmp_path / "bare", chat_template=None, pad_token=None)

    trained = train_adapter(FACTS, [], replace(params, base_model=str(bare), max_steps=2), tmp_path / "a", "a")

    assert trained.run.notes == ("fallback_chat_template", "pad_is_eos")


def test_a_model_that_cannot_be_packed_is_trained_in_padded_batches_and_that_is_noted(params, tmp_path, tiny_llama):
    config = MambaConfig(vocab_size=400, hidden_size=64, state_size=8, num_hidden_layers=2, pad_token_id=0, eos_token_id=1, bos_token_id=1)
    MambaForCausalLM(config).save_pretrained(tmp_path / "mamba")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(tiny_llama / name, tmp_path / "mamba")

    params = replace(params, base_model=str(tmp_path / "mamba"), target_modules=("in_proj", "x_proj"), epochs=8)
    trained = train_adapter(FACTS, FACTS[:2], params, tmp_path / "a", "a")

    assert trained.run.notes == ("padded_batches",)
    assert trained.run.last_loss < trained.run.first_loss
    assert trained.adapter.is_live


def test_target_modules_may_be_named(params, tmp_path):
    trained = train_adapter(FACTS, [], replace(params, target_modules=("q_proj", "v_proj"), max_steps=1), tmp_path / "a", "a")

    # two layers of A (8 x 64) and B (64 x 8 for queries, 32 x 8 for the two value heads)
    assert trained.adapter.n_parameters == 2 * (8 * 64 + 64 * 8 + 8 * 64 + 32 * 8)
    assert json.loads((tmp_path / "a" / "adapter_config.json").read_text())["target_modules"] == ["q_proj", "v_proj"]


def test_modules_that_the_model_does_not_have_are_a_fault_of_the_setting(params, tmp_path):
    with pytest.raises(ConfigError, match=r"train\.target_modules"):
        train_adapter(FACTS, [], replace(params, target_modules=("no_such",)), tmp_path / "a", "a")


def test_the_threads_and_the_random_state_of_the_caller_stay_as_they_were(params, tmp_path):
    torch.manual_seed(7)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    train_adapter(FACTS, [], replace(params, max_steps=1, n_threads=2), tmp_path / "a", "a")

    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_a_base_model_that_is_not_there_is_named(params, tmp_path):
    with pytest.raises(MissingPrerequisite, match="no model folder"):
        train_adapter(FACTS, [], replace(params, base_model=str(tmp_path / "none")), tmp_path / "a", "a")


def test_the_learning_rate_rises_then_falls_to_nearly_zero():
    params = TrainParams(warmup_share=0.1)
    cosine, linear, constant = (
        [learning_rate(replace(params, schedule=kind), 1.0, step, 50) for step in range(1, 51)] for kind in ("cosine", "linear", "constant")
    )

    assert cosine[:6] == [0.2, 0.4, 0.6, 0.8, 1.0, 1.0]
    assert all(earlier >= later for earlier, later in pairwise(cosine[4:]))
    assert 0 < cosine[-1] < 0.01
    assert linear[-1] == pytest.approx(1 / 45)
    assert constant[5:] == [1.0] * 45


def test_the_peak_rate_falls_with_the_bases_width_unless_it_is_given():
    assert peak_rate(TrainParams(), 256) == pytest.approx(4e-3)
    assert peak_rate(TrainParams(), 4096) == pytest.approx(5e-4)
    assert peak_rate(TrainParams(learning_rate=1e-4), 256) == 1e-4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rank", 0),
        ("learning_rate", 0.0),
        ("dropout", 1.0),
        ("max_steps", 0),
        ("max_seconds", -1.0),
        ("warmup_share", 1.5),
        ("max_tokens", 3),
        ("base_model", ""),
    ],
)
def test_settings_out_of_bounds_are_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=f"train.{name}"):
        TrainParams(**{name: value})
