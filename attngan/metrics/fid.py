"""Fréchet Inception Distance (Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule")."""

from __future__ import annotations

from typing import Any

import numpy as np

from attngan.errors import AttnGANError

_ROWS = 1024  # turned into float64 at a time: 10 MB of EfficientNet's 1,280 values


def fid_metric() -> Any:
    """torchmetrics' class; AttnGANError if it is not installed."""
    try:
        from torchmetrics.image.fid import FrechetInceptionDistance
    except ImportError:
        raise AttnGANError(
            "torchmetrics", "not installed, and FID is computed by it", 'pip install "attngan[metrics]"'
        ) from None
    return FrechetInceptionDistance


def fid(real_features: np.ndarray, fake_features: np.ndarray) -> float:
    """‖μ − μ'‖² + tr(Σ + Σ' − 2 (ΣΣ')^½) of features [N, d] and [M, d], by torchmetrics in float64.

    Biased upwards, the more the fewer pictures (Bińkowski et al. 2018, appendix D): comparable at equal N and M only.
    With N or M of d or less a covariance is singular, which the formula allows.
    Raises AttnGANError if torchmetrics is missing, ValueError unless both are [2 or more, d] with equal d.
    """
    metric_of = fid_metric()
    import torch

    if real_features.ndim != 2 or fake_features.ndim != 2 or real_features.shape[1] != fake_features.shape[1]:
        raise ValueError(f"features are {real_features.shape} and {fake_features.shape}; must be [N, d] and [M, d]")
    if min(len(real_features), len(fake_features)) < 2:
        raise ValueError(f"{min(len(real_features), len(fake_features))} features: a covariance needs at least 2")
    features_as_they_are = torch.nn.Identity()
    features_as_they_are.num_features = real_features.shape[1]  # where torchmetrics looks for d
    metric = metric_of(features_as_they_are)
    for features, real in ((real_features, True), (fake_features, False)):
        for start in range(0, len(features), _ROWS):
            metric.update(torch.from_numpy(features[start : start + _ROWS].astype(np.float64)), real=real)
    return float(metric.compute())
