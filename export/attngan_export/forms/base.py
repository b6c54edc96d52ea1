"""A form: what goes into an exported module and comes out, samples of it, and how near PyTorch it must stay."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from attngan.random import derive
from attngan_runtime.bundle import golden_indices
from attngan_runtime.bundle.schema import fill
from attngan_runtime.bundle.spec import INPUTS, MAX_SEED, TASKS
from attngan_runtime.errors import AttnGANError

Entry = dict[str, Any]  #: what the sidecar says of an input or output
Noise = Literal["seed", "z"]

BATCHES = (1, 2, 8)
DRAWS = 3  #: other inputs of each batch
GOLDEN_BATCH = 4
# ONNX Runtime on another kind of CPU or a GPU differs by up to 1e-4; a wrong graph by 3e-2 and more.
_GOLDEN_TOLERANCE = 1e-3


class Form(ABC):
    """A module of tensors alone, beside its inputs and outputs in their order.

    A network of one's own needs `module`, `inputs`, `outputs` and `sample`; what follows them has its usual value.
    Every input and output begins with the batch.
    """

    slack: ClassVar[float] = 1.0  #: how many times `parity.TOLERANCE` its outputs may differ
    threads: ClassVar[int | None] = None  #: with which torch is compared; None: as many as it takes

    @property
    @abstractmethod
    def module(self) -> nn.Module:
        """module(*inputs) → the output, or all of them as a tuple."""

    @property
    @abstractmethod
    def inputs(self) -> list[Entry]:
        """The sidecar's entries in the order in which `module` takes them."""

    @property
    @abstractmethod
    def outputs(self) -> dict[str, Entry]:
        """Entries by name in the order in which `module` gives them. The first is the sidecar's `output`; each other
        stands there under its own name.
        """

    @abstractmethod
    def sample(self, batch: int, draw: int = 0) -> dict[str, Tensor]:
        """Inputs of `batch` rows in their order; another `draw` gives other ones."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the inputs."""
        return tuple(entry["name"] for entry in self.inputs)

    @property
    def example(self) -> tuple[Tensor, ...]:
        """A batch of 2: torch.export makes a constant of a dimension that is 0 or 1 in its example."""
        return tuple(self.sample(2).values())

    @property
    def graph(self) -> nn.Module:
        """The module as exporters of graphs take it, where that differs."""
        return self.module

    def script(self) -> torch.jit.ScriptModule:
        """The module as TorchScript."""
        # The trace's own check draws another batch of 2; every file is compared on batches 1, 2 and 8.
        return torch.jit.trace(self.module, self.example, check_trace=False)

    @property
    def trials(self) -> list[tuple[int, int]]:
        """(batch, draw) of each sample that every exported file is compared on."""
        return [(batch, draw) for batch in BATCHES for draw in range(DRAWS)]

    def ties(self, inputs: dict[str, Tensor], outputs: tuple[Tensor, ...]) -> Tensor | None:
        """bool [B, L]: where outputs that are choices could have been others by rounding alone; None if none are."""
        return None

    def note(self, inputs: Mapping[str, Any]) -> str:
        """What a message tells of a sample beside its inputs of one number a row."""
        return ""

    def run(self, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """All outputs of the module."""
        return as_tuple(self.module(*inputs.values()))

    @torch.no_grad()
    def golden(self, name: str) -> Entry:
        """The sidecar's golden sample: inputs, and 64 values of what PyTorch makes of them. name: for messages."""
        inputs = self.sample(GOLDEN_BATCH)
        values = self.run(inputs)[0].numpy().ravel()
        indices = golden_indices(values.size)
        return golden_entry(inputs, {"indices": indices, "values": [float(value) for value in values[indices]]})


@dataclass(frozen=True)
class GeneratorForm(Form):
    """A generator of `attngan.networks`, with the inputs and outputs that the bundle's spec has for its task.

    A task's own form has `module`, `names`, `parts` and `sample`.
    """

    network: Any  #: as `attngan.networks.deploy` gives it
    noise: Noise = "seed"  #: or z float32 [B, z_dim] itself
    attention: bool = False  #: also give where each word was looked at
    choice_names: tuple[str, ...] = ()  #: of the classes or styles to choose from; empty: their numbers

    seeds_alone: ClassVar[str] = ""  #: why it can't take z, of one that can't

    @property
    def config(self) -> Any:
        """The network's."""
        return self.network.generator.config

    @property
    @abstractmethod
    def parts(self) -> Entry:
        """All that the task's entries of inputs and outputs leave open, for `fill`."""

    @property
    def inputs(self) -> list[Entry]:
        return [fill(INPUTS[name], **self.parts) for name in self.names]

    @property
    def outputs(self) -> dict[str, Entry]:
        schemas = TASKS[self.config.task].outputs
        entries = [fill(schemas[key], **self.parts) for key in schemas if self.attention or not key.endswith("?")]
        return {entry["name"]: entry for entry in entries}

    @property
    def attends(self) -> bool:
        """Whether it looks at words, so that `attention` can be asked for."""
        return False

    def check_options(self, name: str) -> None:
        """Raises AttnGANError if the generator of this name can't take z or give maps as it should."""
        if self.noise == "z" and self.seeds_alone:
            raise AttnGANError("--input z", f"{name} {self.seeds_alone}", "use seed")
        if self.attention and not self.attends:
            raise AttnGANError("--attention", f"{name} attends to no words", "leave the option out")


def golden_entry(inputs: Mapping[str, Tensor], values: Entry) -> Entry:
    """The sidecar's golden sample of these inputs and values."""
    given = {name: value.tolist() for name, value in inputs.items()}
    return {"inputs": given, **values, "tolerance": _GOLDEN_TOLERANCE}


def draw_seeds(index: Tensor, draw: int) -> Tensor:
    """int64 [B] in 0 … 2³²−1, of the rows `index` int64 [B]; draw 0 begins with the two outermost."""
    seeds = derive(draw, index)
    if draw == 0:
        edges = torch.tensor([0, MAX_SEED])[: len(index)]
        seeds[: len(edges)] = edges
    return seeds


def as_tuple(given: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    """All outputs of a module, whether it gives one or several."""
    return (given,) if isinstance(given, Tensor) else tuple(given)
