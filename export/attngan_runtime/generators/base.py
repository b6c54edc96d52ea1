"""What all generators share, whatever they make, and what each task says of its own."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from attngan_runtime.bundle import MODEL, Bundle
from attngan_runtime.errors import AttnGANError, first_line
from attngan_runtime.generators import generator_class
from attngan_runtime.generators.golden import check_golden
from attngan_runtime.generators.graph import check_graph
from attngan_runtime.generators.inputs import as_many
from attngan_runtime.generators.onnx_session import open_session

Seeds = int | Iterable[int] | np.ndarray
Strength = float | Sequence[float] | np.ndarray  #: truncation, temperature or top_p


@dataclass(frozen=True)
class Parameter:
    """How a call by HTTP gives a value of an input."""

    name: str
    kind: type  #: int, float or str
    argument: str  #: of `Generator.run`


@dataclass(frozen=True)
class Reply:
    """What a call by HTTP is answered."""

    content: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Generator(ABC):
    """Seeds, and what they are to be about, in; pictures or sentences out. Make one with `Generator.load`.

    name: such as `fashion-32`. session: the graph, an onnxruntime.InferenceSession.
    parameters: what `reply` takes, in the order of the graph's inputs.
    """

    makes: ClassVar[str]  #: `pictures` or `sentences`
    verb: ClassVar[str]  #: what it does to them, such as `draw`
    PARAMETERS: ClassVar[Mapping[str, Parameter]]  #: by input, of those that `reply` can take

    def __init__(self, bundle: Bundle, tokenizer: Any, session: Any) -> None:
        """tokenizer: as the bundle opens it. Raises AttnGANError if the graph isn't as the sidecar says."""
        self.name, self.session, self.tokenizer = bundle.name, session, tokenizer
        inputs = [given["name"] for given in bundle.sidecar["inputs"]]
        self.parameters = [self.PARAMETERS[name] for name in inputs if name in self.PARAMETERS]
        check_graph(session, bundle)

    @classmethod
    def load(
        cls, path_or_name: str | Path, *, providers: str | Sequence[str] | None = None, threads: int | None = None
    ) -> Self:
        """Opens a bundle (a folder, or the name of a shipped generator).

        The result is a `PictureGenerator` or a `SentenceGenerator`, by the bundle's task; to load from one of these
        refuses bundles of the other. providers: "cpu" (default), "cuda" or ONNX Runtime's names; refused if the first
        can't be had. threads: default one for each physical core.
        On a provider that the export did not measure, the golden sample is run first.
        Raises AttnGANError as `Bundle.load`, `open_session` and `check_golden` do.
        """
        return cls.open(Bundle.load(path_or_name), providers=providers, threads=threads)

    @classmethod
    def open(cls, bundle: Bundle, *, providers: str | Sequence[str] | None = None, threads: int | None = None) -> Self:
        """`load` of a bundle that was read already."""
        kind: Any = generator_class(bundle.task)
        if not issubclass(kind, cls):
            raise AttnGANError(
                bundle.name,
                f"makes {kind.makes}, not {cls.makes}",
                f"give a generator of {cls.makes}, or use Generator.load, which opens both",
            )
        tokenizer = bundle.open_tokenizer()
        session = open_session(bundle.model, providers, threads, str(bundle.folder / MODEL))
        generator: Self = kind(bundle, tokenizer, session)
        # OpenVINO draws other pictures without an error, for its integers have 32 bits.
        if session.get_providers()[0] not in bundle.sidecar["tolerance"][bundle.sidecar["precision"]]:
            check_golden(session, bundle.sidecar)
        return generator

    @abstractmethod
    def run(self, *args: Any, **kwargs: Any) -> Any:
        """What the generator makes of its arguments, which its own class describes."""

    @abstractmethod
    def reply(self, **arguments: Any) -> Reply:
        """What a call by HTTP is answered: one picture or sentence. arguments: of `run`, one value each, as text where
        a parameter's kind is str.
        """

    def about(self) -> dict[str, Any]:
        """What `/api` says of it, beyond what it says of every generator."""
        return {}

    def _as_many(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """`inputs.as_many` by the names of this class."""
        return as_many(feeds, {name: given.argument for name, given in self.PARAMETERS.items()}, self.makes)

    def _batches(
        self, feeds: Mapping[str, np.ndarray], outputs: Sequence[str], size: int
    ) -> Iterator[tuple[int, list[Any]]]:
        """(rows, outputs) for `size` rows of the feeds at a time, fewer in the end."""
        for start in range(0, len(next(iter(feeds.values()))), size):
            part = {name: values[start : start + size] for name, values in feeds.items()}
            try:
                found = self.session.run(list(outputs), part)
            except Exception as error:  # a class of its own for each error code; memory running out is one of them
                reason = first_line(error)
                raise AttnGANError(self.name, f"ONNX Runtime failed to {self.verb} ({reason})") from error
            yield len(next(iter(part.values()))), found


def warn(lines: Iterable[str]) -> None:
    """Python's warnings, which point to the line that called the method of a generator that calls this."""
    for line in lines:
        warnings.warn(line, UserWarning, stacklevel=3)
