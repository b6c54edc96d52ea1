"""The reference itself, against the definition written as loops and against torch's SDPA."""

import math

import pytest
import torch
import torch.nn.functional as F

from attngan_kernels import attention, attention_weights
from attngan_kernels.tooling import selfcheck_cases, selfcheck_errors


def by_hand(q, k, v, bias, mask, causal, scale, similarity):
    """softmax written as loops over numbers: nothing shared with the code under test."""
    B, H, n_q, n_k = *q.shape[:3], k.shape[2]
    weights, out = torch.zeros(B, H, n_q, n_k).double(), torch.zeros(B, H, n_q, v.shape[3]).double()
    for b, h, i in ((b, h, i) for b in range(B) for h in range(H) for i in range(n_q)):
        seen = [j for j in range(n_k) if mask[b, h, j] and (j <= i or not causal)]
        pair = {
            j: (q[b, h, i] - k[b, h, j]).square().sum() if similarity == "l2" else q[b, h, i] @ k[b, h, j] for j in seen
        }
        sign = -scale if similarity == "l2" else scale
        total = sum(math.exp(sign * pair[j] + bias[b, h, j]) for j in seen)
        for j in seen:
            weights[b, h, i, j] = math.exp(sign * pair[j] + bias[b, h, j]) / total
            out[b, h, i] += weights[b, h, i, j] * v[b, h, j]
    return weights, out


@pytest.mark.parametrize("similarity", ["dot", "l2"])
@pytest.mark.parametrize("causal", [False, True])
def test_is_softmax_attention(inputs_of, similarity, causal):
    x = {n: t.detach() for n, t in inputs_of((2, 2, 4, 5, 3, 2), bias=True).items()}
    mask = torch.rand(2, 1, 5, generator=torch.Generator().manual_seed(1)) > 0.4
    mask[0] = False  # every row of batch 0 is fully masked
    mask[1, 0, 0] = False  # and, if causal, the first row of batch 1
    options = {"key_bias": x["key_bias"], "key_mask": mask, "is_causal": causal, "scale": 0.7, "similarity": similarity}
    weights, out = by_hand(
        x["q"], x["k"], x["v"], x["key_bias"].expand(2, 2, 5), mask.expand(2, 2, 5), causal, 0.7, similarity
    )
    for backend in ("reference", "blockwise", "sdpa"):
        got = attention(x["q"], x["k"], x["v"], backend=backend, **options)
        torch.testing.assert_close(got, out, rtol=1e-12, atol=1e-14)
        assert (got[0] == 0).all()
    torch.testing.assert_close(attention_weights(x["q"], x["k"], **options), weights, rtol=1e-12, atol=1e-14)


def test_default_scale_is_that_of_sdpa(inputs_of):
    x = {n: t.detach() for n, t in inputs_of((2, 3, 5, 7, 4, 6)).items()}
    torch.testing.assert_close(attention(**x, backend="reference"), F.scaled_dot_product_attention(*x.values()))
    causal = F.scaled_dot_product_attention(*x.values(), is_causal=True)
    torch.testing.assert_close(attention(**x, backend="reference", is_causal=True), causal)


def test_l2_is_translation_invariant(inputs_of):
    x = inputs_of((1, 2, 6, 6, 4, 4))
    shifted = {"q": x["q"] + 100.0, "k": x["k"] + 100.0, "v": x["v"]}
    for backend in ("reference", "blockwise"):
        here, there = (attention(**y, similarity="l2", backend=backend) for y in (x, shifted))
        torch.testing.assert_close(here, there, rtol=1e-11, atol=1e-12)


def test_weights_sum_to_one_or_zero(inputs_of):
    x = inputs_of((2, 2, 3, 5, 4, 4), torch.bfloat16)
    mask = torch.tensor([True, False]).view(2, 1, 1).expand(2, 1, 5)
    total = attention_weights(x["q"], x["k"], key_mask=mask).float().sum(-1)
    torch.testing.assert_close(total[0], torch.ones(2, 3), rtol=0, atol=0.004)
    assert (total[1] == 0).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_rounds_nothing_but_results(dtype):
    """Where one weight of a row is near 1, rounded weights left 12 % of dq: now half an eps of each tensor."""
    x = selfcheck_cases.make_inputs(selfcheck_cases.Case((2, 4, 64, 96, 8, 6), loud=12.0), dtype)
    exact = selfcheck_errors.derivatives(selfcheck_errors.to_float64(x), backend="reference")
    for name, got in selfcheck_errors.derivatives(x, backend="reference").items():
        error = selfcheck_errors.rms(got.double() - exact[name])
        assert error <= 0.7 * torch.finfo(dtype).eps * selfcheck_errors.rms(exact[name]), name
