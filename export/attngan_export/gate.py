"""The gate: no exported file is kept that draws other pictures than PyTorch does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attngan_export.form import Form
from attngan_export.torchscript import load_torchscript
from attngan_runtime.errors import AttnGANError
from attngan_runtime.onnx_session import CPU, CUDA, import_onnxruntime, open_session

BATCHES = (1, 2, 8)
DRAWS = 3  # other seeds, classes and truncations each

#: Largest difference allowed, as a part of each output's range. CUDA sums in another order; TF32 is off.
TOLERANCE = {CPU: 1e-5, CUDA: 1e-4}

#: inputs by name → outputs in their order
Run = Callable[[Mapping[str, np.ndarray]], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Output:
    """What PyTorch gives under one name: float32 [B, …], and the length of its range."""

    name: str
    values: np.ndarray
    range: float


@dataclass(frozen=True)
class Case:
    """Inputs by name, and what PyTorch makes of them."""

    inputs: Mapping[str, np.ndarray]
    wanted: tuple[Output, ...]

    def __str__(self) -> str:
        parts = [f"batch {len(self.wanted[0].values)}"]
        for name in ("seed", "class", "style", "truncation"):
            if name in self.inputs:
                parts.append(f"{name} {', '.join(f'{value:.10g}' for value in self.inputs[name].tolist())}")
        if "mask" in self.inputs:
            parts.append(f"prompts of {', '.join(map(str, self.inputs['mask'].sum(1).tolist()))} words")
        return "; ".join(parts) + ("; z drawn from fixed seeds" if "z" in self.inputs else "")


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
            values = as_tuple(module(*inputs.values()))
            wanted = [
                Output(name, value.numpy(), span)
                for (name, span), value in zip(form.outputs.items(), values, strict=True)
            ]
            found.append(Case({name: value.numpy() for name, value in inputs.items()}, tuple(wanted)))
    return found


def compare(file: str, runner: str, run: Run, wanted: list[Case], asked: float) -> Comparison:
    """Runs every case. Raises AttnGANError naming file, case, error and tolerance at the first that differs more."""
    measured = 0.0
    for case in wanted:
        for output, got in zip(case.wanted, run(case.inputs), strict=True):
            measured = max(measured, _difference(output, got, f"{file} on {runner}", case, asked))
    return Comparison(file, runner, measured, asked)


def _difference(output: Output, got: np.ndarray, what: str, case: Case, asked: float) -> float:
    """The largest difference as a part of the output's range; AttnGANError if it is beyond what is asked."""
    wanted = output.values
    if got.shape != wanted.shape or got.dtype != wanted.dtype:
        raise AttnGANError(
            f"{what} gives {output.name} as {got.dtype} {list(got.shape)} where PyTorch gives {wanted.dtype} "
            f"{list(wanted.shape)} ({case}); refused"
        )
    error = float(np.abs(got - wanted).max()) / output.range
    if not error <= asked:  # NaN is refused too
        raise AttnGANError(
            f"{what} differs from PyTorch by {error:.2g} of the range of {output.name}, beyond {asked:.1e} "
            f"({case}); refused: try the other --target, and report it with your versions of torch and onnxruntime"
        )
    return error


def compare_onnx(file: str, content: bytes, wanted: list[Case]) -> list[Comparison]:
    """Compares on the CPU, and on CUDA where ONNX Runtime really runs there. Raises AttnGANError as `compare`."""
    names = [output.name for output in wanted[0].wanted]
    found = []
    for provider in providers(content):
        session = open_session(content, provider, None, file)

        def run(inputs: Mapping[str, np.ndarray], session: Any = session) -> list[np.ndarray]:
            return [np.asarray(values) for values in session.run(names, dict(inputs))]

        found.append(compare(file, provider, run, wanted, TOLERANCE[provider]))
    return found


def compare_torchscript(file: str, content: bytes, wanted: list[Case]) -> Comparison:
    """Compares in torch on the CPU. Raises AttnGANError as `compare`."""
    module = load_torchscript(content)

    @torch.no_grad()
    def run(inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        return [values.numpy() for values in as_tuple(module(*(torch.from_numpy(x) for x in inputs.values())))]

    return compare(file, f"torch {torch.__version__}", run, wanted, TOLERANCE[CPU])


def as_tuple(given: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    """All outputs of a module, whether it gives one or several."""
    return (given,) if isinstance(given, Tensor) else tuple(given)


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
