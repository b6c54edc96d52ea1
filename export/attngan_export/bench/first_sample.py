"""A process of its own for `attngan-export bench`: `python -m attngan_export.bench.first_sample`.

Takes TASK NAME PATH THREADS; the name is that of a bundle's file, or of a backend of attention in eager PyTorch. Prints
`ready` as soon as one picture or sentence is in hand and, in bytes, its resident memory then and its peak memory after
16 more at once. Each way imports what its user would import, and no more.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable

Make = Callable[[int], object]


def onnx(task: str, bundle: str, threads: int, name: str) -> Make:
    """As an application that embeds the bundle does it: without torch."""
    from attngan_export.forms import FORMS
    from attngan_runtime import Generator

    warnings.simplefilter("ignore")
    generator, workload = Generator.load(bundle, threads=threads), FORMS[task].workload()
    return lambda batch: generator.run(**workload.arguments(generator, range(batch)))


def torch_eager(task: str, run_or_name: str, threads: int, backend: str) -> Make:
    """As `attngan sample` does it; backend: of `attngan_kernels.attention`."""
    import torch

    from attngan.attention import set_attention_backend
    from attngan.generators import open_generator
    from attngan_export.forms import FORMS

    torch.set_num_threads(threads)
    generator, workload = open_generator(run_or_name), FORMS[task].workload()
    set_attention_backend(generator.network, backend)  # type: ignore[attr-defined]
    return lambda batch: generator.sample(range(batch), workload.conditions(generator, batch))


def torch_alone(task: str, bundle: str, threads: int, name: str) -> Make:
    """With torch and the file of this name alone; the sidecar tells what it takes."""
    import json

    import torch

    torch.set_num_threads(threads)
    with open(f"{bundle}/model.onnx.json", encoding="utf-8") as file:
        inputs = json.load(file)["inputs"]
    path = f"{bundle}/{name}"
    module = torch.export.load(path).module() if name.endswith(".pt2") else torch.jit.load(path)

    @torch.no_grad()
    def make(batch: int) -> object:
        values = [
            torch.full([batch, *entry["shape"][1:]], entry.get("default", 1), dtype=getattr(torch, entry["dtype"]))
            for entry in inputs
        ]
        given = module(*values)
        first = given if isinstance(given, torch.Tensor) else given[0]
        return (((first + 1) * 127.5).round().byte() if first.is_floating_point() else first).numpy()

    return make


#: By the ending of the name.
WAYS = {".onnx": onnx, ".pt": torch_alone, ".pt2": torch_alone, "": torch_eager}


def memory(peak: bool) -> int:
    """Resident size of this process in bytes, now or the largest so far; without Linux's /proc always the largest.

    Not getrusage's on Linux, since that starts at the parent's size where the process was forked from it.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            wanted = "VmHWM" if peak else "VmRSS"
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(wanted))
    except (OSError, StopIteration):
        import resource

        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return size if sys.platform == "darwin" else size * 1024


if __name__ == "__main__":
    task, name, path, threads = sys.argv[1:]
    make = WAYS[os.path.splitext(name)[1]](task, path, int(threads), name)
    make(1)
    print("ready", flush=True)
    resident = memory(peak=False)
    make(16)
    print(resident, memory(peak=True), flush=True)
