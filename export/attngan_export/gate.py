"""The gate: no exported file is kept that draws other pictures than PyTorch does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from attngan_export.form import Form
from attngan_export.torchscript import load_torchscript
from attngan_runtime.errors import AttnGANError
from attngan_runtime.onnx_session import CPU, CUDA, import_onnxruntime, open_session

BATCHES = (1, 2, 8)
DRAWS = 3  # other seeds, classes and truncations each

#: Largest difference allowed, as a part of the output's range. CUDA sums in another order; TF32 is off.
TOLERANCE = {CPU: 1e-5, CUDA: 1e-4}
_RANGE = 2.0  # the output lies in [−1, 1]

Run = Callable[[Mapping[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Case:
    """Inputs by name, and what PyTorch draws from them: float32 [B, C, H, W]."""

    inputs: Mapping[str, np.ndarray]
    wanted: np.ndarray

    def __str__(self) -> str:
        noise = next(iter(self.inputs))
        parts = [f"batch {len(self.wanted)}"]
        for name in ("seed", "class", "truncation"):
            if name in self.inputs:
                parts.append(f"{name} {', '.join(f'{value:.10g}' for value in self.inputs[name].tolist())}")
        return "; ".join(parts) + ("; z drawn from fixed seeds" if noise == "z" else "")


@dataclass(frozen=True)
class Comparison:
    """One exported file on one provider (or torch), compared with PyTorch and within `asked`."""

    file: str
    runner: str
    measured: float
    asked: float


@torch.no_grad()
def cases(form: Form) -> list[Case]:
    """What PyTorch draws on CPU in fp32 at every batch of `BATCHES`, `DRAWS` times."""
    module, found = form.module, []
    for batch in BATCHES:
        for draw in range(DRAWS):
            inputs = form.sample(batch, draw)
            wanted = module(*inputs.values()).numpy()
            found.append(Case({name: value.numpy() for name, value in inputs.items()}, wanted))
    return found


def compare(file: str, runner: str, run: Run, wanted: list[Case], asked: float) -> Comparison:
    """Runs every case. Raises AttnGANError naming file, case, error and tolerance at the first that differs more."""
    measured = 0.0
    for case in wanted:
        got = run(case.inputs)
        if got.shape != case.wanted.shape or got.dtype != case.wanted.dtype:
            raise AttnGANError(
                f"{file} on {runner} gives {got.dtype} {list(got.shape)} where PyTorch gives {case.wanted.dtype} "
                f"{list(case.wanted.shape)} ({case}); refused"
            )
        error = float(np.abs(got - case.wanted).max()) / _RANGE
        if not error <= asked:  # NaN is refused too
            raise AttnGANError(
                f"{file} on {runner} differs from PyTorch by {error:.2g} of the output's range, beyond {asked:.1e} "
                f"({case}); refused: try the other --target, and report it with your versions of torch and onnxruntime"
            )
        measured = max(measured, error)
    return Comparison(file, runner, measured, asked)


def compare_onnx(file: str, content: bytes, wanted: list[Case]) -> list[Comparison]:
    """Compares on the CPU, and on CUDA where ONNX Runtime really runs there. Raises AttnGANError as `compare`."""
    found = []
    for provider in providers(content):
        session = open_session(content, provider, None, file)

        def run(inputs: Mapping[str, np.ndarray], session: object = session) -> np.ndarray:
            (pictures,) = session.run(["image"], dict(inputs))  # type: ignore[attr-defined]
            return np.asarray(pictures)

        found.append(compare(file, provider, run, wanted, TOLERANCE[provider]))
    return found


def compare_torchscript(file: str, content: bytes, wanted: list[Case]) -> Comparison:
    """Compares in torch on the CPU. Raises AttnGANError as `compare`."""
    module = load_torchscript(content)

    @torch.no_grad()
    def run(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.asarray(module(*(torch.from_numpy(value) for value in inputs.values())).numpy())

    return compare(file, f"torch {torch.__version__}", run, wanted, TOLERANCE[CPU])


def providers(content: bytes) -> list[str]:
    """The CPU, and CUDA if a session of this model starts there.

    onnxruntime-gpu lists CUDA on machines without a GPU and falls back to the CPU without a word.
    """
    found = [CPU]
    if CUDA in import_onnxruntime().get_available_providers():
        try:
            open_session(content, CUDA, None, CUDA)
            found.append(CUDA)
        except AttnGANError:
            pass  # listed, but doesn't start here
    return found
