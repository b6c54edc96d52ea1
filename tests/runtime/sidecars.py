"""What the sidecars of the tests' bundles have in common, and changes to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from attngan_runtime.bundle import SIDECAR, golden_indices, sha256_of, write_sidecar
from attngan_runtime.bundle.schema import fill
from attngan_runtime.bundle.spec import INPUTS, TASKS


def sidecar_of(
    name: str, task: str, files: dict[str, bytes], inputs: list[dict[str, Any]], shape: tuple[int, int, int],
    golden: dict[str, Any], pictures: np.ndarray,
) -> dict[str, Any]:  # fmt: skip
    """A sidecar for files by name, inputs before truncation, and the pictures [B, C, H, W] of the golden inputs."""
    indices = golden_indices(pictures.size)
    channels, height, width = shape
    return common(name, task, files) | {
        "inputs": [*inputs, input_entry("truncation")],
        "output": output_entry(task, "output", name="image", channels=channels, height=height, width=width),
        "golden": {
            "inputs": golden,
            "indices": indices,
            "values": [float(value) for value in pictures.ravel()[indices]],
            "tolerance": 1e-3,
        },
    }  # fmt: skip


def input_entry(name: str, **parts: Any) -> dict[str, Any]:
    """What a sidecar says of an input with these parts."""
    return dict(fill(INPUTS[name], **parts))


def output_entry(task: str, key: str, **parts: Any) -> dict[str, Any]:
    """What it says of an output under a key of its own."""
    return dict(fill(TASKS[task].outputs[key], **parts))


def common(name: str, task: str, files: dict[str, bytes]) -> dict[str, Any]:
    """All of a sidecar but its inputs, outputs and golden sample."""
    return {
        "format_version": 1,
        "task": task,
        "name": name,
        "model": "model.onnx",
        "files": {file: sha256_of(content) for file, content in files.items()},
        "target": "ort",
        "precision": "fp32",
        "tolerance": {"fp32": {"CPUExecutionProvider": {"asked": 1e-5, "measured": 2e-7}}},
        "license": "Apache-2.0",
        "source": "made by the tests",
        "created_with": {"attngan": "0.1.0", "torch": "2.13.0"},
    }


def with_file(folder: Path, name: str, content: bytes) -> Path:
    """The bundle with another file of this name, whose hash its sidecar has."""
    (folder / name).write_bytes(content)
    sidecar = json.loads((folder / SIDECAR).read_text())
    sidecar["files"][name] = sha256_of(content)
    write_sidecar(folder, sidecar)
    return folder


def set_at(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change that sets the value at `inputs/0/name` and the like."""

    def change(sidecar: dict[str, Any]) -> None:
        *way, last = (int(step) if step.isdecimal() else step for step in path.split("/"))
        place: Any = sidecar
        for step in way:
            place = place[step]
        place[last] = value

    return change
