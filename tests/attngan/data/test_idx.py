"""IDX files: small ones made here, damaged ones, and Fashion-MNIST where it is installed."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from refusals import refuses

from attngan.data import load_pictures

FASHION = Path("/usr/share/datasets/fashion-mnist")
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def noise(count: int, height: int = 28, width: int = 28) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, height, width), np.uint8)


def make(folder: Path, images: np.ndarray, labels: list[int] | None, ending: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    pack = gzip.compress if ending else bytes
    (folder / f"{IMAGES}{ending}").write_bytes(pack(idx(images)))
    if labels is not None:
        (folder / f"{LABELS}{ending}").write_bytes(pack(idx(np.array(labels, np.uint8))))
    return folder


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_padded_not_resampled(tmp_path: Path, ending: str) -> None:
    raw = noise(4)
    pictures = load_pictures(make(tmp_path / "x", raw, [3, 1, 3, 7], ending), resolution=32, channels=1)
    np.testing.assert_array_equal(pictures.images[:, 2:30, 2:30, 0], raw)
    border = pictures.images.copy()
    border[:, 2:30, 2:30] = 0
    assert not border.any()
    assert pictures.classes is not None and pictures.classes.dtype == np.int64
    assert pictures.classes.tolist() == [1, 0, 1, 2] and pictures.class_names == ["1", "3", "7"]
    assert pictures.describe() == "4 pictures, 3 classes (1: 1, 3: 2, 7: 1)"


@pytest.mark.parametrize(("side", "resolution", "padded"), [(22, 32, True), (21, 32, False), (32, 32, True)])
def test_padding_ends_at_a_factor_of_one_and_a_half(tmp_path: Path, side: int, resolution: int, padded: bool) -> None:
    pictures = load_pictures(make(tmp_path, noise(2, side, side), None), resolution=resolution, channels=1)
    edge = pictures.images[:, 0].any()
    assert pictures.images.shape == (2, resolution, resolution, 1)
    assert edge == (not padded or side == resolution)


def test_larger_and_oblong_ones_are_resized(tmp_path: Path) -> None:
    assert load_pictures(make(tmp_path, noise(2), None), resolution=16, channels=1).images.shape == (2, 16, 16, 1)
    oblong = np.zeros((1, 24, 30), np.uint8)
    oblong[:, :, 6:] = 255
    pictures = load_pictures(make(tmp_path, oblong, None), resolution=32, channels=1)
    assert pictures.images[0, 16, :, 0].tolist() == [0] * 7 + [255] * 24 + [0]
    assert not pictures.images[0, :4].any() and not pictures.images[0, 28:].any()
    as_wide = load_pictures(make(tmp_path, noise(1, 24, 32), None), resolution=32, channels=1)
    np.testing.assert_array_equal(as_wide.images[0, 4:28, :, 0], noise(1, 24, 32)[0])


def test_channels(tmp_path: Path) -> None:
    folder = make(tmp_path, noise(2), None)
    grey = load_pictures(folder, resolution=32, channels=1).images
    np.testing.assert_array_equal(load_pictures(folder, resolution=32, channels=3).images, np.repeat(grey, 3, 3))
    rgba = load_pictures(folder, resolution=32, channels=4).images
    np.testing.assert_array_equal(rgba[..., :3], np.repeat(grey, 3, 3))
    assert (rgba[..., 3] == 255).all()


def test_a_file_named_directly_and_labels_beside_it(tmp_path: Path) -> None:
    make(tmp_path, noise(2), [0, 1])
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(noise(3))))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(np.array([5, 6, 5], np.uint8)))
    pictures = load_pictures(tmp_path / "t10k-images-idx3-ubyte.gz", resolution=32, channels=1)
    assert len(pictures) == 3 and pictures.class_names == ["5", "6"]
    assert len(load_pictures(tmp_path, resolution=32, channels=1)) == 2


def test_unlabelled(tmp_path: Path) -> None:
    (tmp_path / "some.bin").write_bytes(idx(noise(2)))
    pictures = load_pictures(tmp_path / "some.bin", resolution=32, channels=1)
    assert pictures.classes is None and pictures.class_names == []


def test_class_names_of_fashion_mnist_by_folder(tmp_path: Path) -> None:
    pictures = load_pictures(make(tmp_path / "fashion-mnist", noise(2), [9, 0]), resolution=32, channels=1)
    assert pictures.classes is not None and pictures.classes.tolist() == [9, 0]
    assert pictures.class_names[0] == "T-shirt/top" and pictures.class_names[9] == "Ankle boot"
    assert len(pictures.class_names) == 10


@pytest.mark.skipif(not FASHION.is_dir(), reason="Fashion-MNIST is not installed here")
def test_fashion_mnist(tmp_path: Path) -> None:
    test = load_pictures(FASHION / "t10k-images-idx3-ubyte.gz", resolution=32, channels=1)
    assert (
        test.describe()
        == "10,000 pictures, 10 classes (" + ", ".join(f"{name}: 1,000" for name in test.class_names) + ")"
    )
    assert test.classes is not None and (np.bincount(test.classes) == 1000).all()
    content = gzip.decompress((FASHION / "t10k-images-idx3-ubyte.gz").read_bytes())[16 : 16 + 784]
    # Known by its first picture, whatever the folder is called.
    folder = make(tmp_path / "clothes", np.frombuffer(content, np.uint8).reshape(1, 28, 28), [9])
    known = load_pictures(folder, resolution=32, channels=1)
    assert known.class_names[9] == "Ankle boot"


def fails(folder: Path, kind: str, name: str = IMAGES) -> None:
    with refuses(f"--data {folder / name}: {kind}"):
        load_pictures(folder, resolution=32, channels=1)


@pytest.mark.parametrize("length", [0, 2])
def test_wrong_magic(tmp_path: Path, length: int) -> None:
    content = bytearray(idx(noise(2)))
    content[2] = 13  # float
    (tmp_path / IMAGES).write_bytes(content[: length or None])
    fails(tmp_path, "starts with .* with 00000803")


@pytest.mark.parametrize("length", [10, 16, 17, 1000])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_torn(tmp_path: Path, length: int, ending: str) -> None:
    content = idx(noise(2))[:length]
    (tmp_path / f"{IMAGES}{ending}").write_bytes(gzip.compress(content) if ending else content)
    fails(tmp_path, "truncated or damaged", name=IMAGES + ending)


def test_torn_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(idx(noise(2)))
    for content in (packed[:-400], packed[:200] + b"\xff" * 50 + packed[250:], packed[:-8] + bytes(8)):
        (tmp_path / f"{IMAGES}.gz").write_bytes(content)
        fails(tmp_path, "truncated or damaged", name=f"{IMAGES}.gz")


def test_header_that_promises_terabytes_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / IMAGES).write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**32 - 1, 2**16, 2**16) + bytes(100))
    fails(tmp_path, "truncated or damaged")


def test_surplus(tmp_path: Path) -> None:
    (tmp_path / IMAGES).write_bytes(idx(noise(2)) + b"x")
    fails(tmp_path, "longer than the 2 × 28 × 28")


def test_no_pictures(tmp_path: Path) -> None:
    (tmp_path / IMAGES).write_bytes(idx(noise(0)))
    fails(tmp_path, "holds no pictures")


def test_counts_differ(tmp_path: Path) -> None:
    fails(make(tmp_path, noise(3), [1, 2]), "3 pictures but 2 labels")


def test_labels_in_the_pictures_place(tmp_path: Path) -> None:
    make(tmp_path, noise(3), [1, 2, 3])
    with refuses("--data: starts with 00000801"):
        load_pictures(tmp_path / LABELS, resolution=32, channels=1)
