"""IDX files, the format of MNIST and Fashion-MNIST (http://yann.lecun.com/exdb/mnist), gzipped or not."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from attngan.data.image_dataset import ImageDataset
from attngan.data.reading import UNFIXED, Account, Fit, Reading
from attngan.data.transforms import fit, with_channels
from attngan.errors import AttnGANError

TRAINING_FILES = ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "train-images.idx3-ubyte")

_FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
# SHA-256 of the first picture of Fashion-MNIST's training and test files.
_FASHION_FIRST = frozenset(
    {
        "5bd44e331a6d6998daf675700cd0c13dcd7af8ab954b7585124124da61459e7b",
        "ffc7351ed0f8bae542820866086177fa4e0b366b97bf9d998dffdb8dbe138787",
    }
)
_UNSIGNED_BYTE = 8  # the format's code for the only type that pictures come in
_CHUNK = 2**24


def find_idx(path: Path) -> Path | None:
    """The file of training pictures of an IDX folder, an IDX file itself, or None if `path` is neither."""
    if path.is_dir():
        return next((path / name for name in TRAINING_FILES if (path / name).is_file()), None)
    with open(path, "rb") as file:
        start = file.read(4)
    named = "idx3" in path.name or "idx1" in path.name
    return path if named or start[:3] == bytes([0, 0, _UNSIGNED_BYTE]) else None


def load_idx(path: Path, resolution: int, channels: int, reading: Reading = UNFIXED) -> ImageDataset:
    """The pictures of an images-idx3 file at the resolution, with the labels of the labels-idx1 file beside it.

    Pictures smaller than the resolution by less than a factor of 1.5 get a border of 0 (28² in 32²); others are
    resized. Raises AttnGANError if a file is torn, of another type, or the counts differ.
    """
    raw = _read(path, 3, "pictures")
    if not len(raw) or not raw.shape[1] or not raw.shape[2]:
        raise AttnGANError(f"--data {path}", f"an IDX file of {' × '.join(map(str, raw.shape))} holds no pictures")
    images = _resize(raw, resolution, channels, reading.fit)
    oblong = len(raw) if raw.shape[1] != raw.shape[2] else 0
    dataset = ImageDataset(images, reading=reading, account=Account(oblong))
    labels_path = _labels_beside(path)
    if labels_path is None:
        return dataset
    labels = _read(labels_path, 1, "labels").astype(np.int64)
    if len(labels) != len(raw):
        raise AttnGANError(
            f"--data {path}",
            f"{len(raw):,} pictures but {len(labels):,} labels in {labels_path.name}",
            "use the two files of one set",
        )
    if _is_fashion(path, raw, labels):
        return replace(dataset, classes=labels, class_names=list(_FASHION_CLASSES))
    values, labels = np.unique(labels, return_inverse=True)
    return replace(dataset, classes=labels.astype(np.int64), class_names=[str(value) for value in values])


def _is_fashion(path: Path, raw: np.ndarray, labels: np.ndarray) -> bool:
    named = "fashion" in path.resolve().parent.name.lower()
    known = hashlib.sha256(raw[0].tobytes()).hexdigest() in _FASHION_FIRST
    return (named or known) and int(labels.max()) < len(_FASHION_CLASSES)


def _labels_beside(path: Path) -> Path | None:
    name = path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    candidates = [path.with_name(name), path.with_name(name + ".gz")]
    return next((file for file in candidates if file.is_file() and file != path), None)


def _read(path: Path, dimensions: int, what: str) -> np.ndarray:
    """uint8 array of an IDX file with that many dimensions; AttnGANError if it is anything else."""
    with open(path, "rb") as plain:
        zipped = plain.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path, "rb") if zipped else open(path, "rb") as file:
            header = file.read(4)
            expected = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
            if header != expected:
                raise AttnGANError(
                    f"--data {path}",
                    f"starts with {header.hex() or 'nothing'}, an IDX file of {what} with {expected.hex()}",
                    "name another file",
                )
            lengths = file.read(4 * dimensions)
            if len(lengths) < 4 * dimensions:
                raise EOFError
            shape = struct.unpack(f">{dimensions}I", lengths)
            content = _read_exactly(file, int(np.prod(shape, dtype=object)))
            surplus = len(file.read(1))
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise AttnGANError(f"--data {path}", "truncated or damaged", "download it again") from None
    if surplus:
        sizes = " × ".join(map(str, shape))
        raise AttnGANError(f"--data {path}", f"longer than the {sizes} of its header", "download it again")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _read_exactly(file: IO[bytes] | gzip.GzipFile, length: int) -> bytearray:
    """`length` bytes, in pieces, so that a header that lies can't take more memory than there are bytes."""
    content = bytearray()
    while len(content) < length:
        piece = file.read(min(_CHUNK, length - len(content)))
        if not piece:
            raise EOFError
        content += piece
    return content


def _resize(raw: np.ndarray, resolution: int, channels: int, how: Fit) -> np.ndarray:
    """Grey uint8 [N, H, W] → uint8 [N, resolution, resolution, channels]."""
    longer = max(raw.shape[1:])
    if longer <= resolution < 1.5 * longer and (how == "crop" or raw.shape[1] == raw.shape[2]):
        space = [resolution - side for side in raw.shape[1:]]
        raw = np.pad(raw, ((0, 0), *((extra // 2, extra - extra // 2) for extra in space)))
    if raw.shape[1:] != (resolution, resolution):
        squares = [fit(Image.fromarray(picture), resolution, channels, how) for picture in raw]
        return np.stack(squares)
    if channels == 1:
        return raw[..., None]
    if channels == 3:
        return np.repeat(raw[..., None], 3, axis=3)
    return np.stack([with_channels(Image.fromarray(picture), channels) for picture in raw])
