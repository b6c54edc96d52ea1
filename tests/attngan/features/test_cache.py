"""Cached features: extracted once, made again where anything differs or is damaged, and never a reason to fail."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attngan.data import ImageDataset
from attngan.features import cache as feature_cache
from attngan.features.cache import real_features
from attngan.features.extractor import Extractor

PICTURES = ImageDataset(np.random.default_rng(0).integers(0, 256, (30, 4, 4, 1), np.uint8))
PLACES = np.array([3, 5, 8, 20])


class Counted:
    """Pixels as features, and how many pictures it was asked for."""

    def __init__(self) -> None:
        self.pictures = 0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.pictures += len(images)
        return images.reshape(len(images), -1).astype(np.float32)


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    feature_cache._warn.cache_clear()
    return Counted()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "attngan" / "features"


def extractor(function: Any, name: str = "pixels", version: str | None = "1") -> Extractor:
    return Extractor(name, version, function)


def test_extracted_once(counted: Counted, folder: Path) -> None:
    first = real_features(extractor(counted), PICTURES, PLACES)
    again = real_features(extractor(counted), ImageDataset(PICTURES.images.copy()), PLACES.copy())
    assert counted.pictures == 4
    np.testing.assert_array_equal(first, PICTURES.images[PLACES].reshape(4, -1))
    np.testing.assert_array_equal(again, first)
    assert again.dtype == np.float32
    assert [path.suffix for path in folder.iterdir()] == [".safetensors"]


def test_whatever_differs_is_extracted(counted: Counted) -> None:
    own = extractor(counted)
    other = PICTURES.images.copy()
    other[0, 0, 0] ^= 1
    for kind, pictures, places in (
        (own, PICTURES, PLACES),
        (own, PICTURES, PLACES[::-1]),
        (own, PICTURES, PLACES + 1),
        (own, ImageDataset(other), PLACES),
        (replace(own, name="other"), PICTURES, PLACES),
        (replace(own, version="2"), PICTURES, PLACES),
    ):
        before = counted.pictures
        found = real_features(kind, pictures, places)
        assert counted.pictures == before + 4
        np.testing.assert_array_equal(found, pictures.images[places].reshape(4, -1))


def test_without_a_version_nothing_is_kept(counted: Counted, folder: Path) -> None:
    for _ in range(2):
        real_features(extractor(counted, version=None), PICTURES, PLACES)
    assert counted.pictures == 8 and not folder.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-5],
        lambda content: b"",
        lambda content: content[:-1] + bytes([content[-1] ^ 64]),
        lambda content: content.replace(b"features", b"textures"),
        lambda content: content.replace(b"F32", b"I32"),
        lambda content: content.replace(b"[4,16]", b"[8,8] "),
        lambda content: b"not a safetensors file at all",
    ],
    ids=["torn", "empty", "one bit", "other name", "other type", "other shape", "other format"],
)
def test_damaged_files_are_made_again(damage: Any, counted: Counted, folder: Path) -> None:
    first = real_features(extractor(counted), PICTURES, PLACES)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert file.read_bytes() != whole
    np.testing.assert_array_equal(real_features(extractor(counted), PICTURES, PLACES), first)
    assert counted.pictures == 8
    assert file.read_bytes() == whole


def test_oldest_use_is_deleted_first(counted: Counted, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = extractor(counted)
    for place in range(3):
        real_features(own, PICTURES, np.arange(place, place + 4))
        for file in folder.iterdir():  # an hour passes
            os.utime(file, ns=(0, file.stat().st_mtime_ns - 3600 * 10**9))
    real_features(own, PICTURES, np.arange(0, 4))  # used again
    assert counted.pictures == 12
    size = next(folder.iterdir()).stat().st_size
    monkeypatch.setattr(feature_cache, "LIMIT", 3 * size)
    real_features(own, PICTURES, np.arange(9, 13))
    assert len(list(folder.iterdir())) == 3
    real_features(own, PICTURES, np.arange(0, 4))
    real_features(own, PICTURES, np.arange(2, 6))
    assert counted.pictures == 16
    real_features(own, PICTURES, np.arange(1, 5))  # the one that went
    assert counted.pictures == 20


def test_more_than_the_limit_is_not_kept_and_drives_nothing_out(
    counted: Counted, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_features(extractor(counted), PICTURES, PLACES)
    (kept,) = folder.iterdir()
    monkeypatch.setattr(feature_cache, "LIMIT", kept.stat().st_size)
    real_features(extractor(counted), PICTURES, np.arange(30))
    assert list(folder.iterdir()) == [kept]


def full_disk(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_costs_one_line(
    counted: Counted, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(feature_cache.os, "replace", full_disk)
    for _ in range(2):
        assert len(real_features(extractor(counted), PICTURES, PLACES)) == 4
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"note: {folder}: No space left on device; features of real pictures are extracted again")
    assert not list(folder.iterdir())  # no part is left behind


@pytest.mark.parametrize("blocked", ["attngan", "attngan/features"])
def test_a_folder_that_can_not_be_made_costs_one_line(
    blocked: str, counted: Counted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / blocked
    path.parent.mkdir(exist_ok=True)
    path.write_text("a file in the folder's place")
    for _ in range(2):
        assert len(real_features(extractor(counted), PICTURES, PLACES)) == 4
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"note: {path}: File exists; ") and "extracted again" in line


def test_errors_of_the_extractor_are_its_own(counted: Counted) -> None:
    def fails(images: np.ndarray) -> np.ndarray:
        raise OSError("the user's own")

    with pytest.raises(OSError, match="the user's own"):
        real_features(extractor(fails), PICTURES, PLACES)
