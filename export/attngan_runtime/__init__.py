"""Draw, or write, with an exported generator: numpy and ONNX Runtime, no torch.

from attngan_runtime import Generator

pictures = Generator.load("fashion-32").run(seeds=range(8), classes="Sneaker")  # uint8 [8, 32, 32, 1]
sentences = Generator.load("captions").run(seeds=range(8), keywords="dog, beach")  # eight str
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attngan_runtime.bundle import Bundle
    from attngan_runtime.errors import AttnGANError
    from attngan_runtime.generators.base import Generator
    from attngan_runtime.generators.image import PictureGenerator
    from attngan_runtime.generators.text import SentenceGenerator

__all__ = ["AttnGANError", "Bundle", "Generator", "PictureGenerator", "SentenceGenerator"]

_HOMES = {
    "AttnGANError": "errors", "Bundle": "bundle", "Generator": "generators.base",
    "PictureGenerator": "generators.image", "SentenceGenerator": "generators.text",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # On first use: `attngan --help` imports this package for its console and shouldn't wait 0.1 s for numpy.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
