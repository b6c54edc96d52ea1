"""What a frozen network sees in pictures: EfficientNet-Lite0 at five depths, for losses and discriminators.

Distances between such features follow what people see far better than distances of pixels (Zhang et al. 2018, LPIPS),
and a discriminator on them starts with eyes (Sauer et al. 2021, Projected GANs).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.fusion import fuse_conv_bn_eval

from attngan.networks.efficientnet_lite0 import InvertedResidual, SameConv, load_pretrained

TAPS = (0, 2, 4, 10, 15)  #: blocks after which features are taken: one a resolution, the last before it halves again
WIDTHS = (16, 24, 40, 112, 320)  #: channels of each
_LARGEST = 96  # pixels of a side; 224, for which the network was trained, takes five times as long


class Perception(nn.Module):
    """RGB pictures [B, 3, r, r] in [−1, 1] → five feature maps [B, C, h, w], each divided by its channels' spread.

    r is doubled, but to 96 at most; the maps have 1/2 to 1/32 of that side. A channel's spread is what batch
    normalisation made it on ImageNet: the weight of the norm, added in squares along a residual chain.
    Raises AttnGANError if the weights' package is missing or another one.
    """

    def __init__(self) -> None:
        super().__init__()
        network = load_pretrained()
        self.stem = _FrozenConv(network._conv_stem, network._bn0)
        blocks = list(network._blocks[: TAPS[-1] + 1])
        self.blocks = nn.ModuleList(_FoldedBlock(block) for block in blocks)  # type: ignore[arg-type]
        for place, spread in zip(TAPS, _spreads(blocks), strict=True):  # type: ignore[arg-type]
            self.register_buffer(f"spread{place}", spread[:, None, None])
        self.eval().requires_grad_(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        side = min(2 * pictures.shape[-1], _LARGEST)
        x = F.interpolate(pictures, (side, side), mode="bilinear", align_corners=False)
        x = F.relu6(self.stem(x))
        found = []
        for place, block in enumerate(self.blocks):
            x = block(x)
            if place in TAPS:
                found.append(x / self.get_buffer(f"spread{place}").to(x.dtype))
        return found


def pooled(maps: list[Tensor]) -> Tensor:
    """[B, 512]: the mean over places of each feature."""
    return torch.cat([x.mean((2, 3)) for x in maps], 1)


def open_perception(beside: nn.Module) -> Perception:
    """On the device of another network, channels last, as oneDNN and cuDNN convolve fastest."""
    device = next(beside.parameters()).device
    return Perception().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class _FoldedBlock(nn.Module):
    """An inverted residual whose norms are part of its convolutions: a third less time."""

    def __init__(self, block: InvertedResidual) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if block.expands:
            layers += [_FrozenConv(block._expand_conv, block._bn0), nn.ReLU6()]
        layers += [
            _FrozenConv(block._depthwise_conv, block._bn1),
            nn.ReLU6(),
            _FrozenConv(block._project_conv, block._bn2),
        ]
        self.layers, self.adds = nn.Sequential(*layers), block.adds

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return x + out if self.adds else out


class _FrozenConv(nn.Module):
    """A convolution with its norm folded in, whose weights never learn.

    Its gradient is a convolution as well: torch's own way back takes eight times as long as the way there in bfloat16
    on a CPU, this one as long.
    """

    def __init__(self, convolution: SameConv, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        folded = fuse_conv_bn_eval(convolution, norm)
        self.weight, self.bias = folded.weight, folded.bias
        self.stride, self.groups = folded.stride[0], folded.groups
        self.missing = folded.kernel_size[0] - self.stride  # rows, padded as TensorFlow's "same"

    def forward(self, x: Tensor) -> Tensor:
        padding = max(self.missing // 2, 0)
        if self.missing % 2 and self.missing > 0:
            x = F.pad(x, (0, 1, 0, 1))
        dtype = torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled(x.device.type) else x.dtype
        weight, bias = self.weight.to(dtype), None if self.bias is None else self.bias.to(dtype)
        with torch.autocast(x.device.type, enabled=False):
            out: Tensor = _Convolve.apply(x.to(dtype), weight, bias, self.stride, padding, self.groups)
        return out


class _Convolve(torch.autograd.Function):
    """conv2d with a gradient for x alone, once."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int, groups: int) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.numbers, ctx.side = (stride, padding, groups), x.shape[-1]
        return F.conv2d(x, weight, bias, stride, padding, 1, groups)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (weight,), (stride, padding, groups) = ctx.saved_tensors, ctx.numbers
        if stride > 1:  # zeros between: the transposed convolution by channel takes five times as long
            side = ctx.side + 2 * padding - weight.shape[-1] + 1
            spread = torch.zeros((*gradient.shape[:2], side, side), dtype=gradient.dtype, device=gradient.device).to(
                memory_format=torch.channels_last
            )
            spread[:, :, ::stride, ::stride] = gradient
            gradient = spread
        mirrored = weight.flip(2, 3) if groups > 1 else weight.flip(2, 3).transpose(0, 1)
        found = F.conv2d(gradient, mirrored, None, 1, weight.shape[-1] - 1 - padding, 1, groups)
        return found, None, None, None, None, None


def on_background(pictures: Tensor, colours: Tensor) -> Tensor:
    """RGB [B, 3, H, W] in [−1, 1] of pictures [B, C, H, W] in [−1, 1].

    C: 1 grey, 3 RGB, 4 RGB premultiplied by alpha, which is put on colours [B, 3] in [−1, 1].
    """
    if pictures.shape[1] == 1:
        return pictures.expand(-1, 3, -1, -1)
    if pictures.shape[1] == 3:
        return pictures
    through = 0.5 - 0.5 * pictures[:, 3:]
    return pictures[:, :3] + through * (colours[:, :, None, None] + 1)


def _spreads(blocks: list[InvertedResidual]) -> list[Tensor]:
    """[C] of each tap."""
    found, square = [], torch.zeros(())
    for place, block in enumerate(blocks):
        own = block._bn2.weight.detach().square()
        square = square + own if block.adds else own
        if place in TAPS:
            found.append(square.sqrt().clamp_min(1e-2))
    return found
