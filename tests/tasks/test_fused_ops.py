import pytest
import torch
from torch.nn.functional import cross_entropy, linear, scaled_dot_product_attention, silu

from tasks.fused_ops import LoraLayer, attention, lora_linears, rms_norm, summed_loss, swiglu

WIDE = torch.float64
SEGMENTS = [5, 17, 1, 30]


def differences(own, wanted, *inputs: torch.Tensor) -> list[float]:
    """Largest difference of values and of every gradient, against the largest of what is wanted."""
    found = []
    for function in (own, wanted):
        leaves = [one.detach().clone().requires_grad_() for one in inputs]
        outs = function(*leaves)
        outs = outs if isinstance(outs, (list, tuple)) else [outs]
        torch.manual_seed(1)
        loss = sum((out * torch.randn(out.shape, dtype=out.dtype)).sum() for out in outs)
        found.append([*outs, *torch.autograd.grad(loss, leaves)])
    return [((a - b).abs().max() / b.abs().max()).item() for a, b in zip(*found, strict=True)]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def _of_torch(q, k, v, segments, is_causal=True):
    pieces = zip(*(torch.split(part, segments, 2) for part in (q, k, v)), strict=True)
    said = [scaled_dot_product_attention(*piece, is_causal=is_causal, scale=0.3, enable_gqa=True) for piece in pieces]
    return torch.cat(said, 2).transpose(1, 2)


@pytest.mark.parametrize("n_groups", [1, 2, 6])
def test_attention_has_torchs_values_and_gradients(n_groups):
    q, k, v = (torch.randn(1, n, sum(SEGMENTS), 16, dtype=WIDE) for n in (6, n_groups, n_groups))

    assert max(differences(lambda *x: attention(*x, SEGMENTS, 0.3), lambda *x: _of_torch(*x, SEGMENTS), q, k, v)) < 1e-12
    # negative controls: without bounds between the examples, and without the mask within them
    assert min(differences(lambda *x: attention(*x, SEGMENTS, 0.3), lambda *x: _of_torch(*x, [sum(SEGMENTS)]), q, k, v)) > 0.01
    assert min(differences(lambda *x: attention(*x, SEGMENTS, 0.3), lambda *x: _of_torch(*x, SEGMENTS, is_causal=False), q, k, v)) > 0.01


def test_norm_has_the_definitions_values_and_gradients():
    x, weight = torch.randn(2, 7, 64), torch.randn(64)

    def defined(x, weight):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * weight

    assert max(differences(lambda x, w: rms_norm(x, w, 1e-5), defined, x, weight)) < 1e-6


def test_the_gated_unit_has_the_definitions_values_and_gradients():
    gate, up = torch.randn(2, 1, 7, 64, dtype=WIDE)

    assert max(differences(swiglu, lambda g, u: silu(g) * u, gate, up)) < 1e-12


@pytest.mark.parametrize("n", [1, 128, 300])
def test_the_summed_loss_is_the_cross_entropy_with_its_gradients_of_hidden_states_and_words(n):
    hidden, weight, labels = torch.randn(n, 64), torch.randn(500, 64), torch.randint(0, 500, (n,))

    def plain(h, w):
        return cross_entropy(h @ w.T, labels, reduction="sum")

    assert max(differences(lambda h, w: summed_loss(h, w, labels), plain, hidden, weight)) < 1e-5
    with torch.no_grad():
        assert summed_loss(hidden, weight, labels).item() == pytest.approx(plain(hidden, weight).item(), rel=1e-5)


@pytest.mark.parametrize("has_bias", [True, False])
def test_lora_layers_of_one_input_have_autograds_gradients(has_bias):
    x = torch.randn(1, 40, 32)
    weights = [torch.randn(n, 32) for n in (48, 16)]
    biases = [torch.randn(n) if has_bias else None for n in (48, 16)]
    trained = [torch.randn(8, 32), torch.randn(4, 32), torch.randn(48, 8), torch.randn(16, 4)]
    scales = (2.0, 0.5)

    def own(x, *ab):
        return lora_linears(x, [LoraLayer(weights[n], biases[n], ab[n], ab[2 + n], scales[n]) for n in range(2)])

    def plain(x, *ab):
        return [linear(x, weights[n], biases[n]) + scales[n] * linear(linear(x, ab[n]), ab[2 + n]) for n in range(2)]

    assert max(differences(own, plain, x, *trained)) < 1e-6
