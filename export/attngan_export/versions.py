"""What an export or a measurement was made with."""

from __future__ import annotations

import contextlib
import platform
from importlib.metadata import version
from pathlib import Path


def versions() -> dict[str, str]:
    """Versions of everything that shapes the exported bytes or the figures measured on them."""
    packages = ("attngan", "torch", "onnx", "onnxscript", "onnxruntime", "onnxruntime-gpu", "numpy")
    found = {"python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(ImportError):
            found[name] = version(name)
    return found


def device() -> str:
    """The processor in words."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
