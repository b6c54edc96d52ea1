"""Layers against torch's own attention, and the properties that GAN training leans on."""

import math

import pytest
import torch
from torch import nn

from attngan.attention import MultiHeadAttention, SelfAttention2d, set_attention_backend


def pair(bias=True):
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(24, 3, bias=bias, batch_first=True).double()
    ours = MultiHeadAttention(24, 3, bias=bias).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("case", ["self", "cross", "padding", "causal"])
def test_equals_torch_outputs_weights_and_all_gradients(case, bias):
    ours, theirs = pair(bias)
    query = torch.randn(2, 7, 24, dtype=torch.float64, requires_grad=True)
    memory = query if case in ("self", "causal") else torch.randn(2, 5, 24, dtype=torch.float64, requires_grad=True)
    padding = torch.zeros(2, memory.shape[1], dtype=torch.bool)
    padding[0, 3:] = case == "padding"
    causal_mask = nn.Transformer.generate_square_subsequent_mask(7, dtype=torch.float64) if case == "causal" else None
    out, weights = ours(query, memory, memory, key_padding_mask=padding, need_weights=True, is_causal=case == "causal")
    padding_bias = torch.zeros(padding.shape, dtype=torch.float64).masked_fill(padding, -torch.inf)
    expected, expected_weights = theirs(query, memory, memory, key_padding_mask=padding_bias, attn_mask=causal_mask)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(weights, expected_weights)
    inputs = {query, memory}
    found = torch.autograd.grad(out.square().sum(), [*inputs, *ours.parameters()])
    wanted = torch.autograd.grad(expected.square().sum(), [*inputs, *theirs.parameters()])
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_weights_of_each_head_on_request():
    ours, theirs = pair()
    x = torch.randn(2, 6, 24, dtype=torch.float64)
    _, found = ours(x, x, x, need_weights=True, average_attn_weights=False)
    _, wanted = theirs(x, x, x, average_attn_weights=False)
    torch.testing.assert_close(found, wanted)
    assert ours(x, x, x)[1] is None


@pytest.mark.parametrize("similarity", ["dot", "cosine", "l2"])
def test_r1_through_a_layer_has_the_reference_gradient(similarity):
    torch.manual_seed(1)
    layer = SelfAttention2d(8, 2, similarity).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    x = torch.randn(2, 8, 5, 5, dtype=torch.float64)

    def penalty_gradients(backend):
        set_attention_backend(layer, backend)
        seen = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(layer(seen).sin().sum(), seen, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), list(layer.parameters()))

    for found, wanted in zip(penalty_gradients("blockwise"), penalty_gradients("reference"), strict=True):
        torch.testing.assert_close(found, wanted)


def test_a_new_layer_changes_nothing():
    x = torch.randn(2, 12, 4, 4)
    torch.testing.assert_close(SelfAttention2d(12, 3)(x), x)


def test_cosine_logits_are_bounded_whatever_the_features():
    layer = SelfAttention2d(8, 2)
    with torch.no_grad():
        layer.attention.temperature_logit.fill_(50.0)  # training may push it anywhere
    x = (1e4 * torch.randn(1, 8, 4, 4)).requires_grad_()
    weights = layer.weights(x)
    ratio = weights.amax(-1) / weights.amin(-1)
    assert float(ratio.max()) <= math.exp(8) * 1.001  # logits lie between −4 and 4
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights.sum(-1)))


def test_cosine_is_finite_at_zero_to_second_order():
    layer = SelfAttention2d(8, 2)
    nn.init.normal_(layer.attention.out_proj.weight)
    x = torch.zeros(1, 8, 3, 3, requires_grad=True)
    (slope,) = torch.autograd.grad(layer(x).sum(), x, create_graph=True)
    slope.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in layer.parameters() if p.grad is not None)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="10 is not a multiple of num_heads 3"):
        MultiHeadAttention(10, 3)
