"""One pass of the Triton kernels by itself: example inputs, and the pass launched or compiled with a configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from attngan_kernels.backends.interface import Directions, Inputs, Kernels, Saved
from attngan_kernels.backends.triton import backend as triton_backend
from attngan_kernels.backends.triton import configs
from attngan_kernels.backends.triton.configs import Config
from attngan_kernels.tooling.compile_offline import Compiled, capture_kernels
from attngan_kernels.tooling.tune_candidates import Case

BATCH, HEADS, LENGTH = 2, 4, 1024  # of example tensors: nothing is 1, strides are multiples of 16

Lookup = Callable[[str, int, int, torch.dtype, str], Config]


class Example(NamedTuple):
    """All that the three derivative orders read. A plain one has neither bias nor causal mask, others have both."""

    inputs: Inputs
    along: Directions
    grad_out: Tensor

    @classmethod
    def make(
        cls, case: Case, draw: Any, batch: int, heads: int, n_q: int, n_k: int, device: str, plain: bool
    ) -> Example:
        """Contiguous tensors made by `draw`, torch.empty or torch.randn."""

        def tensor(*shape: int, dtype: torch.dtype = case.dtype) -> Tensor:
            return draw(batch, heads, *shape, dtype=dtype, device=device)

        q, A = tensor(n_q, case.d_k), tensor(n_q, case.d_k)
        k, B = tensor(n_k, case.d_k), tensor(n_k, case.d_k)
        v, C = tensor(n_k, case.d_v), tensor(n_k, case.d_v)
        bias, beta = (None, None) if plain else (tensor(n_k, dtype=torch.float32), tensor(n_k, dtype=torch.float32))
        inputs = Inputs(q, k, v, bias, case.d_k**-0.5, is_causal=not plain)
        return cls(inputs, Directions(A, B, C, beta), tensor(n_q, case.d_v))

    def double(self) -> Example:
        """The same in float64."""

        def widen(tensors: tuple[Tensor | None, ...]) -> list[Any]:
            return [None if x is None else x.double() for x in tensors]

        q, k, v, bias = widen(self.inputs.tensors)
        inputs = self.inputs._replace(q=q, k=k, v=v, bias=bias)
        return Example(inputs, Directions(*widen(self.along)), self.grad_out.double())

    def run(self, backend: Kernels, name: str, saved: Saved) -> tuple[Tensor, ...]:
        """The results of the backend's function that launches pass `name`; of the forward the output alone."""
        if name == "forward":
            return backend.forward(self.inputs)[:1]
        if name.startswith("backward"):
            return backend.backward(self.grad_out, self.inputs, saved, self.inputs.bias is not None)
        return backend.double_backward(self.along, self.grad_out, self.inputs, saved)


class SinglePassLauncher(triton_backend.Launcher):
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
def single_pass(name: str, config: Config, others: Lookup | None = None) -> Iterator[SinglePassLauncher]:
    """Within, the Triton backend launches through a `SinglePassLauncher` whose `lookup` stands in for the table."""
    before = triton_backend.launcher, configs.lookup
    launcher = SinglePassLauncher(triton_backend.launcher, name, config, others)
    triton_backend.launcher, configs.lookup = launcher, launcher.lookup
    try:
        yield launcher
    finally:
        triton_backend.launcher, configs.lookup = before


def compile_pass(card: str, case: Case, config: Config, plain: bool = False) -> Compiled:
    """The kernel of one pass, for `card`: with bias, its gradient and a causal mask, unless `plain`. Needs no GPU."""
    example = Example.make(case, torch.empty, BATCH, HEADS, LENGTH, LENGTH, "meta", plain)
    statistics = triton_backend.row_statistics_shape(example.inputs.q)
    saved = Saved(torch.empty_like(example.grad_out), torch.empty(statistics, dtype=torch.float32, device="meta"))
    with capture_kernels(card) as compiled, single_pass(case.name, config):
        example.run(triton_backend, case.name, saved)
    return compiled[-1]
