"""Pictures that are there more than once, with nearly the same pixels."""

from __future__ import annotations

import numpy as np

_SIDE = 8  # cells a side of a thumbnail, whose 64 bits are one number
# Levels of 0 … 255, root mean square over a thumbnail. JPEG of quality 75 moves 99 of 100 pictures of CIFAR-10 by 2.2
# or less, and no two of 1,850 of them are nearer than 6.
_NEAR = 3.0
_BITS = 12  # of 64, that near copies differ in at most
_ORDERS, _AHEAD = 4, 4  # orders of the bits, and pictures that each is compared with in each
_AT_ONCE = 256  # pictures; bounds the memory, and keeps them in the cache


def near_copies(images: np.ndarray, places: np.ndarray) -> np.ndarray:
    """bool [M]: which of the pictures uint8 [N, H, W, C] at these places look as an earlier one does.

    That is thumbnails of 8² within 3 levels, as those of two JPEGs of one picture are. Each is compared with those
    whose grey thumbnails have nearly the same bits (brighter than usual at this place, or not), by sorting these in
    several orders (Charikar 2002): in time N log N, and few are missed. H and W have to be multiples of 8, or less
    than 8.
    """
    parts = (places[at : at + _AT_ONCE] for at in range(0, len(places), _AT_ONCE))
    small = np.concatenate([_thumbnails(images[part]) for part in parts])
    grey = small.mean(2)
    bits = grey > np.median(grey, 0)
    chance, found = np.random.default_rng(0), np.zeros(len(places), bool)
    for _ in range(_ORDERS):
        packed = np.zeros((len(bits), 8), np.uint8)
        shuffled = np.packbits(bits[:, chance.permutation(bits.shape[1])], axis=1)
        packed[:, : shuffled.shape[1]] = shuffled
        order = np.argsort(packed.view(">u8")[:, 0], kind="stable")
        for ahead in range(1, _AHEAD + 1):
            one, other = order[:-ahead], order[ahead:]
            likely = _differing(packed[one], packed[other]) <= _BITS
            one, other = one[likely], other[likely]
            found[np.maximum(one, other)[_distances(small, one, other) <= _NEAR]] = True
    return found


def _thumbnails(images: np.ndarray) -> np.ndarray:
    """uint8 [B, 64, C]: pictures averaged to 8², or as they are if smaller."""
    count, height, width, channels = images.shape
    rows, columns = min(height, _SIDE), min(width, _SIDE)
    boxes = images.reshape(count, rows, height // rows, width * channels)
    strips = np.zeros((count, rows, width * channels), np.uint16)
    for row in range(height // rows):  # faster than `sum`, which converts first
        strips += boxes[:, :, row]
    sums = strips.reshape(count, rows, columns, width // columns, channels).sum(3, dtype=np.uint32)
    means: np.ndarray = sums // np.uint32(height // rows * (width // columns))
    return means.astype(np.uint8).reshape(count, rows * columns, channels)


def _differing(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """int64 [P]: in how many of their 64 bits rows uint8 [P, 8] differ."""
    return np.unpackbits(one ^ other, axis=1).sum(1, dtype=np.int64)


def _distances(small: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float [P]: root mean square differences of pairs of thumbnails, in levels."""
    away = [
        small[one[at : at + _AT_ONCE]].astype(np.float32) - small[other[at : at + _AT_ONCE]]
        for at in range(0, len(one), _AT_ONCE)
    ]
    return np.sqrt(np.concatenate([(part**2).mean((1, 2)) for part in away] or [np.empty(0, np.float32)]))
