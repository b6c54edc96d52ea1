"""The moving average of the generator, which is what is sampled, measured and shipped."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


class Ema(Generic[Network]):
    """Exponential moving average of a network's parameters (Karras et al. 2018, section A.1).

    half_life: in images. While fewer than 20 half-lives have been seen it is a twentieth of the images seen,
    so that the first grids do not show the initialisation.
    """

    def __init__(self, network: Network, half_life: int) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.half_life = half_life

    @torch.no_grad()
    def update(self, network: nn.Module, images_seen: int, batch: int) -> None:
        """Moves the average towards `network` after a step of `batch` images; images_seen counts them."""
        decay = 0.5 ** (batch / max(min(self.half_life, images_seen / 20), 1e-8))
        for average, value in zip(self.network.parameters(), network.parameters(), strict=True):
            average.lerp_(value, 1 - decay)
