"""What the sidecar and the file's own metadata say of an exported generator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

import attngan
from attngan.checkpoint import LoadedGenerator
from attngan.config import RunConfig
from attngan_export.form import Form
from attngan_export.gate import Comparison
from attngan_export.versions import versions
from attngan_runtime import sidecar as format_1

# ONNX Runtime on another kind of CPU or a GPU differs by up to 1e-4; a wrong graph by 3e-2 and more.
_GOLDEN_TOLERANCE = 1e-3
_GOLDEN_BATCH = 4


def metadata(generator: LoadedGenerator) -> dict[str, str]:
    """The model's metadata_props. No date: equal weights and versions give equal bytes."""
    return {
        "name": generator.name,
        "task": generator.config.task,
        "version": attngan.__version__,
        "license": license_of(generator.config),
        "source": source_of(generator.config),
    }


def license_of(config: RunConfig) -> str:
    return config.license or "not stated; as the owner of the training data says"


def source_of(config: RunConfig) -> str:
    return config.source or "not stated"


def describe_inputs(form: Form, config: RunConfig) -> list[dict[str, Any]]:
    """The sidecar's inputs, in the graph's order."""
    inputs = [format_1.seed_input() if form.noise == "seed" else format_1.z_input(form.z_dim)]
    if form.classes:
        names = config.class_names or tuple(str(number) for number in range(form.classes))
        inputs.append(format_1.class_input(list(names)))
    return [*inputs, format_1.truncation_input()]


def describe_output(config: RunConfig) -> dict[str, Any]:
    """The sidecar's output."""
    network = config.network
    return {
        "name": "image", "dtype": "float32", "layout": "NCHW", "channels": network.channels,
        "height": network.resolution, "width": network.resolution, "minimum": -1, "maximum": 1,
    }  # fmt: skip


def describe(
    generator: LoadedGenerator, form: Form, *, target: str, precision: str, files: Mapping[str, bytes],
    comparisons: list[Comparison],
) -> dict[str, Any]:  # fmt: skip
    """The sidecar of format 1, all but its own hash."""
    measured = {
        entry.runner: {"asked": entry.asked, "measured": entry.measured}
        for entry in comparisons
        if entry.file == format_1.MODEL
    }
    return {
        "format_version": format_1.FORMAT_VERSION,
        "task": generator.config.task,
        "name": generator.name,
        "model": format_1.MODEL,
        "files": {name: format_1.sha256_of(content) for name, content in files.items()},
        "target": target,
        "precision": precision,
        "inputs": describe_inputs(form, generator.config),
        "output": describe_output(generator.config),
        "tolerance": {precision: measured},
        "golden": golden(form),
        "license": license_of(generator.config),
        "source": source_of(generator.config),
        "created_with": versions(),
    }


@torch.no_grad()
def golden(form: Form) -> dict[str, Any]:
    """Four pictures as PyTorch draws them: their inputs, and values at 64 places."""
    inputs = form.sample(_GOLDEN_BATCH)
    pictures = form.module(*inputs.values()).numpy().ravel()
    indices = format_1.golden_indices(pictures.size)
    return {
        "inputs": {name: value.tolist() for name, value in inputs.items()},
        "indices": indices,
        "values": [float(value) for value in pictures[indices]],
        "tolerance": _GOLDEN_TOLERANCE,
    }
