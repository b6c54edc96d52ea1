"""A generator that draws: seeds in, pictures out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attngan_runtime.bundle import MODEL, Bundle
from attngan_runtime.errors import AttnGANError
from attngan_runtime.inputs import class_numbers, seed_numbers, truncations, z_values
from attngan_runtime.onnx_session import open_session
from attngan_runtime.pixels import to_uint8

Seeds = int | Iterable[int] | np.ndarray
Classes = int | str | Iterable[int | str] | np.ndarray

_BATCH = 64  # pictures a call up to 64×64, fewer above: bounds the memory of activations


class Generator:
    """A generator opened in ONNX Runtime; make one with `Generator.load`.

    name: such as `fashion-32`. classes: names in the order of their numbers, empty without classes.
    channels, height, width: of a picture. z_dim: numbers in a z, 0 if it draws from seeds.
    """

    def __init__(self, bundle: Bundle, session: Any) -> None:
        self.name, self.classes = bundle.name, bundle.classes
        self.channels, self.height, self.width = bundle.shape
        self.z_dim = bundle.z_dim
        self.session = session
        self._output = bundle.sidecar["output"]["name"]
        _check_graph(session, bundle)

    @classmethod
    def load(
        cls, path_or_name: str | Path, *, providers: str | Sequence[str] | None = None, threads: int | None = None
    ) -> Generator:
        """Opens a bundle (a folder, or the name of a shipped generator).

        providers: "cpu" (default), "cuda" or ONNX Runtime's names; refused if the first can't be had.
        threads: default one for each physical core. Raises AttnGANError as `Bundle.load` and `open_session` do.
        """
        bundle = Bundle.load(path_or_name)
        return cls(bundle, open_session(bundle.model, providers, threads, str(bundle.folder / MODEL)))

    def run(
        self,
        seeds: Seeds | None = None,
        classes: Classes | None = None,
        truncation: float | Sequence[float] | np.ndarray = 1.0,
        z: np.ndarray | None = None,
    ) -> np.ndarray:
        """Pictures uint8 [B, H, W, C]: C is 1 grey, 3 RGB or 4 RGBA with straight alpha.

        seeds: 0 … 2³²−1; the same seed, class and truncation give the same picture.
        classes: numbers or names; without them picture i is of class i modulo the number of classes.
        truncation: 0 … 2 multiplies z; below 1 draws more typical pictures, 1 changes nothing.
        z: float [B, z_dim], in place of seeds where the bundle was exported with `--input z`.
        One value serves all pictures; several must be as many as the pictures. Raises AttnGANError otherwise.
        """
        feeds = self._feeds(seeds, classes, truncation, z)
        return np.concatenate([to_uint8(part) for part in self._parts(feeds)])

    def run_float(
        self,
        seeds: Seeds | None = None,
        classes: Classes | None = None,
        truncation: float | Sequence[float] | np.ndarray = 1.0,
        z: np.ndarray | None = None,
    ) -> np.ndarray:
        """The graph's own output, float32 [B, C, H, W] in [−1, 1], for the same arguments as `run`."""
        return np.concatenate(list(self._parts(self._feeds(seeds, classes, truncation, z))))

    def _feeds(self, seeds: Any, classes: Any, truncation: Any, z: Any) -> dict[str, np.ndarray]:
        """The graph's inputs, all of one length."""
        feeds = {"truncation": truncations(truncation)}
        if self.z_dim:
            feeds["z"] = z_values(z, seeds, self.z_dim)
        else:
            feeds["seed"] = seed_numbers(seeds, z)
        if self.classes and classes is not None:
            feeds["class"] = class_numbers(classes, self.classes)
        elif classes is not None:
            raise AttnGANError(f"classes: {self.name} has no classes; leave them out")
        count = max(len(values) for values in feeds.values())
        if self.classes and classes is None:
            feeds["class"] = np.arange(count, dtype=np.int64) % len(self.classes)
        for name, values in feeds.items():
            if len(values) not in (1, count):
                given = {"seed": "seeds", "class": "classes"}.get(name, name)
                raise AttnGANError(f"{given}: {len(values)} values for {count} pictures; give one, or {count}")
            feeds[name] = np.repeat(values, count, 0) if len(values) < count else values
        return feeds

    def _parts(self, feeds: dict[str, np.ndarray]) -> Iterator[np.ndarray]:
        step = max(1, min(_BATCH, _BATCH * 64 * 64 // (self.height * self.width)))
        for start in range(0, len(feeds["truncation"]), step):
            part = {name: values[start : start + step] for name, values in feeds.items()}
            try:
                (pictures,) = self.session.run([self._output], part)
            except Exception as error:  # a class of its own for each error code; memory running out is one of them
                reason = str(error).splitlines()[0][:200]
                raise AttnGANError(f"{self.name}: ONNX Runtime failed to draw ({reason})") from error
            if pictures.shape[1:] != (self.channels, self.height, self.width):
                raise AttnGANError(f"{self.name}: drew {pictures.shape}, not what its sidecar says; export it again")
            yield pictures


def _check_graph(session: Any, bundle: Bundle) -> None:
    """Raises AttnGANError if the graph doesn't take and give what the sidecar says."""
    kinds = {"int64": "tensor(int64)", "float32": "tensor(float)"}
    said = {given["name"]: kinds[given["dtype"]] for given in bundle.sidecar["inputs"]}
    found = {given.name: given.type for given in session.get_inputs()}
    output = bundle.sidecar["output"]["name"]
    if said != found or output not in [given.name for given in session.get_outputs()]:
        raise AttnGANError(
            f"{bundle.folder}: the graph takes {', '.join(found)} and the sidecar says {', '.join(said)} "
            f"with output {output}; export the generator again"
        )
