"""Run folders with weights that hide nothing, and bundles of them that several tests share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from attngan.checkpoint import save_tensors
from attngan.config import RunConfig, TextConfig
from attngan.data.tokenizer import build_sentence_tokenizer, build_tokenizer
from attngan.networks import build_generator
from attngan.presets import preset
from attngan_export.export import export_generator
from attngan_export.forms import text as text_form
from attngan_runtime.tokenizers.sentences import END

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
    _write(folder, RunConfig("tiny-words", network, training, style_names=names), seed)
    (folder / "tokenizer.json").write_bytes(build_tokenizer([words], 6))
    return folder


SENTENCE_WORDS = " ".join(
    f"{first}{last}" for first in ("dog", "cat", "bird", "ball", "tree", "sea") for last in "bcdfgk"
)


def write_text_run(
    folder: Path, seed: int = 0, end: float = 0.0, words: str = SENTENCE_WORDS, **changes: object
) -> Path:
    """A generator of sentences of these words, 12 tokens each; `end` is the bias of their end, `changes` are of its
    TextConfig.

    What comes next depends on place, key words and the words before, and words are far from equally probable: among
    equals each would be a near tie.
    """
    network = replace(TextConfig(len(words.split()) + 3, 12, 3, 16, 2, 4, 1), **changes)
    _write(folder, RunConfig("tiny-text", network, preset("tiny-text")[1]), seed)
    weights = load_file(folder / "generator.safetensors")
    for name, values in weights.items():
        if name.startswith(("encoder.", "blocks.")) and values.ndim > 1:
            values *= 1.5
    weights["position"] *= 15
    weights["norm.weight"] += 3
    weights["bias"][END] = end
    save_tensors(folder / "generator.safetensors", weights)
    (folder / "tokenizer.json").write_bytes(build_sentence_tokenizer([words], 12, fewest=1))
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
    """By class, from seeds, for ONNX Runtime, with TorchScript and .pt2."""
    out = tmp_path_factory.mktemp("bundles") / "by-class"
    export_generator(str(run_by_class), out, torchscript=True, pt2=True)
    return out


@pytest.fixture(scope="session")
def z_bundle(run_plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unconditional, from z, portable, weights in fp16, with TorchScript and .pt2."""
    out = tmp_path_factory.mktemp("bundles") / "plain-z"
    files = {"torchscript": True, "pt2": True}
    export_generator(str(run_plain), out, target="portable", noise="z", precision="fp16-weights", **files)
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
    """In three styles, from seeds, for ONNX Runtime, with attention maps, TorchScript and .pt2."""
    out = tmp_path_factory.mktemp("bundles") / "words"
    export_generator(str(run_of_words), out, torchscript=True, pt2=True, attention=True)
    return out


@pytest.fixture(scope="session")
def words_z_bundle(run_of_words_alone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without styles, from z, portable, weights in fp16, without maps, with TorchScript."""
    out = tmp_path_factory.mktemp("bundles") / "words-z"
    run = str(run_of_words_alone)
    export_generator(run, out, target="portable", noise="z", torchscript=True, precision="fp16-weights")
    return out


def with_outputs(*outputs: np.ndarray) -> SimpleNamespace:
    """A session that gives these whatever it is asked for."""
    return SimpleNamespace(run=lambda names, feeds: outputs)


@contextlib.contextmanager
def few_greedy() -> Iterator[None]:
    """Compares files that write sentences on 50 inputs by the likeliest words, in place of 1000."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_form, "GREEDY", 50)
        yield


@pytest.fixture(scope="session")
def text_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text_run(tmp_path_factory.mktemp("runs") / "text")


@pytest.fixture(scope="session")
def text_run_by_mean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without cross-attention, in one layer; nearly all of its sentences end early."""
    return write_text_run(tmp_path_factory.mktemp("runs") / "text-mean", end=4.0, layers=1, cross_attention=False)


@pytest.fixture(scope="session")
def text_bundle(text_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For ONNX Runtime, with TorchScript and .pt2."""
    out = tmp_path_factory.mktemp("bundles") / "text"
    with few_greedy():
        export_generator(str(text_run), out, torchscript=True, pt2=True)
    return out


@pytest.fixture(scope="session")
def text_half_bundle(text_run_by_mean: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Portable, weights in fp16, without cross-attention, with TorchScript."""
    out = tmp_path_factory.mktemp("bundles") / "text-half"
    with few_greedy():
        export_generator(str(text_run_by_mean), out, target="portable", torchscript=True, precision="fp16-weights")
    return out
