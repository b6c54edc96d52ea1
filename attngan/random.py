"""Counter-based random numbers: the same integers on every device and in every exported graph.

Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), written in
int64 multiplications, remainders and exclusive ors, which is what ONNX has for integers on every runtime.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_WORD = 2**32
_PARITY = 0x1BD11BDA
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def threefry2x32(key: tuple[Tensor, Tensor], counter: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Encrypts `counter` with `key`; every word is int64 holding 0 … 2³²−1, and shapes broadcast."""
    words = (key[0], key[1], key[0] ^ key[1] ^ _PARITY)
    x, y = (counter[0] + words[0]) % _WORD, (counter[1] + words[1]) % _WORD
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x = (x + y) % _WORD
            y = _rotate(y, rotation) ^ x
        x = (x + words[(group + 1) % 3]) % _WORD
        y = (y + words[(group + 2) % 3] + (group + 1)) % _WORD
    return x, y


def _rotate(word: Tensor, bits: int) -> Tensor:
    """Rotates left; the product stays below 2⁶¹ because no rotation exceeds 29 bits."""
    shifted = word * 2**bits
    return shifted % _WORD + torch.div(shifted, _WORD, rounding_mode="trunc")


def derive(seed: int | Tensor, *path: int | Tensor) -> Tensor:
    """A new seed (int64, 0 … 2³²−1) for each place `path` below `seed`; tensors broadcast.

    `derive(run_seed, STREAM, step, sample_index)` is the whole state of training's randomness.
    """
    word = torch.as_tensor(seed, dtype=torch.int64)
    for place in path:
        place = torch.as_tensor(place, dtype=torch.int64, device=word.device)
        word, _ = threefry2x32(
            (word, torch.zeros_like(word)), (place % _WORD, torch.div(place, _WORD, rounding_mode="trunc"))
        )
    return word


def uniforms(seeds: Tensor, count: int) -> Tensor:
    """float32 [B, count] in [0, 1), multiples of 2⁻²⁴, from `seeds` int64 [B]."""
    first, second = _words(seeds, (count + 1) // 2)
    return _high24(torch.cat([first, second], 1)[:, :count]).float() * 2**-24


def normals(seeds: Tensor, count: int) -> Tensor:
    """Standard normals float32 [B, count] from `seeds` int64 [B], by Box and Muller's method; `count` is even."""
    if count % 2:
        raise ValueError(f"count is {count}; it must be even, since normals are drawn in pairs")
    first, second = _words(seeds, count // 2)
    # 24 bits are exact in float32; the +1 keeps the logarithm finite.
    radius = torch.sqrt(-2.0 * torch.log((_high24(first) + 1).float() * 2**-24))
    angle = _high24(second).float() * (2 * math.pi * 2**-24)
    return torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], 1)


def _words(seeds: Tensor, count: int) -> tuple[Tensor, Tensor]:
    key = seeds[:, None]
    index = torch.arange(count, dtype=torch.int64, device=seeds.device)[None, :]
    return threefry2x32((key, torch.zeros_like(key)), (index, torch.zeros_like(index)))


def _high24(word: Tensor) -> Tensor:
    return torch.div(word, 256, rounding_mode="trunc")
