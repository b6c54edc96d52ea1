"""How far two sets of sentences are from one another, by their embeddings."""

from __future__ import annotations

import numpy as np

from attngan.metrics.estimate import Estimate
from attngan.metrics.fid import fid
from attngan.metrics.kid import kid


def kernel_distance(real: np.ndarray, other: np.ndarray) -> Estimate:
    """KID's unbiased estimator and error bar (Bińkowski et al. 2018) with the kernel (cosine + 1)³.

    real, other: embeddings float32 [N, d] and [M, d] of length 1. That kernel is (x·y/d + 1)³ of embeddings of length
    √d, which is what features of about one value each have; with x·y/d ≤ 1/384 it would see little but the mean.
    """
    longer = np.sqrt(np.float32(real.shape[1]))
    value, error = kid(longer * real, longer * other)
    return Estimate(value, error, len(other))


def frechet_distance(real: np.ndarray, other: np.ndarray) -> float:
    """Fréchet distance (Heusel et al. 2017) of embeddings, as Cífka et al. 2018 and de Masson d'Autume et al. 2019 do.

    Biased upwards, the more the fewer sentences: comparable at equal N and M only. Arguments as above.
    """
    return fid(real, other)
