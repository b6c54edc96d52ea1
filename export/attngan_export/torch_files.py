"""The files of a bundle that torch alone loads: how each is written and read."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from attngan_export.folder import PT2, TORCHSCRIPT
from attngan_export.form import Form
from attngan_export.pt2 import load_pt2, pt2_bytes
from attngan_export.torchscript import load_torchscript, torchscript_bytes

WRITE: dict[str, Callable[[Form], bytes]] = {TORCHSCRIPT: torchscript_bytes, PT2: pt2_bytes}


def load_torch_file(name: str, content: bytes, what: str) -> nn.Module:
    """The module in the bytes of the file `name`, on CPU. Raises AttnGANError naming `what` as `load_pt2`."""
    return load_pt2(content, what) if name == PT2 else load_torchscript(content)
