"""Peak memory of one step on the CPU, from a fresh process.

    python bench/attention_peak.py 1,4,4096,4096,32,32,0 r1 blockwise float32        prints MiB

Fresh, because a process's high-water mark never falls. Counts what the step adds to its inputs and to the code that
is loaded.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from attention_cases import Shape
from attention_contenders import CONTENDERS
from attention_steps import make_data, step_of


def peak_mib(shape: Shape, step: str, name: str, dtype: str) -> tuple[float | None, str]:
    """MiB, or None and the reason."""
    command = [sys.executable, __file__, shape.encode(), step, name, dtype]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None, f"peak memory: exit code {done.returncode}: {(done.stderr.strip().splitlines() or ['?'])[-1]}"
    return float(done.stdout.split()[-1]), ""


def added_by(shape: Shape, step: str, name: str, dtype: torch.dtype) -> float:
    run = step_of(step, CONTENDERS[name].approximate)
    small = Shape(1, 1, 16, 16, shape.D_k, shape.D_v, shape.causal)
    run(CONTENDERS[name].make(small), make_data(small, dtype, "cpu"))()  # loads what any first call loads
    data = make_data(shape, dtype, "cpu")
    before = high_water_mib()
    run(CONTENDERS[name].make(shape), data)()
    return high_water_mib() - before


def high_water_mib() -> float:
    """Linux's peak resident size of this program; getrusage's would begin at that of the process that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    print(added_by(Shape.decode(sys.argv[1]), *sys.argv[2:4], getattr(torch, sys.argv[4])))
