"""The cases of the self-check: every option of `attention` at shapes where kernels go wrong, and their inputs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from attngan_kernels.arguments import accumulating_type

Shape = tuple[int, int, int, int, int, int]  # B, H, N_q, N_k, D_k, D_v


class Case(NamedTuple):
    """Inputs of one check: q is multiplied by `loud`, `mean` is added to q and k, `lift` to the bias.

    mask: as in `make_mask`. tied: k is q.
    """

    shape: Shape
    is_causal: bool = False
    similarity: str = "dot"
    bias: bool = False
    mask: str = "none"
    tied: bool = False
    scale: float | None = None
    loud: float = 1.0
    mean: float = 0.0
    lift: float = 0.0

    def __str__(self) -> str:
        B, H, n_q, n_k, d_k, d_v = self.shape
        changed = [f"{n}={v}" for n, v in self._asdict().items() if n != "shape" and v != self._field_defaults[n]]
        return " ".join([f"B{B} H{H} N{n_q}/{n_k} d{d_k}/{d_v}", *changed])


QUICK = [
    Case((2, 2, 33, 65, 8, 8)),
    Case((1, 2, 65, 33, 16, 20), bias=True),
    Case((2, 1, 40, 40, 16, 16), is_causal=True),
    Case((1, 1, 70, 30, 5, 7), is_causal=True, bias=True),
    Case((1, 2, 20, 50, 3, 40), is_causal=True, mask="some"),
    Case((2, 1, 64, 16, 4, 16), scale=1.0),
    Case((1, 2, 40, 24, 8, 8), similarity="l2"),
    Case((1, 2, 18, 35, 8, 4), similarity="l2", is_causal=True, bias=True, mask="some"),
    Case((2, 1, 33, 33, 8, 8), similarity="l2", tied=True),
    Case((1, 2, 20, 20, 8, 6), tied=True, is_causal=True, mask="dead"),
    Case((2, 2, 17, 40, 8, 8), mask="padding"),
    Case((2, 2, 17, 40, 8, 8), mask="dead", bias=True),
    Case((2, 3, 5, 1, 8, 8)),
    Case((1, 1, 1, 1, 1, 1), bias=True),
    Case((1, 2, 24, 24, 8, 8), similarity="l2", mean=30.0),
    Case((1, 4, 48, 48, 8, 6), loud=12.0),
    Case((1, 4, 48, 48, 8, 6), loud=12.0, mask="some", bias=True),
    Case((2, 2, 33, 20, 8, 8), scale=-0.7),
    Case((1, 1, 17, 19, 33, 65), bias=True),
    Case((1, 2, 17, 20, 8, 8), bias=True, lift=150.0),  # e¹⁵⁰ is no float32
    Case((1, 1, 18, 40, 8, 8), similarity="l2", scale=-2.0, loud=3.0),
    Case((1, 1, 17, 33, 128, 256)),
]
# Whole tiles of every size in the table, heads as GANs and transformers have them, and lengths beside powers of two.
FULL = [
    *QUICK,
    *(Case((2, 3, n, n, d, d), is_causal=c) for n in (127, 256, 513) for d in (32, 64, 128) for c in (False, True)),
    *(Case((1, 2, 1024, 256, d, 4 * d), scale=1.0) for d in (16, 32, 64)),
    *(Case((2, 2, 300, 260, d, e), bias=True, mask="padding") for d in (24, 96, 128) for e in (48, 200, 256)),
    *(Case((1, 2, 384, 384, 64, 64), similarity="l2", tied=t, bias=b) for t in (False, True) for b in (False, True)),
    Case((2, 2, 512, 512, 64, 64), loud=12.0),
    Case((2, 2, 512, 512, 64, 64), mask="some", is_causal=True, bias=True),
    Case((1, 1, 4096, 4096, 64, 64)),
]


def make_inputs(case: Case, dtype: torch.dtype, device: str = "cpu", seed: int = 0) -> dict[str, Tensor]:
    """q, k (the same tensor if tied), v and maybe key_bias [1, H, N_k], requiring gradients."""
    B, H, n_q, n_k, d_k, d_v = case.shape
    g = torch.Generator().manual_seed(seed)
    sizes = {"q": (B, H, n_q, d_k), "k": (B, H, n_k, d_k), "v": (B, H, n_k, d_v)}
    x = {name: torch.randn(size, generator=g, dtype=torch.float64) for name, size in sizes.items()}
    x["q"] = x["q"] * case.loud + case.mean
    x["k"] = x["k"] + case.mean
    if case.tied:
        del x["k"]
    inputs = {name: t.to(device, dtype) for name, t in x.items()}
    if case.bias:
        wide = accumulating_type(inputs["q"])
        inputs["key_bias"] = (torch.randn(1, H, n_k, generator=g, dtype=torch.float64) + case.lift).to(device, wide)
    return {name: t.requires_grad_() for name, t in inputs.items()}


def make_mask(case: Case, device: str = "cpu") -> Tensor | None:
    """[B, 1, N_k], False for every third key, the first included ("some"), for the second half ("padding"), or for
    all keys of the first item ("dead").
    """
    B, _, _, n_k, _, _ = case.shape
    keys = torch.arange(n_k, device=device).expand(B, 1, n_k)
    return {
        "none": None,
        "some": keys % 3 != 0,
        "padding": keys < (n_k + 1) // 2,
        "dead": torch.arange(B, device=device).view(B, 1, 1).expand(B, 1, n_k) > 0,
    }[case.mask]
