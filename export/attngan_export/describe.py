"""What the sidecar and the file's own metadata say of an exported generator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

import attngan
from attngan.checkpoint import LoadedGenerator
from attngan.config import RunConfig, TextConfig, TextToImageConfig
from attngan.generators.sentences import LoadedWriter
from attngan_export.form import Form
from attngan_export.gate import Comparison, as_tuple
from attngan_export.text_form import TextForm
from attngan_export.versions import versions
from attngan_runtime.bundle import FORMAT_VERSION, MODEL, golden_indices, sha256_of
from attngan_runtime.bundle.schema import fill
from attngan_runtime.bundle.spec import INPUTS, TASKS
from attngan_runtime.errors import AttnGANError

# ONNX Runtime on another kind of CPU or a GPU differs by up to 1e-4; a wrong graph by 3e-2 and more.
_GOLDEN_TOLERANCE = 1e-3
_GOLDEN_BATCH = 4
_GOLDEN_DRAWS = 20


def metadata(generator: LoadedGenerator | LoadedWriter) -> dict[str, str]:
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


def describe_graph(form: Form, config: RunConfig) -> dict[str, Any]:
    """The sidecar's `inputs`, and its entry of each output under its key, in the graph's order."""
    parts = _parts(form, config)
    made = {key.removesuffix("?"): entry for key, entry in TASKS[config.task].outputs.items()}
    outputs = {key: fill(entry, **parts) for key, entry in made.items() if key == "output" or key in form.outputs}
    return {"inputs": [fill(INPUTS[name], **parts) for name in form.names], **outputs}


def _parts(form: Form, config: RunConfig) -> dict[str, Any]:
    """All that the entries of inputs and outputs leave open."""
    network, names = config.network, list(config.class_names)
    if isinstance(network, TextConfig):
        return {"words": network.keywords, "vocabulary": network.vocabulary, "length": network.length}
    side = network.resolution
    parts = {"name": "image", "channels": network.channels, "height": side, "width": side, "z_dim": form.z_dim}
    if not isinstance(network, TextToImageConfig):
        return parts | {"classes": names or _numbers(network.classes)}
    side = max(network.attention, default=0)
    maps = {"words": network.length, "map_height": side, "map_width": side}
    return parts | maps | {"vocabulary": network.vocabulary, "styles": names or _numbers(network.styles)}


def _numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def describe(
    generator: LoadedGenerator | LoadedWriter, form: Form, *, target: str, precision: str, files: Mapping[str, bytes],
    comparisons: list[Comparison],
) -> dict[str, Any]:  # fmt: skip
    """The sidecar of format 1, all but its own hash."""
    measured = {
        entry.runner: {"asked": entry.asked, "measured": entry.measured} for entry in comparisons if entry.file == MODEL
    }
    return {
        "format_version": FORMAT_VERSION,
        "task": generator.config.task,
        "name": generator.name,
        "model": MODEL,
        "files": {name: sha256_of(content) for name, content in files.items()},
        "target": target,
        "precision": precision,
        **describe_graph(form, generator.config),
        "tolerance": {precision: measured},
        "golden": golden(form, generator.name),
        "license": license_of(generator.config),
        "source": source_of(generator.config),
        "created_with": versions(),
    }


@torch.no_grad()
def golden(form: Form, name: str) -> dict[str, Any]:
    """Four pictures as PyTorch draws them, or sentences as it writes them: their inputs, and values at 64 places, or
    every token. The first sentences in which no token is a near tie, that another machine may decide otherwise.

    Raises AttnGANError naming the generator if it has no such sentences.
    """
    for draw in range(_GOLDEN_DRAWS):
        inputs = form.sample(_GOLDEN_BATCH, draw)
        values = as_tuple(form.module(*inputs.values()))
        ties = form.ties(inputs, values)
        if ties is None or not ties.any():
            break
    else:
        raise AttnGANError(
            name,
            "every sentence has words that are as probable as others within 1e-4, so other machines would write others",
            "train it for longer",
        )
    given = {"inputs": {name: value.tolist() for name, value in inputs.items()}}
    if isinstance(form, TextForm):
        rows = {name: value.tolist() for name, value in zip(form.outputs, values, strict=True)}
        return given | rows | {"tolerance": _GOLDEN_TOLERANCE}
    pictures = values[0].numpy().ravel()
    indices = golden_indices(pictures.size)
    return given | {
        "indices": indices,
        "values": [float(value) for value in pictures[indices]],
        "tolerance": _GOLDEN_TOLERANCE,
    }
