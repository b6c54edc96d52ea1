"""Cuts a set of attention maps into tiles of whole rows, so that no N_q × N_k map is ever in memory."""

from __future__ import annotations

from collections.abc import Iterator

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

    def __init__(self, heads: int, queries: int, keys: int, is_causal: bool, maps: int, like: Tensor) -> None:
        budget = elements_per_map(like.device)
        self.heads, self.queries, self.keys, self.is_causal = heads, queries, keys, is_causal
        self.rows = max(1, min(queries, MAX_ROWS, budget // keys))
        self.group = max(1, min(heads, budget // (self.rows * keys)))
        self._maps = like.new_empty(maps, self.group * self.rows * keys)

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
        size = 1
        for n in shape:
            size *= n
        return self._maps[index, :size].view(shape)

    def hide_later_keys(self, scores: Tensor, rows: slice) -> Tensor:
        """Writes −inf where the key comes after the query (top-left aligned, as SDPA's is_causal)."""
        keys = scores.shape[-1]
        if self.is_causal and rows.start < keys:
            i = torch.arange(rows.start, rows.stop, device=scores.device)
            j = torch.arange(rows.start, keys, device=scores.device)
            scores[..., rows.start :].masked_fill_(j > i[:, None], float("-inf"))
        return scores
