"""Changes to JSON that keep it JSON, and some that only look like it."""

from __future__ import annotations

import copy
import json
import re
from random import Random
from typing import Any

_EXTREMES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 7, 255, 4095, 4096, 4097, 8192, 65535, 65536, 2**20 - 1, 2**20, 2**24, 2**31 - 1,
    2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30, 10**400, -(2**63), 0.5, 1.0, 2.0, 8.0, -0.0, 1e-320,
    1e308,
    float("nan"), float("inf"), "", "a", "batch", "\n", "a\nb", "\x1b[2J", "\0", "\ud800", "x" * 255, "x" * 256,
    "x" * 10_000, "../x", "/etc/passwd", "..", "NUL", "model.onnx", "tokenizer.json", "日本", "\u202e\u2028", "é" * 300,
    "é", "e\u0301", "[PAD]", "[UNK]", "[END]", "two words", [], [[]], {}, {"": {}}, {"../x": "0" * 64}, ["batch"],
    ["batch", 1], ["batch", 4096], ["batch", 2**40], ["batch", 4096, 8192, 8192], ["batch", 1, 1, 1], ["batch", 2.0],
    list(range(64)), [0] * 64, [0.5] * 64, [[0] * 8] * 8, [str(i) for i in range(300)],
)  # fmt: skip
_RAW = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "9" * 4000, "9" * 5000, "-0", "01", "+1", ".5", "1.",
    "0x1", "nul", '"\t"', '"\\ud800"', '"\\ud83d"', '"\\u0000"', '"\\x41"', "'a'", "/*c*/1", "[1,]", '{"a":1,}', "",
    '{"a":1,"a":2}', "[" * 15 + "]" * 15, "[" * 20 + "]" * 20, "[" * 600 + "]" * 600, "[" * 985 + "]" * 985,
    "[" * 3000 + "]" * 3000, '{"a":' * 12 + "0" + "}" * 12, '{"a":' * 990 + "0" + "}" * 990, "[" + "[]," * 3000 + "[]]",
    '"' + "\\u0041" * 2000 + '"', "1" + "0" * 400, "1" + "0" * 400 + ".5", "1.00000000000000000000000000000000001",
)  # fmt: skip
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"(?!\s*:)|-?\d[\d.eE+-]*|\b(?:null|true|false)\b')


def mutated(rng: Random, value: Any) -> Any:
    """A copy of parsed JSON with one to three changes somewhere in it."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(value))
        if not places:
            return rng.choice(_EXTREMES)
        parent, key = rng.choice(places)
        rng.choice(_CHANGES)(rng, parent, key, places)
    return value


def mutated_text(rng: Random, text: str) -> str:
    """The text with one value in it written in a way of its own, or a key that stands there twice."""
    if rng.random() < 0.15:
        keys = re.findall(r'"(?:[^"\\]|\\.)*"(?=\s*:)', text)
        return text.replace("{", "{" + rng.choice(keys) + ": " + rng.choice(("1", '"a"', "[]", "{}")) + ", ", 1)
    found = rng.choice(list(_TOKEN.finditer(text)))
    return text[: found.start()] + rng.choice(_RAW) + text[found.end() :]


def written(value: Any) -> str:
    """JSON as any writer would write it, NaN and half surrogates included."""
    return json.dumps(value, indent=2)


def _places(value: Any) -> Any:
    """Every (container, key) within parsed JSON; some of those in long lists."""
    for key in value if isinstance(value, dict) else range(min(len(value), 12)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def _extreme(rng: Random, parent: Any, key: Any, places: Any) -> None:
    parent[key] = copy.deepcopy(rng.choice(_EXTREMES))


def _nudge(rng: Random, parent: Any, key: Any, places: Any) -> None:
    value = parent[key]
    if isinstance(value, int | float):
        by = (value + 1, value - 1, -value, value * 2, float(min(value, 1e300)), str(value), value * 1000, [value])
        parent[key] = rng.choice(by)
    elif isinstance(value, str):
        at = rng.randint(0, len(value))
        letter = rng.choice(("\n", "\x07", "é", " ", "0", "\ud800", "\u2028", value))
        parent[key] = rng.choice((value[:at] + letter + value[at:], value.upper(), value[:at], value * 50))
    elif isinstance(value, list):
        parent[key] = rng.choice((value * 2, value[:-1], value[::-1], [value], [*value, None], value * 500))
    else:
        parent[key] = [value]


def _remove(rng: Random, parent: Any, key: Any, places: Any) -> None:
    del parent[key]


def _add(rng: Random, parent: Any, key: Any, places: Any) -> None:
    value = copy.deepcopy(rng.choice(_EXTREMES))
    if isinstance(parent, dict):
        parent[rng.choice(("", "more", "a\nb", "\ud800", "minimum", "classes", "../x", "CON", f"{key}", "w" * 300))] = (
            value
        )
    else:
        parent.insert(rng.randint(0, len(parent)), value)


def _rename(rng: Random, parent: Any, key: Any, places: Any) -> None:
    if isinstance(parent, dict):
        parent[f"{key}{rng.choice((' ', chr(10), 'x', chr(0x301)))}"] = parent.pop(key)
    else:
        parent[key] = parent[rng.randrange(len(parent))]


def _transplant(rng: Random, parent: Any, key: Any, places: Any) -> None:
    other, name = rng.choice(places)
    if name in other if isinstance(other, dict) else name < len(other):
        parent[key] = copy.deepcopy(other[name])


def _everywhere(rng: Random, parent: Any, key: Any, places: Any) -> None:
    """One whole number in another's place, wherever it stands: a side or a size that contradicts nothing."""
    old, new = parent[key], rng.choice((1, 2, 3, 5, 9, 16, 64, 100, 1000, 4096, 8192, 65536))
    for other, name in places:
        if type(old) is int and type(other[name]) is int and other[name] == old:
            other[name] = new


_CHANGES = (_extreme, _extreme, _nudge, _nudge, _remove, _add, _rename, _transplant, _everywhere)
