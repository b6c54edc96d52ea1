"""Commands of one version of attngan, run from its own sources in a folder; worktrees of other commits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_MAINS = {"attngan": "attngan.cli", "attngan-export": "attngan_export.cli", "attngan-run": "attngan_runtime.cli"}
# A KID of 32 samples in place of 100 or 500: twenty a run are most of its time. How many there are is not measured.
_FEW = """
import dataclasses
try:
    from attngan.presets import PRESETS
except ImportError:
    from attngan.config import PRESETS
for name in ("tiny", "tiny-words", "tiny-text"):
    network, training = PRESETS[name]
    PRESETS[name] = network, dataclasses.replace(training, kid_samples=32)
try:
    from attngan.commands import train_pace
    train_pace.with_kids = lambda pace, *_: pace
except ImportError:
    pass
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    errors: str

    @property
    def last_line(self) -> str:
        """Of stderr, after what progress bars wrote."""
        return self.errors.replace("\r", "\n").strip().rpartition("\n")[2]


@dataclass(frozen=True)
class Tree:
    """Sources of attngan, and the folder in which their commands run."""

    sources: Path
    folder: Path

    def run(self, *words: str) -> Done:
        """Runs a command to its end, by one thread."""
        with self._started(words) as process:
            out, errors = process.communicate()
        return Done(process.returncode, out, errors)

    def stopped(self, words: tuple[str, ...], ready: Callable[[], bool], delay: float) -> Done:
        """Runs a command and sends SIGTERM so many seconds after it is `ready`."""
        with self._started(words) as process:
            while process.poll() is None and not ready():
                time.sleep(0.01)
            time.sleep(delay)
            process.send_signal(signal.SIGTERM)
            out, errors = process.communicate()
        return Done(process.returncode, out, errors)

    def _started(self, words: tuple[str, ...]) -> subprocess.Popen[str]:
        program, *arguments = words
        script = f"from {_MAINS[program]} import main; main(prog_name={program!r})"
        if arguments[:1] == ["train"]:
            script = _FEW + script
        path = os.pathsep.join(str(self.sources / part) for part in ("", "kernels", "export"))
        cache = self.folder.parent / f"cache-{self.sources.name}"  # features of one are not those of the other
        environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(cache)}
        command = [sys.executable, "-c", script, *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, text=True)


@contextmanager
def worktree(commit: str, folder: Path) -> Iterator[Path]:
    """The files of a commit below `folder`, until the block ends."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(folder), commit], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)
