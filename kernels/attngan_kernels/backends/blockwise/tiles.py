"""Cuts a set of attention maps into tiles of whole rows, so that no N_q × N_k map is ever in memory."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import torch
from torch import Tensor

MAX_ROWS = 256  # more rows a tile gain nothing once N_k ≥ 256
CPU_ELEMENTS_PER_THREAD = 1 << 18  # a map of 1 MiB a thread: the four maps of a tile stay in the cache
DEVICE_ELEMENTS = 1 << 26  # elsewhere launches cost more than memory: maps of 256 MiB


def elements_per_map(device: torch.device) -> int:
    """How many elements one of a tile's maps may hold."""
    return CPU_ELEMENTS_PER_THREAD * torch.get_num_threads() if device.type == "cpu" else DEVICE_ELEMENTS


class Tiles:
    """Cuts [heads, N_q, N_k] into tiles and lends the maps of the current tile from one allocation."""

    def __init__(self, q: Tensor, k: Tensor, is_causal: bool, maps: int) -> None:
        """q: [heads, N_q, D_k]; k: [heads, N_k, D_k]; maps: of a tile, at once."""
        budget = elements_per_map(q.device)
        self.heads, self.queries = q.shape[:2]
        self.keys, self.is_causal = k.shape[1], is_causal
        self.rows = max(1, min(self.queries, MAX_ROWS, budget // self.keys))
        self.group = max(1, min(self.heads, budget // (self.rows * self.keys)))
        self._maps = q.new_empty(maps, self.group * self.rows * self.keys)

    def groups(self) -> Iterator[slice]:
        """Slices of the flattened batch·heads dimension."""
        for start in range(0, self.heads, self.group):
            yield slice(start, min(start + self.group, self.heads))

    def row_blocks(self) -> Iterator[tuple[slice, int]]:
        """Slices of query rows, each with the number of keys it sees (causal rows see no key after themselves)."""
        for start in range(0, self.queries, self.rows):
            stop = min(start + self.rows, self.queries)
            yield slice(start, stop), min(stop, self.keys) if self.is_causal else self.keys

    def map(self, index: int, *shape: int) -> Tensor:
        """Map number `index` as a contiguous tensor of this shape; its old contents are lost."""
        return self._maps[index, : prod(shape)].view(shape)

    def product(self, index: int, x: Tensor, y: Tensor) -> Tensor:
        """XYᵀ as map number `index`. x: [heads, rows, D]; y: [heads, keys, D]."""
        return torch.bmm(x, y.mT, out=self.map(index, *x.shape[:2], y.shape[1]))

    def hide_later_keys(self, scores: Tensor, rows: slice) -> Tensor:
        """Writes −inf where the key comes after the query (top-left aligned, as SDPA's is_causal)."""
        keys = scores.shape[-1]
        if self.is_causal and rows.start < keys:
            i = torch.arange(rows.start, rows.stop, device=scores.device)
            j = torch.arange(rows.start, keys, device=scores.device)
            scores[..., rows.start :].masked_fill_(j > i[:, None], float("-inf"))
        return scores
