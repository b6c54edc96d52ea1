"""JSON of strangers: small, flat, and the same to every reader."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

_DEEPEST = 16  # a sidecar and a tokenizer are 6 deep; Python gives up near 1,000, with an error of another class


def read_json(data: bytes) -> Any:
    """What UTF-8 bytes of JSON hold. Raises ValueError, which says why, for anything else.

    Also for what JSON's readers disagree on: a key twice, NaN and infinity, numbers that overflow to infinity, half
    surrogate pairs; and for nesting more than 16 deep. So whatever this returns can be written again.
    """
    try:
        found = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_each_key_once)
        if isinstance(found, dict | list):
            _check_depth(found, _DEEPEST)
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError as error:
        raise ValueError(str(error)) from None
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"key {json.dumps(twice)[:40]} stands there twice")
    return found


def _check_depth(value: dict[str, Any] | list[Any], left: int) -> None:
    if left == 0:
        raise ValueError(f"it is nested more than {_DEEPEST} deep")
    for child in value.values() if isinstance(value, dict) else value:
        if isinstance(child, dict | list):
            _check_depth(child, left - 1)
