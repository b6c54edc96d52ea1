"""A generator opened in ONNX Runtime, whatever it makes: how bundles become generators, and what all of them share."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from attngan_runtime.bundle import MODEL, Bundle
from attngan_runtime.errors import AttnGANError, first_line
from attngan_runtime.golden import check_golden
from attngan_runtime.onnx_session import declared, open_session

Seeds = int | Iterable[int] | np.ndarray
Strength = float | Sequence[float] | np.ndarray  #: truncation, temperature or top_p

_KINDS = {"int64": "tensor(int64)", "float32": "tensor(float)"}  # in ONNX Runtime's words


class Generator(ABC):
    """Seeds, and what they are to be about, in; pictures or sentences out. Make one with `Generator.load`.

    name: such as `fashion-32`. session: the graph, an onnxruntime.InferenceSession.
    """

    makes: ClassVar[str]  #: `pictures` or `sentences`
    _verb: ClassVar[str]

    def __init__(self, bundle: Bundle, session: Any, outputs: Sequence[str]) -> None:
        self.name, self.session = bundle.name, session
        _check_graph(session, bundle, outputs)

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
        kind = _kind_of(bundle)
        if not issubclass(kind, cls):
            raise AttnGANError(
                bundle.name,
                f"makes {kind.makes}, not {cls.makes}",
                f"give a generator of {cls.makes}, or use Generator.load, which opens both",
            )
        tokenizer = bundle.open_tokenizer()
        session = open_session(bundle.model, providers, threads, str(bundle.folder / MODEL))
        made = kind(bundle, tokenizer, session)
        # OpenVINO draws other pictures without an error, for its integers have 32 bits.
        if session.get_providers()[0] not in bundle.sidecar["tolerance"][bundle.sidecar["precision"]]:
            check_golden(session, bundle.sidecar)
        return made

    @abstractmethod
    def run(self, *args: Any, **kwargs: Any) -> Any:
        """What the generator makes of its arguments, which its own class describes."""

    def _batches(
        self, feeds: Mapping[str, np.ndarray], outputs: Sequence[str], size: int
    ) -> Iterator[tuple[int, list[Any]]]:
        """(rows, outputs) for `size` rows of the feeds at a time, fewer in the end."""
        for start in range(0, len(next(iter(feeds.values()))), size):
            part = {name: values[start : start + size] for name, values in feeds.items()}
            try:
                made = self.session.run(list(outputs), part)
            except Exception as error:  # a class of its own for each error code; memory running out is one of them
                reason = first_line(error)
                raise AttnGANError(self.name, f"ONNX Runtime failed to {self._verb} ({reason})") from error
            yield len(next(iter(part.values()))), made


def warn(lines: Iterable[str]) -> None:
    """Python's warnings, which point to the line that called the method of a generator that calls this."""
    for line in lines:
        warnings.warn(line, UserWarning, stacklevel=3)


def _kind_of(bundle: Bundle) -> Any:
    if bundle.task == "text":
        from attngan_runtime.sentence_generator import SentenceGenerator

        return SentenceGenerator
    from attngan_runtime.picture_generator import PictureGenerator

    return PictureGenerator


def _check_graph(session: Any, bundle: Bundle, outputs: Sequence[str]) -> None:
    """Raises AttnGANError if the graph doesn't declare to take and give what the sidecar says; nothing has run then."""
    takes, gives = declared(session, str(bundle.folder / MODEL))
    said = {given["name"]: given for given in bundle.sidecar["inputs"]}
    for does, found, expected, fits in [
        ("takes", takes, said, said.keys() == takes.keys()),
        ("gives", gives, outputs, set(outputs) <= gives.keys()),
    ]:
        if not fits:
            raise AttnGANError(
                bundle.folder,
                f"the graph {does} {', '.join(found)[:200] or 'nothing'} and the sidecar says {', '.join(expected)}",
                "export the generator again",
            )
    said |= {given["name"]: given for given in bundle.outputs if given["name"] in outputs}
    for name, (kind, shape) in (takes | {name: gives[name] for name in outputs}).items():
        if kind != _KINDS[said[name]["dtype"]] or not _fits(shape, said[name]["shape"]):
            raise AttnGANError(
                bundle.folder,
                f"in the graph {name} is {kind} {str(shape)[:80]}, and in the sidecar {said[name]['dtype']} "
                f"{said[name]['shape']}",
                "export the generator again",
            )


def _fits(found: Sequence[Any], said: Sequence[Any]) -> bool:
    """Whether a declared shape can be the sidecar's: as long, its numbers the same, and none for the batch.

    What is a name or None is as large as it turns out to be; outputs are looked at again when they are there.
    """
    return len(found) == len(said) and all(
        type(one) is not int or one == other for one, other in zip(found, said, strict=True)
    )
