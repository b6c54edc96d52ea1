"""What a name stands for: a run folder, weights in one, a bundle, or a shipped generator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import nn

from attngan.checkpoint import GENERATOR, LIKELIHOOD, PRETRAINED, load_config, load_network
from attngan.config import RunConfig
from attngan.errors import AttnGANError
from attngan.networks import deploy
from attngan_runtime.bundle import SIDECAR, Bundle

_BASELINE = "-likelihood"  # after the name of a shipped generator: what likelihood alone gave


@dataclass(frozen=True)
class Source:
    """Where a generator is; config.json or the bundle is read and checked once, when it is first asked for."""

    written: str  #: as the user wrote it
    folder: Path
    weights: str = GENERATOR  #: the file in a run folder
    is_bundle: bool = False
    is_shipped: bool = False

    @cached_property
    def config(self) -> RunConfig:
        """Of a run or a shipped generator."""
        return load_config(self.folder)

    @cached_property
    def bundle(self) -> Bundle:
        return Bundle.load(self.folder)

    @property
    def task(self) -> str:
        return self.bundle.task if self.is_bundle else self.config.task

    @property
    def name(self) -> str:
        """Of the generator, as a bundle of it is called."""
        if self.is_bundle:
            return self.bundle.name
        return self.folder.resolve().name + ("" if self.weights == GENERATOR else _BASELINE)

    @property
    def is_run(self) -> bool:
        """Whether it is a folder that a run was trained into."""
        return not self.is_bundle and not self.is_shipped

    @property
    def saw_efficientnet(self) -> bool:
        """What the config says of its training; False of a bundle, which doesn't tell."""
        return not self.is_bundle and self.config.saw_efficientnet

    def load_deployed(self) -> nn.Module:
        """The generator in PyTorch as it is used; AttnGANError if its weights are damaged or don't fit its config."""
        generator = load_network(self.config, self.folder / self.weights)
        return deploy(generator).eval().requires_grad_(False)


def find_source(name: str) -> Source:
    """What a user means by a name; a path wins over the name of a shipped generator.

    NAME-likelihood and RUN/likelihood.safetensors are what likelihood alone gave. AttnGANError naming the shipped ones
    if there is nothing of that name.
    """
    path = Path(name)
    if (path / SIDECAR).is_file():
        return Source(name, path, is_bundle=True)
    if path.name == LIKELIHOOD and path.is_file():
        return Source(name, path.parent, LIKELIHOOD)
    if path.is_dir():
        return Source(name, path)
    if (PRETRAINED / name / "config.json").is_file():
        return Source(name, PRETRAINED / name, is_shipped=True)
    folder = PRETRAINED / name.removesuffix(_BASELINE)
    if name.endswith(_BASELINE) and (folder / LIKELIHOOD).is_file():
        return Source(name, folder, LIKELIHOOD, is_shipped=True)
    shipped = ", ".join(sorted(path.parent.name for path in PRETRAINED.glob("*/config.json")))
    raise AttnGANError(name, f"no such run folder, nor a shipped generator ({shipped})", "check the path")


def find_run(name: str) -> Source:
    """The same of what PyTorch can open; AttnGANError for a bundle."""
    source = find_source(name)
    if source.is_bundle:
        load_config(source.folder)  # which says what is missing
    return source
