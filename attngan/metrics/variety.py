"""How far apart pictures are from one another."""

from __future__ import annotations

import numpy as np

from attngan.metrics.precision_recall import squared_distances


def mean_pairwise_distance(features: np.ndarray) -> float:
    """The mean Euclidean distance between two of features [P, d]; ValueError if there are fewer than two."""
    if len(features) < 2:
        raise ValueError(f"{len(features)} features: a distance needs at least 2")
    squares = np.concatenate([block for _, block in squared_distances(features, features)])
    return float(np.sqrt(squares[np.triu_indices(len(features), 1)]).mean())
