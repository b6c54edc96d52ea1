"""KID against the formula written out, its error bar against repetition, and the report of an evaluation."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attngan import metrics
from attngan.data import Pictures
from attngan.errors import AttnGANError
from attngan.metrics import Report, evaluate, kid


def kernel(x: np.ndarray, y: np.ndarray) -> float:
    return float((x @ y / len(x) + 1) ** 3)


def unbiased_mmd2(x: np.ndarray, y: np.ndarray) -> float:
    """Bińkowski et al. 2018, equation 4, term by term."""
    m, n = len(x), len(y)
    xx = sum(kernel(x[i], x[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    yy = sum(kernel(y[i], y[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    xy = sum(kernel(a, b) for a in x for b in y) / (m * n)
    return xx + yy - 2 * xy


def normals(seed: int, count: int, size: int, mean: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((count, size)) + mean).astype(np.float32)


@settings(max_examples=25)
@given(count=st.integers(4, 13), size=st.integers(1, 6), subsets=st.integers(2, 5), seed=st.integers(0, 99))
def test_equals_the_formula_over_each_subset(count: int, size: int, subsets: int, seed: int) -> None:
    real, fake = normals(seed, count, size), normals(seed + 100, count, size, 0.5)
    generator, m = np.random.default_rng(seed), count // 2
    chosen = [[generator.permutation(count)[:m] for _ in range(subsets)] for _ in range(2)]
    distances = [
        unbiased_mmd2(real[i].astype(np.float64), fake[j].astype(np.float64)) for i, j in zip(*chosen, strict=True)
    ]
    mean, error = kid(real, fake, subsets=subsets, seed=seed)
    assert mean == pytest.approx(np.mean(distances), rel=1e-9, abs=1e-9)
    assert error == pytest.approx(np.std(distances, ddof=1) * np.sqrt(m / (count - m)), rel=1e-9, abs=1e-9)


def test_blocks_of_the_kernel_matrix_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = normals(0, 50, 8), normals(1, 50, 8, 0.3)
    whole = kid(real, fake)
    monkeypatch.setattr(metrics, "_ROWS", 7)
    assert kid(real, fake) == pytest.approx(whole, rel=1e-12)


def test_unbiased_between_equal_distributions() -> None:
    values = [kid(normals(2 * i, 100, 16), normals(2 * i + 1, 100, 16), subsets=20)[0] for i in range(200)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))
    assert min(values) < 0 < max(values)
    biased = np.mean([(1 + (x * x).mean(1)) ** 3 for x in [normals(0, 100, 16)]]) / 100  # what i = j would add
    assert abs(np.mean(values)) < biased / 5


def test_error_bar_is_the_spread_over_repetitions() -> None:
    runs = [kid(normals(2 * i, 200, 8), normals(2 * i + 1, 200, 8, 0.4)) for i in range(60)]
    spread, claimed = np.std([mean for mean, _ in runs], ddof=1), np.mean([error for _, error in runs])
    assert 0.7 < claimed / spread < 1.4


def test_deterministic_and_seeded() -> None:
    real, fake = normals(0, 60, 8), normals(1, 60, 8)
    assert kid(real, fake) == kid(real, fake)
    assert kid(real, fake, seed=1) != kid(real, fake)


def test_larger_shift_larger_kid() -> None:
    real = normals(0, 200, 8)
    distances = [kid(real, normals(1, 200, 8, shift))[0] for shift in (0.0, 0.2, 0.5, 1.0)]
    assert distances == sorted(distances)


@pytest.mark.parametrize("shapes", [((10, 4), (9, 4)), ((10, 4), (10, 3)), ((3, 4), (3, 4))])
def test_shapes_that_do_not_fit(shapes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="features"):
        kid(np.zeros(shapes[0]), np.zeros(shapes[1]))


@pytest.fixture
def pixels_as_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "features", lambda images: images.reshape(len(images), -1).astype(np.float32) / 255)


def pictures(count: int, classes: int = 0) -> Pictures:
    generator = np.random.default_rng(5)
    images = generator.integers(0, 256, (count, 4, 4, 1), np.uint8)
    if not classes:
        return Pictures(images)
    labels = generator.choice(classes, count, p=np.arange(1, classes + 1) / sum(range(classes + 1)))
    return Pictures(images, labels, [str(label) for label in range(classes)])


@pytest.mark.usefixtures("pixels_as_features")
def test_evaluate_compares_disjoint_real_halves_and_asks_for_the_real_classes() -> None:
    real = pictures(400, 3)
    asked: list[np.ndarray] = []

    def draw(count: int, labels: np.ndarray | None) -> np.ndarray:
        assert labels is not None
        asked.append(labels)
        return np.full((count, 4, 4, 1), 40, np.uint8)

    report = evaluate(draw, real, samples=200)
    (labels,) = asked
    assert len(labels) == 200 and labels.dtype == np.int64
    shares = np.bincount(labels, minlength=3) / 200
    assert real.labels is not None
    assert np.abs(shares - np.bincount(real.labels) / 400).max() < 0.1
    assert report.kid > 20 * report.kid_error > 0
    assert abs(report.real_kid) < 4 * report.real_kid_error
    assert evaluate(draw, real, samples=200) == report


def test_real_halves_are_disjoint_and_each_picture_is_used_once(monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = Pictures(np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1)), []

    def record(images: np.ndarray) -> np.ndarray:
        seen.append(images.ravel().tolist())
        return images.reshape(-1, 1).astype(np.float32)

    monkeypatch.setattr(metrics, "features", record)
    evaluate(lambda count, _labels: np.full((count, 1, 1, 1), 200, np.uint8), real, samples=50)
    drawn = [numbers for numbers in seen if 200 in numbers]
    halves = [numbers for numbers in seen if 200 not in numbers]
    assert len(drawn) == 1 and len(halves) == 2
    assert sorted(halves[0] + halves[1]) == list(range(100))
    assert max(halves[0]) > 50 and max(halves[1]) > 50  # drawn from all over, not the first and the last


@pytest.mark.usefixtures("pixels_as_features")
def test_real_pictures_drawn_again_score_as_real_ones() -> None:
    real = pictures(400)
    unseen = np.random.default_rng(6).integers(0, 256, (100, 4, 4, 1), np.uint8)
    report = evaluate(lambda _count, labels: unseen if labels is None else unseen[:0], real, samples=100)
    assert abs(report.kid) < 4 * report.kid_error


def test_report_prints_a_table_and_is_ready_for_json() -> None:
    report = Report(0.00571, 0.00062, -0.00012, 0.0003, 2000)
    assert str(report).splitlines()[1:3] == [
        "generated against real     0.0057   0.0006",
        "real against real         -0.0001   0.0003",
    ]
    assert "2,000 pictures each, features: EfficientNet-Lite0" in report.lines()[-1]
    assert json.loads(json.dumps(report.as_dict()))["kid"] == 0.00571


def never(_count: int, _labels: np.ndarray | None) -> np.ndarray:
    raise AssertionError("drawn before the pictures were counted")


@pytest.mark.parametrize(
    ("count", "samples", "message"),
    [
        (300, 2000, r"--data: 300 pictures; .* --samples 2000 needs 4,000; use --samples 150, or more pictures"),
        (12, 2000, r"--data: 12 pictures; .* needs 4,000; use more pictures"),
        (300, 5, r"--samples 5: too few for an error bar; use 10 or more"),
    ],
)
def test_too_few_pictures(count: int, samples: int, message: str) -> None:
    with pytest.raises(AttnGANError, match=message):
        evaluate(never, pictures(count), samples=samples)


def test_generator_of_another_shape() -> None:
    with pytest.raises(AttnGANError, match=r"draws \(4, 4, 3\) where --data was read as \(4, 4, 1\)"):
        evaluate(lambda count, _labels: np.zeros((count, 4, 4, 3), np.uint8), pictures(100), samples=20)
