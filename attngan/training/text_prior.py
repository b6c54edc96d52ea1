"""The text encoder learns to predict what a frozen network sees in the pictures."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attngan.data import CaptionedDataset
from attngan.networks.perception import WIDTHS, Perception, on_background, pooled
from attngan.networks.text_to_image import STYLE_NAME
from attngan.training.phase import Figures
from attngan.training.word_learning import WordLearning, without_padding

_SIDE = 32  # pixels at which pictures are seen
_BATCH = 64  # pictures whose features are taken at once
_HIDDEN = 512


class TextPrior(WordLearning):
    """Words and style predict the mean over places of each feature, by least squares.

    A retrieval loss (DAMSM) need not tell apart what no other caption is confused with: its sentence vector explains
    0.56 of the variance of such features, words that learn to predict them 0.71.
    """

    name = "learning words"

    def companions(self) -> dict[str, nn.Module]:
        network = self.config.network
        return {
            "style": nn.Embedding(max(network.styles, 1), STYLE_NAME),
            "predict": nn.Sequential(
                nn.Linear(network.text_dim + STYLE_NAME, _HIDDEN), nn.GELU(), nn.Linear(_HIDDEN, sum(WIDTHS))
            ),
        }

    def loss(self, chosen: np.ndarray, condition: Tensor, seeds: Tensor) -> Tensor:
        tokens, mask = without_padding(condition)
        _, sentence = self.networks["text"](tokens, mask)
        predicted = self.networks["predict"](torch.cat([sentence, self.networks["style"](condition[:, 0])], 1))
        return F.mse_loss(predicted, self.targets[chosen].to(self.device))

    def restore(self, folder: Path) -> None:
        super().restore(folder)
        if not self.ended:
            self.targets = self._standardise(_see(self.pictures, self.device))

    def _standardise(self, found: Tensor) -> Tensor:
        """With mean 0 and variance 1 of each feature over the training pictures."""
        shown = found[self.places]
        return (found - shown.mean(0)) / shown.std(0).clamp_min(1e-6)

    def postfix(self) -> Figures:
        """R²: the share of the features' variance that words and style explain."""
        return {"R²": 1 - self._loss}


@lru_cache(maxsize=1)  # a run that is timed before it begins asks several times: half a minute each for 10,000 pictures
@torch.no_grad()
def _see(pictures: CaptionedDataset, device: torch.device) -> Tensor:
    """float32 [N, 512]: features of all pictures on white, the mean over their places."""
    perception, found = Perception().to(device), []
    for start in range(0, len(pictures), _BATCH):
        array = torch.from_numpy(pictures.images[start : start + _BATCH]).to(device)
        small = F.interpolate(array.permute(0, 3, 1, 2).float() / 127.5 - 1, (_SIDE, _SIDE), mode="area")
        maps = perception(on_background(small, torch.ones(len(small), 3, device=device)))
        found.append(pooled(maps).cpu())
    return torch.cat(found)
