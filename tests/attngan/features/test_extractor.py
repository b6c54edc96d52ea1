"""A user's own features: how they are named, found, checked and fed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refuses

from attngan.features.extractor import Extractor, load_extractor

MODULE = """
import numpy as np

def brightness(images):
    assert images.dtype == np.uint8 and images.shape[3] in (1, 3)
    return images.reshape(len(images), -1).mean(1, keepdims=True)

def named(images):
    return brightness(images)

named.name, named.version = "mean brightness", 2
number = 7
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module in the current folder, under a name that no other test imports."""
    (tmp_path / "own_features_of_a_test.py").write_text(MODULE)
    (tmp_path / "broken_features_of_a_test.py").write_text("import no_such_package\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield "own_features_of_a_test"
    for name in ("own_features_of_a_test", "broken_features_of_a_test"):
        sys.modules.pop(name, None)


def test_a_function_of_a_module_in_the_current_folder(module: str) -> None:
    extractor = load_extractor(f"{module}:brightness")
    assert (extractor.name, extractor.version) == (f"{module}:brightness", None)
    found = extractor(np.full((3, 4, 4, 3), 51, np.uint8))
    assert found.dtype == np.float32 and found.tolist() == [[51.0]] * 3
    named = load_extractor(f"{module}:named")
    assert (named.name, named.version) == ("mean brightness", "2")


def test_transparent_pictures_arrive_on_white(module: str) -> None:
    assert load_extractor(f"{module}:brightness")(np.zeros((1, 4, 4, 4), np.uint8)).tolist() == [[255.0]]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("inception", "not module:function"),
        (":brightness", "not module:function"),
        ("no_module_of_that_name:f", r"importing no_module_of_that_name failed \(ModuleNotFoundError"),
        ("broken_features_of_a_test:f", "No module named 'no_such_package'"),
        ("own_features_of_a_test:darkness", "has no function darkness"),
        ("own_features_of_a_test:number", "has no function number"),
    ],
)
@pytest.mark.usefixtures("module")
def test_what_can_not_be_loaded(spec: str, message: str) -> None:
    with refuses(f"--features: {message}"):
        load_extractor(spec)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (np.zeros((3, 2, 2)), r"gives float64 \[3, 2, 2\]"),
        (np.zeros((2, 4)), r"gives float64 \[2"),
        (np.zeros((3, 0)), r"gives float64 \[3, 0\]"),
        (np.zeros((3, 4), np.int64), r"gives int64 \[3, 4\]"),
        (None, r"gives object \[\]"),
        (np.full((3, 4), np.nan), "not finite"),
        (np.full((3, 4), 1e300), "not finite in float32"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_what_is_not_features(result: Any, message: str) -> None:
    with refuses(f"--features mine: {message}"):
        Extractor("mine", None, lambda images: result)(np.zeros((3, 4, 4, 1), np.uint8))


def test_batches_give_every_picture_once_in_order() -> None:
    images, sizes = np.arange(150, dtype=np.uint8).reshape(150, 1, 1, 1), []

    def read(part: slice) -> np.ndarray:
        sizes.append(part.stop - part.start)
        return images[part]

    extractor = Extractor("mine", None, lambda batch: batch.reshape(-1, 1).astype(float))
    assert extractor.extract(150, read, "pictures").ravel().tolist() == list(range(150))
    assert sizes == [64, 64, 22]


def test_batches_of_different_lengths_are_refused() -> None:
    extractor = Extractor("mine", None, lambda batch: np.zeros((len(batch), len(batch))))
    with refuses("--features mine: 64 values, then 6"):
        extractor.extract(70, lambda part: np.zeros((part.stop - part.start, 1, 1, 1), np.uint8), "pictures")
