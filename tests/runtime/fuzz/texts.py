"""What callers give for prompts, key words and all other arguments: every kind of text, and what is none."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

_PIECES = (
    "red heart", "green dragon", "dog, ball", "beach", "don't", "e", "RED", "réd", "re\u0301d", "\u0301" * 40,
    "unicorn",
    " ", "\t", "\n", "\r\n", "\x85", "\u2028", "\u2029", "\u3000", "\ufeff", "\u200b", "\u200d", "\u202e",
    "\U0010ffff", "\ufffe", "😀", "👩‍👩‍👧", "日本語", "עברית", "ﷺ", "İ", "ß", "ǆ", "ﬁ",
    "$5", "1,000.5", "12:30", "1" * 50, "1,1" * 20, "'", '"', "’", "-" * 30, "a-b-c", "_", "<b>", "&amp;", "%00",
    "../x",
    "[PAD]", "[UNK]", "[END]", "{}", "\\n", "{0}", "%s", "a" * 300,
)  # fmt: skip
_NO_TEXT = ("\0", "\x1b[2J", "\x7f", "\x9b", "\ud800", "\udfff")
_STRANGE: tuple[Any, ...] = (
    None, 0, -1, 3.5, True, float("nan"), float("inf"), 10**30, 10**400, 1j, b"red", b"\xff", [], (), {}, [[]],
    ["red", 3],
    [None], {"red": 1}, object(), np.array(["red", "e"]), np.array([1.5]), np.array([[1]]), np.array(3), np.zeros(0),
    np.array([2**63], np.uint64), np.array(["1"]), np.array([None]), range(3), range(0), [1, -1], [2**32],
    ["a", "b", "c"],
    [0.5, 3], "1", "Bag", "bag\n", "google", "3", slice(2), [b"a"], "x" * 10**5,
)  # fmt: skip


def text(rng: Random) -> str:
    """Text of any length and letters; sometimes longer than any prompt may be."""
    kind, pieces = rng.random(), _PIECES if rng.random() < 0.8 else _PIECES + _NO_TEXT * 3
    if kind < 0.7:
        return rng.choice(("", " ", ",")).join(rng.choice(pieces) for _ in range(rng.randint(0, 12)))
    if kind < 0.85:
        return "".join(chr(rng.randrange(0x110000)) for _ in range(rng.randint(0, 60)))
    return (rng.choice(_PIECES) + rng.choice(("", " ", ","))) * rng.choice((100, 3000, 30_000))


def texts(rng: Random) -> Any:
    """One text, some, or something else."""
    kind = rng.random()
    return text(rng) if kind < 0.6 else [text(rng), text(rng)] if kind < 0.9 else strange(rng)


def strange(rng: Random) -> Any:
    """What a caller, or a form on a page, may hand on for any argument."""
    return rng.choice((*_STRANGE, text(rng)))
