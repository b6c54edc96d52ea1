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
from attngan_runtime import sidecar as format_1
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


def describe_inputs(form: Form, config: RunConfig) -> list[dict[str, Any]]:
    """The sidecar's inputs, in the graph's order."""
    network, names = config.network, list(config.class_names)
    inputs = {
        "seed": format_1.seed_input(), "z": format_1.z_input(form.z_dim), "truncation": format_1.truncation_input()
    }  # fmt: skip
    if isinstance(network, TextToImageConfig):
        inputs["tokens"] = format_1.tokens_input(network.length, network.vocabulary)
        inputs["mask"] = format_1.mask_input(network.length)
        inputs["style"] = format_1.style_input(names or _numbers(network.styles))
    elif isinstance(network, TextConfig):
        inputs |= _sentence_inputs(network)
    else:
        inputs["class"] = format_1.class_input(names or _numbers(network.classes))
    return [inputs[name] for name in form.names]


def _sentence_inputs(network: TextConfig) -> dict[str, dict[str, Any]]:
    return {
        "keywords": format_1.keywords_input(network.keywords, network.vocabulary),
        "mask": format_1.mask_input(network.keywords),
        "temperature": format_1.temperature_input(),
        "top_k": format_1.top_k_input(network.vocabulary),
        "top_p": format_1.top_p_input(),
    }


def _numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def describe_output(config: RunConfig) -> dict[str, Any]:
    """The sidecar's output."""
    if isinstance(config.network, TextConfig):
        return format_1.tokens_output(config.network.length, config.network.vocabulary)
    network = config.picture_network
    return {
        "name": "image", "dtype": "float32", "layout": "NCHW", "channels": network.channels,
        "height": network.resolution, "width": network.resolution, "minimum": -1, "maximum": 1,
    }  # fmt: skip


def describe_second(form: Form, config: RunConfig) -> dict[str, Any]:
    """The sidecar's entry of the second output, under its key; empty where there is none."""
    if isinstance(config.network, TextConfig):
        return {"log_probability": format_1.log_probability_output(config.network.length)}
    if "attention" not in form.outputs or not isinstance(config.network, TextToImageConfig):
        return {}
    side = max(config.network.attention)
    return {"attention": format_1.attention_output(config.network.length, side, side)}


def describe(
    generator: LoadedGenerator | LoadedWriter, form: Form, *, target: str, precision: str, files: Mapping[str, bytes],
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
        **describe_second(form, generator.config),
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
    indices = format_1.golden_indices(pictures.size)
    return given | {
        "indices": indices,
        "values": [float(value) for value in pictures[indices]],
        "tolerance": _GOLDEN_TOLERANCE,
    }
