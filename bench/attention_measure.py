"""Times, peak memory, the device's own ceilings, and what it is. Imports torch alone."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

Run = Callable[[], list[Tensor]]
FLUSH_BYTES = 256 * 2**20  # five times an H100's 50 MB of L2


class Clock:
    """Milliseconds of one call: CUDA events with a cold L2 on the GPU, perf_counter on the CPU.

    The writing that empties the L2 (about 0.1 ms) also gives Python a head start, so that short steps are timed
    without their launches where Python keeps up, and with them where it doesn't, as in use.
    """

    def __init__(self, device: torch.device) -> None:
        self.cuda = device.type == "cuda"
        if self.cuda:
            self.flush = torch.empty(FLUSH_BYTES, dtype=torch.int8, device=device)
            self.start, self.end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def __call__(self, run: Run) -> float:
        if not self.cuda:
            start = time.perf_counter()
            run()
            return 1e3 * (time.perf_counter() - start)
        self.flush.zero_()
        self.start.record()
        run()
        self.end.record()
        self.end.synchronize()
        return float(self.start.elapsed_time(self.end))


def quantiles(ms: list[float]) -> dict[str, float]:
    ordered = sorted(ms)
    at = {"min": 0.0, "p25": 0.25, "median": 0.5, "p75": 0.75}
    return {name: float(f"{ordered[round(x * (len(ms) - 1))]:.4g}") for name, x in at.items()} | {"turns": len(ms)}


def time_in_turn(
    prepare: dict[str, Callable[[], Run]], clock: Clock, seconds: float, turns: tuple[int, int]
) -> dict[str, dict[str, float]]:
    """Quantiles by contender. All take turns in one loop, so that whatever else the machine does falls on all alike.

    A turn prepares (untimed) and runs once, and lets go before the next contender: one graph at a time is held. The
    first turn says how many fit the seconds; turns: fewest and most. Each has run once before, to warm up.
    """
    taken: dict[str, list[float]] = {name: [] for name in prepare}

    def turn() -> float:
        start = time.perf_counter()
        for name, make in prepare.items():
            taken[name].append(clock(make()))
        return time.perf_counter() - start

    first = turn()
    fewest, most = turns
    for _ in range(min(most, max(fewest, int(seconds / first))) - 1):
        turn()
    return {name: quantiles(ms) for name, ms in taken.items()}


def peak_mib_cuda(make: Callable[[], Run]) -> float:
    """What the step allocates at most beyond what is there before it (inputs, prepared graph)."""
    run = make()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def free_bytes(device: torch.device) -> float:
    """Of the GPU's memory with torch's cache given back; or MemAvailable, what Linux could hand out now."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return float(torch.cuda.mem_get_info()[0])
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable"):
            return 1024.0 * int(line.split()[1])
    return float("inf")


def ceilings(device: torch.device, dtype: torch.dtype, quick: bool = False) -> dict[str, float]:
    """What this device reaches in this run: a large square matrix product, and a copy counted as read and write."""
    n = 256 if quick else 8192 if device.type == "cuda" else 2048
    size = 2**22 if quick else 2**30 if device.type == "cuda" else 2**28
    clock = Clock(device)
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    source = torch.ones(size, dtype=torch.int8, device=device)
    target = torch.empty_like(source)
    runs: dict[str, Callable[[], Run]] = {
        "matmul": lambda: lambda: [a @ b],
        "copy": lambda: lambda: [target.copy_(source)],
    }
    for run in (r for r in runs.values() for _ in range(3)):
        run()()
    ms = {name: time_in_turn({name: run}, clock, 0.5, (5, 20))[name]["median"] for name, run in runs.items()}
    return {
        "tflop_per_s": float(f"{2e-9 * n**3 / ms['matmul']:.4g}"),
        "gb_per_s": float(f"{2e-6 * size / ms['copy']:.4g}"),
        "matmul_n": n,
        "copy_mib": size // 2**20,
    }


def describe_device(device: torch.device) -> dict[str, object]:
    if device.type == "cuda":
        about = torch.cuda.get_device_properties(device)
        return {
            "kind": "cuda",
            "name": about.name,
            "capability": f"{about.major}.{about.minor}",
            "multiprocessors": about.multi_processor_count,
            "memory_gib": round(about.total_memory / 2**30, 1),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "tf32_matmul": torch.backends.cuda.matmul.allow_tf32,
        }
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    return {
        "kind": "cpu",
        "name": model,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
    }


def versions() -> dict[str, str]:
    """Of the packages that take part, where they are installed."""
    found = {}
    for name in ("torch", "triton", "numpy", "attngan", "jvp-flash-attention"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {**found, "torch": torch.__version__}


def slug(name: str) -> str:
    """A device's name as a folder: "NVIDIA H100 80GB HBM3" → nvidia-h100-80gb-hbm3."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
