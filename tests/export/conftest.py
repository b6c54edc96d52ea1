"""Run folders with weights that hide nothing, and bundles of them that several tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from attngan.checkpoint import save_tensors
from attngan.config import RunConfig, preset
from attngan.networks.image import ImageGenerator
from attngan_export.export import export_generator

RunMaker = Callable[..., Path]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Pictures of 16² gain nothing from threads, which stall each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def write_run(folder: Path, classes: int, seed: int = 0) -> Path:
    """A `tiny` generator in which no parameter is zero: at zero, attention and modulation could be wrong unseen."""
    network, training = preset("tiny")
    names = tuple(f"class {number}" for number in range(classes))
    config = RunConfig("tiny", replace(network, classes=classes), training, names)
    generator = ImageGenerator(config.network)
    torch.manual_seed(seed)
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter, std=0.7 * parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(config.to_json())
    save_tensors(folder / "generator.safetensors", generator.state_dict())
    return folder


@pytest.fixture(scope="session")
def run_by_class(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "by-class", classes=3)


@pytest.fixture(scope="session")
def run_plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "plain", classes=0)


@pytest.fixture(scope="session")
def bundle(run_by_class: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By class, from seeds, for ONNX Runtime, with TorchScript."""
    out = tmp_path_factory.mktemp("bundles") / "by-class"
    export_generator(str(run_by_class), out, torchscript=True)
    return out


@pytest.fixture(scope="session")
def z_bundle(run_plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unconditional, from z, portable, weights in fp16, with TorchScript."""
    out = tmp_path_factory.mktemp("bundles") / "plain-z"
    export_generator(str(run_plain), out, target="portable", noise="z", torchscript=True, precision="fp16-weights")
    return out
