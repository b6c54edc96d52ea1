"""Runs cases of fuzzing in children with limits, forked from a process that has imported all and run nothing."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from tests.runtime.fuzz import cases
from tests.runtime.fuzz.bases import Files, read_bases

MEMORY = 2**30  # bytes of address space beyond what the process has once all is imported; a case takes 20 MB
# A case of a small bundle takes 20 ms and of a shipped one 150. Only ONNX Runtime may take too long without a failure.
CPU_SECONDS = {"damaged": 5, "described": 5, "graph": 1}
WALL_SECONDS = 30  # for what waits: a machine with other work to do must not look like a hang

_ROOT = Path(__file__).parents[3]

Tell = Callable[[dict[str, Any]], None]


class Children:
    """A process that forks a child for each case. A context manager; `bases`: the folder that `write_bases` filled."""

    def __init__(self, bases: Path) -> None:
        # One thread: a lock that another holds while the process forks is never released in the child.
        alone = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.runtime.fuzz.zygote", str(bases)], cwd=_ROOT, env=os.environ | alone,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip

    def run(self, kind: str, seeds: Iterable[int]) -> Iterator[dict[str, Any]]:
        """What became of each case: `outcome` of cases.py, or `timed out`, or `signal` with its name; and its seed."""
        assert self._process.stdin and self._process.stdout
        for seed in seeds:
            print(kind, seed, file=self._process.stdin, flush=True)
            yield json.loads(self._process.stdout.readline())

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: Any) -> None:
        self._process.communicate()


def _serve(bases_folder: Path) -> None:
    for module in ("tokenizers", "attngan_runtime.generators.text_to_image", "attngan_runtime.generators.text"):
        import_module(module)  # once for all children
    bases = read_bases(bases_folder)
    with tempfile.TemporaryDirectory() as place, open(Path(place) / "said", "w+b") as said:
        folder = Path(place) / "bundle"
        folder.mkdir()
        for line in sys.stdin:
            kind, seed = line.split()
            said.seek(0)  # the place is the children's too
            said.truncate()
            start = time.monotonic()
            found = _in_a_child(partial(_case, kind, int(seed), bases, folder), said.fileno())
            found |= {"kind": kind, "seed": int(seed), "seconds": round(time.monotonic() - start, 3)}
            if found["outcome"] == "signal":
                said.seek(0)
                found["what"] = said.read().decode("utf-8", "replace").strip()[-300:]
            print(json.dumps(found), flush=True)


def _case(kind: str, seed: int, bases: dict[str, Files], folder: Path, tell: Tell) -> None:
    change, case = cases.make(kind, seed, bases, folder)
    tell({"change": change})  # before it is run: it may be the last that is heard of it
    limit(CPU_SECONDS[kind])
    tell(cases.outcome(case))


def limit(cpu_seconds: int) -> None:
    """Sets this process's limits of memory and time; it is killed beyond the latter."""
    with open("/proc/self/statm", encoding="ascii") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _in_a_child(case: Callable[[Tell], None], said: int) -> dict[str, Any]:
    """What the case tells, and how its process ended if it didn't tell that."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        _run(case, theirs, said)
    os.close(theirs)
    answer, late = _read(ours, child)
    os.close(ours)
    _, status = os.waitpid(child, 0)
    told: dict[str, Any] = {}
    for line in answer.splitlines():
        told |= json.loads(line)
    if "outcome" in told:
        return told
    if late or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)):
        return told | {"outcome": "timed out"}
    if os.WIFSIGNALED(status):
        return told | {"outcome": "signal", "signal": signal.Signals(os.WTERMSIG(status)).name}
    return told | {"outcome": "raised", "what": f"left with status {status} and no word"}


def _run(case: Callable[[Tell], None], pipe: int, said: int) -> NoReturn:
    """The case in this process, the child: what it tells goes into the pipe, what else it prints into `said`."""

    def tell(found: dict[str, Any]) -> None:
        os.write(pipe, json.dumps(found).encode() + b"\n")

    os.dup2(said, 1)
    os.dup2(said, 2)
    try:
        case(tell)
    except BaseException:  # of a change that could not be made
        tell({"outcome": "raised", "what": traceback.format_exc()[-1500:]})
    finally:
        os._exit(0)


def _read(pipe: int, child: int) -> tuple[bytes, bool]:
    """All that comes, and whether the child had to be killed for its time."""
    answer, end = b"", time.monotonic() + WALL_SECONDS
    while select.select([pipe], [], [], max(0, end - time.monotonic()))[0]:
        block = os.read(pipe, 65536)
        if not block:
            return answer, False
        answer += block
    os.kill(child, signal.SIGKILL)
    return answer, True


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
