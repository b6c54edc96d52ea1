"""What the package's commands share: errors in one line with exit status 2, and whether the compiler can be used."""

from __future__ import annotations

import argparse
import importlib.util
from typing import NoReturn

from attngan_kernels.backends.triton import backend as triton_backend


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, and exit status 2."""
        self.exit(2, f"error: {message}\n")


def compiler_refusal() -> str | None:
    """Why Triton's compiler can't be used, and the remedy; or None."""
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed: pip install triton (Linux)"
    if triton_backend.is_interpreting():
        return "TRITON_INTERPRET=1 replaces the compiler by an interpreter: unset it"
    return None
