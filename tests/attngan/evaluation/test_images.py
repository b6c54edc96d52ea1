"""An evaluation's report: which pictures it compares, what it prints, and the errors of too few or other pictures."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from attngan.evaluation.images import Report, evaluate
from refusals import refuses

from attngan.data import ImageDataset
from attngan.features.extractor import Extractor
from attngan.metrics.fid import fid
from attngan.metrics.kid import kid
from attngan.metrics.precision_recall import density_and_coverage, precision_and_recall

PIXELS = Extractor("pixels", None, lambda images: images.reshape(len(images), -1).astype(np.float32) / 255)


def pictures(count: int, classes: int = 0) -> ImageDataset:
    generator = np.random.default_rng(5)
    images = generator.integers(0, 256, (count, 4, 4, 1), np.uint8)
    if not classes:
        return ImageDataset(images)
    labels = generator.choice(classes, count, p=np.arange(1, classes + 1) / sum(range(classes + 1)))
    return ImageDataset(images, labels, [str(label) for label in range(classes)])


def numbered(count: int) -> ImageDataset:
    return ImageDataset(np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1))


def test_compares_with_the_real_classes_and_each_seed_once() -> None:
    real = pictures(400, 3)
    asked: list[tuple[np.ndarray, np.ndarray]] = []

    def draw(seeds: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        assert labels is not None
        asked.append((seeds, labels))
        return np.full((len(seeds), 4, 4, 1), 40, np.uint8)

    report = evaluate(draw, real, samples=200, extractor=PIXELS)
    seeds, labels = (np.concatenate(parts) for parts in zip(*asked, strict=True))
    assert seeds.tolist() == list(range(200)) and labels.dtype == np.int64
    assert max(len(part) for part, _ in asked) == 64  # a batch is all that is held
    shares = np.bincount(labels, minlength=3) / 200
    assert real.labels is not None
    assert np.abs(shares - np.bincount(real.labels) / 400).max() < 0.1
    assert report.kid > 20 * report.kid_error > 0
    assert abs(report.real_kid) < 4 * report.real_kid_error
    assert report.recall == 0 and report.coverage < 0.05 and report.real_recall > 0.5 and report.real_coverage > 0.9
    assert report.fid > 10 * report.real_fid > 0
    assert evaluate(draw, real, samples=200, extractor=PIXELS) == report


def test_real_halves_are_disjoint_and_every_figure_is_of_the_right_sets() -> None:
    seen: list[list[int]] = []
    asked: list[int] = []

    def record(images: np.ndarray) -> np.ndarray:
        seen.append(images.ravel().tolist())
        return np.random.default_rng(images[0, 0, 0, 0]).standard_normal((len(images), 3))

    def draw(seeds: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        assert labels is not None
        asked.extend(labels.tolist())
        return np.full((len(seeds), 1, 1, 1), 200, np.uint8)

    real_pictures = replace(numbered(100), labels=np.arange(100) // 10, class_names=list("abcdefghij"))
    report = evaluate(draw, real_pictures, samples=50, extractor=Extractor("recorded", None, record))
    drawn, first, second = seen
    assert set(drawn) == {200} and len(drawn) == 50
    assert sorted(first + second) == list(range(100))
    assert asked == [number // 10 for number in second]  # the classes of the second half, picture by picture
    assert max(first) > 50 and max(second) > 50  # drawn from all over, not the first and the last
    fake, real, other = (np.random.default_rng(s[0]).standard_normal((50, 3)).astype(np.float32) for s in seen)
    for prefix, against in (("", fake), ("real_", other)):
        found = {
            name.removeprefix(prefix): value for name, value in report.as_dict().items() if name.startswith(prefix)
        }
        assert (found["kid"], found["kid_error"]) == kid(real, against)
        assert found["fid"] == fid(real, against)
        assert (found["precision"], found["recall"]) == precision_and_recall(real, against)
        assert (found["density"], found["coverage"]) == density_and_coverage(real, against)


def test_real_pictures_drawn_again_score_as_real_ones() -> None:
    unseen = np.random.default_rng(6).integers(0, 256, (200, 4, 4, 1), np.uint8)
    report = evaluate(lambda seeds, _: unseen[seeds], pictures(400), samples=200, extractor=PIXELS)
    assert abs(report.kid) < 4 * report.kid_error
    assert report.fid == pytest.approx(report.real_fid, rel=0.2)
    assert report.precision == pytest.approx(report.real_precision, abs=0.15)
    assert report.coverage == pytest.approx(report.real_coverage, abs=0.1)


REPORT = Report(
    0.00571, 0.00062, 31.256, 0.71, 0.52, 0.843, 0.7,
    -0.00012, 0.0003, 9.1, 0.901, 0.902, 1.003, 0.965, 2000,
)  # fmt: skip


def test_report_prints_a_table_and_is_ready_for_json() -> None:
    assert str(REPORT).splitlines()[:7] == [
        "                    generated against real     real against real",
        "KID                        0.0057 ± 0.0006      -0.0001 ± 0.0003",
        "FID                                  31.26                  9.10",
        "precision (k = 3)                    0.710                 0.901",
        "recall (k = 3)                       0.520                 0.902",
        "density (k = 5)                      0.843                 1.003",
        "coverage (k = 5)                     0.700                 0.965",
    ]
    assert "2,000 pictures on each side, features: EfficientNet-Lite0" in REPORT.lines()[-1]
    assert "features: mine;" in replace(REPORT, features="mine").lines()[-1]
    assert json.loads(json.dumps(REPORT.as_dict()))["kid"] == 0.00571


def never(_seeds: np.ndarray, _labels: np.ndarray | None) -> np.ndarray:
    raise AssertionError("drawn before the pictures were counted")


@pytest.mark.parametrize(
    ("count", "samples", "message"),
    [
        (300, 2000, "--data: 300 pictures; .* needs 4,000; use --samples 150"),
        (12, 2000, "--data: 12 pictures; .* needs 4,000; use more"),
        (300, 5, "--samples 5: too few"),
    ],
)
def test_too_few_pictures(count: int, samples: int, message: str) -> None:
    with refuses(message):
        evaluate(never, pictures(count), samples=samples)


def test_the_fewest_pictures_have_every_figure() -> None:
    report = evaluate(lambda seeds, _: pictures(99).images[seeds], pictures(20), samples=10, extractor=PIXELS)
    assert all(np.isfinite(value) for value in report.as_dict().values() if isinstance(value, float))


def test_generator_of_another_shape() -> None:
    with refuses(r"generator: draws \(4, 4, 3\)"):
        evaluate(lambda seeds, _: np.zeros((len(seeds), 4, 4, 3), np.uint8), pictures(100), samples=20)
