"""One pass compiled with a given configuration, and the choice of one by the compiler's figures alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from attngan_kernels.backends.triton import backend as triton_backend
from attngan_kernels.backends.triton import configs
from attngan_kernels.backends.triton.configs import Config
from attngan_kernels.tooling.compile_offline import Compiled, Resources, compiling_for, resources
from attngan_kernels.tooling.tune_candidates import REGISTERS, SHARED_LIMITS, Case, candidates

CERTAIN_SPILL = 256  # bytes a thread; 64 to 200 sometimes vanish with wider heads, whose layouts differ
BATCH, HEADS, LENGTH = 2, 4, 1024  # of example tensors: nothing is 1, strides are multiples of 16


Lookup = Callable[[str, int, int, torch.dtype, str], Config]


class Choice(NamedTuple):
    config: Config
    resources: Resources


class Inputs(NamedTuple):
    """All that the three derivative orders read; bias and its cotangent are None in the plain variant."""

    A: Tensor
    B: Tensor
    C: Tensor
    beta: Tensor | None
    dout: Tensor
    q: Tensor
    k: Tensor
    v: Tensor
    bias: Tensor | None

    @classmethod
    def like(
        cls, case: Case, make: Any, batch: int, heads: int, n_q: int, n_k: int, device: str, plain: bool
    ) -> Inputs:
        """Contiguous tensors made by `make`, torch.empty or torch.randn."""

        def tensor(*shape: int, dtype: torch.dtype = case.dtype) -> Tensor:
            return make(batch, heads, *shape, dtype=dtype, device=device)

        q, A = tensor(n_q, case.d_k), tensor(n_q, case.d_k)
        k, B = tensor(n_k, case.d_k), tensor(n_k, case.d_k)
        v, C = tensor(n_k, case.d_v), tensor(n_k, case.d_v)
        bias, beta = (None, None) if plain else (tensor(n_k, dtype=torch.float32), tensor(n_k, dtype=torch.float32))
        return cls(A, B, C, beta, tensor(n_q, case.d_v), q, k, v, bias)

    def map(self, change: Callable[[Tensor], Tensor]) -> Inputs:
        changed = {name: None if x is None else change(x) for name, x in self._asdict().items()}
        return Inputs(**changed)  # type: ignore[arg-type]

    def call(self, backend: ModuleType, name: str, out: Tensor, statistics: Tensor) -> tuple[Tensor, ...]:
        """What the backend's function that launches pass `name` returns; causal and with bias gradient unless plain."""
        scale, heavy = self.q.shape[3] ** -0.5, self.bias is not None
        if name == "forward":
            return backend.forward(self.q, self.k, self.v, self.bias, scale, heavy)
        first_order = (self.dout, self.q, self.k, self.v, self.bias, out, statistics, scale, heavy)
        if name.startswith("backward"):
            return backend.backward(*first_order, heavy)
        return backend.double_backward(self.A, self.B, self.C, self.beta, *first_order)


class Trial(NamedTuple):
    """What came of one configuration. resources: None where it doesn't compile; ms, error: None where not timed."""

    card: str
    case: Case
    config: Config
    resources: Resources | None
    ms: float | None = None
    error: float | None = None
    dropped: str | None = None


class Only(triton_backend.Launcher):
    """Launches pass `name` with `config` through another launcher.

    The other passes take what `others` looks up, or aren't launched at all without it. `again` repeats the launch.
    """

    def __init__(self, inner: triton_backend.Launcher, name: str, config: Config, others: Lookup | None = None) -> None:
        self.inner, self.name, self.config, self.others = inner, name, config, others
        self.current = ""
        self.again: Callable[[], None] | None = None

    def card(self, x: Tensor) -> str:
        return self.inner.card(x)

    def lookup(self, card: str, d_k: int, d_v: int, dtype: torch.dtype, name: str) -> Config:
        self.current = name
        if name == self.name or self.others is None:
            return self.config
        return self.others(card, d_k, d_v, dtype, name)

    def run(self, kernel: Any, programs: int, x: Tensor, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        launch = partial(self.inner.run, kernel, programs, x, arguments, options)
        is_wanted = self.current == self.name and "BLOCK_Q" in options  # live_keys has no tiles
        if is_wanted:
            self.again = launch
        if is_wanted or self.others is not None:
            launch()


@contextmanager
def installed(launcher: Only) -> Iterator[None]:
    """`launcher` launches, and its `lookup` stands in for the table."""
    before, lookup = triton_backend.launcher, configs.lookup
    triton_backend.launcher, configs.lookup = launcher, launcher.lookup
    try:
        yield
    finally:
        triton_backend.launcher, configs.lookup = before, lookup


def compile_pass(card: str, case: Case, config: Config, plain: bool = False) -> Compiled:
    """The kernel of one pass, for `card`: with bias, its gradient and a causal mask, unless `plain`. Needs no GPU."""
    inputs = Inputs.like(case, torch.empty, BATCH, HEADS, LENGTH, LENGTH, "meta", plain)
    out = torch.empty_like(inputs.dout)
    statistics = torch.empty(triton_backend.row_statistics_shape(inputs.q), dtype=torch.float32, device="meta")
    with compiling_for(card) as compiled, installed(Only(triton_backend.launcher, case.name, config)):
        inputs.call(triton_backend, case.name, out, statistics)
    return compiled[-1]


def examine(card: str, case: Case, config: Config, plain: bool = False) -> Resources:
    return resources(compile_pass(card, case, config, plain).kernel)


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
