"""What the kernel tests share: inputs, a whole R1 step, and tiles so small that tiny inputs need many.

Triton's kernels run in its interpreter, which must be chosen before Triton is imported.
"""

from __future__ import annotations

import os

os.environ["TRITON_INTERPRET"] = "1"

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from attngan_kernels.backends.blockwise import tiles
from attngan_kernels.tooling import selfcheck_cases, selfcheck_errors


def make_inputs(
    shape: selfcheck_cases.Shape, dtype: torch.dtype = torch.float64, bias: bool = False, seed: int = 0
) -> dict[str, Tensor]:
    """q, k, v and maybe key_bias, requiring gradients. shape: B, H, N_q, N_k, D_k, D_v."""
    return selfcheck_cases.make_inputs(selfcheck_cases.Case(shape, bias=bias), dtype, seed=seed)


def check_against_reference(inputs: dict[str, Tensor], backend: str = "blockwise", **options: Any) -> None:
    """Every output and gradient within selfcheck's tolerance."""
    for found in selfcheck_errors.compare(inputs, backend, **options):
        assert found.ok, found


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of at most 2 rows and 24 elements, so that a few heads of a few rows already need several."""
    monkeypatch.setattr(tiles, "MAX_ROWS", 2)
    monkeypatch.setattr(tiles, "elements_per_map", lambda device: 24)


@pytest.fixture
def inputs_of() -> Callable[..., dict[str, Tensor]]:
    return make_inputs


@pytest.fixture
def check() -> Callable[..., None]:
    return check_against_reference


@pytest.fixture
def r1() -> Callable[..., dict[str, Tensor]]:
    return selfcheck_errors.derivatives
