"""How far two sets of sentences are from one another, by their embeddings."""

from __future__ import annotations

import numpy as np

from attngan.metrics.frechet_distance import fid
from attngan.metrics.kernel_distance import kid
from attngan.metrics.text.figure import Figure


def kernel_distance(real: np.ndarray, other: np.ndarray) -> Figure:
    """KID's unbiased estimator and error bar (Bińkowski et al. 2018) with the kernel (cosine + 1)³.

    real, other: embeddings float32 [N, d] and [M, d] of length 1. That kernel is (x·y/d + 1)³ of embeddings of length
    √d, which is what features of about one value each have; with x·y/d ≤ 1/384 it would see little but the mean.
    """
    longer = np.sqrt(np.float32(real.shape[1]))
    value, error = kid(longer * real, longer * other)
    return Figure(value, error, len(other))


def frechet_distance(real: np.ndarray, other: np.ndarray) -> float:
    """Fréchet distance (Heusel et al. 2017) of embeddings, as Cífka et al. 2018 and de Masson d'Autume et al. 2019 do.

    Biased upwards, the more the fewer sentences: comparable at equal N and M only. Arguments as above.
    """
    return fid(real, other)
