"""What a run writes while it trains, read back: lines of JSON, of which the last may be torn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

Record = dict[str, Any]


def read_lines(path: Path) -> list[Record]:
    """The objects of a .jsonl file in its order; none if there is no file.

    Lines that are no JSON object are left out: a run that is being written, or was killed, ends in a part of one.
    """
    records = (_object(line) for line in _text(path).splitlines())
    return [record for record in records if record is not None]


def read_object(path: Path) -> Record:
    """The object in a .json file; empty if there is no file or nothing of the kind in it."""
    return _object(_text(path)) or {}


def column(records: list[Record], name: str) -> np.ndarray:
    """float64 [N]: the number `name` of each record, NaN where it is absent or no number."""
    values = (record.get(name) for record in records)
    return np.array([float(v) if isinstance(v, int | float) else np.nan for v in values], np.float64)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _object(text: str) -> Record | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
