"""The gate: no exported file is kept that draws other pictures than PyTorch does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attngan_export.form import Form
from attngan_runtime.errors import AttnGANError
from attngan_runtime.generators.onnx_session import CPU, CUDA, import_onnxruntime, open_session

#: Largest difference allowed, as a part of each output's range, times its form's slack. CUDA sums in another order;
#: TF32 is off.
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
    #: bool [B, L], where the first output is a near tie between two tokens; None for pictures. Asked for where a token
    #: differs: to look for ties takes as long as to write the sentences
    ties: Callable[[], np.ndarray | None] = lambda: None
    slack: float = 1.0  #: how many times the tolerance is allowed

    def __str__(self) -> str:
        parts = [f"batch {len(self.wanted[0].values)}"]
        for name in ("seed", "class", "style", "truncation", "temperature", "top_k", "top_p"):
            if name in self.inputs:
                parts.append(f"{name} {', '.join(f'{value:.10g}' for value in self.inputs[name].tolist())}")
        if "mask" in self.inputs:
            counts = ", ".join(map(str, self.inputs["mask"].sum(1).tolist()))
            parts.append(f"{counts} key words" if "keywords" in self.inputs else f"prompts of {counts} words")
        return "; ".join(parts) + ("; z drawn from fixed seeds" if "z" in self.inputs else "")


@dataclass(frozen=True)
class Comparison:
    """One exported file on one provider (or torch), compared with PyTorch and within `asked`."""

    file: str
    runner: str
    measured: float
    asked: float
    ties: int = 0  #: sentences of which another token was chosen at a near tie

    @property
    def difference(self) -> str:
        """`differs by 2.1e-06 of 1.0e-05`, and how many sentences part at a near tie."""
        parted = f"; parted at a near tie: {self.ties} sentence{'s' * (self.ties > 1)}" if self.ties else ""
        return f"differs by {self.measured:.1e} of {self.asked:.1e}{parted}"

    def __str__(self) -> str:
        return f"{self.file} on {self.runner}: {self.difference.replace('by', 'from PyTorch by', 1)}"


@torch.no_grad()
def cases(form: Form) -> list[Case]:
    """What PyTorch makes on CPU in fp32 of every trial of the form."""
    module, found = form.module, []
    for batch, draw in form.trials:
        inputs = form.sample(batch, draw)
        values = as_tuple(module(*inputs.values()))
        wanted = [
            Output(name, value.numpy(), span) for (name, span), value in zip(form.outputs.items(), values, strict=True)
        ]
        given = {name: value.numpy() for name, value in inputs.items()}
        found.append(Case(given, tuple(wanted), partial(_ties, form, inputs, values), form.slack))
    return found


def _ties(form: Form, inputs: dict[str, Tensor], values: tuple[Tensor, ...]) -> np.ndarray | None:
    found = form.ties(inputs, values)
    return None if found is None else found.numpy()


@contextlib.contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Has torch compute with so many threads inside the block; None: as it does anyway."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def compare(file: str, runner: str, run: Run, wanted: list[Case], asked: float) -> Comparison:
    """Runs every case. Raises AttnGANError naming file, case, error and tolerance at the first that differs more."""
    measured, parted, what = 0.0, 0, f"{file} on {runner}"
    for case in wanted:
        outputs = run(case.inputs)
        for output, got in zip(case.wanted, outputs, strict=True):
            _check_kind(output, got, what, case)
        outputs, ties = _excused(case, outputs)
        parted += ties
        for output, got in zip(case.wanted, outputs, strict=True):
            measured = max(measured, _difference(output, got, what, case, asked))
    return Comparison(file, runner, measured, asked, parted)


def _check_kind(output: Output, got: np.ndarray, what: str, case: Case) -> None:
    """Raises AttnGANError unless it has the shape and dtype that PyTorch gives."""
    wanted = output.values
    if got.shape != wanted.shape or got.dtype != wanted.dtype:
        raise AttnGANError(
            what,
            f"gives {output.name} as {got.dtype} {list(got.shape)} where PyTorch gives {wanted.dtype} "
            f"{list(wanted.shape)} ({case})",
            "refused",
        )


def _excused(case: Case, got: Sequence[np.ndarray]) -> tuple[Sequence[np.ndarray], int]:
    """The outputs with sentences as wanted from the token on that was chosen otherwise at a near tie; and how many.

    After such a token everything may differ, for the sentence goes on from it.
    """
    other = got[0] != case.wanted[0].values
    ties = case.ties() if other.any() else None
    if ties is None:
        return got, 0
    first = other & (np.cumsum(other, 1) == 1)
    excused = np.cumsum(first & ties, 1) > 0
    kept = [np.where(excused, output.values, values) for output, values in zip(case.wanted, got, strict=True)]
    return kept, int(excused.any(1).sum())


def _difference(output: Output, got: np.ndarray, what: str, case: Case, asked: float) -> float:
    """The largest difference as a part of the output's range; AttnGANError if it is beyond what is asked."""
    error = float(np.abs(got.astype(np.float64) - output.values).max()) / output.range
    if not error <= asked:  # NaN is refused too
        raise AttnGANError(
            what,
            f"differs from PyTorch by {error:.2g} of the range of {output.name}, beyond {asked:.1e} ({case})",
            "refused: try the other --target, and report it with your versions of torch and onnxruntime",
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

        found.append(compare(file, provider, run, wanted, TOLERANCE[provider] * wanted[0].slack))
    return found


def compare_torch(file: str, module: nn.Module, wanted: list[Case]) -> Comparison:
    """Compares what `load_torch_file` loaded, in torch on the CPU. Raises AttnGANError as `compare`."""

    @torch.no_grad()
    def run(inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        return [values.numpy() for values in as_tuple(module(*(torch.from_numpy(x) for x in inputs.values())))]

    return compare(file, f"torch {torch.__version__}", run, wanted, TOLERANCE[CPU] * wanted[0].slack)


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
