"""A run of pictures, by class or from words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from attngan.checkpoint import load_generator
from attngan.config import RunConfig
from attngan.data import ImageDataset
from attngan.data.conditioning import Conditions
from attngan.data.split import take
from attngan.errors import AttnGANError
from attngan.evaluation.memorisation import FEWEST as FEWEST_FOR_COPIES
from attngan.evaluation.memorisation import measure_run
from attngan.networks.build import Generator
from attngan.networks.text_to_image import TextToImageGenerator
from attngan.training.batches import Batches, Step, resolution_at
from attngan.training.damsm import learn_words
from attngan.training.recovery import note
from attngan.training.run_logger import RunLogger
from attngan.training.state import Progress, TrainingState
from attngan.training.validation import Quality, open_quality
from attngan_runtime.tokenizers.prompts import Tokenizer


class PictureTask:
    """See `attngan.tasks.base.Task`. tokenizer: of pictures with captions."""

    def __init__(
        self, config: RunConfig, pictures: ImageDataset, device: torch.device, tokenizer: Tokenizer | None
    ) -> None:
        self.config, self.pictures, self.device = config, pictures, device
        conditions = Conditions(pictures, tokenizer) if tokenizer else None
        self.batches = Batches(config, pictures, device, conditions)
        self.labelled = conditions.label(pictures) if conditions else pictures

    def prepare(self, state: TrainingState, folder: Path, records: RunLogger, stop: Sequence[int]) -> None:
        """Trains the text encoder and gives it, frozen, to all three networks; nothing to do without captions."""
        if not self.batches.conditions:
            return
        text = learn_words(
            self.config, self.pictures, self.batches.conditions, self.batches.training, folder, self.device, stop
        )
        for network in (state.trainer.generator, state.trainer.discriminator, state.ema.network):
            if text is not None:
                network.get_submodule("text").load_state_dict(text.state_dict())

    def tune(self, progress: Progress, networks: Iterable[nn.Module]) -> None:
        """Generators at the resolution that is trained now; D goes by its pictures.

        The best of a smaller resolution is none of this one, however low its KID: blur costs little there.
        """
        side = resolution_at(self.config, progress.images)
        if progress.resolution not in (0, side):
            progress.best, progress.collapsed = None, 0
        progress.resolution = side
        for network in networks:
            if isinstance(network, TextToImageGenerator):
                network.resolution = side

    def share_of_side(self, images: int) -> float:
        return resolution_at(self.config, images) / self.pictures.images.shape[1]

    def step(self, step: int, seen: int, salt: int, probability: float) -> Step:
        return self.batches.step(step, seen, salt, probability)

    def held_out_batch(self, seen: int) -> tuple[Tensor, Tensor | None]:
        return self.batches.held_out_batch(seen)

    def open_quality(self) -> tuple[Quality | None, str]:
        return open_quality(take(self.labelled, self.batches.held_out), self.config.training.kid_samples)

    def save_samples(self, generator: Generator, records: RunLogger, images: int) -> None:
        records.save_samples(generator, images, *self.batches.shown())

    def finish(self, folder: Path) -> None:
        """memorisation.json and neighbours.png, unless they are there."""
        if self.config.training.holdout < FEWEST_FOR_COPIES or (folder / "memorisation.json").exists():
            return
        training, held_out = (take(self.labelled, places) for places in (self.batches.training, self.batches.held_out))
        try:
            measure_run(load_generator(str(folder)), training, held_out, folder)
        except AttnGANError as error:  # the run itself is done, and whole
            note(f"no report on memorisation: {error}")
