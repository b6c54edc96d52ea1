"""Parity: no exported file is kept that makes anything else than PyTorch does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from attngan_export.formats import TorchSession
from attngan_export.forms.base import Form
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.onnx_session import CPU, CUDA, import_onnxruntime, open_session

#: Largest difference allowed, as a part of each output's range, times its form's slack. CUDA sums in another order;
#: TF32 is off.
TOLERANCE = {CPU: 1e-5, CUDA: 1e-4}


@dataclass(frozen=True)
class Expected:
    """What PyTorch gives under one name: float32 [B, …], and the length of its range."""

    name: str
    values: np.ndarray
    range: float


@dataclass(frozen=True)
class Case:
    """Inputs by name, and what PyTorch makes of them."""

    inputs: dict[str, np.ndarray]
    wanted: tuple[Expected, ...]
    #: bool [B, L], where the first output is a near tie between two tokens; None where it is no choice. Called where a
    #: token differs alone: to look for ties takes as long as to write the sentences
    ties: Callable[[], Any] = lambda: None
    slack: float = 1.0  #: how many times the tolerance is allowed
    note: str = ""  #: what a message tells of the inputs that are not one number a row

    def __str__(self) -> str:
        parts = [f"batch {len(self.wanted[0].values)}"]
        for name, values in self.inputs.items():
            if values.ndim == 1:
                parts.append(f"{name} {', '.join(f'{value:.10g}' for value in values.tolist())}")
        return "; ".join(filter(None, (*parts, self.note)))


@dataclass(frozen=True)
class Comparison:
    """One exported file on one provider (or torch), compared with PyTorch and within `allowed`."""

    file: str
    runner: str
    measured: float
    allowed: float
    ties: int = 0  #: sentences of which another token was chosen at a near tie

    @property
    def difference(self) -> str:
        """`differs by 2.1e-06 of 1.0e-05`, and how many sentences part at a near tie."""
        parted = f"; parted at a near tie: {self.ties} sentence{'s' * (self.ties > 1)}" if self.ties else ""
        return f"differs by {self.measured:.1e} of {self.allowed:.1e}{parted}"

    def __str__(self) -> str:
        return f"{self.file} on {self.runner}: {self.difference.replace('by', 'from PyTorch by', 1)}"


@torch.no_grad()
def cases(form: Form) -> list[Case]:
    """What PyTorch makes on CPU in fp32 of every trial of the form."""
    found = []
    for trial in form.trials:
        inputs = form.sample(*trial)
        values = form.run(inputs)
        wanted = [
            Expected(name, value.numpy(), range_of(entry))
            for (name, entry), value in zip(form.outputs.items(), values, strict=True)
        ]
        given = {name: value.numpy() for name, value in inputs.items()}
        found.append(Case(given, tuple(wanted), partial(form.ties, inputs, values), form.slack, form.note(given)))
    return found


def range_of(entry: Mapping[str, Any]) -> float:
    """Of what differences in an output are a part: its range; 1 where it has no bounds, or is a choice."""
    bounded = entry["dtype"] == "float32" and {"minimum", "maximum"} <= entry.keys()
    return float(entry["maximum"] - entry["minimum"]) if bounded else 1.0


def compare(file: str, runner: str, session: Any, wanted: list[Case], tolerance: float) -> Comparison:
    """Runs every case in a session as ONNX Runtime's.

    Raises AttnGANError naming file, case, error and tolerance at the first that differs more.
    """
    measured, parted, what, allowed = 0.0, 0, f"{file} on {runner}", tolerance * wanted[0].slack
    for case in wanted:
        outputs = session.run([output.name for output in case.wanted], case.inputs)
        for output, got in zip(case.wanted, outputs, strict=True):
            _check_kind(output, got, what, case)
        outputs, ties = _excuse_ties(case, outputs)
        parted += ties
        for output, got in zip(case.wanted, outputs, strict=True):
            measured = max(measured, _difference(output, got, what, case, allowed))
    return Comparison(file, runner, measured, allowed, parted)


def _check_kind(output: Expected, got: np.ndarray, what: str, case: Case) -> None:
    """Raises AttnGANError unless it has the shape and dtype that PyTorch gives."""
    wanted = output.values
    if got.shape != wanted.shape or got.dtype != wanted.dtype:
        raise AttnGANError(
            what,
            f"gives {output.name} as {got.dtype} {list(got.shape)} where PyTorch gives {wanted.dtype} "
            f"{list(wanted.shape)} ({case})",
            "refused",
        )


def _excuse_ties(case: Case, got: Sequence[np.ndarray]) -> tuple[Sequence[np.ndarray], int]:
    """The outputs with sentences as wanted from the token on that was chosen otherwise at a near tie; and how many.

    After such a token everything may differ, for the sentence goes on from it.
    """
    other = got[0] != case.wanted[0].values
    ties = case.ties() if other.any() else None
    if ties is None:
        return got, 0
    first = other & (np.cumsum(other, 1) == 1)
    excused = np.cumsum(first & np.asarray(ties), 1) > 0
    kept = [np.where(excused, output.values, values) for output, values in zip(case.wanted, got, strict=True)]
    return kept, int(excused.any(1).sum())


def _difference(output: Expected, got: np.ndarray, what: str, case: Case, allowed: float) -> float:
    """The largest difference as a part of the output's range; AttnGANError if it is beyond what is allowed."""
    error = float(np.abs(got.astype(np.float64) - output.values).max()) / output.range
    if not error <= allowed:  # NaN is refused too
        raise AttnGANError(
            what,
            f"differs from PyTorch by {error:.2g} of the range of {output.name}, beyond {allowed:.1e} ({case})",
            "refused: try the other --target, and report it with your versions of torch and onnxruntime",
        )
    return error


def compare_onnx(file: str, content: bytes, wanted: list[Case]) -> list[Comparison]:
    """Compares on the CPU, and on CUDA where ONNX Runtime really runs there. Raises AttnGANError as `compare`."""
    return [
        compare(file, provider, open_session(content, provider, None, file), wanted, TOLERANCE[provider])
        for provider in find_providers(content)
    ]


def compare_torch(file: str, module: nn.Module, wanted: list[Case]) -> Comparison:
    """Compares what `formats.FORMATS` loaded, in torch on the CPU. Raises AttnGANError as `compare`."""
    session = TorchSession(module, wanted[0].inputs, [output.name for output in wanted[0].wanted])
    return compare(file, f"torch {torch.__version__}", session, wanted, TOLERANCE[CPU])


def find_providers(content: bytes) -> list[str]:
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
