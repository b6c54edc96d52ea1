"""Feature extractors: the one that comes along, and a user's own, named `module:function`."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attngan.data.transforms import on_white
from attngan.errors import AttnGANError
from attngan.features import efficientnet, open_nsfw
from attngan.progress import progress

_BATCH = 64  # pictures drawn or read at a time: 12 MB of RGB at 256²


@dataclass(frozen=True)
class Extractor:
    """A function from pictures to features, and what tells its features from another's."""

    name: str  #: printed beside every figure; figures in different features can't be compared
    version: str | None  #: changes whenever the features do; None: they are never cached
    function: Callable[[np.ndarray], Any]  #: uint8 [B, H, W, 1 or 3] → float [B, d]
    key: str = ""  #: before the names of figures in its features, in JSON

    @property
    def title(self) -> str:
        """The name without what stands in brackets after it."""
        return self.name.partition(" (")[0]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """float32 [B, d] of pictures uint8 [B, H, W, C]; premultiplied RGBA is put on white.

        Raises AttnGANError if the function gives anything else than finite floats [B, d].
        """
        found = np.asarray(self.function(on_white(images) if images.shape[3] == 4 else images))
        if found.ndim != 2 or len(found) != len(images) or not found.shape[1] or found.dtype.kind != "f":
            raise AttnGANError(
                f"--features {self.name}",
                f"gives {found.dtype} {list(found.shape)} for {len(images)} pictures",
                f"return floats [{len(images)}, d]",
            )
        found = found.astype(np.float32)
        if not np.isfinite(found).all():
            raise AttnGANError(
                f"--features {self.name}", "gives values that are not finite in float32", "check its input"
            )
        return found

    def extract(self, count: int, read: Callable[[slice], np.ndarray], what: str) -> np.ndarray:
        """`extract_all` of this one alone."""
        return extract_all([self], count, read, what)[0]


def extract_all(
    extractors: Sequence[Extractor], count: int, read: Callable[[slice], np.ndarray], what: str
) -> list[np.ndarray]:
    """By extractor float32 [count, d]: features of the pictures that `read` gives for 0:64, 64:128, … below `count`.

    Each picture is read once, and no more than one such batch is held. what: the progress bar's name for them.
    """
    parts: list[list[np.ndarray]] = [[] for _ in extractors]
    starts = range(0, count, _BATCH)
    for start in progress(starts, f"features, {what}", "batches"):
        images = read(slice(start, min(start + _BATCH, count)))
        for extractor, found in zip(extractors, parts, strict=True):
            found.append(extractor(images))
            if found[0].shape[1] != found[-1].shape[1]:
                raise AttnGANError(
                    f"--features {extractor.name}",
                    f"gives {found[0].shape[1]} values, then {found[-1].shape[1]}",
                    "return as many for every picture",
                )
    return [np.concatenate(found) for found in parts]


EFFICIENTNET = Extractor(efficientnet.NAME, efficientnet.VERSION, efficientnet.features)
OPEN_NSFW = Extractor(open_nsfw.NAME, open_nsfw.VERSION, open_nsfw.features, "open_nsfw_")


def load_extractor(spec: str) -> Extractor:
    """The extractor `module:function`; modules in the current folder are found too.

    The function's attribute `name` is printed in place of `module:function`. Features of real pictures are cached if
    it has an attribute `version`, a string that its author changes whenever the features change.
    Raises AttnGANError if there is no such module or function, or if importing it fails.
    """
    module, colon, attribute = spec.partition(":")
    if not (module and colon and attribute):
        raise AttnGANError(
            f"--features {spec}", "not module:function", "write for instance inception_features:inception"
        )
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        function = getattr(importlib.import_module(module), attribute, None)
    except Exception as error:  # the module is the user's: importing it can raise anything
        raise AttnGANError(
            f"--features {spec}",
            f"importing {module} failed ({type(error).__name__}: {error})",
            "name a module that can be imported from the current folder",
        ) from None
    if not callable(function):
        raise AttnGANError(f"--features {spec}", f"{module} has no function {attribute}", "check its name")
    version = getattr(function, "version", None)
    return Extractor(str(getattr(function, "name", spec)), None if version is None else str(version), function)
