"""Libraries without their remarks."""

from __future__ import annotations

import ctypes
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from PIL import Image


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """Keeps the exporter's remarks (torchvision is missing, an axis is renamed, its own deprecated calls) from the
    user's terminal, who can do nothing about them.
    """
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def quiet_libtiff() -> None:
    """Keeps what libtiff says of damaged files off the terminal, where it tears the bar; Pillow reports the same.

    A Pillow into which libtiff is linked without its names goes on as it is.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(Image.core.__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            handler = getattr(library, name)
            handler.restype, handler.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
            handler(None)
