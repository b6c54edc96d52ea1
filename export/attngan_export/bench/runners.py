"""The ways in which a bundle can be used on the machine at hand: ONNX Runtime, and PyTorch in three forms."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attngan_export.forms.workloads import Workload
from attngan_export.verify import matching_form, measure_golden, read_files
from attngan_runtime.bundle import Bundle, write_sidecar
from attngan_runtime.errors import AttnGANError

_BATCH = 16  # samples by each way of attention
_TRIES = 3  # of each, of which the fastest counts


@dataclass(frozen=True)
class Runner:
    """One way to use a bundle."""

    name: str
    generator: Any  #: the runtime's, its session perhaps torch's
    process: tuple[str, str]  #: name and path that `first_sample` is started with

    def work(self, workload: Workload, batch: int) -> None:
        """Does what is measured."""
        for seeds in workload.calls(batch):
            self.generator.run(**workload.arguments(self.generator, seeds))


def file_runners(bundle: Bundle, onnx: Runner, threads: int, copies: Path) -> list[Runner]:
    """Those of the files that the bundle has for torch alone.

    copies: a folder for the bytes that were checked, which processes load: the bundle's could be others by then.
    """
    from attngan_export.formats import FORMATS

    files, found = read_files(bundle), []
    for name, content in files.items():
        (copies / name).write_bytes(content)
    write_sidecar(copies, dict(bundle.sidecar))
    outputs = [given.name for given in onnx.generator.session.get_outputs()]
    for name, entry in FORMATS.items():
        if name in files:
            module = entry.load(files[name], str(bundle.folder / name))
            generator = _with_module(onnx, module, outputs, threads)
            found.append(Runner(entry.title, generator, (name, str(copies))))
    return found


def eager_runner(bundle: Bundle, onnx: Runner, threads: int, workload: Workload, against: str | None) -> Runner | None:
    """The run `against` in PyTorch, else a shipped one of the bundle's name that makes the same; None without either.

    Raises AttnGANError if the weights named make something else.
    """
    from attngan.checkpoint import PRETRAINED

    weights = against or str(PRETRAINED / bundle.name)
    if not against and not (PRETRAINED / bundle.name / "config.json").is_file():
        return None
    form = matching_form(bundle, weights, attention=False)  # maps are not measured
    if form is not None:
        generator = _with_module(onnx, form.module, form.outputs, threads)
        error, allowed = measure_golden(bundle, generator.session)
        if error <= allowed:
            runner = Runner("PyTorch, eager", generator, ("auto", weights))
            if workload.tries_sdpa and _faster_by_sdpa(workload, runner):
                return Runner("PyTorch, eager, sdpa", generator, ("sdpa", weights))
            return runner
    if against:
        raise AttnGANError(f"--against {against}", f"{workload.other} than {bundle.folder}", "name its own run")
    return None


def _with_module(onnx: Runner, module: Any, outputs: Iterable[str], threads: int) -> Any:
    """The same generator, run by a module of torch."""
    from attngan_export.formats import TorchSession

    generator = copy.copy(onnx.generator)
    inputs = [given.name for given in onnx.generator.session.get_inputs()]
    generator.session = TorchSession(module, inputs, outputs, threads)
    return generator


def _faster_by_sdpa(workload: Workload, runner: Runner) -> bool:
    """Whether torch's own attention is faster than ours, which has more to do before it starts; it is then left on.

    Ours can be differentiated twice, which is of no use here.
    """
    from attngan.attention import set_attention_backend

    module = runner.generator.session.module

    def seconds(backend: str) -> float:
        set_attention_backend(module, backend)
        runner.work(workload, _BATCH)
        start = time.perf_counter()
        runner.work(workload, _BATCH)
        return time.perf_counter() - start

    turns = [(seconds("auto"), seconds("sdpa")) for _ in range(_TRIES)]
    faster = min(sdpa for _, sdpa in turns) < min(ours for ours, _ in turns)
    set_attention_backend(module, "sdpa" if faster else "auto")
    return faster
