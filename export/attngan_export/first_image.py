"""A process of its own for `attngan-export bench`: `python -m attngan_export.first_image KIND PATH THREADS`.

Prints `ready` as soon as one picture or sentence is in hand and, in bytes, its resident memory then and its peak memory
after 16 more at once. Each kind imports what its user would import, and no more.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import partial

Make = Callable[[int], object]

PROMPT = "red heart"  #: what generators from words draw here; words that one doesn't know take it as long
KEYWORDS = "dog, beach, ball"  #: what sentences are about


def runtime(bundle: str, threads: int) -> Make:
    """As an application that embeds the bundle does it: without torch."""
    import numpy as np

    from attngan_runtime import Generator, PictureGenerator

    warnings.simplefilter("ignore")
    generator = Generator.load(bundle, threads=threads)
    if not isinstance(generator, PictureGenerator):
        return lambda batch: generator.run(seeds=range(batch), keywords=KEYWORDS)
    prompts = PROMPT if generator.tokenizer else None
    if generator.z_dim:
        return lambda batch: generator.run(z=np.ones((batch, generator.z_dim), np.float32), prompts=prompts)
    return lambda batch: generator.run(seeds=range(batch), prompts=prompts)


def torch_eager(run_or_name: str, threads: int, attention: str = "auto") -> Make:
    """As `attngan sample` does it; attention: a backend of `attngan_kernels.attention`."""
    import torch
    from attngan.generators.sentences import load_writer, writes

    from attngan.attention import set_attention_backend

    torch.set_num_threads(threads)
    if not writes(run_or_name):
        return _pictures(run_or_name)
    writer = load_writer(run_or_name)
    set_attention_backend(writer.network, attention)
    return lambda batch: writer.write(range(batch), writer.key_words([KEYWORDS] * batch).ids)


def _pictures(run_or_name: str) -> Make:
    from attngan.checkpoint import load_generator

    generator = load_generator(run_or_name)
    tokenizer = generator.tokenizer
    if tokenizer:
        from attngan.generators.prompts import conditions

        return lambda batch: generator.draw(list(range(batch)), conditions(tokenizer.encode([PROMPT] * batch), None))
    has_classes = bool(getattr(generator.config.network, "classes", 0))
    return lambda batch: generator.draw(list(range(batch)), [0] * batch if has_classes else None)


def torch_alone(bundle: str, threads: int, kind: str) -> Make:
    """With torch and the file of this kind alone; the sidecar tells what it takes."""
    import json

    import torch

    torch.set_num_threads(threads)
    with open(f"{bundle}/model.onnx.json", encoding="utf-8") as file:
        inputs = json.load(file)["inputs"]
    if kind == "pt2":
        module = torch.export.load(f"{bundle}/model.pt2").module()
    else:
        module = torch.jit.load(f"{bundle}/model.torchscript.pt")
    kinds = {"int64": torch.int64, "float32": torch.float32}

    @torch.no_grad()
    def make(batch: int) -> object:
        values = [
            torch.full([batch, *entry["shape"][1:]], entry.get("default", 1), dtype=kinds[entry["dtype"]])
            for entry in inputs
        ]
        given = module(*values)
        first = given if isinstance(given, torch.Tensor) else given[0]
        return (((first + 1) * 127.5).round().byte() if first.is_floating_point() else first).numpy()

    return make


KINDS: dict[str, Callable[[str, int], Make]] = {
    "runtime": runtime,
    "torch": torch_eager,
    "torch-sdpa": partial(torch_eager, attention="sdpa"),
    "torchscript": partial(torch_alone, kind="torchscript"),
    "pt2": partial(torch_alone, kind="pt2"),
}


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
    make = KINDS[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
    make(1)
    print("ready", flush=True)
    resident = memory(peak=False)
    make(16)
    print(resident, memory(peak=True), flush=True)
