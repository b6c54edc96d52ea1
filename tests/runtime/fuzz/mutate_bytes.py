"""Changes to bytes: what disks, copies and people do to files."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

Mutator = Callable[[Random, bytes], bytes]


def _place(rng: Random, data: bytes) -> int:
    return rng.randrange(len(data)) if data else 0


def flip(rng: Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :] if data else b"\x01"


def flip_some(rng: Random, data: bytes) -> bytes:
    for _ in range(rng.randint(2, 30)):
        data = flip(rng, data)
    return data


def set_byte(rng: Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + bytes([rng.choice((0, 1, 10, 127, 128, 255))]) + data[at + 1 :]


def cut(rng: Random, data: bytes) -> bytes:
    return data[: _place(rng, data)]


def grow(rng: Random, data: bytes) -> bytes:
    return data + rng.choice((b"\0", b"\n", b"}", rng.randbytes(9), data))


def delete(rng: Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + data[at + rng.choice((1, 2, 8, 100)) :]


def insert(rng: Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + rng.randbytes(rng.choice((1, 4, 64))) + data[at:]


def repeat(rng: Random, data: bytes) -> bytes:
    at = _place(rng, data)
    piece = data[at : at + rng.choice((1, 8, 64, 500))]
    return data[:at] + piece * rng.choice((2, 2, 50)) + data[at + len(piece) :]


def swap(rng: Random, data: bytes) -> bytes:
    first, second = sorted((_place(rng, data), _place(rng, data)))
    size = min(rng.choice((1, 4, 32)), second - first)
    a, b = data[first : first + size], data[second : second + size]
    return data[:first] + b + data[first + size : second] + a + data[second + size :]


def blank(rng: Random, data: bytes) -> bytes:
    at, size = _place(rng, data), rng.choice((1, 16, 512))
    return data[:at] + bytes(len(data[at : at + size])) + data[at + size :]


def replace_all(rng: Random, data: bytes) -> bytes:
    return rng.choice((b"", b"{}", b"null", bytes(len(data)), rng.randbytes(len(data)), b"version https://git-lfs"))


MUTATORS: tuple[Mutator, ...] = (
    flip, flip_some, set_byte, cut, grow, delete, insert, repeat, swap, blank, replace_all,
)  # fmt: skip


def mutated(rng: Random, data: bytes) -> tuple[str, bytes]:
    """(name of the change, data with it), which differ from `data`."""
    while True:
        mutator = rng.choice(MUTATORS)
        changed = mutator(rng, data)
        if changed != data:
            return mutator.__name__, changed
