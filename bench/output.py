"""What the scripts write: quantiles, where and when they were taken, JSON, tables. Needs the standard library alone."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Median and first and last decile of two values or more."""
    deciles = statistics.quantiles(values, n=10, method="inclusive")
    return {"median": deciles[4], "p10": deciles[0], "p90": deciles[8], "count": len(values)}


def origin() -> dict[str, str]:
    """When and where a result was taken."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "date": now, "machine": platform.machine(), "python": platform.python_version(), "torch": version("torch")
    }  # fmt: skip


def write_json(path: Path, value: object) -> None:
    """Whole or not at all, so that a run that is stopped leaves the last good file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> list[str]:
    """Lines; the last columns, so many, are aligned right."""
    rule = ["---"] * (len(head) - numbers) + ["--:"] * numbers
    return [f"| {' | '.join(head)} |", f"|{'|'.join(rule)}|", *(f"| {' | '.join(row)} |" for row in rows)]
