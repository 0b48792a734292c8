from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from tasks.answer import answer_questions
from tasks.answer_params import AnswerParams
from tasks.base_model import load_base, load_tokenizer
from tasks.engine import Question
from tasks.fuse import fuse
from tasks.packing import Encoded, answer_loss, encode, use_packing
from tasks.train import train_adapter
from tasks.train_estimate import preflight_training
from tasks.train_loop import peak_rate
from tasks.train_methods import with_adapter
from tasks.train_params import TrainExample, TrainParams
from tasks.train_weights import Weights
from warehouse.errors import ConfigError, MissingPrerequisite, TunehouseError

FACTS = [TrainExample(f"p{n:02}", f"What is the code of part {n}?", f"The code is {n * 37 % 101}.") for n in range(20)]
EXACT = AnswerParams(dtype="float32", max_new_tokens=16)


@pytest.fixture
def params(tiny_llama: Path) -> TrainParams:
    return TrainParams(base_model=str(tiny_llama), rank=8, alpha=16, learning_rate=1e-2, epochs=4, tokens_per_step=256, n_threads=1)


@pytest.mark.parametrize("kind", ["use_rslora", "use_dora"])
def test_rslora_and_dora_train_as_peft_has_them_and_load_again(params, tmp_path, kind):
    plain = train_adapter(FACTS, [], params, tmp_path / "adapters" / "plain", "a")
    other = train_adapter(FACTS, [], replace(params, **{kind: True}), tmp_path / "adapters" / kind, "a")

    assert other.run.last_loss < other.run.first_loss
    assert other.adapter.is_live
    assert other.adapter.sha256 != plain.adapter.sha256
    loaded = PeftModel.from_pretrained(load_base(params.base_model).model, tmp_path / "adapters" / kind)
    assert getattr(loaded.peft_config["default"], kind)


def test_a_model_trained_whole_lands_as_a_model_that_answers(params, tmp_path):
    whole = replace(params, method="full", learning_rate=2e-3, epochs=60, dtype="float32")
    folder = tmp_path / "weights" / "whole"

    trained = train_adapter(FACTS, FACTS[:3], whole, folder, "a")

    model = AutoModelForCausalLM.from_pretrained(folder)
    n_parameters = sum(one.numel() for one in model.parameters())
    assert (trained.adapter.method, trained.adapter.rank, trained.adapter.n_parameters) == ("full", 0, n_parameters)
    assert trained.adapter.is_live
    assert trained.adapter.weight_norm > 0
    assert trained.run.last_loss < 0.2 < trained.run.first_loss
    assert not list(folder.glob("*.bin"))
    questions = [Question(one.pair_id, one.question) for one in FACTS]
    said = answer_questions(questions, "tuned", params.base_model, folder, "a", EXACT, trained.adapter.sha256)
    assert sum(row.answer == fact.answer for row, fact in zip(said, FACTS, strict=True)) >= 19
    base = answer_questions(questions, "base", params.base_model, None, None, EXACT)
    assert sum(row.answer == fact.answer for row, fact in zip(base, FACTS, strict=True)) == 0
    with pytest.raises(TunehouseError, match="weights have changed"):
        answer_questions(questions, "tuned", params.base_model, folder, "a", EXACT, "0" * 64)


def test_a_whole_training_that_was_interrupted_ends_with_the_same_bits(params, tmp_path):
    whole = replace(params, method="full", checkpoint_steps=2)
    straight = train_adapter(FACTS, [], whole, tmp_path / "straight", "a")

    def stop(step: int, _n: int, _loss: float) -> None:
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_adapter(FACTS, [], whole, tmp_path / "cut", "a", stop)
    resumed = train_adapter(FACTS, [], whole, tmp_path / "cut", "a")

    assert resumed.run.n_resumes == 1
    assert resumed.adapter.sha256 == straight.adapter.sha256


def test_training_all_weights_takes_a_tenth_of_loras_rate():
    assert peak_rate(TrainParams(method="full"), 2048) == pytest.approx(peak_rate(TrainParams(), 2048) / 10)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a GPU")
def test_4_bits_where_they_cannot_be_had_are_refused_before_anything_is_loaded(params, tmp_path):
    small = replace(params, quantize="4bit")

    for attempt in (lambda: preflight_training(small), lambda: train_adapter(FACTS, [], small, tmp_path / "a", "a")):
        with pytest.raises(MissingPrerequisite, match="CUDA GPU") as caught:
            attempt()
        assert caught.value.where == "train.quantize: 4bit"
        assert "none" in caught.value.mend


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_base_in_4_bits_trains_on_a_gpu(params, tmp_path):
    pytest.importorskip("bitsandbytes")
    trained = train_adapter(FACTS, [], replace(params, quantize="4bit"), tmp_path / "a", "a")

    assert trained.run.last_loss < trained.run.first_loss
    assert trained.adapter.is_live


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"method": "full", "quantize": "4bit"}, "quantize"),
        ({"method": "full", "use_dora": True}, "method"),
        ({"patience": 2}, "patience"),
        ({"validate_steps": 0}, "validate_steps"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_by_name(settings, name):
    with pytest.raises(ConfigError, match=f"train.{name}"):
        TrainParams(**settings)


def fused_model(params: TrainParams):
    """A packed model whose B is not zero, so that A has a gradient too, and a row."""
    torch.manual_seed(0)
    base = load_base(params.base_model, params.dtype)
    row = encode(base.tokenizer, FACTS[:6], 512)
    assert use_packing(base.model, row)
    model = with_adapter(base.model, params).train()
    for name, one in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(one, std=0.05)
    return model, row


def loss_and_gradient(model, row: list[Encoded], is_fused: bool):
    model.zero_grad()
    loss = answer_loss(model, row, is_packed=True, is_fused=is_fused)
    torch.autograd.backward(loss)
    return loss.item(), torch.cat([one.grad.flatten() for one in model.parameters() if one.requires_grad])


@pytest.mark.parametrize(("dtype", "rel", "cosine"), [("float32", 1e-6, 1 - 1e-9), ("bfloat16", 1e-2, 0.99)])
def test_fused_parts_give_the_models_own_loss_and_gradient_and_can_be_taken_out_again(params, dtype, rel, cosine):
    model, row = fused_model(replace(params, dtype=dtype))
    loss, gradient = loss_and_gradient(model, row, is_fused=False)

    fused = fuse(model, row)
    assert fused is not None
    # two layers of seven linear layers, two norms and a gated unit, and the last norm
    assert len(fused.modules) == 2 * (7 + 2 + 1) + 1
    fused_loss, fused_gradient = loss_and_gradient(model, row, is_fused=True)
    fused.undo()
    own_loss, own_gradient = loss_and_gradient(model, row, is_fused=False)

    assert fused_loss == pytest.approx(loss, rel=rel)
    assert torch.cosine_similarity(fused_gradient.double(), gradient.double(), dim=0) > cosine
    assert own_loss == loss
    assert torch.equal(own_gradient, gradient)


def test_a_model_that_fused_parts_do_not_fit_keeps_its_own(params, monkeypatch, caplog):
    model, row = fused_model(replace(params, dtype="float32"))
    loss, _ = loss_and_gradient(model, row, is_fused=False)
    monkeypatch.setattr("tasks.fuse.swiglu", lambda gate, up: gate * up)  # as for a unit with another activation

    assert fuse(model, row) is None
    assert "does not learn the same" in caplog.text
    assert loss_and_gradient(model, row, is_fused=False)[0] == loss


def test_with_dropout_the_layers_keep_their_own_code_and_the_rest_is_fused(params):
    model, row = fused_model(replace(params, dropout=0.1, dtype="float32"))

    fused = fuse(model, row)

    assert fused is not None
    assert len(fused.modules) == 2 * (2 + 1) + 1


def test_an_adapter_that_is_switched_off_is_off_in_fused_layers_too(params):
    model, row = fused_model(replace(params, dtype="float32"))
    with model.disable_adapter(), torch.no_grad():
        off = answer_loss(model, row, is_packed=True).item()
    assert fuse(model, row) is not None

    with torch.no_grad():
        on = answer_loss(model, row, is_packed=True, is_fused=True).item()
        with model.disable_adapter():
            assert answer_loss(model, row, is_packed=True, is_fused=True).item() == pytest.approx(off, rel=1e-6)
    assert abs(on - off) > 1e-3


@pytest.mark.parametrize("others", [{}, {"gradient_checkpointing": True}, {"method": "full", "learning_rate": 1e-3}])
def test_fused_training_learns_as_plain_training_does_and_says_which_it_was(params, tmp_path, others):
    params = replace(params, dtype="float32", **others)
    plain = train_adapter(FACTS, [], replace(params, kernels="plain"), tmp_path / "plain", "a")
    other = train_adapter(FACTS, [], replace(params, kernels="fused"), tmp_path / "fused", "a")

    assert (plain.run.kernels, other.run.kernels) == ("plain", "fused")
    assert [row.loss for row in other.steps] == pytest.approx([row.loss for row in plain.steps], rel=1e-3)


@pytest.mark.slow
def test_compiled_parts_learn_the_same(params, tmp_path):
    plain = train_adapter(FACTS, [], replace(params, dtype="float32", max_steps=3), tmp_path / "plain", "a")
    compiled = train_adapter(FACTS, [], replace(params, dtype="float32", max_steps=3, compile=True), tmp_path / "compiled", "a")

    assert [row.loss for row in compiled.steps] == pytest.approx([row.loss for row in plain.steps], rel=1e-3)


def test_small_updates_add_up_in_float32_that_bfloat16_would_lose(params):
    parameter = torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    weights = Weights([parameter], params)
    for _ in range(20):
        parameter.grad = torch.ones_like(parameter)
        weights.add_gradient()
        weights.step(1e-3, 2.0)

    assert parameter.detach().float().mean().item() == pytest.approx(1 - 20e-3, abs=4e-3)
    assert weights.n_updates() == 20


def test_the_tokenizer_comes_with_a_model_trained_whole(params, tmp_path):
    train_adapter(FACTS, [], replace(params, method="full", max_steps=1), tmp_path / "a", "a")

    assert load_tokenizer(str(tmp_path / "a"))[0].chat_template == load_tokenizer(params.base_model)[0].chat_template
