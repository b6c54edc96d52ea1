"""What graphs compute in a way of their own: noise, integers as PyTorch's and normals within 1e-6; masked attention."""

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from attngan.quiet import quiet_exporter
from attngan.random import normals, threefry2x32
from attngan_export.formats.lowering import translations
from attngan_kernels import attention

COUNT = 64
SEEDS = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4)


class Noise(nn.Module):
    def forward(self, seeds):
        key = (seeds[:, None], torch.zeros_like(seeds)[:, None])
        index = torch.arange(COUNT // 2)[None]
        first, second = threefry2x32(key, (index, torch.zeros_like(index)))
        return first, second, normals(seeds, COUNT)


def session_of(table):
    batch = torch.export.Dim("batch")
    with quiet_exporter():
        program = torch.onnx.export(
            Noise(), (torch.tensor([1, 2]),), dynamo=True, opset_version=18, dynamic_shapes=({0: batch},),
            input_names=["seed"], custom_translation_table=table, verbose=False,
        )  # fmt: skip
    return onnxruntime.InferenceSession(program.model_proto.SerializeToString())


@pytest.fixture(scope="module")
def session():
    return session_of(translations("portable"))


@given(SEEDS)
@example([0, 2**32 - 1])
@example([2**31, 2**31 - 1])
def test_graph_draws_as_pytorch(session, seeds):
    wanted = [value.numpy() for value in Noise()(torch.tensor(seeds))]
    first, second, drawn = session.run(None, {"seed": np.array(seeds, np.int64)})
    np.testing.assert_array_equal(first, wanted[0])
    np.testing.assert_array_equal(second, wanted[1])
    assert first.min() >= 0 and first.max() < 2**32
    np.testing.assert_allclose(drawn, wanted[2], rtol=0, atol=1e-6)


def test_the_exporters_own_division_would_be_wrong():
    """Why `lowering.divide` exists; when this fails, torch has mended it and the translation can go."""
    first, _, _ = session_of({}).run(None, {"seed": np.array([12345])})
    assert not np.array_equal(first, Noise()(torch.tensor([12345]))[0].numpy())


class Masked(nn.Module):
    """Attention with a mask and its weights' sum, as the networks call it."""

    def forward(self, q, k, v, mask):
        return attention(q, k, v, key_mask=mask > 0, scale=0.7)


@pytest.fixture(scope="module", params=["ort", "portable"])
def masked_session(request):
    batch, example = torch.export.Dim("batch"), [torch.zeros(2, 2, n, 4) for n in (5, 3, 3)]
    with quiet_exporter():
        program = torch.onnx.export(
            Masked(), (*example, torch.ones(2, 1, 3, dtype=torch.int64)), dynamo=True, opset_version=18,
            dynamic_shapes=({0: batch},) * 4, input_names=["q", "k", "v", "mask"],
            custom_translation_table=translations(request.param), verbose=False,
        )  # fmt: skip
    return onnxruntime.InferenceSession(program.model_proto.SerializeToString())


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=1, max_size=4), st.floats(0.1, 100))
def test_masked_attention_is_the_references(masked_session, rows, size):
    mask = torch.tensor(rows)[:, None]
    batch, chance = len(rows), torch.Generator().manual_seed(0)
    q, k, v = (size * torch.randn(batch, 2, n, 4, generator=chance) for n in (5, 3, 3))
    wanted = attention(q, k, v, key_mask=mask > 0, scale=0.7, backend="reference").numpy()
    feeds = {"q": q.numpy(), "k": k.numpy(), "v": v.numpy(), "mask": mask.numpy()}
    (found,) = masked_session.run(None, feeds)
    np.testing.assert_allclose(found, wanted, atol=1e-5 * size)
    empty = ~mask.any(2)[:, 0].numpy()
    assert not found[empty].any(), "a row without keys is not exactly 0"
