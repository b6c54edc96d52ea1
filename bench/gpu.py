"""All that needs a GPU, in one command and under eight minutes: correctness, tuning, benchmarks.

    python bench/gpu.py [--out FOLDER]         on a machine with CUDA; torch and Triton are all it needs
    python bench/gpu.py --rehearse             the same sequence on the CPU, in Triton's interpreter, with tiny budgets

1. selfcheck: the Triton kernels in bf16, fp16 and fp32 against float64 (`python -m attngan_kernels.selfcheck`)
2. tune: configurations timed on this device, the best kept in triton_configs.json (`python -m attngan_kernels.tune`)
3. bench: `bench_attention.py` with that table

The folder, bench/results/DEVICE unless told, then holds selfcheck.json, triton_configs.json, attention.json and .png,
gpu.json (device, versions, what each stage did) and gpu.log (what they printed). A stage that fails or overruns is
named, and the next one still runs. Exit code: 0; 1 if a stage failed; 2 without CUDA.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple, TextIO

import torch
from attention_measure import describe_device, slug, versions
from output import write_json

BENCH = Path(__file__).resolve().parent
TOTAL_SECONDS = 470.0  # of all stages; under eight minutes with the interpreter's own start
TUNED, TABLE = "ATTNGAN_KERNELS_TUNED", "triton_configs.json"


SECONDS = "SECONDS"  # in a command: the time it may plan with, its limit less what starting and ending take


class Stage(NamedTuple):
    """seconds: its limit, or less where less of the total is left. command: an item SECONDS is filled in.

    interpreted: whether a rehearsal runs it in Triton's interpreter.
    """

    name: str
    command: list[str]
    seconds: float
    interpreted: bool = True


def stages(out: Path, rehearse: bool) -> list[Stage]:
    """Selfcheck and tuning get 240 s at most, so that the benchmark has 230, and whatever else they leave."""
    device = "cpu" if rehearse else "cuda"
    python = [sys.executable, "-u"]
    bench = [*python, str(BENCH / "bench_attention.py"), "--device", device, "--out", str(out / "attention.json")]
    tune = Stage("tune", [*python, "-m", "attngan_kernels.tune", "--out", str(out), "--seconds", SECONDS], 100)
    if rehearse:  # what can be chosen without a GPU: by the compiler's figures, for one card and head
        one = ["--offline", "--card", "9.0", "--head-dim", "64", "--head-dim-v", "64", "--dtype", "half"]
        tune = Stage("tune", [*python, "-m", "attngan_kernels.tune", "--out", str(out), *one], 200, interpreted=False)
    return [
        Stage("selfcheck", [*python, "-m", "attngan_kernels.selfcheck", "--device", device, "--out", str(out)], 140),
        tune,
        Stage("bench", [*bench, "--seconds", SECONDS, *(["--quick"] if rehearse else [])], TOTAL_SECONDS),
    ]


def environment(out: Path, interpreted: bool) -> dict[str, str]:
    """The package from this checkout, installed or not; the tuned table once there is one."""
    paths = [str(BENCH.parent / "kernels"), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    for name in (TUNED, "TRITON_INTERPRET"):  # of another run
        env.pop(name, None)
    if interpreted:
        env["TRITON_INTERPRET"] = "1"
    if (out / TABLE).exists():
        env[TUNED] = str(out / TABLE)
    return env


def run_stage(stage: Stage, seconds: float, env: dict[str, str], log: TextIO) -> dict[str, object]:
    """Runs it with its output on the terminal and in the log; kills it and its children after so many seconds."""
    began = time.monotonic()
    command = [f"{seconds - min(30, seconds / 4):.0f}" if item == SECONDS else item for item in stage.command]
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    overran = threading.Event()

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def stop() -> None:
        overran.set()
        kill()

    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            log.write(line)
        code = process.wait()
    finally:
        timer.cancel()
        kill()  # what it left running, and itself if this program is interrupted
    status = f"overran {seconds:.0f} s" if overran.is_set() else "ok" if code == 0 else f"failed with exit code {code}"
    return {"stage": stage.name, "status": status, "seconds": round(time.monotonic() - began, 1)}


def run_all(todo: list[Stage], out: Path, rehearse: bool, total: float = TOTAL_SECONDS) -> list[dict[str, object]]:
    """The stages in turn, each within its limit and the total; what they did is also written to gpu.json."""
    began, done = time.monotonic(), []
    out.mkdir(parents=True, exist_ok=True)
    (out / TABLE).unlink(missing_ok=True)  # an earlier run's table would pass for this one's
    device = torch.device("cpu" if rehearse else "cuda")
    with (out / "gpu.log").open("w") as log:
        for stage in todo:
            seconds = min(stage.seconds, total - (time.monotonic() - began))
            title = f"== {stage.name}, at most {seconds:.0f} s"
            print(title, flush=True)
            log.write(title + "\n")
            if seconds <= 0:
                done.append({"stage": stage.name, "status": "not run: no time was left", "seconds": 0.0})
            else:
                done.append(run_stage(stage, seconds, environment(out, rehearse and stage.interpreted), log))
            about = {"device": describe_device(device), "versions": versions(), "rehearsal": rehearse}
            write_json(out / "gpu.json", {**about, "seconds": round(time.monotonic() - began, 1), "stages": done})
    return done


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="bench/results/DEVICE unless given")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, in Triton's interpreter, tiny budgets")
    options = parser.parse_args(arguments)
    if not options.rehearse and not torch.cuda.is_available():
        print("error: no CUDA device; run this on a machine with one, or add --rehearse", file=sys.stderr)
        return 2
    name = "rehearsal" if options.rehearse else slug(torch.cuda.get_device_name())
    out = (options.out or BENCH / "results" / name).resolve()
    done = run_all(stages(out, options.rehearse), out, options.rehearse)
    for stage in done:
        print(f"{stage['stage']}: {stage['status']} ({stage['seconds']} s)")
    print(f"results: {out}")
    return 0 if all(stage["status"] == "ok" for stage in done) else 1


if __name__ == "__main__":
    sys.exit(main())
