"""Times candidates on the CUDA device at hand and takes the fastest whose results are right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from multiprocessing import TimeoutError as PoolTimeout

import torch
from torch import Tensor

from attngan_kernels.backends.blockwise import backend as blockwise
from attngan_kernels.backends.interface import Saved
from attngan_kernels.backends.triton import backend as triton_backend
from attngan_kernels.backends.triton import configs
from attngan_kernels.backends.triton.configs import Config
from attngan_kernels.tooling.single_pass import Example, Lookup, single_pass
from attngan_kernels.tooling.tune_candidates import SHARED_LIMITS, SMALLEST, Case, candidates
from attngan_kernels.tooling.tune_compile import Trial

Bench = Callable[[Callable[[], None]], float]
Measure = Callable[[Case, Config], tuple[float, float]]
# Relative root mean square error against float64. Right kernels stay below 1e-2 in bfloat16; a wrong tile is near 1.
TOLERANCE = {torch.bfloat16: 3e-2, torch.float16: 3e-2, torch.float32: 1e-4}
LENGTH = 2048
HEADS = {torch.bfloat16: 128, torch.float16: 128, torch.float32: 32}  # 4 waves of an H100 and more, in all passes
# heads, N_q, N_k: no multiples of the tiles. Strides of the bias and of row statistics are multiples of 16 all the
# same, so that the kernels are those that were compiled ahead, with LENGTH = 1024.
CHECKED, CHECKED_PLAIN = (4, 193, 176), (4, 193, 161)


class CardLostError(RuntimeError):
    """The device fails every launch after this one."""


def milliseconds(launch: Callable[[], None]) -> float:
    """Median over 40 ms of launches, each with a cold cache."""
    import triton.testing

    return triton.testing.do_bench(launch, warmup=10, rep=40, return_mode="median")


class OnDevice:
    """Measures a pass: (ms at N = 2048, error at odd lengths). `others` looks up the other passes' configurations."""

    def __init__(self, device: str, others: Lookup, bench: Bench = milliseconds) -> None:
        self.device, self.others, self.bench = device, others, bench
        self._timed_inputs = lru_cache(1)(self._make_timed_inputs)
        self._exact = lru_cache(2)(self._make_exact)

    def __call__(self, case: Case, config: Config) -> tuple[float, float]:
        error = max(self._error(case, config, plain) for plain in (True, False))
        if not error <= TOLERANCE[case.dtype]:
            return float("nan"), error
        example, saved = self._timed_inputs(case._replace(name=""))
        with single_pass(case.name, config, self.others) as launcher:
            example.run(triton_backend, case.name, saved)
        assert launcher.again is not None
        return self.bench(launcher.again), error

    def _error(self, case: Case, config: Config, plain: bool) -> float:
        example, expected = self._exact(case, plain)
        saved = self._forward(example)
        with single_pass(case.name, config, self.others):
            got = example.run(triton_backend, case.name, saved)
        return max(relative_error(x, y) for x, y in zip(got, expected, strict=True) if y.numel())

    def _forward(self, example: Example) -> Saved:
        with single_pass("", SMALLEST, self.others):
            return triton_backend.forward(example.inputs)

    def _make_timed_inputs(self, case: Case) -> tuple[Example, Saved]:
        example = Example.make(case, torch.randn, 1, HEADS[case.dtype], LENGTH, LENGTH, self.device, True)
        return example, self._forward(example)

    def _make_exact(self, case: Case, plain: bool) -> tuple[Example, tuple[Tensor, ...]]:
        """Inputs of the check and what float64 makes of them; every fifth key is masked, and the last 40."""
        example = Example.make(case, torch.randn, 1, *(CHECKED_PLAIN if plain else CHECKED), self.device, plain)
        bias = example.inputs.bias
        if bias is not None:
            bias[..., ::5] = float("-inf")
            bias[..., -40:] = float("-inf")
        wide = example.double()
        return example, wide.run(blockwise, case.name, blockwise.forward(wide.inputs))


def relative_error(got: Tensor, expected: Tensor) -> float:
    """Root mean square error over the expected root mean square; infinite if anything is not finite."""
    error = (got.double() - expected).norm() / expected.norm().clamp_min(1e-30)
    return error.item() if error.isfinite() else float("inf")


def time_case(
    case: Case,
    figures: list[Trial],
    limit: int,
    incumbent: Config | None,
    measure: Measure,
    is_over: Callable[[], bool],
) -> list[Trial]:
    """Times what neither spills nor takes more than `limit` bytes of shared memory, the incumbent first.

    So whenever time runs out, the fastest so far is at least as fast as the incumbent. Raises CardLostError with the
    trial that broke the device.
    """
    fits = [t for t in figures if t.resources and not t.resources.spilled and t.resources.shared <= limit]
    done = []
    for trial in sorted(fits, key=lambda t: t.config != incumbent):
        if is_over():
            break
        try:
            ms, error = measure(case, trial.config)
        except Exception as problem:
            reason = f"{type(problem).__name__}: {problem}".splitlines()[0][:200]
            if isinstance(problem, torch.AcceleratorError) or "CUDA" in str(problem):
                raise CardLostError(f"{case.key} {list(trial.config)}: {reason}") from problem
            done.append(trial._replace(dropped=reason))
            continue
        if error <= TOLERANCE[case.dtype]:
            done.append(trial._replace(ms=ms, error=error))
        else:
            done.append(trial._replace(error=error, dropped=f"wrong result: relative error {error:.1e}"))
    return done


def fastest(trials: Iterable[Trial]) -> Trial | None:
    return min((t for t in trials if t.ms is not None), key=lambda t: t.ms or 0.0, default=None)


def time_cases(
    wanted: list[Case],
    card: str,
    figures: Iterator[Trial],
    incumbent: Callable[[Case], Config | None],
    measure: Measure,
    is_over: Callable[[], bool],
) -> Iterator[tuple[Case, list[Trial]]]:
    """Case by case in the order given, until time is over. `figures` yields the trials of all cases in order."""
    limit = SHARED_LIMITS.get(card, SHARED_LIMITS[configs.ANY_CARD])
    for case in wanted:
        if is_over():
            return
        try:
            compiled = [next(figures) for group in candidates(case) for _ in group]
        except PoolTimeout:
            return
        yield case, time_case(case, compiled, limit, incumbent(case), measure, is_over)
