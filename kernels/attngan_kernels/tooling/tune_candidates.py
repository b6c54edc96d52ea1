"""The cases of the table of configurations, the most important first, and the configurations tried for each.

The order of candidates is a preference: offline, the first that compiles without spilling is taken. Half precision
runs on tensor cores, and Hopper's wgmma wants 64 rows or more on the first side of a product, which is block_q for
passes over rows and block_k for passes over keys. float32 products are plain FMAs, whose operands fill registers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch

from attngan_kernels.backends.triton import configs
from attngan_kernels.backends.triton.configs import Config

KIB = 1024
# Shared memory a block may take (CUDA C++ Programming Guide, table of compute capabilities). "any" is what 8.6,
# 8.9 and 12.0 have, too.
SHARED_LIMITS = {"8.0": 163 * KIB, "9.0": 227 * KIB, "10.0": 227 * KIB, configs.ANY_CARD: 99 * KIB}
REGISTERS = 65536  # of a multiprocessor, all cards
SMALLEST = Config(16, 16, 32, 4, 1)  # right on any card, if slow
DTYPES = {"half": torch.bfloat16, "float32": torch.float32}
HEADS = [(64, 64), (128, 128), (32, 32), (32, 128)]
HEADS += [(k, v) for k in (32, 64, 128) for v in (32, 64, 128, 256) if (k, v) not in HEADS]

# fmt: off
_HALF_TILES = {  # (block_q, block_k, warps)
    "narrow forward": [(128, 64, 4), (64, 64, 4), (128, 64, 8), (64, 32, 4), (32, 32, 4)],
    "wide forward": [(128, 64, 8), (64, 64, 4), (64, 64, 8), (64, 32, 4), (32, 32, 4), (16, 32, 4)],
    "backward_rows": [(64, 64, 4), (128, 64, 8), (64, 32, 4), (64, 64, 8), (64, 32, 8), (32, 32, 4), (16, 32, 4)],
    "backward_keys": [(64, 64, 4), (32, 64, 4), (64, 64, 8), (32, 64, 8), (64, 32, 8), (32, 32, 8), (32, 32, 4),
                      (16, 32, 4)],
    "pass_a": [(64, 64, 4), (64, 32, 4), (64, 64, 8), (64, 32, 8), (32, 64, 8), (32, 32, 8), (32, 32, 4), (16, 32, 4),
               (128, 32, 8)],
    "pass_b": [(64, 64, 4), (64, 32, 4), (64, 64, 8), (64, 32, 8), (32, 64, 8), (32, 32, 8), (32, 32, 4), (16, 32, 4),
               (128, 64, 8), (128, 32, 8)],
    "pass_c": [(64, 64, 4), (32, 64, 4), (64, 64, 8), (32, 64, 8), (64, 32, 8), (32, 32, 8), (32, 32, 4), (32, 16, 4),
               (64, 128, 8), (32, 128, 8)],
}
# fmt: on
_FLOAT32_TILES = [(32, 32, 4), (32, 32, 8), (16, 32, 4), (16, 32, 8), (32, 16, 4), (32, 16, 8)]
_FLOAT32_TILES += [(16, 16, 8), (16, 16, 4), (16, 16, 16)]


class Case(NamedTuple):
    """One entry of the table: bucketed head dimensions, float32 or bfloat16 for both halves, and the pass."""

    d_k: int
    d_v: int
    dtype: torch.dtype
    name: str

    @property
    def key(self) -> str:
        return configs.table_key(self.d_k, self.d_v, self.dtype, self.name)


def cases() -> list[Case]:
    """All of them, the most important first: half precision, and the usual head dimensions."""
    return [Case(*heads, dtype, name) for dtype in DTYPES.values() for heads in HEADS for name in passes(*heads, dtype)]


def passes(d_k: int, d_v: int, dtype: torch.dtype) -> list[str]:
    """The passes that have an entry, in order of launch."""
    split = configs.splits_pass_c(d_k, d_v, dtype)
    last = ["pass_c_k", "pass_c_v"] if split else ["pass_c"]
    return ["forward", "backward_rows", "backward_keys", "pass_a", "pass_b", *last]


def candidates(case: Case) -> list[list[Config]]:
    """Groups of configurations that differ by the pipeline's depth alone, the preferred first."""
    groups = _float32_groups(case) if case.dtype == torch.float32 else _half_groups(case)
    return list(groups)


def _half_groups(case: Case) -> Iterator[list[Config]]:
    """Whole heads before chunks of 64 and 32 columns, which are read again at each use and wait for memory."""
    wide = max(case.d_k, case.d_v)
    kind = case.name
    if kind == "forward":
        kind = "wide forward" if wide > 64 else "narrow forward"
    pipelined = (3, 2) if case.name == "forward" else (2,)
    for chunk in dict.fromkeys((wide, min(wide, 64), 32)):
        for depths in (pipelined, (1,)):
            for block_q, block_k, warps in _HALF_TILES[kind]:
                if chunk == wide or block_q * block_k >= 32 * 32:
                    yield [Config(block_q, block_k, chunk, warps, depth) for depth in depths]


def _float32_groups(case: Case) -> Iterator[list[Config]]:
    wide = max(case.d_k, case.d_v)
    for block_q, block_k, warps in _FLOAT32_TILES:
        smallest = block_q == block_k == 16
        for chunk in dict.fromkeys((32, min(wide, 64), 16) if smallest else (32,)):
            yield [Config(block_q, block_k, chunk, warps, 1)]
