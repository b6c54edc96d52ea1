"""Pictures from words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attngan.config import RunConfig
from attngan.data import CaptionedDataset, load_captioned
from attngan.data.conditioning import Conditions
from attngan.data.picture_checks import check_pictures
from attngan.data.tokenizer import build_tokenizer
from attngan.errors import AttnGANError
from attngan.evaluation.text_to_image import evaluate_prompts
from attngan.random import derive
from attngan.streams import Stream
from attngan.tasks.base import TrainOptions
from attngan.tasks.image import ImageBatches, ImageRun, ImageTask, as_read, reading_of
from attngan.training.phase import Phase
from attngan.training.run_logger import RunLogger
from attngan.training.state import Progress, TrainingState
from attngan.training.task_run import TaskRun
from attngan.training.text_prior import TextPrior
from attngan.training.word_matching import WordMatching
from attngan_runtime.bundle import TOKENIZER
from attngan_runtime.tokenizers.prompts import Tokenizer
from attngan_runtime.tokenizers.word_level import PADDING


class TextToImageTask(ImageTask):
    """See `attngan.tasks.base.Task`."""

    has_words = True

    def read(self, path: Path, network: Any, training: Any = None) -> CaptionedDataset:
        reading = reading_of(training)
        return load_captioned(path, resolution=network.resolution, channels=network.channels, reading=reading)

    def configure(self, network: Any, training: Any, options: TrainOptions) -> tuple[Any, Any]:
        if options.unconditional:
            raise AttnGANError(
                "--unconditional", f"{options.preset} draws what captions say", "leave it out, or use an image preset"
            )
        if options.begin:  # at the full size, with words that were learnt
            training = replace(training, grow=(), matching_images=0)
        return super().configure(network, training, options)

    def complete(self, network: Any, training: Any, options: TrainOptions, dataset: Any) -> tuple[RunConfig, bytes]:
        places, _ = dataset.split(training.holdout, training.seed)
        _check_captions(dataset)
        tokenizer = build_tokenizer(dataset.captions.take(places).all_texts(), network.length)
        size = Tokenizer.from_json(tokenizer, TOKENIZER).size
        styles = tuple(dataset.style_names)
        network = replace(network, styles=len(styles), vocabulary=size)
        config = RunConfig(options.preset, network, as_read(training, dataset), style_names=styles)
        check_pictures(dataset, config.saw_efficientnet)
        return config, tokenizer

    def prepare(self, config: RunConfig, dataset: Any, device: torch.device, tokenizer: bytes) -> TaskRun:
        return TextToImageRun(config, dataset, device, Tokenizer.from_json(tokenizer, TOKENIZER))

    def _kind(self, network: Any) -> str:
        styles = f" in {network.styles} styles" if network.styles > 1 else ""
        return f"from {network.vocabulary - 2:,} words{styles}"

    _example = '"a few words" '

    def sample(self, *arguments: Any, **options: Any) -> None:
        from attngan.sampling.text_to_image import sample_prompts  # with matplotlib, which training need not wait for

        sample_prompts(*arguments, **options)

    def check_beside(self, generators: Sequence[Any]) -> None:
        for one in generators[1:]:
            if one.source.task != generators[0].source.task:
                raise AttnGANError(f"--beside {one.source.written}", "draws without words", "leave the option out")

    def _compare(self, generators: Any, pictures: Any, data: Path, samples: int | None, judges: Any) -> Any:
        return evaluate_prompts(list(generators), pictures, samples, judges)


class TextToImageRun(ImageRun):
    """Captioned pictures of one run, which begins small and doubles its resolution."""

    dataset: CaptionedDataset

    def __init__(
        self, config: RunConfig, dataset: CaptionedDataset, device: torch.device, tokenizer: Tokenizer
    ) -> None:
        self.captions = Conditions(dataset, tokenizer)
        super().__init__(config, dataset, device)

    def _open_batches(self) -> CaptionedBatches:
        return CaptionedBatches(self.config, self.dataset, self.device, self.captions)

    def _conditions(self) -> np.ndarray:
        return self.captions.main(np.arange(len(self.dataset)))

    def first_phases(self, state: TrainingState, folder: Path, logger: RunLogger) -> list[Phase]:
        """Its text encoder reads, frozen, for all three networks."""
        learning = TextPrior if self.config.network.text == "learned" else WordMatching
        words = learning(self.config, self.dataset, self.captions, state)
        words.restore(folder)
        return [words]

    def tune(self, progress: Progress, generators: Iterable[nn.Module]) -> None:
        """Generators at the resolution that is trained now; D goes by its pictures.

        The best of a smaller resolution is none of this one, however low its KID: blur costs little there.
        """
        side = resolution_at(self.config, progress.images)
        if progress.resolution not in (0, side):
            progress.best, progress.collapsed = None, 0
        progress.resolution = side
        for network in generators:
            network.resolution = side  # type: ignore[assignment]

    def share_of_side(self, seen: int) -> float:
        return resolution_at(self.config, seen) / self.config.network.resolution

    def shown(self) -> tuple[Tensor | None, int]:
        """32 captions of training pictures and 32 of held-out ones."""
        halves = [
            half[np.linspace(0, len(half) - 1, 32).astype(np.int64)]
            for half in (self.batches.training, self.batches.held_out)
            if len(half)
        ]
        return torch.from_numpy(self.captions.main(np.concatenate(halves))).to(self.device), 8


class CaptionedBatches(ImageBatches):
    """Pictures as large as they are trained now, and what chance calls them."""

    def __init__(
        self, config: RunConfig, dataset: CaptionedDataset, device: torch.device, captions: Conditions
    ) -> None:
        self.captions = captions
        super().__init__(config, dataset, device)

    def weights(self) -> np.ndarray | None:
        return self.captions.rarity(self.training) if self.plan.balanced else None

    def samples(self, places: np.ndarray, seen: int) -> tuple[Tensor, Tensor | None]:
        real = self.pictures(places)
        factor = self.config.network.resolution // resolution_at(self.config, seen)
        return F.avg_pool2d(real, factor) if factor > 1 else real, self.conditions(places, seen)

    def conditions(self, places: np.ndarray, seen: int) -> Tensor:
        seeds = derive(self.seed, Stream.CAPTIONS, seen, torch.arange(len(places))).numpy()
        rows = torch.from_numpy(self.captions.draw(places, seeds, always=self.plan.perceptual > 0))
        if self.config.network.text == "learned":  # padding takes as long as words do
            rows = rows[:, : 1 + max(int((rows[:, 1:] != PADDING).sum(1).max()), 1)]
        return rows.to(self.device)


def _check_captions(dataset: CaptionedDataset) -> None:
    """AttnGANError where all say the same, so that there is nothing to learn from them."""
    first = dataset.captions.texts[0]
    if len(dataset) > 1 and all(texts == first for texts in dataset.captions.texts):
        raise AttnGANError(
            "--data", f"every caption is {first[0][:40]!r}", "say of each picture what it shows, or use an image preset"
        )


def resolution_at(config: RunConfig, seen: int) -> int:
    """The resolution of the pictures that are trained after `seen` images: it doubles at each share of plan.grow."""
    network, plan = config.network, config.training
    if not plan.grow:
        return int(network.resolution)
    return int(min(network.base * 2 ** sum(seen >= share * plan.images for share in plan.grow), network.resolution))
