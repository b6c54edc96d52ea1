"""KID of the averaged generator against held-out pictures while it trains: which is best, and whether it collapsed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from attngan.data import ImageDataset
from attngan.data.transforms import premultiply
from attngan.errors import AttnGANError
from attngan.features.efficientnet import features
from attngan.metrics.kid import FEWEST, kid
from attngan.networks.build import Generator, deploy
from attngan.training.state import Progress
from attngan_runtime.generators.pixels import to_uint8

_BATCH = 32  # pictures between two looks at the stop signals: about a second


class Quality:
    """Measures always the same seeds against the same pictures, so that its figures can be compared over a run."""

    def __init__(self, held_out: ImageDataset, samples: int) -> None:
        """samples: pictures to draw each time. Raises AttnGANError if the extractor's packages are not there."""
        self.held_out, self.samples = held_out, samples
        features(held_out.images[:1])
        self._real: list[np.ndarray] = []
        # The classes or conditions in their real shares, in an order that mixes them.
        self._labels = None
        if held_out.labels is not None:
            order = np.resize(np.random.default_rng(0).permutation(len(held_out)), samples)
            self._labels = torch.from_numpy(held_out.labels[order])

    @torch.no_grad()
    def measure(self, generator: Generator, device: torch.device, stop: Sequence[int]) -> tuple[float, float] | None:
        """(KID, its standard error), or None if a stop signal came first."""
        for start in range(sum(map(len, self._real)), len(self.held_out), _BATCH):
            if stop:
                return None
            self._real.append(features(self.held_out.images[start : start + _BATCH]))
        deployed, parts = deploy(generator), []
        for start in range(0, self.samples, _BATCH):
            if stop:
                return None
            seeds = torch.arange(start, min(start + _BATCH, self.samples), device=device)
            some = None if self._labels is None else self._labels[start : start + len(seeds)].to(device)
            drawn = to_uint8(deployed.from_seed(seeds, some, torch.ones(len(seeds), device=device)).cpu().numpy())
            parts.append(features(premultiply(drawn) if drawn.shape[3] == 4 else drawn))
        return kid(np.concatenate(self._real), np.concatenate(parts))


def open_quality(held_out: ImageDataset, samples: int) -> tuple[Quality | None, str]:
    """What measures KID on the way, or None and the reason why nothing does."""
    if not len(held_out):
        return None, ""
    if len(held_out) < FEWEST:
        return None, f"{len(held_out)} held-out pictures are too few for KID ({FEWEST} are needed)"
    try:
        return Quality(held_out, samples), ""
    except AttnGANError as error:
        return None, str(error)


def judge(progress: Progress, kid: float, error: float, patience: int) -> bool:
    """Whether this KID is the lowest so far; after `patience` collapsed ones in a row the run is to stop.

    Collapsed: worse than the best by more than both standard errors. A run that merely no longer improves goes on,
    since most of what the falling learning rate gives comes at the end.
    """
    best = progress.best
    if best is None or kid <= best["kid"]:  # equal: measured before a kill, and again
        progress.best = {"images": progress.images, "kid": kid, "kid_error": error}
        progress.collapsed = 0
        return True
    collapsed = kid - best["kid"] > error + best["kid_error"]
    progress.collapsed = progress.collapsed + 1 if collapsed else 0
    progress.stopped_early = 0 < patience <= progress.collapsed
    return False
