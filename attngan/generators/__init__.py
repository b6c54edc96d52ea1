"""Loaded generators, in PyTorch or under ONNX Runtime, and what names them."""

from __future__ import annotations

from importlib import import_module

from attngan.generators.base import LoadedGenerator
from attngan.generators.source import Source, find_source

#: The module of each task with `load_torch` and `load_onnx`: Source → LoadedGenerator.
GENERATORS = {
    "image": "attngan.generators.image",
    "text-to-image": "attngan.generators.text_to_image",
    "text": "attngan.generators.text",
}


def open_generator(name: str | Source) -> LoadedGenerator:
    """A run folder, likelihood.safetensors in one, a bundle folder (run by ONNX Runtime) or a shipped generator.

    In PyTorch: the averaged generator in float32 on the CPU, in eval mode.
    Raises AttnGANError if there is none of that name, or if it is damaged.
    """
    source = find_source(name) if isinstance(name, str) else name
    module = import_module(GENERATORS[source.task])
    generator: LoadedGenerator = module.load_onnx(source) if source.is_bundle else module.load_torch(source)
    return generator


__all__ = ["GENERATORS", "LoadedGenerator", "Source", "find_source", "open_generator"]
