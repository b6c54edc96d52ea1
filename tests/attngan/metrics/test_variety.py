"""How far apart pictures are, by brute force."""

import numpy as np
import pytest

from attngan.metrics.variety import mean_pairwise_distance


def test_mean_distance_between_two_of_them() -> None:
    features = np.random.default_rng(0).standard_normal((7, 5)).astype(np.float32)
    pairs = [np.linalg.norm(features[i] - features[j]) for i in range(7) for j in range(i)]
    assert mean_pairwise_distance(features) == pytest.approx(np.mean(pairs))
    assert mean_pairwise_distance(np.ones((3, 4))) == 0
    with pytest.raises(ValueError, match="at least 2"):
        mean_pairwise_distance(features[:1])
