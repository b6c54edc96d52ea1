"""How far two sets of sentences are from one another, by their embeddings; for the Fréchet distance see `fid`."""

from __future__ import annotations

import numpy as np

from attngan.metrics.estimate import Estimate
from attngan.metrics.kid import kid


def kernel_distance(real: np.ndarray, other: np.ndarray) -> Estimate:
    """KID's unbiased estimator and error bar (Bińkowski et al. 2018) with the kernel (cosine + 1)³.

    real, other: embeddings float32 [N, d] and [M, d] of length 1. That kernel is (x·y/d + 1)³ of embeddings of length
    √d, which is what features of about one value each have; with x·y/d ≤ 1/384 it would see little but the mean.
    """
    longer = np.sqrt(np.float32(real.shape[1]))
    return Estimate(*kid(longer * real, longer * other), len(other))
