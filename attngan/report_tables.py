"""The tables of a report: what was remembered, what happened, how it was set, and with what versions."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from attngan.config import RunConfig
from attngan.curve_panels import event_colour
from attngan.records import Record

_MEMORISATION = {
    "closer_than_median": "generated pictures closer to a training one than the median held-out (50 % without copies)",
    "closer_than_tail": "generated pictures closer than the closest 5 % of held-out ones (5 % without copies)",
    "distance": "median distance of a generated picture to its nearest training picture",
    "held_out_distance": "the same of held-out pictures",
    "samples": "generated pictures",
    "held_out": "held-out pictures",
    "training": "training pictures",
    "features": "features that distances are taken in",
}


def memorisation_rows(figures: Record) -> dict[str, Any] | None:
    """Rows of the table, and what they say in words if they hold what `attngan.memorisation` measures."""
    if not figures:
        return None
    rows = []
    for name, value in figures.items():
        if value is None or (name.endswith("_error") and name.removesuffix("_error") in figures):
            continue
        share = name.startswith("closer_than_")
        text = _number(value, share)
        error = figures.get(f"{name}_error")
        rows.append((_MEMORISATION.get(name, name), f"{text} ± {_number(error, share)}" if error is not None else text))
    return {"rows": rows, "reading": _reading(figures)}


def _reading(figures: Record) -> str:
    share, error = (figures.get(f"closer_than_median{suffix}") for suffix in ("", "_error"))
    if not (isinstance(share, int | float) and isinstance(error, int | float)):
        return ""
    if share > 0.5 + 2 * error:
        return (
            "Generated pictures lie closer to training pictures than unseen real ones do, by more than two standard "
            "errors: the generator copies to some degree. Look at the nearest pairs below."
        )
    if share < 0.5 - 2 * error:
        return (
            "Generated pictures lie further from training pictures than unseen real ones do: no copying shows, and "
            "would hardly, as long as the pictures are this unlike real ones."
        )
    return (
        "Generated pictures lie as far from training pictures as unseen real ones do, within two standard errors: "
        "no sign of copying."
    )


def _number(value: Any, share: bool = False) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if share:
        return f"{value:.1%}".replace("%", " %")
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def event_row(record: Record) -> dict[str, Any]:
    return {"images": None, "event": "", "detail": "", **record, "colour": event_colour(record)}


def settings_rows(config: RunConfig) -> dict[str, dict[str, str]]:
    """Every field of the config by its part, as people write numbers and lists."""
    parts = asdict(config)
    parts["training"] = {"preset": parts["preset"], **parts["training"]}
    return {part: {name: _written(value) for name, value in parts[part].items()} for part in ("network", "training")}


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_written, value)) or "none"
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)


def version_rows(folder: Path) -> dict[str, str]:
    """Of the machine that trained, as far as its checkpoint says, and of the one that writes the report."""
    trained = kept_beside(folder / "checkpoint.safetensors").get("machine", {})
    here = {name: _installed(name) for name in ("attngan", "torch", "numpy")} | {"Python": platform.python_version()}
    rows = {"this report was written with": here, "the run's last checkpoint with": trained}
    return {
        what: ", ".join(f"{name} {value}" for name, value in found.items()) for what, found in rows.items() if found
    }


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def kept_beside(path: Path) -> Record:
    """What `attngan.checkpoint.save_tensors` kept beside the tensors; the tensors are not read."""
    try:
        with safe_open(path, framework="np") as file:
            kept = json.loads((file.metadata() or {}).get("attngan", "{}"))
        about = kept.get("about", {})
        return about if isinstance(about, dict) else {}
    except (SafetensorError, OSError, ValueError, AttributeError):
        return {}
