"""Latent codes of training pictures, so that a generator without captions still knows which picture to draw."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from attngan.networks.perception import WIDTHS

_NOISE = 0.3  # of a code: its standard deviation, so that what lies around a code draws alike


class LatentCodes(nn.Module):
    """Principal components of features, of mean 0 and variance 1: what each training picture is called.

    A generator that learns to draw training pictures from their codes draws more of them than one that only deceives
    a discriminator, which draws few again and again; normal noise then draws what lies between. Bojanowski et al. 2018
    (GLO) learn such codes by descent, Casanova et al. 2021 (IC-GAN) take a network's features as a condition.
    """

    mean: Tensor
    basis: Tensor
    share: Tensor

    def __init__(self, values: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(sum(WIDTHS)))
        self.register_buffer("basis", torch.zeros(sum(WIDTHS), values))
        self.register_buffer("share", torch.zeros(values))  # of a code in the noise that it becomes; 0 of a missing one

    @property
    def fitted(self) -> bool:
        return bool(self.share.any())

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Takes the components from features float [N, 512] of N pictures; N − 1 are the most that there are."""
        self.mean.copy_(features.mean(0))
        spread = features.std(0, correction=0)
        varies = spread > 1e-3 * (1 + self.mean.abs())  # less is what roundings differ by
        weights = torch.where(varies, 1 / spread, 0.0)
        _, sizes, directions = torch.linalg.svd((features - self.mean) * weights, full_matrices=False)
        used = min(len(self.share), len(features) - 1, int((sizes > 1e-4 * sizes[0]).sum()))
        self.basis[:, :used] = directions[:used].T / sizes[:used] * math.sqrt(len(features)) * weights[:, None]
        self.share[:used] = math.sqrt(1 - _NOISE**2)

    @torch.no_grad()
    def forward(self, features: Tensor, noise: Tensor) -> Tensor:
        """noise float [B, z_dim], standard normal → the same with the codes of B pictures in its first values."""
        code = (features.float() - self.mean) @ self.basis
        own = noise[:, : len(self.share)]
        mixed = self.share * code + (1 - self.share.square()).sqrt() * own
        return torch.cat([mixed, noise[:, len(self.share) :]], 1)
