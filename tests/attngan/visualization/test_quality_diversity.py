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
CURVES = {
    "mine": POINTS,
    "other": [point(1.0, 0.5, 0.3, 0.15)],
}
REAL = {"real sentences": point(None, 0.2, 0.35, 0.05), "training text": point(None, 0.25, 0.3, 0.07)}


def pixels(path: Path, curves: dict[str, list[Point]] = CURVES, real: dict[str, Point] = REAL) -> np.ndarray:
    draw(curves, real, path)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def near(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Pixels of a colour in the left and in the right half."""
    same = np.abs(picture - colour).sum(2) < 20
    return np.array([same[:, :650].sum(), same[:, 650:].sum()])


def test_every_curve_and_the_real_sentences_stand_in_both_panels(tmp_path: Path) -> None:
    picture = pixels(tmp_path / "curves.png")
    assert picture.shape == (540, 1300, 3)
    for title, colour in {"mine": (0, 114, 178), "other": (213, 94, 0)}.items():
        without = pixels(tmp_path / "x.png", {name: points for name, points in CURVES.items() if name != title})
        assert (near(picture, colour) > near(without, colour) + 50).all(), title
        if title == "mine":
            assert (near(without, (213, 94, 0)) == 0).all()  # the first curve has the first colour, whoever it is
    none, (first, _) = pixels(tmp_path / "x.png", real={}), REAL
    one = pixels(tmp_path / "x.png", real={first: REAL[first]})
    assert (near(one, (0, 0, 0)) > near(none, (0, 0, 0)) + 50).all()
    assert (near(picture, (102, 102, 102)) > near(one, (102, 102, 102)) + 50).all()


def test_points_are_joined_by_temperature(tmp_path: Path) -> None:
    rising, mixed = (
        pixels(tmp_path / "x.png", {"mine": points}, {}) for points in (POINTS, [POINTS[i] for i in (1, 2, 0)])
    )
    assert (rising == mixed).all()


def test_disk_that_refuses(tmp_path: Path) -> None:
    with pytest.raises(AttnGANError):
        draw(CURVES, REAL, tmp_path / "missing" / "curves.png")
