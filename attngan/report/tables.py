"""The tables of a report: what is kept, what happened, how it was set, and with what versions."""

from __future__ import annotations

import json
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


# Settings that all tasks have and few use, at the value where they change nothing.
_IDLE = {
    "mismatched": 0.0, "generator_rate": 1.0, "warm_up": 0.0, "perceptual": 0.0, "pixels": 0.0, "adversarial": 1.0,
    "adversarial_from": 0.0,
}  # fmt: skip


def _used(config: RunConfig) -> dict[str, Any]:
    return {name: value for name, value in asdict(config.training).items() if _IDLE.get(name) != value}


def config_text(config: RunConfig) -> str:
    """config.json without the settings of other tasks that it has at the values where they say nothing."""
    fields = json.loads(config.to_json())
    fields["training"] = {name: fields["training"][name] for name in _used(config)}
    return json.dumps(fields, indent=2) + "\n"


def settings_rows(config: RunConfig) -> dict[str, dict[str, str]]:
    """Every field of the config that does something, by its part, as people write numbers and lists."""
    parts = asdict(config)
    parts["training"] = {"preset": parts["preset"], **_used(config)}
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
