"""Times and peak memory of one step on the CPU, from a fresh process.

    python bench/attention_fresh.py peak 1,4,4096,4096,32,32,0 r1 float32 blockwise              prints MiB
    python bench/attention_fresh.py times 8,4,256,256,32,32,0 r1 float32 blockwise sdpa-math     prints quantiles

Fresh, because a process's high-water mark never falls, and because glibc keeps freed blocks of a size that it has seen
before: after larger work the math path takes 31 ms at B8 H4 N256 d32 where a fresh process takes 46 to 60, page
faults making the difference.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import torch
from attention_cases import Shape
from attention_contenders import CONTENDERS
from attention_measure import Clock, time_in_turn
from attention_steps import make_data, step_of

SECONDS, TURNS = 5.0, (3, 41)  # of all contenders' turns together, and how few and many they may be


def peak_mib(shape: Shape, step: str, name: str, dtype: str) -> tuple[float | None, str]:
    """What the step adds to its inputs and to the code that is loaded, MiB; or None and the reason."""
    return _fresh("peak", shape, step, dtype, name)


def times(shape: Shape, step: str, names: list[str], dtype: str) -> tuple[dict | None, str]:
    """Quantiles in milliseconds by contender, all in turn within one loop; or None and the reason."""
    return _fresh("times", shape, step, dtype, *names)


def _fresh(what: str, shape: Shape, step: str, dtype: str, *names: str) -> tuple[object, str]:
    command = [sys.executable, __file__, what, shape.encode(), step, dtype, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None, f"{what}: exit code {done.returncode}: {(done.stderr.strip().splitlines() or ['?'])[-1]}"
    return json.loads(done.stdout.splitlines()[-1]), ""


def measure_times(shape: Shape, step: str, dtype: torch.dtype, names: list[str]) -> dict[str, object]:
    data, prepare = make_data(shape, dtype, "cpu"), {}
    for name in names:
        prepare[name] = functools.partial(
            step_of(step, CONTENDERS[name].approximate), CONTENDERS[name].make(shape), data
        )
        prepare[name]()()  # warms up
    return time_in_turn(prepare, Clock(torch.device("cpu")), SECONDS, TURNS)


def measure_peak(shape: Shape, step: str, dtype: torch.dtype, name: str) -> float:
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
    what, encoded, step, dtype, *names = sys.argv[1:]
    shape, precision = Shape.decode(encoded), getattr(torch, dtype)
    if what == "peak":
        print(json.dumps(measure_peak(shape, step, precision, names[0])))
    else:
        print(json.dumps(measure_times(shape, step, precision, names)))
