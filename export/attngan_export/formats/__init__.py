"""The files of a bundle that torch alone loads: how each is written, read and run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from attngan_export.folder import PT2, TORCHSCRIPT
from attngan_export.formats.pt2 import load_pt2, pt2_bytes
from attngan_export.formats.torchscript import load_torchscript, torchscript_bytes
from attngan_export.forms.base import Form, as_tuple


class Format(NamedTuple):
    """A way to write a generator for torch alone."""

    title: str
    write: Callable[[Form], bytes]
    load: Callable[[bytes, str], nn.Module]  #: the module, on CPU; AttnGANError naming the text as `load_pt2`


#: By the name of the file in a bundle.
FORMATS = {
    TORCHSCRIPT: Format("TorchScript", torchscript_bytes, load_torchscript),
    PT2: Format(".pt2", pt2_bytes, load_pt2),
}


class TorchSession:
    """A module, run as ONNX Runtime's session of the same graph is.

    inputs, outputs: their names in the module's order. threads: None leaves torch's own number.
    """

    def __init__(
        self, module: nn.Module, inputs: Iterable[str], outputs: Iterable[str], threads: int | None = None
    ) -> None:
        self.module, self.inputs, self.outputs, self.threads = module, list(inputs), list(outputs), threads

    @torch.inference_mode()
    def run(self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs of these names."""
        torch.set_num_threads(self.threads or torch.get_num_threads())
        given = as_tuple(self.module(*(torch.from_numpy(feeds[name]) for name in self.inputs)))
        found = dict(zip(self.outputs, given, strict=True))
        return [found[name].numpy() for name in outputs]
