"""The first part of a run that writes sentences: the generator learns their likelihood, word after word.

What it has learnt then is kept as likelihood.safetensors: the baseline that every adversarial figure stands beside
(Caccia et al. 2020, "Language GANs falling short").
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from attngan.checkpoint import LIKELIHOOD, load_tensors, save_tensors
from attngan.config import RunConfig
from attngan.data.sampler import Sampler
from attngan.networks.text import TextGenerator
from attngan.random import derive
from attngan.streams import Stream
from attngan.trainer import descend
from attngan.training.encoded_text import EncodedText
from attngan.training.phase import Figures, Phase
from attngan.training.run_logger import RunLogger
from attngan.training.state import TrainingState, adam_tensors, restore_adam, without_prefix
from attngan_runtime.tokenizers.word_level import PADDING

CHECKPOINT = "likelihood.checkpoint.safetensors"
RECORDS = "likelihood.jsonl"
_MEASUREMENTS = 40  # of the likelihood of held-out sentences, over the plan
NOTHING_BEST = {"best_nll": "inf", "worse": "0"}  #: in a checkpoint: of held-out sentences that are others now
_COUNTS = ("images", "steps", "skips", "measured", "worse")
_REMEDY = "delete it, and likelihood begins again in {}"


class Likelihood(Phase):
    """The generator, its optimiser, the best it has been, and where it stands."""

    name, unit = "likelihood", "sentences"
    remedy = "look at the sentences, or try another --seed"

    def __init__(self, config: RunConfig, text: EncodedText, state: TrainingState, logger: RunLogger) -> None:
        self.config, self.text, self.state, self.logger = config, text, state, logger
        self.plan, self.total = config.training, config.training.likelihood_images
        generator = state.trainer.generator
        assert isinstance(generator, TextGenerator)
        self.device = generator.bias.device
        self.generator, self.best = copy.deepcopy(generator).train(), copy.deepcopy(generator).eval()
        self.optimizer = torch.optim.AdamW(
            self.generator.parameters(), betas=(0.9, 0.98), weight_decay=self.plan.likelihood_weight_decay
        )
        self.images, self.steps, self.measured = 0, 0, 0
        self.best_nll, self.worse = math.inf, 0
        self.losses: list[float] = []  # of the steps since the last measurement
        self._order = Sampler(int(derive(self.plan.seed, Stream.LIKELIHOOD_ORDER)), len(text.training))
        self._is_written = False

    @property
    def seen(self) -> int:
        return self.images

    @property
    def ended(self) -> bool:
        """Nothing is left to learn, or what is learnt no longer helps."""
        done = self.images >= self.total and not self.measurement_is_due()
        return self._is_written or done or self.worse >= self.plan.likelihood_patience

    def step(self) -> Figures:
        batch, seed = self.plan.likelihood_batch, self.plan.seed
        places = self.text.training[self._order.indices(self.images, batch)]
        seeds = derive(seed, Stream.LIKELIHOOD_KEYWORDS, torch.arange(self.images, self.images + batch))
        tokens, keywords = self.text.batch(places, seeds)
        dropout = int(derive(seed, Stream.LIKELIHOOD_DROPOUT, self.steps))
        return self.learn(tokens.to(self.device), keywords.to(self.device), dropout)

    def learn(self, tokens: Tensor, keywords: Tensor, dropout: int) -> Figures:
        """One step on sentences int64 [B, T] and key words [B, K]; its loss is the mean −log probability of a token.

        dropout: a seed.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.likelihood_learning_rate * self._share_of_rate()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(dropout)
            loss = self.generator.token_nll(tokens, keywords).sum() / (tokens != PADDING).sum()
        skipped = descend(self.optimizer, loss, max_norm=1.0)
        self.steps, self.images = self.steps + 1, self.images + len(tokens)
        self.losses.append(loss.item())
        return {"loss": loss.item()} | {name: value.item() for name, value in skipped.items()}

    def _share_of_rate(self) -> float:
        """A linear rise, then a cosine to 0."""
        last = max(self.total, 1)
        share = min(self.images / last, 1.0)
        return min(1.0, (share + 1 / last) / self.plan.likelihood_warm_up) * (0.5 + 0.5 * math.cos(math.pi * share))

    def measurement_is_due(self) -> bool:
        every = max(self.total // _MEASUREMENTS, 1)
        passed = self.images // every > self.measured // every or self.images >= self.total
        return self.measured < self.images and passed

    def measure(self, stop: Sequence[int]) -> bool:
        nll = self.text.held_out_nll(self.generator.eval(), self.device)
        self.generator.train()
        line = {"loss": sum(self.losses) / len(self.losses), "held_out_nll": nll}
        self.logger.write(RECORDS, self.images, line | {"best": self.judge(nll)})
        return True

    def judge(self, nll: float) -> bool:
        """Takes the −log probability per token of held-out sentences in; whether it is the lowest so far."""
        self.measured = self.images
        self.worse = 0 if nll < self.best_nll else self.worse + 1  # what is no number is no best
        self.losses.clear()
        if not self.worse:
            self.best_nll = nll
            self.best.load_state_dict(self.generator.state_dict())
        return not self.worse

    def postfix(self) -> Figures:
        return {"nll": self.best_nll}

    def restore(self, folder: Path) -> None:
        """Goes on from what `save` or `finish` wrote, if they did; AttnGANError if that is damaged."""
        if (folder / LIKELIHOOD).exists():
            self.best.load_state_dict(load_tensors(folder / LIKELIHOOD, _REMEDY.format(folder), checked=True)[0])
            self._is_written = True
            return
        if (folder / CHECKPOINT).exists():
            tensors, about = load_tensors(folder / CHECKPOINT, _REMEDY.format(folder), checked=True)
            self.generator.load_state_dict(without_prefix(tensors, "now."))
            self.best.load_state_dict(without_prefix(tensors, "best."))
            restore_adam(self.optimizer, self.generator, without_prefix(tensors, "adam."))
            for name in _COUNTS:
                setattr(self, name, int(about[name]))
            self.best_nll, self.losses = float(about["best_nll"]), about.get("losses", [])
        self.logger.keep(RECORDS, self.measured)

    def save(self, folder: Path) -> None:
        """likelihood.checkpoint.safetensors: networks, optimiser, where they stand; and generator.safetensors."""
        tensors = {f"now.{name}": value for name, value in self.generator.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.state_dict().items()}
        tensors |= adam_tensors("adam", self.optimizer, self.generator)
        about: dict[str, Any] = {name: str(getattr(self, name)) for name in (*_COUNTS, "best_nll")}
        save_tensors(folder / CHECKPOINT, tensors, about | {"losses": self.losses})
        self._hand_over(self.best if self.measured else self.generator)
        self.state.save_generator(folder)

    def finish(self, folder: Path) -> None:
        """Writes likelihood.safetensors, which the adversarial part begins with, in the checkpoint's place."""
        if not self._is_written:
            about = {"images": self.images, "network": asdict(self.config.network), "nll": self.best_nll}
            save_tensors(folder / LIKELIHOOD, self.best.state_dict(), about)
            (folder / CHECKPOINT).unlink(missing_ok=True)
        self._hand_over(self.best)
        self.state.progress.inspected = self.state.progress.drawn = -1  # what likelihood alone gave comes first

    def _hand_over(self, learnt: TextGenerator) -> None:
        for network in (self.state.trainer.generator, self.state.ema.network):
            network.load_state_dict(learnt.state_dict())
