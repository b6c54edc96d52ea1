"""The text encoder learns which words belong to which pictures."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attngan.augment import augment
from attngan.damsm import damsm_loss, sentence_scores, word_scores
from attngan.networks.regions import SIDE, RegionEncoder
from attngan.random import derive
from attngan.streams import Stream
from attngan.training.word_learning import WordLearning, without_padding


class WordMatching(WordLearning):
    """AttnGAN's DAMSM (Xu et al. 2018, section 3.2). What the encoder has learnt then reads for G and D, frozen."""

    name = "matching words"

    def companions(self) -> dict[str, nn.Module]:
        return {"regions": RegionEncoder(self.config.network)}

    def loss(self, chosen: np.ndarray, condition: Tensor, seeds: Tensor) -> Tensor:
        pictures = _small(self.pictures.images[chosen], derive(self.plan.seed, Stream.MATCHING_AUGMENTATION, seeds))
        concepts = torch.from_numpy(self.pictures.captions.numbers[chosen]).to(self.device)
        tokens, mask = without_padding(condition)
        words, sentence = self.networks["text"](tokens, mask)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.plan.precision == "bf16"):
            regions, whole = self.networks["regions"](pictures.to(self.device))
        same = concepts[:, None] == concepts
        loss = damsm_loss(word_scores(words, mask, regions.float()), same)
        return loss + damsm_loss(sentence_scores(sentence, whole.float()), same)


def _small(images: np.ndarray, seeds: Tensor) -> Tensor:
    """uint8 [B, H, W, C] → float [B, C, 32, 32] in [−1, 1], shifted and scaled a little most of the time."""
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    pictures = F.interpolate(pictures, (SIDE, SIDE), mode="area") if pictures.shape[2] > SIDE else pictures
    return augment(pictures, seeds, ("translation", "scale"), 0.8)
