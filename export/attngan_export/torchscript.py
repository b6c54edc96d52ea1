"""A generator as TorchScript: loads with torch alone, without our packages."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator

import torch
from torch import nn

from attngan.attention import set_attention_backend
from attngan_export.form import Form
from attngan_export.text_form import TextForm
from attngan_export.text_script import scripted


def torchscript_bytes(form: Form) -> bytes:
    """The content of model.torchscript.pt: traced (sentences: see `text_script`), frozen, attention as aten's
    scaled_dot_product_attention.

    Inputs are positional, in the order of `form.names`; the batch is dynamic.
    """
    with warnings.catch_warnings(), _attention_backend(form.network, "sdpa"), torch.no_grad():
        warnings.simplefilter("ignore")  # that TorchScript is deprecated, and that shapes become constants
        # The trace's own check draws another batch of 2; the gate compares batches 1, 2 and 8.
        example = tuple(form.sample(2).values())
        if isinstance(form, TextForm):
            traced = scripted(form.network, example)
        else:
            traced = torch.jit.trace(form.module, example, check_trace=False)
        frozen = torch.jit.freeze(traced)
        buffer = io.BytesIO()
        torch.jit.save(frozen, buffer)
    return buffer.getvalue()


def load_torchscript(content: bytes) -> torch.jit.ScriptModule:
    """The module in the bytes of a model.torchscript.pt, on CPU."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(io.BytesIO(content), map_location="cpu")


@contextlib.contextmanager
def _attention_backend(network: nn.Module, backend: str) -> Iterator[None]:
    """Runs the attention of `network` by `backend` inside the block and by "auto" after it."""
    set_attention_backend(network, backend)
    try:
        yield
    finally:
        set_attention_backend(network, "auto")
