"""Run folders with weights that hide nothing, and bundles of them that several tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from attngan.checkpoint import save_tensors
from attngan.config import RunConfig, preset
from attngan.data.vocabulary import build_tokenizer
from attngan.networks.build import build_generator
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
    """A `tiny` generator by class, or unconditional with 0."""
    network, training = preset("tiny")
    names = tuple(f"class {number}" for number in range(classes))
    return _write(folder, RunConfig("tiny", replace(network, classes=classes), training, names), seed)


WORDS = "red heart green dragon firefighter medium skin tone"


def write_words_run(folder: Path, styles: int, seed: int = 0, words: str = WORDS, **changes: object) -> Path:
    """A `tiny-words` generator of these words, six a prompt; `changes` are of its TextToImageConfig."""
    network, training = preset("tiny-words")
    vocabulary = len(words.split()) + 2
    network = replace(network, styles=styles, vocabulary=vocabulary, length=6, **changes)
    names = tuple(f"style {number}" for number in range(styles))
    _write(folder, RunConfig("tiny-words", network, training, names, task="text-to-image"), seed)
    (folder / "tokenizer.json").write_bytes(build_tokenizer([words], 6))
    return folder


def _write(folder: Path, config: RunConfig, seed: int) -> Path:
    """An untrained run in which no parameter is zero: at zero, attention and modulation could be wrong unseen."""
    generator = build_generator(config.network)
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


@pytest.fixture(scope="session")
def run_of_words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_words_run(tmp_path_factory.mktemp("runs") / "words", styles=3)


@pytest.fixture(scope="session")
def run_of_words_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without styles to choose from, with word attention at one resolution below the picture's."""
    return write_words_run(tmp_path_factory.mktemp("runs") / "words-alone", styles=1, attention=(8,))


@pytest.fixture(scope="session")
def words_bundle(run_of_words: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In three styles, from seeds, for ONNX Runtime, with attention maps and TorchScript."""
    out = tmp_path_factory.mktemp("bundles") / "words"
    export_generator(str(run_of_words), out, torchscript=True, attention=True)
    return out


@pytest.fixture(scope="session")
def words_z_bundle(run_of_words_alone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without styles, from z, portable, weights in fp16, without maps, with TorchScript."""
    out = tmp_path_factory.mktemp("bundles") / "words-z"
    run = str(run_of_words_alone)
    export_generator(run, out, target="portable", noise="z", torchscript=True, precision="fp16-weights")
    return out
