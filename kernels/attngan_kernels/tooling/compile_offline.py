"""Compiles the Triton kernels where there is no GPU, and reads what the compiler made of them.

Inside `capture_kernels("9.0")` the functions of `backends.triton.backend`, called with tensors on torch's meta device,
compile their kernels for that card instead of running them: the same table, the same specialisation as a real call.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
import triton
import triton.backends.nvidia
from torch import Tensor
from triton.backends.compiler import GPUTarget

from attngan_kernels.backends.triton import backend as triton_backend
from attngan_kernels.backends.triton import configs
from attngan_kernels.backends.triton.configs import Config


class Resources(NamedTuple):
    """Registers a thread, bytes of stack a thread (registers spilled to memory), bytes of shared memory a block."""

    registers: int
    spilled: int
    shared: int


class Compiled(NamedTuple):
    """One kernel: the pass, Triton's CompiledKernel (asm, metadata, src), its tiles and its launch options."""

    name: str
    kernel: Any
    config: Config | None
    options: dict[str, Any]


class _Driver:
    """Stands in for CUDA's driver: one device of the wanted capability, which is never launched on."""

    def __init__(self, capability: int) -> None:
        self.capability = capability

    def get_current_device(self) -> int:
        return self.capability  # Triton keeps its compiled kernels by device

    def get_current_stream(self, device: int | None = None) -> int:
        return 0

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", self.capability, 32)

    def get_active_torch_device(self) -> torch.device:
        return torch.device("meta")


class _Compiler(triton_backend.Launcher):
    def __init__(self, card: str, compiled: list[Compiled]) -> None:
        self._card, self._compiled = card, compiled

    def card(self, x: Tensor) -> str:
        return self._card

    def run(self, kernel: Any, programs: int, x: Tensor, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        result = kernel.warmup(*arguments, grid=(programs,), **options)
        tiles = [options[n] for n in ("BLOCK_Q", "BLOCK_K", "CHUNK", "num_warps", "num_stages") if n in options]
        config = Config(*tiles) if len(tiles) == len(Config._fields) else None
        self._compiled.append(Compiled(kernel.__name__.removesuffix("_kernel"), result, config, options))


@contextmanager
def capture_kernels(card: str) -> Iterator[list[Compiled]]:
    """Collects the kernels that are compiled within, for a compute capability such as "9.0", or "any" (8.0)."""
    if triton_backend.is_interpreting():
        raise RuntimeError("TRITON_INTERPRET=1 replaces the compiler: unset it")
    capability = "8.0" if card == configs.ANY_CARD else card
    compiled: list[Compiled] = []
    driver, before = triton.runtime.driver, (triton_backend.launcher, triton.runtime.driver._active)
    triton_backend.launcher = _Compiler(card, compiled)
    driver.set_active(_Driver(int(capability.replace(".", ""))))
    try:
        yield compiled
    finally:
        triton_backend.launcher, driver._active = before  # reset_active() would look for a GPU


def read_resources(kernel: Any) -> Resources:
    """What `kernel` takes, read back from its cubin by the cuobjdump in Triton's wheel."""
    tool = Path(triton.backends.nvidia.__file__).parent / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        text = subprocess.run([tool, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+) SHARED:(\d+)", text)
    if found is None:
        raise RuntimeError(f"cuobjdump printed no figures: {text}")
    return Resources(int(found[1]), int(found[2]), kernel.metadata.shared)
