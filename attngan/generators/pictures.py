"""A run, a shipped generator or a bundle as one function from seeds and classes to pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attngan.checkpoint import LoadedGenerator, load_generator
from attngan.config import RunConfig
from attngan.data import ImageDataset, load_captioned, load_pictures
from attngan.data.conditioning import with_conditions
from attngan.data.transforms import premultiply
from attngan.errors import AttnGANError
from attngan.run_folder import read_object
from attngan_runtime.bundle import SIDECAR
from attngan_runtime.generators.pixels import to_uint8
from attngan_runtime.tokenizers.prompts import Tokenizer

if TYPE_CHECKING:
    from attngan_runtime import PictureGenerator

#: (seeds int64 [B], labels int64 [B] or None; from words conditions [B, 1 + L]) →
#: uint8 [B, H, W, C], RGBA premultiplied by alpha as Pictures has it
Draw = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


@dataclass(frozen=True)
class OpenGenerator:
    """What figures need to know of a generator, wherever it comes from."""

    name: str  #: as the user wrote it
    draw: Draw  #: labels may be given to a generator without classes, which ignores them
    class_names: list[str]
    resolution: int
    channels: int
    tokenizer: Tokenizer | None = None  #: of one that draws from words; `class_names` are then its styles
    run: tuple[Path, RunConfig] | None = None  #: its run folder and config; None for a bundle or a shipped generator

    def read(self, data: Path) -> ImageDataset:
        """Pictures of the kind that it draws; with their captions if it draws from words."""
        load = load_captioned if self.tokenizer else load_pictures
        return load(data, resolution=self.resolution, channels=self.channels)

    def labelled(self, pictures: ImageDataset) -> ImageDataset:
        """The pictures with the labels that `draw` takes: their classes, or conditions for their main captions."""
        return with_conditions(pictures, self.tokenizer) if self.tokenizer else pictures

    def check_classes(self, pictures: ImageDataset, option: str) -> None:
        """Raises AttnGANError, naming the option, if the generator has classes and the pictures have other ones."""
        if self.class_names and pictures.class_names != self.class_names:
            what = "styles" if self.tokenizer else "classes"
            raise AttnGANError(
                option,
                f"{what} {_few(pictures.class_names)}, {self.name} has {_few(self.class_names)}",
                f"use pictures sorted into the same {what}",
            )

    def trained_on(self, pictures: ImageDataset) -> bool:
        """Whether it is a run whose data.json has the fingerprint of these pictures."""
        return (
            self.run is not None and read_object(self.run[0] / "data.json").get("fingerprint") == pictures.fingerprint
        )


def open_generator(run_or_bundle: str) -> OpenGenerator:
    """A run folder, a bundle folder (drawn by ONNX Runtime) or the name of a shipped generator, ready to draw.

    Raises AttnGANError if there is none of that name, or if the bundle takes z in place of seeds.
    """
    if (Path(run_or_bundle) / SIDECAR).is_file():
        return _open_bundle(run_or_bundle)
    generator = load_generator(run_or_bundle)
    opened, folder = from_loaded(generator, run_or_bundle), Path(run_or_bundle)
    return replace(opened, run=(folder, generator.config)) if folder.is_dir() else opened


def from_loaded(generator: LoadedGenerator, name: str) -> OpenGenerator:
    """The same for a generator that is in memory already; `run` is None."""
    config = generator.config

    def run(seeds: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        return generator.draw(seeds.tolist(), labels)

    network = config.picture_network
    draw = _drawing(run, bool(config.class_names or generator.tokenizer), network.channels)
    names = list(config.class_names)
    return OpenGenerator(name, draw, names, network.resolution, network.channels, generator.tokenizer)


def _open_bundle(path: str) -> OpenGenerator:
    from attngan_runtime import PictureGenerator

    generator = PictureGenerator.load(path)
    if generator.z_dim:
        raise AttnGANError(path, "takes z, not seeds", "export it with --input seed to evaluate it")
    tokenizer = generator.tokenizer
    run, names = (
        (partial(_from_tokens, generator), generator.styles) if tokenizer else (generator.run, generator.classes)
    )
    draw = _drawing(run, bool(names or tokenizer), generator.channels)
    return OpenGenerator(path, draw, list(names), generator.height, generator.channels, tokenizer)


def _from_tokens(generator: PictureGenerator, seeds: np.ndarray, conditions: np.ndarray | None) -> np.ndarray:
    """What a bundle's graph draws for conditions [B, 1 + L]: captions as tokens, so that none is read twice."""
    assert conditions is not None
    tokens = conditions[:, 1:]
    feeds = {"tokens": tokens, "mask": (tokens > 0).astype(np.int64), "seed": seeds}
    feeds["truncation"] = np.ones(len(seeds), np.float32)
    if generator.styles:
        feeds["style"] = conditions[:, 0]
    return to_uint8(generator.session.run(None, feeds)[0])


def _drawing(run: Callable[[np.ndarray, np.ndarray | None], np.ndarray], labelled: bool, channels: int) -> Draw:
    def draw(seeds: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        drawn = run(seeds, labels if labelled else None)
        return premultiply(drawn) if channels == 4 else drawn

    return draw


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" … ({len(names)})" if len(names) > 3 else "") or "none"
