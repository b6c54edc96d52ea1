"""Tile sizes by card, head dimensions, dtype and pass: a table that the offline tuner writes, and what fits any card.

Nothing is tuned or compiled beyond need at a first call: one look into the table, one kernel compiled a pass.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch

OVER_ROWS = ("forward", "backward_rows", "pass_a", "pass_b")
OVER_KEYS = ("backward_keys", "pass_c", "pass_c_k", "pass_c_v")
TABLE = Path(__file__).with_name("triton_configs.json")
ANY_CARD = "any"  # compiled for compute capability 8.0 in at most 99 KiB of shared memory
MAX_D_K, MAX_D_V = 128, 256
INTERPRETED = "interpreted"


class Config(NamedTuple):
    """Rows and keys of a tile, head columns multiplied at a time, warps of a program, depth of its pipeline."""

    block_q: int
    block_k: int
    chunk: int
    warps: int
    stages: int


def bucket(d: int) -> int:
    """Head dimensions are tuned at powers of two from 32; smaller ones take 32's tiles."""
    return max(32, 1 << (d - 1).bit_length())


def splits_pass_c(d_k: int, d_v: int, dtype: torch.dtype) -> bool:
    """Whether g_K and g_V take a launch each: float32 accumulators of wide heads don't fit the registers together."""
    return dtype == torch.float32 and (d_k > 64 or d_v > 128)


def table_key(d_k: int, d_v: int, dtype: torch.dtype, name: str) -> str:
    """The table's name of a case: "64/128 half pass_a". float16 and bfloat16 share one."""
    return f"{bucket(d_k)}/{bucket(d_v)} {'float32' if dtype == torch.float32 else 'half'} {name}"


def lookup(card: str, d_k: int, d_v: int, dtype: torch.dtype, name: str) -> Config:
    """The configuration of pass `name` on `card` ("9.0"); cards that are not in the table take what fits any."""
    if card == INTERPRETED:
        return Config(16, 16, 32, 4, 1)
    table = read_table(str(table_path()))
    return table.get(card, table[ANY_CARD])[table_key(d_k, d_v, dtype, name)]


def table_path() -> Path:
    """The table in use: ATTNGAN_KERNELS_TUNED's, else the shipped one."""
    return Path(os.environ.get("ATTNGAN_KERNELS_TUNED") or TABLE)


@cache
def read_table(path: str) -> dict[str, dict[str, Config]]:
    """Reads a table: {card: {key: [block_q, block_k, chunk, warps, stages]}}."""
    cards = json.loads(Path(path).read_text())["cards"]
    return {card: {case: Config(*entry["config"]) for case, entry in cases.items()} for card, cases in cards.items()}
