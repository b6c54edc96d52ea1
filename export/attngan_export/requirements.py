"""What an export needs installed, and the remedy where it is not."""

from __future__ import annotations

import importlib

from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.onnx_session import InstalledTwiceError, import_onnxruntime

_REMEDY = 'pip install "attngan[export,cpu]"'


def require(*modules: str) -> None:
    """Raises AttnGANError that names the first of `modules` that can't be imported and the command that mends it."""
    for module in modules:
        try:
            if module == "onnxruntime":
                import_onnxruntime()
            else:
                importlib.import_module(module)
        except InstalledTwiceError:  # has a remedy of its own
            raise
        except (ImportError, AttnGANError):
            raise AttnGANError(module, "not installed", f"run: {_REMEDY}") from None
