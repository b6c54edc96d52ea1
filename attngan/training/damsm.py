"""The first part of a text to image run: the text encoder learns which words belong to which pictures."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from attngan.augment import augment
from attngan.checkpoint import load_tensors, save_tensors
from attngan.config import RunConfig, TextToImageConfig
from attngan.damsm import damsm_loss, sentence_scores, word_scores
from attngan.data import ImageDataset
from attngan.data.captions import numbered
from attngan.data.conditioning import Conditions
from attngan.data.sampler import Sampler
from attngan.errors import AttnGANError
from attngan.networks.regions import SIDE, RegionEncoder
from attngan.networks.text_encoder import TextEncoder
from attngan.random import derive, uniforms
from attngan.streams import Stream
from attngan.training.state import adam_tensors, below, restore_adam
from attngan_runtime.tokenizers.word_level import PADDING, UNKNOWN

FILE = "text_encoder.safetensors"
_BATCH = 32
_LEARNING_RATE = 1e-3
_FORGOTTEN = 0.05  # share of words shown as the unknown one, so that it means something
_SAVE_SECONDS = 60.0
_SKIPS = 10  # steps in a row without finite gradients, after which there is nothing to go back to


class Matching:
    """The two encoders, their optimiser, and where they stand."""

    def __init__(self, config: RunConfig, device: torch.device) -> None:
        assert isinstance(config.network, TextToImageConfig)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(derive(config.training.seed, Stream.MATCHING_INITIAL)))
            self.networks = nn.ModuleDict(
                {"text": TextEncoder(config.network), "regions": RegionEncoder(config.network)}
            ).to(device)
        self.optimizer = torch.optim.Adam(self.networks.parameters(), lr=_LEARNING_RATE)
        self.images, self.last, self.device = 0, config.training.matching_images, device
        self.half, self.skips = config.training.precision == "bf16", 0

    def save(self, folder: Path) -> None:
        """Writes text_encoder.safetensors: encoders, optimiser and images shown."""
        tensors = self.networks.state_dict() | adam_tensors("adam", self.optimizer, self.networks)
        save_tensors(folder / FILE, tensors, {"images": self.images})

    def load(self, folder: Path) -> None:
        """Goes on from what `save` wrote; AttnGANError if that is damaged."""
        path = folder / FILE
        tensors, about = load_tensors(path, f"delete it, and the words are learnt again in {folder}", checked=True)
        self.networks.load_state_dict({name: value for name, value in tensors.items() if not name.startswith("adam.")})
        restore_adam(self.optimizer, self.networks, below(tensors, "adam."))
        self.images = about["images"]

    def step(self, pictures: Tensor, condition: Tensor, concepts: Tensor) -> float:
        """One step on [B, C, 32, 32] pictures in [−1, 1], their conditions and the numbers of their concepts.

        Returns the loss. A gradient that is not finite moves nothing; AttnGANError after too many of them in a row.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * (0.5 + 0.5 * math.cos(math.pi * self.images / self.last))
        named = (condition[:, 1:] != PADDING).any(1)  # a caption of nothing but punctuation matches no picture
        if not named.any():
            return math.nan
        pictures, condition, concepts = pictures[named], condition[named], concepts[named]
        tokens = condition[:, 1 : 1 + (condition[:, 1:] != PADDING).sum(1).max()]  # scores of padding take time
        mask = tokens != PADDING
        words, sentence = self.networks["text"](tokens, mask)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            regions, whole = self.networks["regions"](pictures)
        same = concepts[:, None] == concepts
        loss = damsm_loss(word_scores(words, mask, regions.float()), same)
        loss = loss + damsm_loss(sentence_scores(sentence, whole.float()), same)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        finite = torch.nn.utils.clip_grad_norm_(self.networks.parameters(), 1.0).isfinite()
        self.skips = 0 if finite else self.skips + 1
        if self.skips >= _SKIPS:
            raise AttnGANError(
                "words and pictures",
                f"their matching is not finite in {_SKIPS} steps in a row",
                "look at the pictures, or try another --seed",
            )
        if finite:
            self.optimizer.step()
        return loss.item()


def learn_words(
    config: RunConfig, pictures: ImageDataset, conditions: Conditions, places: np.ndarray, folder: Path,
    device: torch.device, stop: Sequence[int],
) -> TextEncoder | None:  # fmt: skip
    """The text encoder after training.matching_images pictures from `places`; None if a stop signal came first.

    Goes on from the folder's text_encoder.safetensors, which it writes every minute and at the end.
    """
    matching, plan = Matching(config, device), config.training
    if (folder / FILE).exists():
        matching.load(folder)
    assert pictures.captions is not None
    concepts = numbered(pictures.captions.concepts)
    order, saved = Sampler(int(derive(plan.seed, Stream.MATCHING_ORDER)), len(places)), time.monotonic()
    with tqdm(total=matching.last, initial=matching.images, unit=" images", desc="matching words", leave=False) as bar:
        while matching.images < matching.last and not stop:
            chosen = places[order.indices(matching.images, _BATCH)]
            seeds = torch.arange(matching.images, matching.images + _BATCH)
            called = derive(plan.seed, Stream.MATCHING_CAPTIONS, seeds).numpy()
            condition = torch.from_numpy(conditions.drawn(chosen, called, always=True))
            seen = _small(pictures.images[chosen], derive(plan.seed, Stream.MATCHING_AUGMENTATION, seeds))
            condition = _forgetful(condition, derive(plan.seed, Stream.MATCHING_WORDS, seeds)).to(device)
            loss = matching.step(seen.to(device), condition, torch.from_numpy(concepts[chosen]).to(device))
            matching.images += _BATCH
            bar.update(_BATCH)
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            if time.monotonic() - saved > _SAVE_SECONDS:
                matching.save(folder)
                saved = time.monotonic()
    matching.save(folder)
    text = matching.networks["text"]
    assert isinstance(text, TextEncoder)
    return text if matching.images >= matching.last else None


def _small(images: np.ndarray, seeds: Tensor) -> Tensor:
    """uint8 [B, H, W, C] → float [B, C, 32, 32] in [−1, 1], shifted and scaled a little most of the time."""
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    pictures = F.interpolate(pictures, (SIDE, SIDE), mode="area") if pictures.shape[2] > SIDE else pictures
    return augment(pictures, seeds, ("translation", "scale"), 0.8)


def _forgetful(condition: Tensor, seeds: Tensor) -> Tensor:
    """The condition with some words replaced by the unknown one."""
    tokens = condition[:, 1:]
    forgotten = (uniforms(seeds, tokens.shape[1]) < _FORGOTTEN) & (tokens != PADDING)
    return torch.cat([condition[:, :1], tokens.masked_fill(forgotten, UNKNOWN)], 1)
