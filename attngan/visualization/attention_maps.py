"""Where a generator's self-attention looks from one point of its picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attngan.attention import SelfAttention2d
from attngan.errors import AttnGANError
from attngan.generators.image import TorchImageGenerator


@dataclass(frozen=True)
class AttentionMaps:
    """What one layer attends to from the chosen point, for every picture drawn."""

    token: tuple[int, int]  #: row and column of the chosen point on the layer's grid
    weights: np.ndarray  #: float32 [B, heads, r, r]; each map sums to 1

    @property
    def resolution(self) -> int:
        return int(self.weights.shape[-1])


def attention_maps(
    generator: TorchImageGenerator, seeds: list[int], classes: np.ndarray | None, truncation: float,
    point: tuple[int, int],
) -> tuple[np.ndarray, list[AttentionMaps]]:  # fmt: skip
    """Pictures uint8 [B, H, W, C] of the seeds, and the maps of each attention layer from coarse to fine.

    classes: int64 [B] or None. point: x and y in pixels of the picture, from its top left corner.
    Raises AttnGANError if the point lies outside of the picture or the generator has no attention.
    """
    _check_point(generator, point)
    side = generator.resolution
    with _collect_maps(generator.network, point, side) as seen:
        pictures = generator.sample(seeds, classes, truncation)
    return pictures, [
        AttentionMaps(token_of(point, side, parts[0].shape[-1]), torch.cat(parts).numpy()) for parts in seen
    ]


def _check_point(generator: TorchImageGenerator, point: tuple[int, int]) -> None:
    """Raises AttnGANError unless attention can be looked at from there."""
    side, written = generator.resolution, f"--attention {point[0]},{point[1]}"
    if not all(0 <= place < side for place in point):
        raise AttnGANError(written, f"outside of the {side}×{side} picture", f"give X and Y from 0 to {side - 1}")
    if not layers(generator.network):
        raise AttnGANError(written, f"{generator.name} has no self-attention to look at", "leave the option out")


def layers(network: nn.Module) -> list[SelfAttention2d]:
    """Its self-attention layers in the order in which they work, for a generator from coarse to fine."""
    return [module for module in network.modules() if isinstance(module, SelfAttention2d)]


def token_of(point: tuple[int, int], side: int, resolution: int) -> tuple[int, int]:
    """Row and column, on a layer's grid of resolution², of the pixel (x, y) of a picture of side² pixels."""
    return point[1] * resolution // side, point[0] * resolution // side


def weights_from(layer: SelfAttention2d, x: Tensor, token: tuple[int, int]) -> Tensor:
    """Attention weights [B, heads, H, W] of one position of a feature map [B, C, H, W].

    One row of `layer.weights(x)`, without the others, which at 64² take 67 MB a head and picture.
    """
    sequence = x.flatten(2).transpose(1, 2)
    place = token[0] * x.shape[3] + token[1]
    query = sequence[:, place : place + 1]
    _, weights = layer.attention(query, sequence, sequence, need_weights=True, average_attn_weights=False)
    return weights.unflatten(-1, x.shape[2:]).squeeze(2)


@contextmanager
def _collect_maps(network: nn.Module, point: tuple[int, int], side: int) -> Iterator[list[list[Tensor]]]:
    """The maps of each layer, batch by batch, of what the network draws meanwhile."""
    maps: dict[SelfAttention2d, list[Tensor]] = {layer: [] for layer in layers(network)}

    def note(layer: Any, inputs: Any) -> None:
        maps[layer].append(weights_from(layer, inputs[0], token_of(point, side, inputs[0].shape[-1])).float())

    handles = [layer.register_forward_pre_hook(note) for layer in maps]
    try:
        yield list(maps.values())
    finally:
        for handle in handles:
            handle.remove()
