"""KID, FID and the neighbour figures against their formulas written out, and what KID's error bar claims."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attngan.metrics import kid as kernel_distance
from attngan.metrics import precision_recall as neighbours
from attngan.metrics.fid import fid
from attngan.metrics.kid import kid
from attngan.metrics.precision_recall import density_and_coverage, precision_and_recall


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
@given(
    counts=st.tuples(st.integers(4, 13), st.integers(4, 13)) | st.integers(4, 13).map(lambda n: (n, n)),
    size=st.integers(1, 6),
    subsets=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_kid_equals_the_formula_over_each_subset(counts: tuple[int, int], size: int, subsets: int, seed: int) -> None:
    real, fake = normals(seed, counts[0], size), normals(seed + 100, counts[1], size, 0.5)
    generator, least = np.random.default_rng(seed), min(counts)
    m = least // 2
    chosen = [[generator.permutation(n)[: n * m // least] for _ in range(subsets)] for n in counts]
    distances = [
        unbiased_mmd2(real[i].astype(np.float64), fake[j].astype(np.float64)) for i, j in zip(*chosen, strict=True)
    ]
    mean, error = kid(real, fake, subsets=subsets, seed=seed)
    assert mean == pytest.approx(np.mean(distances), rel=1e-9, abs=1e-9)
    assert error == pytest.approx(np.std(distances, ddof=1) * np.sqrt(m / (least - m)), rel=1e-9, abs=1e-9)


def test_blocks_of_the_kernel_matrix_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = normals(0, 50, 8), normals(1, 30, 8, 0.3)
    whole = kid(real, fake)
    monkeypatch.setattr(kernel_distance, "_ROWS", 7)
    assert kid(real, fake) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(100, 100), (60, 150)])
def test_kid_is_unbiased_between_equal_distributions(n: int, m: int) -> None:
    values = [kid(normals(2 * i, n, 16), normals(2 * i + 1, m, 16), subsets=20)[0] for i in range(200)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))
    assert min(values) < 0 < max(values)
    biased = np.mean([(1 + (x * x).mean(1)) ** 3 for x in [normals(0, 100, 16)]]) / 100  # what i = j would add
    assert abs(np.mean(values)) < biased / 5


@pytest.mark.parametrize(("n", "m", "runs"), [(200, 200, 100), (256, 50, 150), (256, 1000, 60), (20, 256, 150)])
def test_kids_error_bar_is_the_spread_over_repetitions(n: int, m: int, runs: int) -> None:
    found = [kid(normals(2 * i, n, 8), normals(2 * i + 1, m, 8, 0.5), subsets=40) for i in range(runs)]
    spread, claimed = np.std([mean for mean, _ in found], ddof=1), np.mean([error for _, error in found])
    assert 0.8 < claimed / spread < 1.25


def test_kid_is_deterministic_and_seeded() -> None:
    real, fake = normals(0, 60, 8), normals(1, 60, 8)
    assert kid(real, fake) == kid(real, fake)
    assert kid(real, fake, seed=1) != kid(real, fake)


def test_larger_shift_larger_kid() -> None:
    real = normals(0, 200, 8)
    distances = [kid(real, normals(1, 200, 8, shift))[0] for shift in (0.0, 0.2, 0.5, 1.0)]
    assert distances == sorted(distances)


@pytest.mark.parametrize("shapes", [((10, 4), (10, 3)), ((10, 4), (10,)), ((3, 4), (30, 4)), ((30, 4), (3, 4))])
def test_features_that_kid_can_not_compare(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="features"):
        kid(np.zeros(shapes[0]), np.zeros(shapes[1]))


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """Heusel et al. 2017, equation 6, with SciPy's matrix square root in float64."""
    from scipy.linalg import sqrtm

    x, y = x.astype(np.float64), y.astype(np.float64)
    a, b = np.cov(x.T), np.cov(y.T)
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * np.real(sqrtm(a @ b))))


@pytest.mark.parametrize(("n", "m", "size"), [(60, 60, 5), (300, 200, 20), (2100, 1500, 8)])
def test_fid_equals_the_formula(n: int, m: int, size: int) -> None:
    mix = normals(9, size, size)
    real, fake = normals(0, n, size) @ mix, normals(1, m, size, 0.7)
    assert fid(real, fake) == pytest.approx(frechet(real, fake), rel=1e-9)
    assert fid(real, real) == pytest.approx(0, abs=1e-6)


def test_fid_with_fewer_pictures_than_features() -> None:
    # Nuclear norm of the cross products: the trace of the root without a root of a singular matrix.
    real, fake = normals(0, 30, 50), normals(1, 20, 50, 0.3)
    centred = [(x - x.mean(0)).astype(np.float64) / np.sqrt(len(x) - 1) for x in (real, fake)]
    root = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    means = ((real.mean(0, np.float64) - fake.mean(0, np.float64)) ** 2).sum()
    expected = means + sum((x * x).sum() for x in centred) - 2 * root
    assert fid(real, fake) == pytest.approx(expected, rel=1e-5)


def test_fid_of_features_far_from_zero_keeps_its_digits() -> None:
    real, fake = normals(0, 500, 4) + 1000, normals(1, 500, 4) + 1000
    assert fid(real, fake) == pytest.approx(frechet(real, fake), abs=1e-4)


def test_fid_falls_with_the_number_of_pictures() -> None:
    assert fid(normals(0, 50, 20), normals(1, 50, 20)) > 3 * fid(normals(0, 1000, 20), normals(1, 1000, 20)) > 0


@pytest.mark.parametrize("shapes", [((10, 4), (10, 3)), ((1, 4), (10, 4)), ((10, 4), (4,))])
def test_features_that_fid_can_not_compare(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="features"):
        fid(np.zeros(shapes[0]), np.zeros(shapes[1]))


def distance(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(((x.astype(np.float64) - y.astype(np.float64)) ** 2).sum()))


def radius(points: np.ndarray, i: int, k: int) -> float:
    return sorted(distance(points[i], points[j]) for j in range(len(points)) if j != i)[k - 1]


def share_inside(points: np.ndarray, others: np.ndarray, k: int) -> float:
    """Kynkäänniemi et al. 2019, equation 1: the share of `others` within the k-th neighbour's reach of any point."""
    radii = [radius(points, i, k) for i in range(len(points))]
    inside = [any(distance(x, p) <= r for p, r in zip(points, radii, strict=True)) for x in others]
    return float(np.mean(inside))


@settings(max_examples=40)
@given(n=st.integers(5, 14), m=st.integers(5, 14), size=st.integers(1, 4), k=st.integers(1, 4), seed=st.integers(0, 99))
def test_neighbour_figures_equal_brute_force(n: int, m: int, size: int, k: int, seed: int) -> None:
    # Whole numbers: distances are exact in both ways of computing them, ties and duplicates included.
    random = np.random.default_rng(seed)
    real, fake = (random.integers(-3, 4, (count, size)).astype(np.float32) for count in (n, m))
    assert precision_and_recall(real, fake, k) == (share_inside(real, fake, k), share_inside(fake, real, k))
    inside = np.array([[distance(x, y) <= radius(real, i, k) for y in fake] for i, x in enumerate(real)])
    density, coverage = density_and_coverage(real, fake, k)
    assert density == pytest.approx(inside.sum() / (k * m))  # Naeem et al. 2020, equation 4
    assert coverage == pytest.approx(inside.any(1).mean())  # equation 6


def test_radii_are_scikit_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    sklearn = pytest.importorskip("sklearn.neighbors")
    points = normals(3, 300, 12) + 20
    expected = sklearn.NearestNeighbors(n_neighbors=6).fit(points.astype(np.float64)).kneighbors()[0][:, 4]
    np.testing.assert_allclose(np.sqrt(neighbours.squared_radii(points, 5)), expected, rtol=1e-9)
    monkeypatch.setattr(neighbours, "_BLOCK", 1000)  # three rows at a time
    np.testing.assert_allclose(np.sqrt(neighbours.squared_radii(points, 5)), expected, rtol=1e-9)
    assert max(len(block) for _, block in neighbours.squared_distances(points, points)) == 3


def test_neighbour_figures_tell_collapse_from_noise() -> None:
    real, same = normals(0, 400, 8), normals(1, 400, 8)
    for value in (*precision_and_recall(real, same), density_and_coverage(real, same)[1]):
        assert value > 0.8
    assert density_and_coverage(real, same)[0] == pytest.approx(1, abs=0.15)
    collapsed, spread = 0.1 * normals(1, 400, 8), 4 * normals(1, 400, 8)
    precision, recall = precision_and_recall(real, collapsed)
    assert precision > 0.95 and recall < 0.3 and density_and_coverage(real, collapsed)[1] < 0.5
    precision, recall = precision_and_recall(real, spread)
    assert precision < 0.1 and recall > 0.95 and density_and_coverage(real, spread)[0] < 0.1


def test_too_few_features_for_neighbours() -> None:
    with pytest.raises(ValueError, match="5 features: the 5 nearest others of each need at least 6"):
        density_and_coverage(np.zeros((5, 3)), np.zeros((9, 3)))
    with pytest.raises(ValueError, match="at least 4"):
        precision_and_recall(np.zeros((9, 3)), np.zeros((3, 3)))
