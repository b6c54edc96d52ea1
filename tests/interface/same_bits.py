"""Whether this working tree trains, samples and exports to the same bits as another commit, on this machine.

python -m tests.interface.same_bits [--base COMMIT] [--task image|words|text] [--quick] [--keep FOLDER]

Both versions are given the same small sets and the same commands, side by side, by one thread each. What they write is
compared bit for bit: weights, optimisers, records, pictures, sentences, graphs. Then the working tree goes on with runs
of the other commit that were stopped in each phase, and uses its finished ones. A line says what each comparison found;
the exit code is 1 if anything differs. What may differ: config.json and what checkpoints say of themselves may gain
keys, and a run that was stopped may be refused in one line.

`make same-bits BASE=COMMIT` does the same.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.interface.comparison import differences, read_tensors
from tests.interface.training_data import write_captioned, write_pictures, write_sentences
from tests.interface.trees import ROOT, Done, Tree, worktree

Words = tuple[str, ...]
#: Of `attngan evaluate --features`, in place of a network of 19 MB.
FEATURES = """
def means(pictures):
    parts = pictures[:, :16, :16].astype("float32").reshape(len(pictures), 4, 4, 4, 4, -1).mean((2, 4))
    return parts.reshape(len(pictures), -1) / 255
"""


@dataclass(frozen=True)
class Case:
    """One run: what is trained, and what is done with it. {run}: its folder; {out}: a folder for what is made."""

    task: str
    name: str
    train: str
    then: tuple[str, ...] = ()
    quick: bool = True


IMAGE = "attngan train --preset tiny --data data/pictures --out {run} "
WORDS = "attngan train --preset tiny-words --data data/words --out {run} "
TEXT = "attngan train --preset tiny-text --data data/lines.txt --out {run} "
CASES = (
    Case("image", "classes", IMAGE + "--images 320", (
        "attngan sample {run} --seeds 0-5 --out {out}/grid.png",
        "attngan sample {run} --seeds 0-3 --classes 1,disc --truncation 0,0.5,1 --out {out}/truncated.png",
        "attngan sample {run} --seeds 0-2 --classes disc --interpolate 2 --out {out}/loop.webp",
        "attngan sample {run} --seeds 0-1 --classes 0 --attention 3,5 --out {out}/attention.png",
        "attngan evaluate {run} --data data/pictures --samples 20 --features features:means --out {out}/figures.json",
        "attngan-export {run} --out {out}/bundle",
        "attngan-export verify {out}/bundle --against {run}",
        "attngan-run {out}/bundle --seeds 0-3 --out {out}/drawn.png",
        "attngan report {run} --out {out}/report.html",
    )),
    Case("image", "other-forms", IMAGE + "--images 32", (
        "attngan-export {run} --out {out}/bundle --target portable --input z --torchscript --pt2",
        "attngan-export verify {out}/bundle --against {run}",
    ), quick=False),
    Case("image", "unconditional", IMAGE + "--unconditional --channels 4 --seed 5 --images 192", (
        "attngan sample {run} --seeds 0-5 --out {out}/grid.png",
        "attngan-export {run} --out {out}/bundle --precision fp16-weights",
        "attngan-run {out}/bundle --seeds 0-3 --columns 2 --out {out}/drawn.png",
    )),
    Case("image", "hinge", IMAGE + "--objective hinge --augment 0.5 --holdout 0 --images 192"),
    Case("image", "wasserstein", IMAGE + "--objective wasserstein --images 96", quick=False),
    Case("image", "adaptive", IMAGE + "--augment adaptive --holdout 24 --patience 3 --images 160", quick=False),
    Case("image", "bf16", IMAGE + "--precision bf16 --channels 1 --images 96", quick=False),
    Case("words", "words", WORDS + "--images 320", (
        "attngan sample {run} red_square small_heart --seeds 0-2 --style soft --out {out}/grid.png",
        "attngan sample {run} large_red_square --seeds 0-1 --out {out}/attention.png --attention",
        "attngan evaluate {run} --data data/words --samples 20 --features features:means --out {out}/figures.json",
        "attngan-export {run} --out {out}/bundle --attention",
        "attngan-export verify {out}/bundle --against {run}",
        "attngan-run {out}/bundle --prompt red_square --seeds 0-3 --style 2 --out {out}/drawn.png",
        "attngan report {run} --out {out}/report.html",
    )),
    Case("words", "held-out", WORDS + "--objective hinge --augment 0.3 --holdout 18 --images 160", quick=False),
    Case("text", "sentences", TEXT + "--images 320", (
        "attngan sample {run} --keywords dog,beach --seeds 0-7 --temperature 0.8 --top-k 9 --top-p 0.9",
        "attngan sample {run}/likelihood.safetensors --seeds 0-7",
        "attngan sample {run} --keywords dog,beach --seeds 0-1 --out {out}/attention.png --attention",
        "attngan evaluate {run} --data data/lines.txt --samples 20 --out {out}/figures.json",
        "attngan-export {run} --out {out}/bundle",
        "attngan-export verify {out}/bundle --against {run}",
        "attngan-run {out}/bundle --keywords dog,beach --seeds 0-7",
        "attngan report {run} --out {out}/report.html",
    )),
    Case("text", "r1r2", TEXT + "--penalty r1+r2 --holdout 50 --seed 3 --images 160"),
    Case("text", "hinge", TEXT + "--objective hinge --holdout 5 --images 160", quick=False),
)  # fmt: skip
#: What ships with each version.
SHIPPED = {
    "image": (
        "attngan sample fashion-32 --seeds 0-3 --out {out}/grid.png",
        "attngan-run fashion-32 --seeds 0-3 --out {out}/drawn.png",
    ),
    "words": (
        "attngan sample emoji-64 red_heart --seeds 0-3 --out {out}/grid.png",
        "attngan-run emoji-64 --prompt red_heart --seeds 0-3 --out {out}/drawn.png",
    ),
    "text": (
        "attngan sample captions --keywords man,motorcycle --seeds 0-3",
        "attngan-run captions --keywords man,motorcycle --seeds 0-3",
    ),
}


@dataclass(frozen=True)
class Phase:
    """A part of a run: the file whose writing shows that it goes on, and the one that shows that it is over."""

    case: str
    name: str
    begun: str
    over: str
    state: str  #: what a run that is stopped in it leaves
    delay: float = 0.0  #: seconds from the one on, at first


PHASES = (
    Phase("classes", "adversarial", "samples/000000048.png", "samples/000000320.png", "checkpoint.safetensors"),
    Phase("words", "matching", "data.json", "checkpoint.safetensors", "text_encoder.safetensors", 1.0),
    Phase("words", "adversarial", "samples/000000048.png", "samples/000000320.png", "checkpoint.safetensors"),
    Phase("sentences", "likelihood", "likelihood.jsonl", "likelihood.safetensors", "likelihood.checkpoint.safetensors"),
    Phase("sentences", "adversarial", "samples/000000048.txt", "samples/000000320.txt", "checkpoint.safetensors"),
)


def words_of(command: str, name: str) -> Words:
    """The words of a command, in which `_` stands for a space."""
    return tuple(word.format(run=name, out=f"{name}.out").replace("_", " ") for word in command.split())


class Comparison:
    """The two versions, what was found so far, and the line for each finding."""

    def __init__(self, base: Path, space: Path) -> None:
        self.space, self.sources, self.wrong = space, base, 0
        self.base, self.new = Tree(base, space / "base"), Tree(ROOT, space / "new")
        for folder in ("base", "new", "old", "stopped"):
            (space / folder).mkdir()
            (space / folder / "data").symlink_to(space / "data")
            (space / folder / "features.py").write_text(FEATURES)

    def say(self, case: str, what: str, lines: list[str], same: str = "same") -> None:
        self.wrong += bool(lines)
        print(f"{case:14} {what:60} {'DIFFERENT' if lines else same}", flush=True)
        for line in lines[:12]:
            print(f"    {line}", flush=True)
        if len(lines) > 12:
            print(f"    … and {len(lines) - 12} more", flush=True)

    def train(self, case: Case) -> None:
        """The run by both versions."""
        lines = self._both(words_of(case.train, case.name))
        lines += differences(self.base.folder / case.name, self.new.folder / case.name)
        self.say(case.name, "trained", lines)

    def use(self, name: str, commands: tuple[str, ...]) -> None:
        """Each version's own run, or what ships with it, used by itself."""
        for tree in (self.base, self.new):
            (tree.folder / f"{name}.out").mkdir()
        lines = [line for command in commands for line in self._both(words_of(command, name))]
        lines += outputs(self.base.folder, self.new.folder, name)
        self.say(name, f"{len(commands)} commands", lines)

    def use_old(self, case: Case) -> None:
        """The other commit's finished run, used and run again by the working tree."""
        old = Tree(ROOT, self.space / "old")
        shutil.copytree(self.base.folder / case.name, old.folder / case.name)
        (old.folder / f"{case.name}.out").mkdir()
        lines = []
        for command in (case.train, *case.then):
            done = old.run(*words_of(command, case.name))
            lines += [f"{command}: exit code {done.code}: {done.last_line}"] if done.code else []
        lines += outputs(self.base.folder, old.folder, case.name)
        lines += differences(self.base.folder / case.name, old.folder / case.name)
        self.say(case.name, "base's finished run, used and resumed by the working tree", lines)

    def cross(self, case: Case, phase: Phase) -> None:
        """A run that the other commit began, and the working tree goes on with."""
        what = f"base, stopped in {phase.name}, then the working tree"
        began = Tree(self.sources, self.space / "stopped")
        folder, words = began.folder / case.name, words_of(case.train, case.name)
        if not stop(began, folder, words, phase):
            self.say(case.name, what, ["could not be stopped in this phase; try again on a machine that is less busy"])
            return
        done = Tree(ROOT, began.folder).run(*words)
        if done.code == 2 and done.last_line.startswith("error: "):
            self.say(case.name, what, [], f"refused ({done.last_line})")
        elif done.code:
            self.say(case.name, what, [f"exit code {done.code}: {done.last_line}"])
        else:
            self.say(case.name, what, differences(self.base.folder / case.name, folder))

    def _both(self, words: Words) -> list[str]:
        """Differences of exit codes and of what is printed."""
        with ThreadPoolExecutor(2) as pool:
            one, other = pool.map(lambda tree: tree.run(*words), (self.base, self.new))
        found = [
            f"{' '.join(words)}: exit code {done.code}, {side}: {done.last_line}"
            for side, done in (("base", one), ("working tree", other))
            if done.code
        ]
        return found + [f"{' '.join(words)}: {line}" for line in otherwise_printed(one, other)]


def otherwise_printed(one: Done, other: Done) -> list[str]:
    """Lines of stdout that differ, but for sizes of files that hold names of classes."""
    pairs = ([line for line in done.out.splitlines() if ".pt" not in line] for done in (one, other))
    return [f"{line!r} → {now!r}" for line, now in zip(*pairs, strict=False) if line != now]


def outputs(one: Path, other: Path, name: str) -> list[str]:
    """Differences of what was made; a report shows settings, which may have become more."""
    found = differences(one / f"{name}.out", other / f"{name}.out")
    return [line for line in found if not line.startswith("report.html: other bytes")]


def stop(tree: Tree, folder: Path, words: Words, phase: Phase) -> bool:
    """Whether a run was begun and stopped within a phase, in one of several tries."""
    delay = phase.delay
    for _ in range(6):
        shutil.rmtree(folder, ignore_errors=True)
        tree.stopped(words, lambda: (folder / phase.begun).exists(), delay)
        if (folder / phase.over).exists():
            delay /= 2
        elif (folder / phase.state).exists() and int(read_tensors(folder / phase.state)[1].get("images", 1)):
            return True
        else:
            delay += 0.3
    return False


def compare(base: Path, space: Path, task: str | None, quick: bool) -> int:
    """How many comparisons found a difference."""
    (space / "data").mkdir()
    write_pictures(space / "data" / "pictures")
    write_captioned(space / "data" / "words")
    write_sentences(space / "data" / "lines.txt")
    found = Comparison(base, space)
    for kind, commands in SHIPPED.items():
        if task in (None, kind):
            found.use(f"shipped-{kind}", commands)
    for case in CASES:
        if task not in (None, case.task) or (quick and not case.quick):
            continue
        found.train(case)
        if case.then:
            found.use(case.name, case.then)
            found.use_old(case)
        for phase in PHASES:
            if phase.case == case.name:
                found.cross(case, phase)
    return found.wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", default="4dda11c", metavar="COMMIT", help="to compare with; 4dda11c if not given")
    parser.add_argument("--task", choices=["image", "words", "text"], help="all if not given")
    parser.add_argument("--quick", action="store_true", help="without KID, other objectives and other forms of export")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="must not exist; what was written stays there")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the worktree goes
    with tempfile.TemporaryDirectory() as name:
        space = options.keep.resolve() if options.keep else Path(name) / "runs"
        space.mkdir(parents=True)
        with worktree(options.base, Path(name) / "sources") as base:
            wrong = compare(base, space, options.task, options.quick)
    print(f"{wrong} differences" if wrong else f"the same as {options.base}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
