"""An evaluation's report: which pictures it compares, what it prints, and the errors of too few or other pictures."""

from __future__ import annotations

import numpy as np
import pytest
from refusals import refuses

from attngan.data import ImageDataset
from attngan.evaluation.image_report import Figures
from attngan.evaluation.pictures import evaluate
from attngan.features.extractor import Extractor
from attngan.metrics.estimate import Estimate
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

    report = evaluate(draw, real, real.classes, samples=200, judges=[PIXELS])
    seeds, labels = (np.concatenate(parts) for parts in zip(*asked, strict=True))
    assert seeds.tolist() == list(range(200)) and labels.dtype == np.int64
    assert max(len(part) for part, _ in asked) == 64  # a batch is all that is held
    shares = np.bincount(labels, minlength=3) / 200
    assert real.classes is not None
    assert np.abs(shares - np.bincount(real.classes) / 400).max() < 0.1
    (found,) = report.judgements
    drawn, other = found.generated, found.real
    assert drawn.kid.value > 20 * drawn.kid.error > 0
    assert abs(other.kid.value) < 4 * other.kid.error
    assert drawn.recall == 0 and drawn.coverage < 0.05 and other.recall > 0.5 and other.coverage > 0.9
    assert drawn.fid > 10 * other.fid > 0
    assert evaluate(draw, real, real.classes, samples=200, judges=[PIXELS]) == report


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

    classes = np.arange(100) // 10
    report = evaluate(draw, numbered(100), classes, samples=50, judges=[Extractor("recorded", None, record)])
    drawn, first, second = seen
    assert set(drawn) == {200} and len(drawn) == 50
    assert sorted(first + second) == list(range(100))
    assert asked == [number // 10 for number in second]  # the classes of the second half, picture by picture
    assert max(first) > 50 and max(second) > 50  # drawn from all over, not the first and the last
    fake, real, other = (np.random.default_rng(s[0]).standard_normal((50, 3)).astype(np.float32) for s in seen)
    (judged,) = report.judgements
    for found, against in ((judged.generated, fake), (judged.real, other)):
        assert found == Figures(
            Estimate(*kid(real, against), 50),
            fid(real, against),
            *precision_and_recall(real, against),
            *density_and_coverage(real, against),
        )


def test_several_judges_see_each_picture_once_and_judge_by_themselves() -> None:
    real, drawn = pictures(200), []

    def draw(seeds: np.ndarray, _labels: np.ndarray | None) -> np.ndarray:
        drawn.extend(seeds.tolist())
        return pictures(300).images[200 + seeds]

    negative = Extractor("negative", None, lambda images: 3 - 2 * PIXELS.function(images), "negative_")
    both = evaluate(draw, real, samples=100, judges=[PIXELS, negative])
    assert drawn == list(range(100))
    alone = [evaluate(draw, real, samples=100, judges=[judge]) for judge in (PIXELS, negative)]
    assert both.judgements == tuple(one.judgements[0] for one in alone)
    assert both.judgements[0].generated.kid != both.judgements[1].generated.kid
    assert both.as_dict() == alone[0].as_dict() | alone[1].as_dict()


def test_real_pictures_drawn_again_score_as_real_ones() -> None:
    unseen = np.random.default_rng(6).integers(0, 256, (200, 4, 4, 1), np.uint8)
    report = evaluate(lambda seeds, _: unseen[seeds], pictures(400), samples=200, judges=[PIXELS])
    (found,) = report.judgements
    drawn, real = found.generated, found.real
    assert abs(drawn.kid.value) < 4 * drawn.kid.error
    assert drawn.fid == pytest.approx(real.fid, rel=0.2)
    assert drawn.precision == pytest.approx(real.precision, abs=0.15)
    assert drawn.coverage == pytest.approx(real.coverage, abs=0.1)


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
    report = evaluate(lambda seeds, _: pictures(99).images[seeds], pictures(20), samples=10, judges=[PIXELS])
    assert all(np.isfinite(value) for value in report.as_dict().values() if isinstance(value, float))


def test_generator_of_another_shape() -> None:
    with refuses(r"generator: draws \(4, 4, 3\)"):
        evaluate(lambda seeds, _: np.zeros((len(seeds), 4, 4, 3), np.uint8), pictures(100), samples=20)
