"""Draw from an exported generator: numpy and ONNX Runtime, no torch.

from attngan_runtime import Generator

pictures = Generator.load("fashion-32").run(seeds=range(8), classes="Sneaker")  # uint8 [8, 32, 32, 1]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attngan_runtime.bundle import Bundle
    from attngan_runtime.errors import AttnGANError
    from attngan_runtime.session import Generator

__all__ = ["AttnGANError", "Bundle", "Generator"]

_HOMES = {"AttnGANError": "errors", "Bundle": "bundle", "Generator": "session"}


def __getattr__(name: str) -> Any:
    # On first use: `attngan --help` imports this package for its console and shouldn't wait 0.1 s for numpy.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
