"""The picture of curves over temperatures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attngan.errors import AttnGANError
from attngan.metrics.estimate import Estimate
from attngan.visualization.quality_diversity import Point, draw


def point(temperature: float | None, self_bleu: float, bleu: float, distance: float) -> Point:
    return Point(temperature, Estimate(bleu, 0.01, 100), Estimate(self_bleu, 0.01, 100), distance)


POINTS = [point(0.5, 0.6, 0.4, 0.2), point(1.0, 0.4, 0.3, 0.1), point(1.5, 0.3, 0.1, 0.3)]
CURVES = {"mine": POINTS, "other": [point(1.0, 0.5, 0.3, 0.15)]}
REAL = {"real": point(None, 0.2, 0.35, 0.05), "training": point(None, 0.25, 0.3, 0.07)}


def pixels(curves: dict[str, list[Point]], real: dict[str, Point], path: Path) -> np.ndarray:
    draw(curves, real, path)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def near(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Pixels of a colour in the left and in the right half."""
    same = np.abs(picture - colour).sum(2) < 20
    return np.array([same[:, :650].sum(), same[:, 650:].sum()])


def test_every_curve_and_the_real_sentences_stand_in_both_panels(tmp_path: Path) -> None:
    picture = pixels(CURVES, REAL, tmp_path / "curves.png")
    assert picture.shape == (540, 1300, 3)
    blue, orange, grey, black = (0, 114, 178), (213, 94, 0), (102, 102, 102), (0, 0, 0)
    path = tmp_path / "without.png"
    without_mine = pixels({"other": CURVES["other"]}, REAL, path)
    for colour, without in (
        (blue, without_mine),
        (orange, pixels({"mine": POINTS}, REAL, path)),
        (grey, pixels(CURVES, {"real": REAL["real"]}, path)),
        (black, pixels(CURVES, {}, path)),
    ):
        assert (near(picture, colour) > near(without, colour) + 50).all(), colour
    assert (near(without_mine, orange) == 0).all()  # the first curve has the first colour, whoever it is


def test_points_are_joined_by_temperature(tmp_path: Path) -> None:
    rising, mixed = (
        pixels({"mine": points}, {}, tmp_path / "x.png") for points in (POINTS, [POINTS[i] for i in (1, 2, 0)])
    )
    assert (rising == mixed).all()


def test_disk_that_refuses(tmp_path: Path) -> None:
    with pytest.raises(AttnGANError):
        draw(CURVES, REAL, tmp_path / "missing" / "curves.png")
