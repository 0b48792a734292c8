from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from transformers import AutoConfig, AutoModelForCausalLM

from tasks.attention import FUSED_ATTENTION, PACKED_ATTENTION, _written_out, packed_attention
from tasks.base_model import load_base
from tasks.packing import (
    Encoded,
    _packed_logits,
    _padded_logits,
    answer_loss,
    encode,
    plan_epoch,
    rows_of,
    use_packing,
)
from tasks.train_params import TrainExample

EXAMPLES = [TrainExample(f"p{n}", f"What is the code of part {n}{' of the long machine' * n}?", f"The code is {n * 37}.") for n in range(6)]


@pytest.fixture
def base(tiny_llama: Path):
    return load_base(str(tiny_llama), "float32")


def test_packed_rows_say_of_each_example_what_it_says_alone_and_rows_without_bounds_do_not(base):
    row = encode(base.tokenizer, EXAMPLES, 512)
    with torch.no_grad():
        alone = torch.cat([_padded_logits(base.model, [one])[0] for one in row])
        base.model.set_attn_implementation(PACKED_ATTENTION)
        packed, labels = _packed_logits(base.model, row)
        unbounded, _ = _packed_logits(base.model, row, [sum(len(one.tokens) for one in row)])

    assert (packed - alone).abs().max() < 1e-4
    assert (unbounded - alone).abs().max() > 0.1
    assert labels.tolist() == [token for one in row for token in one.tokens[one.n_prompt :]]


def test_packed_and_padded_rows_have_the_same_loss_and_gradient(base):
    row = encode(base.tokenizer, EXAMPLES, 512)
    found = []
    for is_packed in (False, True):
        assert not is_packed or use_packing(base.model, row)
        base.model.zero_grad()
        loss = answer_loss(base.model, row, is_packed)
        loss.backward()
        found.append((loss.item(), base.model.model.layers[0].self_attn.q_proj.weight.grad.clone()))

    (padded_loss, padded_gradient), (packed_loss, packed_gradient) = found
    assert packed_loss == pytest.approx(padded_loss, rel=1e-5)
    assert torch.allclose(packed_gradient, padded_gradient, atol=1e-3)
    assert packed_gradient.abs().max() > 0.1


SMALL = {"vocab_size": 400, "num_hidden_layers": 2}
CAN = {
    "gpt2": {"vocab_size": 400, "n_embd": 64, "n_layer": 2, "n_head": 4},
    "qwen3": SMALL | {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16},
    "gemma2": SMALL
    | {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}
    | {"attn_logit_softcapping": None, "sliding_window": 512},
}
CANNOT = {
    "mamba": SMALL | {"hidden_size": 64, "state_size": 8},  # a state that runs through the row, whatever the positions
    "bloom": {"vocab_size": 400, "hidden_size": 64, "n_layer": 2, "n_head": 4},  # attention code of its own
    "gemma2": CAN["gemma2"] | {"attn_logit_softcapping": 50.0},  # attention that bends its scores
    "mistral": SMALL
    | {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2, "sliding_window": 8},
}


def random_model(kind: str, settings: dict[str, object]):
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **settings, initializer_range=0.15, pad_token_id=0, eos_token_id=1, bos_token_id=1)
    return AutoModelForCausalLM.from_config(config).eval()


@pytest.mark.parametrize("kind", CAN)
def test_models_with_plain_causal_attention_are_packed(base, kind):
    row = encode(base.tokenizer, EXAMPLES, 512)
    model = random_model(kind, CAN[kind])
    with torch.no_grad():
        alone = torch.cat([_padded_logits(model, [one])[0] for one in row])
        assert use_packing(model, row)
        packed, _ = _packed_logits(model, row)

    assert (packed - alone).abs().max() < 1e-3


@pytest.mark.parametrize("kind", CANNOT)
def test_a_model_that_cannot_be_packed_is_left_as_it_was(base, kind, caplog):
    row = encode(base.tokenizer, EXAMPLES, 512)
    model = random_model(kind, CANNOT[kind])
    before = model.config._attn_implementation

    assert not use_packing(model, row)
    assert "padded batches" in caplog.text
    assert model.config._attn_implementation == before
    assert torch.isfinite(answer_loss(model, row, is_packed=False))


def test_loss_falls_on_the_answer_and_its_end_token_alone(base):
    (one,) = encode(base.tokenizer, EXAMPLES[:1], 512)

    assert base.tokenizer.decode(one.tokens[: one.n_prompt]) == "<|user|>What is the code of part 0?<|end|><|assistant|>"
    assert base.tokenizer.decode(one.tokens[one.n_prompt :]) == "The code is 0.<|end|>"


def test_a_long_example_loses_the_beginning_of_its_prompt(base):
    (whole,) = encode(base.tokenizer, EXAMPLES[5:], 512)
    (cut,) = encode(base.tokenizer, EXAMPLES[5:], 20)

    assert not whole.is_truncated
    assert cut.is_truncated
    assert cut.tokens == whole.tokens[-20:]
    assert cut.n_answer == whole.n_answer


def test_an_answer_that_spells_a_special_token_does_not_end_the_turn(base):
    (one,) = encode(base.tokenizer, [TrainExample("p", "Which?", "It prints <|end|> twice.")], 512)

    assert one.tokens.count(base.tokenizer.eos_token_id) == 2  # the question's turn and the answer's


def test_an_epoch_holds_every_example_once_in_steps_of_like_size():
    examples = [Encoded(f"p{n:03}", tuple(range(10 + n % 40)), 5, is_truncated=False) for n in range(200)]

    steps = plan_epoch(examples, 500, seed=1, epoch=0)

    assert sorted(one.pair_id for step in steps for one in step) == [one.pair_id for one in examples]
    sizes = [sum(len(one.tokens) for one in step) for step in steps]
    assert max(sizes) - min(sizes) <= 60
    assert max(sizes) <= 540


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_and_not_on_the_order_given():
    examples = [Encoded(f"p{n}", (1,) * 20, 5, is_truncated=False) for n in range(30)]

    assert plan_epoch(examples, 100, 1, 0) == plan_epoch(examples[::-1], 100, 1, 0)
    assert plan_epoch(examples, 100, 1, 0) != plan_epoch(examples, 100, 1, 1)
    assert plan_epoch(examples, 100, 1, 0) != plan_epoch(examples, 100, 2, 0)


def test_no_examples_make_no_steps_and_no_rows():
    assert plan_epoch([], 100, 0, 0) == []
    assert rows_of([], 100) == []


def test_a_row_holds_no_more_tokens_than_it_may_unless_one_example_alone_does():
    examples = [Encoded(f"p{n}", (1,) * size, 1, is_truncated=False) for n, size in enumerate([30, 30, 50, 200, 10])]

    rows = rows_of(examples, 100)

    assert [[one.pair_id for one in row] for row in rows] == [["p0", "p1"], ["p2"], ["p3"], ["p4"]]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_attention_written_out_is_that_of_torch(dtype, tolerance):
    torch.manual_seed(0)
    query = torch.randn(1, 4, 30, 16, dtype=dtype)
    key, value = torch.randn(2, 1, 2, 30, 16, dtype=dtype)

    wanted = scaled_dot_product_attention(query, key, value, is_causal=True, scale=0.3, enable_gqa=True)

    assert torch.allclose(_written_out(query, key, value, 0.3, 0.0), wanted, atol=tolerance)
    # a negative control: without the mask the first position would see all others
    unmasked = scaled_dot_product_attention(query, key, value, scale=0.3, enable_gqa=True)
    assert not torch.allclose(unmasked, wanted, atol=10 * tolerance)


def test_bfloat16_rows_are_packed_and_a_leak_is_ten_times_what_rounding_does(tiny_llama):
    base = load_base(str(tiny_llama), "bfloat16")
    row = encode(base.tokenizer, EXAMPLES, 512)
    with torch.no_grad():
        alone = torch.cat([_padded_logits(base.model, [one])[0] for one in row])
        assert use_packing(base.model, row)
        packed, _ = _packed_logits(base.model, row)
        unbounded, _ = _packed_logits(base.model, row, [sum(len(one.tokens) for one in row)])

    assert (packed - alone).abs().max() * 10 < (unbounded - alone).abs().max()


@pytest.mark.parametrize("is_fused", [False, True])
def test_every_examples_loss_and_the_steps_gradient_are_those_of_one_example_at_a_time(base, is_fused):
    row = encode(base.tokenizer, EXAMPLES, 512)

    def losses_and_gradient(pieces, segments=None):
        base.model.zero_grad()
        losses = [_losses(base.model, piece, segments if len(piece) > 1 else None, is_fused) for piece in pieces]
        torch.cat(losses).sum().backward()
        gradient = torch.cat([one.grad.flatten() for one in base.model.parameters()])
        by_example = torch.cat(losses).detach().split([one.n_answer for one in row])
        return torch.stack([part.sum() for part in by_example]), gradient.double()

    base.model.set_attn_implementation(FUSED_ATTENTION if is_fused else PACKED_ATTENTION)
    alone, gradient_alone = losses_and_gradient([[one] for one in row])
    packed, gradient = losses_and_gradient([row])
    unbounded, gradient_unbounded = losses_and_gradient([row], [sum(len(one.tokens) for one in row)])

    assert torch.allclose(packed, alone, rtol=1e-4)
    assert torch.cosine_similarity(gradient, gradient_alone, dim=0) > 0.9999
    # the negative control: a row whose examples see each other
    assert not torch.allclose(unbounded[1:], alone[1:], rtol=1e-2)
    assert torch.cosine_similarity(gradient_unbounded, gradient_alone, dim=0) < 0.99


def _losses(model, row, segments, is_fused):
    """Of every answer token; the summed form must agree, where no bounds are taken away."""
    logits, labels = _packed_logits(model, row, segments)
    losses = cross_entropy(logits, labels, reduction="none")
    if segments is None:
        assert answer_loss(model, row, is_packed=True, is_fused=is_fused).item() == pytest.approx(losses.sum().item(), rel=1e-5)
    return losses


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("n_groups", [1, 2, 4])
def test_flash_attention_on_a_gpu_is_that_of_torch(n_groups):
    torch.manual_seed(0)
    segments = [5, 64, 130]
    query, key, value = (torch.randn(1, n, sum(segments), 64, dtype=torch.bfloat16, device="cuda") for n in (4, n_groups, n_groups))
    found, _ = packed_attention(torch.nn.Identity(), query, key, value, None, segments=segments)
    wanted, _ = packed_attention(torch.nn.Identity(), *(part.float() for part in (query, key, value)), None, segments=segments)

    assert (found.float() - wanted).abs().max() < 2e-2
