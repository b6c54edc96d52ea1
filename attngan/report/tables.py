"""The tables of a report: what is kept, what happened, how it was set, and with what versions."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from attngan.checkpoint import GENERATOR, load_about
from attngan.config import RunConfig
from attngan.run_folder import Record
from attngan.visualization.curve_panels import event_colour


def generator_figures(folder: Path) -> dict[str, float] | None:
    """Parameters and megabytes of generator.safetensors; None while there is none, or if it is damaged."""
    try:
        with safe_open(folder / GENERATOR, framework="np") as file:
            parameters = sum(int(np.prod(file.get_slice(name).get_shape())) for name in file.keys())  # noqa: SIM118
        return {"parameters": parameters, "megabytes": (folder / GENERATOR).stat().st_size / 1e6}
    except (SafetensorError, OSError):
        return None


def event_row(record: Record) -> dict[str, Any]:
    return {"images": None, "event": "", "detail": "", **record, "colour": event_colour(record)}


def settings_rows(config: RunConfig) -> dict[str, dict[str, str]]:
    """Every field of the config by its part, as people write numbers and lists."""
    parts = asdict(config)
    parts["training"] = {"preset": parts["preset"], **parts["training"]}
    return {part: {name: _format(value) for name, value in parts[part].items()} for part in ("network", "training")}


def _format(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_format, value)) or "none"
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)


def version_rows(folder: Path) -> dict[str, str]:
    """Of the machine that trained, as far as its checkpoint says, and of the one that writes the report."""
    trained = load_about(folder / "checkpoint.safetensors").get("machine", {})
    here = {name: _version_of(name) for name in ("attngan", "torch", "numpy")} | {"Python": platform.python_version()}
    rows = {"this report was written with": here, "the run's last checkpoint with": trained}
    return {
        what: ", ".join(f"{name} {value}" for name, value in found.items()) for what, found in rows.items() if found
    }


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
