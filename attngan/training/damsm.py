"""The first part of a text to image run: the text encoder learns which words belong to which pictures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attngan.augment import augment
from attngan.checkpoint import load_tensors, save_tensors
from attngan.config import RunConfig
from attngan.damsm import damsm_loss, sentence_scores, word_scores
from attngan.data import CaptionedDataset
from attngan.data.conditioning import Conditions
from attngan.data.sampler import Sampler
from attngan.networks.regions import SIDE, RegionEncoder
from attngan.networks.text_encoder import TextEncoder
from attngan.random import derive, uniforms
from attngan.streams import Stream
from attngan.trainer import descend
from attngan.training.phase import Figures, Phase
from attngan.training.state import TrainingState, adam_tensors, restore_adam, without_prefix
from attngan_runtime.tokenizers.word_level import PADDING, UNKNOWN

FILE = "text_encoder.safetensors"


class WordMatching(Phase):
    """The text encoder learns which words belong to which pictures (AttnGAN's DAMSM: Xu et al. 2018, section 3.2).

    What it has learnt then reads for G and D, frozen.
    """

    name, unit = "matching words", "images"
    remedy = "look at the pictures, or try another --seed"

    def __init__(self, config: RunConfig, pictures: CaptionedDataset, conditions: Conditions, state: TrainingState):
        self.config, self.pictures, self.conditions, self.state = config, pictures, conditions, state
        self.plan, self.total, self.images = config.training, config.training.matching_images, 0
        self.device = next(state.trainer.generator.parameters()).device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(derive(self.plan.seed, Stream.MATCHING_INITIAL)))
            self.networks = nn.ModuleDict(
                {"text": TextEncoder(config.network), "regions": RegionEncoder(config.network)}
            ).to(self.device)
        self.optimizer = torch.optim.Adam(self.networks.parameters(), lr=self.plan.matching_learning_rate)
        self.places, _ = pictures.split(self.plan.holdout, self.plan.seed)
        self._order = Sampler(int(derive(self.plan.seed, Stream.MATCHING_ORDER)), len(self.places))
        self._loss = math.nan

    @property
    def seen(self) -> int:
        return self.images

    @property
    def ended(self) -> bool:
        return self.images >= self.total

    def step(self) -> Figures:
        seed, batch = self.plan.seed, self.plan.matching_batch
        chosen = self.places[self._order.indices(self.images, batch)]
        seeds = torch.arange(self.images, self.images + batch)
        condition = torch.from_numpy(
            self.conditions.draw(chosen, derive(seed, Stream.MATCHING_CAPTIONS, seeds).numpy(), always=True)
        )
        small = _small(self.pictures.images[chosen], derive(seed, Stream.MATCHING_AUGMENTATION, seeds))
        unknown = _with_unknown(condition, derive(seed, Stream.MATCHING_WORDS, seeds), self.plan.matching_unknown)
        concepts = torch.from_numpy(self.pictures.captions.numbers[chosen])
        figures = self.match(small.to(self.device), unknown.to(self.device), concepts.to(self.device))
        self.images += batch
        self._loss = figures["loss"]
        return figures

    def match(self, pictures: Tensor, condition: Tensor, concepts: Tensor) -> Figures:
        """One step on [B, C, 32, 32] pictures in [−1, 1], their conditions and the numbers of their concepts."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.matching_learning_rate * (0.5 + 0.5 * math.cos(math.pi * self.images / self.total))
        named = (condition[:, 1:] != PADDING).any(1)  # a caption of nothing but punctuation matches no picture
        if not named.any():
            return {"loss": math.nan}
        pictures, condition, concepts = pictures[named], condition[named], concepts[named]
        tokens = condition[:, 1 : 1 + (condition[:, 1:] != PADDING).sum(1).max()]  # scores of padding take time
        mask = tokens != PADDING
        words, sentence = self.networks["text"](tokens, mask)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.plan.precision == "bf16"):
            regions, whole = self.networks["regions"](pictures)
        same = concepts[:, None] == concepts
        loss = damsm_loss(word_scores(words, mask, regions.float()), same)
        loss = loss + damsm_loss(sentence_scores(sentence, whole.float()), same)
        skipped = descend(self.optimizer, loss, max_norm=1.0)
        return {name: value.item() for name, value in ({"loss": loss.detach()} | skipped).items()}

    def postfix(self) -> Figures:
        return {"loss": self._loss}

    def restore(self, folder: Path) -> None:
        """Goes on from what `save` wrote, if it did; AttnGANError if that is damaged."""
        path = folder / FILE
        if not path.exists():
            return
        tensors, about = load_tensors(path, f"delete it, and the words are learnt again in {folder}", checked=True)
        self.networks.load_state_dict({name: value for name, value in tensors.items() if not name.startswith("adam.")})
        restore_adam(self.optimizer, self.networks, without_prefix(tensors, "adam."))
        self.images = about["images"]

    def save(self, folder: Path) -> None:
        """text_encoder.safetensors: encoders, optimiser and images shown; and generator.safetensors."""
        tensors = self.networks.state_dict() | adam_tensors("adam", self.optimizer, self.networks)
        save_tensors(folder / FILE, tensors, {"images": self.images})
        self._hand_over()
        self.state.save_generator(folder)

    def finish(self, folder: Path) -> None:
        self.save(folder)

    def _hand_over(self) -> None:
        for network in (self.state.trainer.generator, self.state.trainer.discriminator, self.state.ema.network):
            network.get_submodule("text").load_state_dict(self.networks["text"].state_dict())


def _small(images: np.ndarray, seeds: Tensor) -> Tensor:
    """uint8 [B, H, W, C] → float [B, C, 32, 32] in [−1, 1], shifted and scaled a little most of the time."""
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    pictures = F.interpolate(pictures, (SIDE, SIDE), mode="area") if pictures.shape[2] > SIDE else pictures
    return augment(pictures, seeds, ("translation", "scale"), 0.8)


def _with_unknown(condition: Tensor, seeds: Tensor, share: float) -> Tensor:
    """The condition with a share of the words replaced by the unknown one."""
    tokens = condition[:, 1:]
    hidden = (uniforms(seeds, tokens.shape[1]) < share) & (tokens != PADDING)
    return torch.cat([condition[:, :1], tokens.masked_fill(hidden, UNKNOWN)], 1)
