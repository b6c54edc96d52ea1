"""The first part of a run that writes sentences: the generator learns their likelihood, word after word.

What it has learnt then is kept as likelihood.safetensors: the baseline that every adversarial figure stands beside
(Caccia et al. 2020, "Language GANs falling short").
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from attngan.checkpoint import LIKELIHOOD, load_tensors, save_tensors
from attngan.config import RunConfig, TextConfig
from attngan.data.sampler import Sampler
from attngan.errors import AttnGANError
from attngan.networks.text import TextGenerator
from attngan.random import derive
from attngan.streams import Stream
from attngan.training.run_logger import RunLogger
from attngan.training.sentences import Sentences
from attngan.training.state import adam_tensors, below, restore_adam
from attngan_runtime.tokenizers.word_level import PADDING

CHECKPOINT = "likelihood.checkpoint.safetensors"
RECORDS = "likelihood.jsonl"
_BATCH = 64
_LEARNING_RATE = 2e-3
_WEIGHT_DECAY = 0.1
_WARM_UP = 0.05  # share of the plan in which the learning rate rises
_MEASUREMENTS = 40  # of the likelihood of held-out sentences, over the plan
_PATIENCE = 6  # measurements in a row without a better one, after which it stops
_SAVE_SECONDS = 60.0
_REMEDY = "delete it, and likelihood begins again in {}"
_SKIPS = 10  # steps in a row without finite gradients, after which there is nothing to go back to


class Likelihood:
    """The generator, its optimiser, the best it has been, and where it stands."""

    def __init__(self, config: RunConfig, generator: TextGenerator) -> None:
        self.config, self.last = config, config.training.likelihood_images
        self.generator = copy.deepcopy(generator).train()
        self.best = copy.deepcopy(generator).eval()
        self.optimizer = torch.optim.AdamW(self.generator.parameters(), betas=(0.9, 0.98), weight_decay=_WEIGHT_DECAY)
        self.images, self.steps, self.skips = 0, 0, 0
        self.measured, self.best_nll, self.worse = 0, math.inf, 0
        self.losses: list[float] = []  # of the steps since the last measurement

    @property
    def ended(self) -> bool:
        """Nothing is left to learn, or what is learnt no longer helps."""
        return self.images >= self.last or self.worse >= _PATIENCE

    def step(self, tokens: Tensor, keywords: Tensor, dropout: int) -> None:
        """One step on sentences int64 [B, T] and key words [B, K]; its loss is the mean −log probability of a token.

        dropout: a seed. A gradient that is not finite moves nothing; AttnGANError after too many of them in a row.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * self._share()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(dropout)
            loss = self.generator.surprise(tokens, keywords).sum() / (tokens != PADDING).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        finite = torch.nn.utils.clip_grad_norm_(self.generator.parameters(), 1.0).isfinite()
        self.skips = 0 if finite else self.skips + 1
        if self.skips >= _SKIPS:
            raise AttnGANError(
                "likelihood",
                f"its gradients are not finite in {_SKIPS} steps in a row",
                "look at the sentences, or try another --seed",
            )
        if finite:
            self.optimizer.step()
        self.steps, self.images = self.steps + 1, self.images + len(tokens)
        self.losses.append(loss.item())

    def _share(self) -> float:
        """Of the learning rate: a linear rise, then a cosine to 0."""
        share = min(self.images / max(self.last, 1), 1.0)
        return min(1.0, (share + 1 / max(self.last, 1)) / _WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * share))

    def judge(self, nll: float) -> bool:
        """Takes the −log probability per token of held-out sentences in; whether it is the lowest so far."""
        self.measured = self.images
        self.worse = 0 if nll < self.best_nll else self.worse + 1  # what is no number is no best
        self.losses.clear()
        if not self.worse:
            self.best_nll = nll
            self.best.load_state_dict(self.generator.state_dict())
        return not self.worse

    def save(self, folder: Path) -> None:
        """Writes the checkpoint: networks, optimiser, and where they stand."""
        tensors = {f"now.{name}": value for name, value in self.generator.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.state_dict().items()}
        tensors |= adam_tensors("adam", self.optimizer, self.generator)
        names = ("images", "steps", "skips", "measured", "best_nll", "worse")
        about: dict[str, Any] = {name: str(getattr(self, name)) for name in names}
        save_tensors(folder / CHECKPOINT, tensors, about | {"losses": self.losses})

    def load(self, folder: Path) -> None:
        """Goes on from what `save` wrote; AttnGANError if that is damaged."""
        tensors, about = load_tensors(folder / CHECKPOINT, _REMEDY.format(folder), checked=True)
        self.generator.load_state_dict(below(tensors, "now."))
        self.best.load_state_dict(below(tensors, "best."))
        restore_adam(self.optimizer, self.generator, below(tensors, "adam."))
        for name in ("images", "steps", "skips", "measured", "worse"):
            setattr(self, name, int(about[name]))
        self.best_nll, self.losses = float(about["best_nll"]), about.get("losses", [])


def learn_likelihood(
    config: RunConfig, generator: TextGenerator, sentences: Sentences, folder: Path, records: RunLogger,
    device: torch.device, stop: Sequence[int],
) -> TextGenerator | None:  # fmt: skip
    """The generator with the lowest −log probability of held-out sentences; None if a stop signal came first.

    Goes on from the folder's checkpoint, which it writes every minute. At the end it writes likelihood.safetensors
    and deletes the checkpoint; if the file is there, it is what is returned.
    """
    learnt = Likelihood(config, generator)
    if (folder / LIKELIHOOD).exists():
        learnt.best.load_state_dict(load_tensors(folder / LIKELIHOOD, _REMEDY.format(folder), checked=True)[0])
        return learnt.best
    if (folder / CHECKPOINT).exists():
        learnt.load(folder)
    records.keep(RECORDS, learnt.measured)
    order = Sampler(int(derive(config.training.seed, Stream.LIKELIHOOD_ORDER)), len(sentences.training))
    every, saved = max(learnt.last // _MEASUREMENTS, 1), time.monotonic()
    with tqdm(total=learnt.last, initial=learnt.images, unit=" sentences", desc="likelihood", leave=False) as bar:
        while not learnt.ended and not stop:
            _step(learnt, config, sentences, order, device)
            bar.update(_BATCH)
            if learnt.images // every > learnt.measured // every or learnt.images >= learnt.last:
                nll = sentences.held_out_nll(learnt.generator.eval(), device)
                learnt.generator.train()
                line = {"loss": sum(learnt.losses) / len(learnt.losses), "held_out_nll": nll}
                records.write(RECORDS, learnt.images, line | {"best": learnt.judge(nll)})
                bar.set_postfix(nll=f"{learnt.best_nll:.3f}", refresh=False)
            if time.monotonic() - saved > _SAVE_SECONDS:
                learnt.save(folder)
                saved = time.monotonic()
    if not learnt.ended:
        learnt.save(folder)
        return None
    about: dict[str, Any] = {"images": learnt.images, "network": asdict(config.network), "nll": learnt.best_nll}
    save_tensors(folder / LIKELIHOOD, learnt.best.state_dict(), about)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return learnt.best


def _step(learnt: Likelihood, config: RunConfig, sentences: Sentences, order: Sampler, device: torch.device) -> None:
    seed, network = config.training.seed, config.network
    assert isinstance(network, TextConfig)
    places = sentences.training[order.indices(learnt.images, _BATCH)]
    seeds = derive(seed, Stream.LIKELIHOOD_KEYWORDS, torch.arange(learnt.images, learnt.images + _BATCH))
    tokens, keywords = sentences.batch(places, seeds)
    dropout = int(derive(seed, Stream.LIKELIHOOD_DROPOUT, learnt.steps))
    learnt.step(tokens.to(device), keywords.to(device), dropout)
