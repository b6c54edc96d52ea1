"""What the compiler makes of configurations of one pass, and the choice of one by these figures alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from attngan_kernels.backends.triton import configs
from attngan_kernels.backends.triton.configs import Config
from attngan_kernels.tooling.compile_offline import Resources, read_resources
from attngan_kernels.tooling.single_pass import compile_pass
from attngan_kernels.tooling.tune_candidates import REGISTERS, SHARED_LIMITS, Case, candidates

CERTAIN_SPILL = 256  # bytes a thread; 64 to 200 sometimes vanish with wider heads, whose layouts differ


class Choice(NamedTuple):
    config: Config
    resources: Resources


class Trial(NamedTuple):
    """What came of one configuration. resources: None where it doesn't compile; ms, error: None where not timed."""

    card: str
    case: Case
    config: Config
    resources: Resources | None
    ms: float | None = None
    error: float | None = None
    dropped: str | None = None


def examine(card: str, case: Case, config: Config, plain: bool = False) -> Resources:
    return read_resources(compile_pass(card, case, config, plain).kernel)


def blocks_by_registers(registers: int, warps: int) -> int:
    return REGISTERS // (max(registers, 1) * 32 * warps)


def choose(groups: Iterable[list[Config]], limit: int, examine: Callable[[Config], Resources | None]) -> Choice | None:
    """The first configuration that doesn't spill within `limit` bytes of shared memory, else the least spilling.

    Of configurations that differ by their stages, one that leaves room for a second block on the multiprocessor goes
    first, if registers leave room. `examine` returns None where a configuration doesn't compile.
    """
    spilling: list[Choice] = []
    for group in groups:
        fitting = []
        for config in group:
            found = examine(config)
            if found is None or found.shared > limit:
                continue
            if found.spilled:
                spilling.append(Choice(config, found))
                continue
            fitting.append(Choice(config, found))
            if 2 * found.shared <= limit or blocks_by_registers(found.registers, config.warps) < 2:
                return fitting[-1]
        if fitting:
            return fitting[0]
    return min(spilling, key=lambda c: c.resources.spilled, default=None)


def attempt(card: str, case: Case, config: Config) -> Trial:
    """The compiler's figures, or its complaint. What doesn't spill in the heaviest variant mustn't in the plain one."""
    try:
        used = examine(card, case, config)
        if not used.spilled:
            plain = examine(card, case, config, plain=True)  # timing finds it in Triton's cache
            used = Resources(used.registers, plain.spilled, used.shared)
        return Trial(card, case, config, used)
    except Exception as error:  # the compiler's many errors: to a tuner they all mean "not this one"
        return Trial(card, case, config, None, dropped=f"{type(error).__name__}: {error}".splitlines()[0][:200])


class Offline:
    """Chooses for one pass, from narrow heads to wide, what fits each card.

    What spilled with narrower heads is not compiled again with wider ones, and "any" shares what 8.0 compiled:
    ptxas takes 1 s for what fits and up to 20 s for what spills.
    """

    def __init__(self) -> None:
        self.trials: dict[tuple[str, Case, Config], Trial] = {}

    def choose(self, card: str, case: Case) -> Choice | None:
        return choose(candidates(case), SHARED_LIMITS[card], lambda config: self._examine(card, case, config))

    def _examine(self, card: str, case: Case, config: Config) -> Resources | None:
        card = "8.0" if card == configs.ANY_CARD else card
        at = (card, case, config)
        if at not in self.trials:
            spilled = self._spilled_when_narrower(card, case, config)
            self.trials[at] = spilled or attempt(card, case, config)
        return self.trials[at].resources

    def _spilled_when_narrower(self, card: str, case: Case, config: Config) -> Trial | None:
        for trial in self.trials.values():
            used, narrow = trial.resources, trial.case
            is_alike = trial.card == card and narrow.name == case.name and narrow.dtype == case.dtype
            is_narrower = narrow.d_k <= case.d_k and narrow.d_v <= case.d_v
            is_same = _shape(trial.config, narrow) == _shape(config, case)
            if is_alike and is_narrower and is_same and used is not None and used.spilled >= CERTAIN_SPILL:
                return trial._replace(case=case, config=config, dropped=f"spills at {narrow.key}")
        return None


def _shape(config: Config, case: Case) -> Config:
    """The configuration with chunk 0 where nothing is read in parts."""
    return config._replace(chunk=0) if config.chunk >= max(case.d_k, case.d_v) else config


def offline_job(job: tuple[list[Case], list[str]]) -> tuple[dict[tuple[str, Case], Choice | None], list[Trial]]:
    """All head dimensions of one pass on some cards; runs in a process of its own."""
    os.nice(5)
    tuner = Offline()
    chosen = {(card, case): tuner.choose(card, case) for case in job[0] for card in job[1]}
    return chosen, list(tuner.trials.values())


def attempt_job(job: tuple[str, Case, Config]) -> Trial:
    os.nice(5)
    return attempt(*job)
