"""The sdpa backend: first order like the reference, second order raises, TorchScript traces stay dynamic."""

import pytest
import torch
from torch import nn

from attngan_kernels import attention


@pytest.mark.parametrize("d_v", [4, 6])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("similarity", ["dot", "l2"])
@pytest.mark.parametrize("masked", [False, True])
def test_first_order_equals_the_reference(inputs_of, d_v, is_causal, similarity, masked):
    mask = None
    if masked:
        mask = torch.tensor([[False] * 5, [False, True, True, False, True]]).view(2, 1, 5)
    results = []
    for backend in ("sdpa", "reference"):
        x = inputs_of((2, 2, 6, 5, 4, d_v))
        out = attention(**x, key_mask=mask, is_causal=is_causal, similarity=similarity, backend=backend)
        results.append([out, *torch.autograd.grad(out.square().sum(), list(x.values()))])
    for got, expected in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-11, atol=1e-12)
        if masked:
            assert (got[0] == 0).all()


def test_second_order_raises(inputs_of):
    x = inputs_of((1, 2, 5, 5, 4, 4), torch.float32)
    (gradient,) = torch.autograd.grad(attention(**x, backend="sdpa").square().sum(), x["q"], create_graph=True)
    with pytest.raises(RuntimeError, match="not implemented"):
        gradient.square().sum().backward()


@pytest.mark.filterwarnings("ignore:Converting a tensor to a Python integer:torch.jit.TracerWarning")
@pytest.mark.parametrize("similarity", ["dot", "l2"])
def test_trace_is_dynamic_and_holds_no_op_of_ours(similarity):
    class Layer(nn.Module):
        def forward(self, x, mask):
            q = x.unflatten(-1, (3, 4)).transpose(1, 2)
            return attention(q, q + 1, q, key_mask=mask, similarity=similarity, backend="sdpa")

    mask = torch.ones(1, 1, 5, dtype=torch.bool)
    traced = torch.jit.trace(Layer(), (torch.randn(2, 5, 12), mask))
    assert not any("attngan" in node.kind() for node in traced.inlined_graph.nodes())
    for batch, length in ((1, 3), (4, 9)):
        x, mask = torch.randn(batch, length, 12), torch.arange(length).view(1, 1, length) != 1
        torch.testing.assert_close(traced(x, mask), Layer()(x, mask))
