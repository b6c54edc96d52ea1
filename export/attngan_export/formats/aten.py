"""Attention by torch's own operator while a generator is written down for torch alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import nn

from attngan.attention import set_attention_backend


@contextlib.contextmanager
def attention_by_aten(network: nn.Module) -> Iterator[None]:
    """Runs the attention of `network` by aten's scaled_dot_product_attention inside the block and by "auto" after it.

    Ours is an operator of a package that a process which loads the file need not have.
    """
    set_attention_backend(network, "sdpa")
    try:
        yield
    finally:
        set_attention_backend(network, "auto")
