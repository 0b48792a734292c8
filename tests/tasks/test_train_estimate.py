import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tasks.base_model import load_base
from tasks.packing import Encoded
from tasks.train import train_adapter
from tasks.train_estimate import available_bytes, estimate, matmul_rate, preflight_training
from tasks.train_methods import prepare
from tasks.train_params import TrainExample, TrainParams
from warehouse.errors import ConfigError, MissingPrerequisite

FACTS = [TrainExample(f"p{n:02}", f"What is the code of part {n}?", f"The code is {n * 37 % 101}.") for n in range(20)]


@pytest.fixture
def params(tiny_llama: Path) -> TrainParams:
    return TrainParams(base_model=str(tiny_llama), rank=8, alpha=16, tokens_per_step=256, max_steps=2, n_threads=1)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_parameters_are_counted_exactly_without_loading_any(params, method):
    foreseen = estimate(replace(params, method=method))

    base = load_base(params.base_model)
    n_parameters = sum(one.numel() for one in base.model.parameters())
    trained = prepare(base.model, replace(params, method=method))
    assert foreseen.n_parameters == n_parameters
    assert foreseen.n_trained == sum(one.numel() for one in trained.parameters() if one.requires_grad)
    # bfloat16 weights; gradients in both formats; a float32 copy and two moments
    own = 0 if method == "full" else 2 * foreseen.n_trained
    assert foreseen.weight_bytes == 2 * n_parameters + own
    assert foreseen.gradient_bytes == 6 * foreseen.n_trained
    assert foreseen.optimizer_bytes == 12 * foreseen.n_trained


def test_operations_are_those_that_torch_counts(params):
    """Forward and backward of one example by torch's own counter, which sees attention's whole square where half of it is useful."""
    from torch.utils.flop_counter import FlopCounterMode

    example = Encoded("p", tuple(range(4, 260)), 128, is_truncated=False)
    full = replace(params, method="full", dtype="float32")
    model = prepare(load_base(params.base_model, "float32").model, full)
    model.set_attn_implementation("eager")
    with FlopCounterMode(display=False) as counter:
        output = model(torch.tensor([example.tokens]), logits_to_keep=example.n_answer + 1).logits[0, :-1]
        torch.nn.functional.cross_entropy(output, torch.tensor(example.tokens[example.n_prompt :])).backward()

    foreseen = estimate(full)
    unused_half = foreseen.flop_per_token_seen * len(example.tokens) ** 2 / 2
    assert foreseen.flop([[example]]) + unused_half == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_the_rate_of_products_is_one_that_a_computer_has():
    assert 1e8 < matmul_rate("bfloat16") < 1e16


def test_what_is_foreseen_lands_with_the_run(params, tmp_path):
    run = train_adapter(FACTS, [], params, tmp_path / "a", "a").run

    assert run.n_base_parameters == estimate(params).n_parameters
    assert run.useful_flop > 0
    assert run.estimated_seconds > 0
    assert run.estimated_bytes > 0
    assert run.matmul_flops > 0


def test_a_preflight_says_memory_time_and_counts(params, caplog):
    with caplog.at_level("INFO"):
        preflight_training(params)

    assert re.search(
        r"0\.1 M parameters, 0\.\d M trained; 0\.\d\d GiB \(weights .*activations .*\); about .* s for 1,000 tokens", caplog.text
    )


def test_a_training_that_cannot_fit_is_refused_before_anything_is_loaded(params, tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.train_estimate.available_bytes", lambda: 1000)

    for attempt in (lambda: preflight_training(params), lambda: train_adapter(FACTS, [], params, tmp_path / "a", "a")):
        with pytest.raises(MissingPrerequisite, match="training needs") as caught:
            attempt()
        assert "smaller base" in caught.value.mend


def test_one_that_may_not_fit_is_tried_and_that_is_said(params, monkeypatch, caplog):
    foreseen = estimate(params)
    monkeypatch.setattr("tasks.train_estimate.available_bytes", lambda: foreseen.bytes - 1)

    preflight_training(params)

    assert "rows are halved" in caplog.text


def test_faults_of_base_and_settings_are_named_before_anything_is_paid(params, tmp_path):
    with pytest.raises(MissingPrerequisite, match="there is no model folder"):
        preflight_training(replace(params, base_model=str(tmp_path / "none")))
    with pytest.raises(ConfigError, match=r"train\.target_modules"):
        preflight_training(replace(params, target_modules=("no_such",)))


def test_free_memory_is_less_than_there_is():
    found = available_bytes()

    assert found is None or 0 < found < 2**50
