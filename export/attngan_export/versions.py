"""Versions of what an export or a measurement was made with."""

from __future__ import annotations

import platform
from importlib.metadata import version


def versions() -> dict[str, str]:
    """Versions of everything that shapes the exported bytes or the figures measured on them."""
    packages = ("attngan", "torch", "onnx", "onnxscript", "onnxruntime", "onnxruntime-gpu", "numpy")
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except ImportError:
            continue
    return found
