"""A generator as TorchScript: loads with torch alone, without our packages.

Deprecated upstream, in favour of torch.export (`pt2`): torch 2.13 warns, and does not support it on Python 3.14 and
later. Such a file is a program, which torch.jit.load compiles and runs as it stands.
"""

from __future__ import annotations

import io
import warnings

import torch

from attngan_export.formats.aten import attention_by_aten
from attngan_export.forms.base import Form


def torchscript_bytes(form: Form) -> bytes:
    """The content of model.torchscript.pt: as `form.script` gives it, frozen, attention as aten's
    scaled_dot_product_attention.

    Inputs are positional, in the order of `form.names`; the batch is dynamic.
    """
    with warnings.catch_warnings(), attention_by_aten(form.module), torch.no_grad():
        warnings.simplefilter("ignore")  # that TorchScript is deprecated, and that shapes become constants
        frozen = torch.jit.freeze(form.script())
        buffer = io.BytesIO()
        torch.jit.save(frozen, buffer)
    return buffer.getvalue()


def load_torchscript(content: bytes, what: str) -> torch.jit.ScriptModule:
    """The module in the bytes of a model.torchscript.pt, on CPU."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(io.BytesIO(content), map_location="cpu")
