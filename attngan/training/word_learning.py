"""The first part of a run that draws from words: its text encoder learns what words look like."""

from __future__ import annotations

import math
from abc import abstractmethod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from attngan.checkpoint import load_tensors, save_tensors
from attngan.config import RunConfig
from attngan.data import CaptionedDataset
from attngan.data.conditioning import Conditions
from attngan.data.sampler import Sampler
from attngan.networks.text_encoder import TextEncoder
from attngan.random import derive, uniforms
from attngan.streams import Stream
from attngan.trainer import descend
from attngan.training.phase import Figures, Phase
from attngan.training.state import TrainingState, adam_tensors, restore_adam, without_prefix
from attngan_runtime.tokenizers.word_level import PADDING, UNKNOWN

FILE = "text_encoder.safetensors"


class WordLearning(Phase):
    """A text encoder and what it learns with. G, D and the average get its weights."""

    unit = "images"
    remedy = "look at the pictures, or try another --seed"

    def __init__(
        self, config: RunConfig, pictures: CaptionedDataset, conditions: Conditions, state: TrainingState
    ) -> None:
        self.config, self.pictures, self.conditions, self.state = config, pictures, conditions, state
        self.plan, self.total, self.images = config.training, config.training.matching_images, 0
        self.device = next(state.trainer.generator.parameters()).device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(derive(self.plan.seed, Stream.MATCHING_INITIAL)))
            self.networks = nn.ModuleDict({"text": TextEncoder(config.network)} | self.companions()).to(self.device)
        self.optimizer = torch.optim.Adam(self.networks.parameters(), lr=self.plan.matching_learning_rate)
        self.places, _ = pictures.split(self.plan.holdout, self.plan.seed)
        self._order = Sampler(int(derive(self.plan.seed, Stream.MATCHING_ORDER)), len(self.places))
        self._loss = math.nan

    @abstractmethod
    def companions(self) -> dict[str, nn.Module]:
        """Untrained networks that learn with the encoder and are left behind."""

    @abstractmethod
    def loss(self, chosen: np.ndarray, condition: Tensor, seeds: Tensor) -> Tensor:
        """Of the pictures at the places int64 [B] under conditions [B, 1 + L]; seeds [B] are those of this step."""

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
        condition = _with_unknown(condition, derive(seed, Stream.MATCHING_WORDS, seeds), self.plan.matching_unknown)
        figures = self.learn(chosen, condition, seeds)
        self.images += batch
        self._loss = figures["loss"]
        return figures

    def learn(self, chosen: np.ndarray, condition: Tensor, seeds: Tensor) -> Figures:
        """One step on the pictures at the places int64 [B] under conditions [B, 1 + L], some of which may be empty."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.matching_learning_rate * (0.5 + 0.5 * math.cos(math.pi * self.images / self.total))
        named = (condition[:, 1:] != PADDING).any(1)  # a caption of nothing but punctuation matches no picture
        if not named.any():
            return {"loss": math.nan}
        loss = self.loss(chosen[named.numpy()], condition[named].to(self.device), seeds[named])
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
        """text_encoder.safetensors: networks, optimiser and images shown; and generator.safetensors."""
        tensors = self.networks.state_dict() | adam_tensors("adam", self.optimizer, self.networks)
        save_tensors(folder / FILE, tensors, {"images": self.images})
        self._hand_over()
        self.state.save_generator(folder)

    def finish(self, folder: Path) -> None:
        self.save(folder)

    def _hand_over(self) -> None:
        for network in (self.state.trainer.generator, self.state.trainer.discriminator, self.state.ema.network):
            network.get_submodule("text").load_state_dict(self.networks["text"].state_dict())


def without_padding(condition: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens int64 [B, T] of conditions, T those of the longest, and where there are some, bool."""
    tokens = condition[:, 1 : 1 + (condition[:, 1:] != PADDING).sum(1).max()]
    return tokens, tokens != PADDING


def _with_unknown(condition: Tensor, seeds: Tensor, share: float) -> Tensor:
    """The condition with a share of the words replaced by the unknown one."""
    tokens = condition[:, 1:]
    hidden = (uniforms(seeds, tokens.shape[1]) < share) & (tokens != PADDING)
    return torch.cat([condition[:, :1], tokens.masked_fill(hidden, UNKNOWN)], 1)
