"""How fast a run's steps are on this machine, by each number of threads and in each precision.

The steps move networks that are thrown away: what a run trains is the same whether it was timed or not.
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from attngan.threads import torch_threads
from attngan.training.adversarial import Adversarial
from attngan.training.pace import Pace, kids_within
from attngan.training.phase import Phase
from attngan.training.run_logger import RunLogger
from attngan.training.state import TrainingState
from attngan.training.task_run import TaskRun

Clock = Callable[[], float]
Way = tuple[int, str]  # threads and precision

_STEP, _FEWEST = 2.0, 2  # seconds: steps that take longer are timed with fewer samples, with so many at least
_WINDOW, _SHARE = 1.0, 0.02  # seconds of steps that each figure is from, or a share of the run's if that is shorter
_LIMIT = 30.0  # seconds after which nothing else is tried
_WORTH = 1.1  # times as fast is worth another thread, or bf16: less is within what a few steps vary
_FIRST_GRID = 60.0  # seconds of steps until it


@dataclass(frozen=True)
class Stretch:
    """A part of a run whose steps take equally long; the first of each `cycle` takes longer, by its penalty."""

    phase: Phase
    samples: int
    cycle: int = 1
    begin: Callable[[int], None] = lambda step: None  #: makes the next step that one of a cycle

    def seconds(self, clock: Clock) -> float:
        """What all of it takes, from one step of each kind at least."""
        kinds = {0: 1, 1: self.cycle - 1} if self.cycle > 1 else {0: 1}
        took = {kind: list[float]() for kind in kinds}
        begun = clock()
        warm_up = self.a_sample(clock, max(kinds))
        if clock() - begun > _WINDOW:  # what a step allocates is little beside one of that length
            took[max(kinds)].append(warm_up)
        begun = clock()
        while True:
            kind = min(took, key=lambda kind: len(took[kind]))
            took[kind].append(self.a_sample(clock, kind))
            if all(took.values()):
                whole = self.samples * sum(n * sum(took[k]) / len(took[k]) for k, n in kinds.items()) / self.cycle
                if clock() - begun >= min(_WINDOW, _SHARE * whole):
                    return whole

    def a_sample(self, clock: Clock, kind: int) -> float:
        """Seconds of one step, divided by its samples."""
        self.begin(kind)
        begun, seen = clock(), self.phase.seen
        self.phase.step()
        return (clock() - begun) / (self.phase.seen - seen)


def time_run(
    run: TaskRun, state: TrainingState, threads: Sequence[int], precisions: Sequence[str],
    clock: Clock = time.perf_counter,
) -> tuple[Pace, str]:  # fmt: skip
    """The pace of a new run, and the precision in which it is to be trained; the fastest.

    state: networks to throw away. threads: to choose from, falling. precisions: to choose from; another than the first
    has to be faster.
    """
    usual, batch, until = (threads[0], precisions[0]), min(_FEWEST, run.plan.batch), clock() + _LIMIT
    with tempfile.TemporaryDirectory() as folder:

        def parts(way: Way) -> list[Stretch]:
            return stretches(run, state, Path(folder), way[1], batch)

        with torch_threads(usual[0]):
            batch = min(max(int(_STEP / parts(usual)[-1].a_sample(clock, 1)), batch), run.plan.batch)
            each = [(part, part.seconds(clock)) for part in parts(usual)]
        place, (longest, usually) = max(enumerate(each), key=lambda found: found[1][1])

        def seconds(way: Way) -> float:
            with torch_threads(way[0]):
                return usually if way == usual else parts(way)[place].seconds(clock)

        way, tried = fastest(threads, precisions, seconds, clock, until)
    ratio = tried[way] / usually
    against = [(part, took * ratio) for part, took in each if isinstance(part.phase, Adversarial)]
    first, first_took = against[0]
    pace = Pace(
        threads=way[0],
        first_grid=max(int(_FIRST_GRID * first.samples / first_took), 1),
        per_second=run.plan.images / sum(took for _, took in against),
        seconds=sum(took for _, took in each) * ratio,
        tried={f"{count} threads, {kind}": longest.samples / took for (count, kind), took in tried.items()},
    )
    return pace, way[1]


def stretches(run: TaskRun, state: TrainingState, folder: Path, precision: str, batch: int) -> list[Stretch]:
    """Those of a run in one precision: its first phases, and then what is trained at each resolution.

    folder: takes what the phases record. batch: of the steps against D.
    """
    run = copy.copy(run)
    run.batches = copy.copy(run.batches)
    run.config = replace(run.config, training=replace(run.plan, precision=precision, batch=batch))
    run.batches.plan = run.plan
    logger, total = RunLogger(folder, tensorboard=False), run.plan.images
    found = [Stretch(phase, phase.total) for phase in run.first_phases(state, folder, logger) if not phase.ended]
    adversarial = Adversarial(run, state, folder, logger)
    sides = [run.share_of_side(total * percent // 100) for percent in range(100)]
    for side in dict.fromkeys(sides):

        def begin(step: int, seen: int = total * sides.index(side) // 100) -> None:
            state.progress.images, state.trainer.steps = seen, step

        found.append(Stretch(adversarial, max(total * sides.count(side) // 100, 1), run.plan.penalty_every, begin))
    return found


def fastest(
    threads: Sequence[int], precisions: Sequence[str], seconds: Callable[[Way], float], clock: Clock, until: float
) -> tuple[Way, dict[Way, float]]:
    """The way to take, and what each that was tried took. threads: falling; of about equals the fewest are taken.

    until: what the clock shows when nothing else is tried.
    """
    way = threads[0], precisions[0]
    tried = {way: seconds(way)}
    for precision in precisions[1:]:
        other = threads[0], precision
        if clock() < until:
            tried[other] = seconds(other)
            way = other if tried[other] * _WORTH < tried[way] else way
    for count in threads[1:]:
        other = count, way[1]
        if clock() > until:
            break
        tried[other] = seconds(other)
        if tried[other] > _WORTH * min(tried.values()):
            break
        way = other
    return way, tried


def with_kids(pace: Pace, run: TaskRun, state: TrainingState, clock: Clock = time.perf_counter) -> Pace:
    """The pace with as many KIDs as there is time for."""
    validation, _ = run.open_validation()
    if validation is None:
        return pace
    with torch_threads(pace.threads):
        once, each = validation.seconds(state.ema.network, run.device, clock)
    return replace(pace, kids=kids_within(pace.seconds, once, each))
