"""Pictures, unconditional or by class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attngan.augment import augment
from attngan.config import AUGMENT, ImageTraining, RunConfig
from attngan.data import ImageDataset, load_pictures
from attngan.data.picture_checks import check_pictures, remarks
from attngan.data.reading import UNFIXED, Reading
from attngan.data.split import usual_holdout
from attngan.data.transforms import premultiply
from attngan.errors import AttnGANError
from attngan.evaluation.image import evaluate_generator
from attngan.evaluation.judges import choose_judges
from attngan.evaluation.memorisation import FEWEST_HELD_OUT, measure_into
from attngan.features import open_nsfw
from attngan.features.efficientnet import features
from attngan.generators import open_generator
from attngan.metrics.kid import kid
from attngan.networks import deploy
from attngan.networks.perception import open_perception
from attngan.perceptual_trainer import PerceptualTrainer
from attngan.presets import OVERFITTING_TARGET, preset
from attngan.random import derive, normals
from attngan.run_folder import classes_of_columns
from attngan.streams import Stream
from attngan.tasks.base import Task, TrainOptions
from attngan.trainer import Augment, Trainer
from attngan.training.adaptive import MOST
from attngan.training.batches import Batches
from attngan.training.run_logger import RunLogger, note
from attngan.training.schedule import between
from attngan.training.state import Progress, TrainingState
from attngan.training.task_run import TaskRun
from attngan.training.validation import Validation, open_validation
from attngan_runtime.commands import draw
from attngan_runtime.commands.console import option_errors
from attngan_runtime.generators.pixels import to_uint8

_ENCODED, _BATCH = 8192, 64  # pictures whose features give the codes, evenly over all; pictures at once


class ImageTask(Task):
    """See `attngan.tasks.base.Task`."""

    does, has_words = "draws pictures", False
    sample_options = (*(str(option.name) for option in draw.OPTIONS), "interpolate")

    def read(self, path: Path, network: Any, training: Any = None) -> ImageDataset:
        reading = reading_of(training)
        return load_pictures(path, resolution=network.resolution, channels=network.channels, reading=reading)

    def configure(self, network: Any, training: Any, options: TrainOptions) -> tuple[Any, Any]:
        if options.penalty:
            raise AttnGANError(
                f"--penalty {options.penalty}", f"{options.preset} has its own, {training.penalty}", "leave it out"
            )
        if options.sentences:
            raise AttnGANError("--sentences", f"{options.preset} {self.does}", "give --images")
        if options.channels:
            with option_errors():
                network = replace(network, channels=int(options.channels))
        if options.fit:
            training = replace(training, fit=options.fit)
        return network, _with_augmentation(training, options.augment, options.holdout)

    def check_holdout(self, training: Any, dataset: Any) -> None:
        if training.overfitting_target and not training.holdout:
            raise _nothing_to_adapt_by()
        super().check_holdout(training, dataset)

    def hold_out(self, training: Any, options: TrainOptions, dataset: ImageDataset) -> Any:
        """If no number is given, the usual one where anything is measured by them. Copies go together, and concepts.

        So it may be fewer.
        """
        count = options.holdout
        if count is None:
            measured = preset(options.preset)[1].patience or training.overfitting_target
            count = usual_holdout(dataset) if measured else 0
        else:
            self.check_holdout(replace(training, holdout=count), dataset)
        fitting = len(dataset.split(count, training.seed)[1])
        if not fitting and training.overfitting_target:
            raise AttnGANError(
                "--data", f"{len(dataset)} pictures; none can be held out of so few", "add --augment none"
            )
        return replace(training, holdout=fitting)

    def complete(
        self, network: Any, training: Any, options: TrainOptions, dataset: ImageDataset
    ) -> tuple[RunConfig, bytes]:
        names = () if options.unconditional or dataset.classes is None else tuple(dataset.class_names)
        config = RunConfig(options.preset, replace(network, classes=len(names)), as_read(training, dataset), names)
        check_pictures(dataset, config.saw_efficientnet)
        return config, b""

    def remarks(self, dataset: ImageDataset) -> list[str]:
        return remarks(dataset)

    def prepare(self, config: RunConfig, dataset: Any, device: torch.device, tokenizer: bytes) -> TaskRun:
        return ImageRun(config, dataset, device)

    def build_trainer(self, config: RunConfig, generator: nn.Module, discriminator: Any) -> Trainer:
        if not config.saw_efficientnet:
            return super().build_trainer(config, generator, discriminator)
        plan = config.training
        return PerceptualTrainer(
            generator, discriminator, open_perception(generator), plan.objective, plan.penalty,
            sees_features=config.network.discriminator == "projected", perceptual=plan.perceptual, pixels=plan.pixels,
            codes=getattr(discriminator, "codes", None),
        )  # fmt: skip

    def summarise(self, config: RunConfig) -> str:
        network, training = config.network, config.training
        return (
            f"{network.resolution}×{network.resolution}×{network.channels}, {self._kind(network)}, "
            f"{training.objective} with {training.penalty}, {training.images:,} images"
        )

    def _kind(self, network: Any) -> str:
        return f"{network.classes} classes" if network.classes else "unconditional"

    def describe_result(self, folder: Path, best: Mapping[str, Any] | None, stopped_early: bool) -> str:
        kept = "the generator"
        if best:
            kept = (
                f"its best generator, of {best['images']:,.0f} images (KID {best['kid']:.4f} ± "
                f"{best['kid_error']:.4f}, the lowest measured)"
            )
            kept += "; stopped early, as KID had collapsed since" if stopped_early else ""
        return (
            f"done: {folder} holds {kept}\n"
            f"draw from it with: attngan sample {folder} {self._example}--out grid.png; see all with: "
            f"attngan report {folder}"
        )

    _example = ""  # of what `attngan sample` takes

    def sample(self, *arguments: Any, **options: Any) -> None:
        from attngan.sampling.image import sample_pictures  # with matplotlib, which training need not wait for

        sample_pictures(*arguments, **options)

    def evaluate(
        self, generator: Any, beside: Sequence[str], data: Path, samples: int | None, features: str | None,
        temperature: float | None,
    ) -> Any:  # fmt: skip
        written = generator.source.written
        if temperature is not None:
            raise AttnGANError(f"--temperature {temperature:g}", f"{written} {self.does}", "leave it out")
        if len(beside) > 1:
            raise AttnGANError(
                f"--beside {beside[1]}", "one generator stands beside one that draws from words", "leave it out"
            )
        generators = [generator, *map(open_generator, beside)]
        self.check_beside(generators)
        judges = choose_judges(generators, features)
        pictures = self.read_for(generator, data)
        generator.check_choices(pictures, f"--data {data}")
        return self._compare(generators, pictures, data, samples, judges)

    def read_for(self, generator: Any, path: Path) -> Any:
        """Pictures as those that a generator was trained on; a bundle doesn't tell."""
        return self.read(path, generator, None if generator.source.is_bundle else generator.config.training)

    def check_beside(self, generators: Sequence[Any]) -> None:
        """AttnGANError if these generators have no figures side by side."""
        for other in generators[1:]:
            problem = f"{generators[0].source.written} draws without words"
            raise AttnGANError(f"--beside {other.source.written}", problem, "leave the option out")

    def _compare(self, generators: Any, pictures: Any, data: Path, samples: int | None, judges: Any) -> Any:
        return evaluate_generator(generators[0], pictures, data, samples, judges)

    def measure_copies(self, generator: Any, data: Path, held_out: Path | None, folder: Path, samples: int) -> Any:
        source = generator.source
        if held_out is None and not (source.is_run and source.config.training.holdout):
            raise AttnGANError(
                "--held-out",
                f"not given, and {source.written} held no pictures out",
                "name pictures that training never saw",
            )
        pictures = self.read_for(generator, data)
        generator.check_choices(pictures, f"--data {data}")
        halves = generator.split_dataset(pictures)
        unseen = halves[1] if halves and len(halves[1]) else None
        training = halves[0] if unseen else pictures  # what a run held out never counts as training pictures
        if held_out is not None:
            unseen = self.read_for(generator, held_out)
        if unseen is None:
            raise AttnGANError(
                f"--data {data}",
                f"not the pictures that {source.written} was trained on",
                "name those, or give --held-out",
            )
        return measure_into(generator, training, unseen, folder, samples)


class ImageRun(TaskRun):
    """Pictures of one run."""

    dataset: ImageDataset

    def __init__(self, config: RunConfig, dataset: ImageDataset, device: torch.device) -> None:
        super().__init__(config, dataset, device)
        self.batches: ImageBatches = self._open_batches()
        self.conditions = self._conditions()

    def _open_batches(self) -> ImageBatches:
        return ImageBatches(self.config, self.dataset, self.device)

    def _conditions(self) -> np.ndarray | None:
        """What a generator is asked for to get pictures like those of the dataset, a row each."""
        return self.dataset.classes if self.config.network.classes else None

    def prepare_networks(self, state: TrainingState) -> None:
        """Latent codes of the training pictures, unless the networks came with some."""
        codes = getattr(state.trainer.discriminator, "codes", None)
        if codes is None or codes.fitted:
            return
        places = self.batches.training
        shown = places[np.linspace(0, len(places) - 1, min(len(places), _ENCODED)).astype(np.int64)]
        parts = np.array_split(shown, -(-len(shown) // _BATCH))
        codes.fit(torch.cat([state.trainer.see(self.batches.pictures(part)) for part in parts]))  # type: ignore[attr-defined]

    def tune(self, progress: Progress, generators: Iterable[nn.Module]) -> None:
        progress.resolution = self.config.network.resolution

    def augment_probability(self, progress: Progress) -> float:
        if self.plan.overfitting_target:
            return progress.augmentation.probability
        return between(self.plan.augment_probability, self.plan, progress.images)

    def open_validation(self) -> tuple[Validation | None, str]:
        places = self.batches.held_out
        rows = None if self.conditions is None else self.conditions[places]
        see = open_nsfw.features if self.config.saw_efficientnet else features
        return open_validation(
            len(places),
            self.dataset.noun,
            lambda: ImageValidation(self.dataset.images[places], rows, self.plan.kid_samples, see),
        )

    def save_samples(self, generator: nn.Module, logger: RunLogger, seen: int) -> None:
        """A grid of seeds 0, 1, 2 …"""
        rows, columns = self.shown()
        count = 8 * columns if rows is None else len(rows)
        seeds = torch.arange(count, device=self.device)
        with torch.no_grad():
            drawn = deploy(generator).from_seed(seeds, rows, torch.ones(count, device=self.device))  # type: ignore[operator]
        logger.save_grid(to_uint8(drawn.cpu().numpy()), seen, columns)

    def shown(self) -> tuple[Tensor | None, int]:
        """Conditions of that grid, and its columns."""
        columns = classes_of_columns(self.config.network.classes)
        return (torch.tensor(columns * 8, device=self.device), len(columns)) if columns else (None, 8)

    def finish(self, folder: Path) -> None:
        """memorisation.json and neighbours.png, unless they are there."""
        if self.plan.holdout < FEWEST_HELD_OUT or (folder / "memorisation.json").exists():
            return
        training, held_out = (self.dataset.take(places) for places in (self.batches.training, self.batches.held_out))
        try:
            measure_into(open_generator(str(folder)), training, held_out, folder)  # type: ignore[arg-type]
        except AttnGANError as error:  # the run itself is done, and whole
            note(f"no report on memorisation: {error}")


class ImageBatches(Batches):
    """Pictures, their classes, normal noise, and augmentation."""

    def __init__(self, config: RunConfig, dataset: ImageDataset, device: torch.device) -> None:
        super().__init__(dataset, config.training, device)
        self.config, self.dataset = config, dataset

    def samples(self, places: np.ndarray, seen: int) -> tuple[Tensor, Tensor | None]:
        return self.pictures(places), self.conditions(places, seen)

    def pictures(self, places: np.ndarray) -> Tensor:
        """[B, C, H, W] in [−1, 1], channels last."""
        array = torch.from_numpy(self.dataset.images[places]).to(self.device)
        return (array.float() / 127.5 - 1).permute(0, 3, 1, 2)

    def conditions(self, places: np.ndarray, seen: int) -> Tensor | None:
        """What the pictures are of, or what chance calls them now."""
        if not self.config.network.classes:
            return None
        assert self.dataset.classes is not None
        return torch.from_numpy(self.dataset.classes[places]).to(self.device)

    def noise(self, step: int, real: Tensor) -> tuple[Tensor, Tensor]:
        seeds = derive(self.seed, Stream.LATENTS, step, torch.arange(2 * self.plan.batch))
        z = normals(seeds, self.config.network.z_dim).to(self.device)
        return z[: self.plan.batch], z[self.plan.batch :]

    def augmentation(self, step: int, probability: float) -> Augment:
        seeds = derive(self.seed, Stream.AUGMENTATION, step, torch.arange(2 * self.plan.batch)).to(self.device)
        return lambda pictures: augment(pictures, seeds[: len(pictures)], self.plan.augment, probability)


class ImageValidation(Validation):
    """KID in the features of an extractor that training doesn't look through."""

    batch = 32

    def __init__(
        self, images: np.ndarray, conditions: np.ndarray | None, samples: int, see: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        """images: held-out pictures, and their conditions. see: pictures uint8 [B, H, W, C] → features float [B, d].

        AttnGANError if the extractor's packages aren't there.
        """
        super().__init__(len(images), samples)
        self.images, self.conditions, self.see = images, None, see
        see(images[:1])
        if conditions is not None:
            # In their real shares, in an order that mixes them.
            order = np.resize(np.random.default_rng(0).permutation(len(images)), samples)
            self.conditions = torch.from_numpy(conditions[order])

    def real_features(self, part: slice) -> np.ndarray:
        return self.see(self.images[part])

    def made_features(self, deployed: nn.Module, seeds: Tensor) -> np.ndarray:
        rows = self.conditions
        some = None if rows is None else rows[seeds[0] : seeds[-1] + 1].to(seeds.device)
        ones = torch.ones(len(seeds), device=seeds.device)
        drawn = to_uint8(deployed.from_seed(seeds, some, ones).cpu().numpy())  # type: ignore[operator]
        return self.see(premultiply(drawn) if drawn.shape[3] == 4 else drawn)

    def distance(self, real: np.ndarray, made: np.ndarray) -> tuple[float, float]:
        return kid(real, made)


def reading_of(training: ImageTraining | None) -> Reading:
    """How the pictures of a run are read; None of which nothing is known."""
    return UNFIXED if training is None else Reading(training.fit, training.integers, training.floats)


def as_read(training: Any, dataset: ImageDataset) -> Any:
    """The training of a run whose pictures are read as these were."""
    return replace(training, **asdict(dataset.reading))


def _nothing_to_adapt_by() -> AttnGANError:
    return AttnGANError(
        "--holdout 0", "adaptive augmentation measures on held-out pictures", "leave it out, or add --augment none"
    )


def _with_augmentation(training: Any, option: str | None, holdout: int | None) -> Any:
    """--augment: adaptive, which needs held-out pictures, none, or a fixed probability."""
    if option == "adaptive":
        training = replace(training, augment=AUGMENT, overfitting_target=OVERFITTING_TARGET)
    if option is None or option == "adaptive":
        if training.overfitting_target and holdout == 0:
            raise _nothing_to_adapt_by()
        return training
    if option == "none":
        return replace(training, augment=(), augment_probability=(0.0, 0.0), overfitting_target=0.0)
    try:
        probability = float(option)
    except ValueError:
        raise AttnGANError(f"--augment {option}", "", "use adaptive, none, or a probability such as 0.3") from None
    if not 0 < probability <= MOST:
        raise AttnGANError(
            f"--augment {option}", "", f"use above 0 to {MOST}, beyond which augmentations show in the pictures"
        )
    return replace(training, augment=AUGMENT, augment_probability=(probability, probability), overfitting_target=0.0)
