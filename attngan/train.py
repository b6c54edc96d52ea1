"""The training loop: pictures or sentences in, a run folder out. Run again with the same options to go on.

All randomness is a function of (seed, step, sample index), so a run that was killed and resumed on the same kind
of machine ends in the same bits as one that was not.
"""

from __future__ import annotations

import math
import signal
import time
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from attngan.config import RunConfig, TextConfig, TextToImageConfig, TrainingConfig
from attngan.data import ImageDataset, TextDataset
from attngan.data.split import most_held_out, split
from attngan.ema import Ema
from attngan.errors import AttnGANError
from attngan.networks.build import build_discriminator, build_generator
from attngan.random import derive
from attngan.run_folder import METRICS, QUALITY, check_data, check_run, only_writer
from attngan.streams import Stream
from attngan.tasks.base import Measure, Task
from attngan.tasks.image import PictureTask
from attngan.tasks.text import TextTask
from attngan.trainer import Settings, Trainer
from attngan.training.batches import Step
from attngan.training.recovery import note, restore, roll_back
from attngan.training.run_logger import RunLogger
from attngan.training.signals import stop_signals
from attngan.training.state import CHECKPOINT, PREVIOUS, Progress, TrainingState
from attngan.training.validation import judge
from attngan.visualization.curves import draw_curves
from attngan_runtime.bundle import TOKENIZER
from attngan_runtime.saving import write_atomically
from attngan_runtime.tokenizers.prompts import Tokenizer
from attngan_runtime.tokenizers.sentences import SentenceTokenizer

_SAVE_SECONDS = 60.0  # between checkpoints: at most this much work is lost to a kill
_DRAW_SECONDS = 30.0  # between drawings of the curves, each of about half a second
_INSPECTIONS = 20  # grids and KIDs over the run
_METRICS = 500  # lines of metrics over the run
_SKIPS = 10  # steps in a row without finite gradients, after which the run rolls back


class Outcome(StrEnum):
    """How `train` ended."""

    FINISHED = "finished"
    STOPPED_EARLY = "stopped early"  #: KID says that the generator has collapsed; the best one is kept
    INTERRUPTED = "interrupted"  #: Ctrl-C
    TERMINATED = "terminated"  #: SIGTERM, as machines that are taken away send it


def train(
    config: RunConfig, data: ImageDataset | TextDataset, folder: Path, device: torch.device, *,
    source: str = "", tensorboard: bool = False, tokenizer: bytes = b"",
) -> Outcome:  # fmt: skip
    """Trains until config.training.images samples have been shown, KID has collapsed, or a signal stops it.

    source: where the data came from, for people. tensorboard: write to folder/tensorboard as well.
    tokenizer: tokenizer.json of a run that draws from words, whose pictures have captions, or that writes sentences.
    Raises AttnGANError if the folder holds another run, the data changed, the disk is full, or the run is not
    finite again and again. What was saved before stays as it was.
    """
    if isinstance(config.network, TextToImageConfig | TextConfig) != bool(tokenizer):
        raise AttnGANError("tokenizer", "a run that reads or writes words needs one, and no other has one")
    check_data(folder, data)
    check_run(folder, config)
    check_holdout(config.training, data)
    with only_writer(folder):
        with stop_signals() as stop, closing(RunLogger(folder, tensorboard)) as records:
            run = _Run(config, data, folder, device, stop, records, tokenizer)
            run.begin(source)
            outcome = run.go()
        if outcome in (Outcome.FINISHED, Outcome.STOPPED_EARLY):
            run.task.finish(folder)  # everything is saved: signals may end it as they end any program
        return outcome


def check_holdout(plan: TrainingConfig, data: ImageDataset | TextDataset) -> None:
    """AttnGANError if what the plan holds out is too little for it, or more than `most_held_out`."""
    what = "sentences" if isinstance(data, TextDataset) else "pictures"
    if plan.overfitting_target and not plan.holdout:
        raise AttnGANError(
            "--holdout 0", "adaptive augmentation measures on held-out pictures", "leave it out, or add --augment none"
        )
    if plan.likelihood_images and not plan.holdout:
        raise AttnGANError(
            "--holdout 0", "likelihood ends by that of held-out sentences", "leave it out, or use 1 or more"
        )
    most = most_held_out(data)
    if plan.holdout > most:
        raise AttnGANError(
            f"--holdout {plan.holdout}",
            f"leaves none of {len(data)} {what}, or none of a class, to train on",
            f"hold out {most} at most",
        )
    if plan.holdout and not len(split(data, plan.holdout, plan.seed)[1]):
        whole = "sentence" if isinstance(data, TextDataset) else "concept"
        raise AttnGANError(
            f"--holdout {plan.holdout}",
            f"no whole {whole} of so few {what} can be held out",
            "use 0, or a larger number",
        )


def build(config: RunConfig, device: torch.device) -> TrainingState:
    """Untrained networks of a run; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(derive(config.training.seed, Stream.INITIAL)))
        generator, discriminator = build_generator(config.network), build_discriminator(config.network)
    if isinstance(config.network, TextConfig):
        generator.eval()  # its dropout is for likelihood alone
    # oneDNN and cuDNN both convolve channels-last faster than they convolve NCHW.
    generator = generator.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    discriminator = discriminator.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for network in (generator, discriminator):
        if isinstance(config.network, TextToImageConfig):
            network.text.requires_grad_(False)  # it learns before them, from matching words and pictures
    # Without a penalty γ is 0, and the trainer never asks which.
    penalty = "r1+r2" if config.training.penalty == "none" else config.training.penalty
    trainer = Trainer(generator, discriminator, config.training.objective, penalty)
    return TrainingState(trainer, Ema(generator, config.training.ema_half_life), config.network)


def schedule(plan: TrainingConfig, seen: int, share_of_side: float = 1.0) -> tuple[Settings, float]:
    """Settings and augmentation probability after `seen` images: cosine from first to last (γ: in its logarithm).

    share_of_side: of the resolution that is trained in the full one. γ goes with its square, as the gradient's norm
    does: a pixel that is a mean of four has a gradient twice as long.
    """
    share = 0.5 - 0.5 * math.cos(math.pi * min(seen / plan.images, 1.0))

    def between(ends: tuple[float, float]) -> float:
        return ends[0] + share * (ends[1] - ends[0])

    gamma = 0.0 if plan.penalty == "none" else math.exp(between((math.log(plan.gamma[0]), math.log(plan.gamma[1]))))
    if plan.penalty != "wgan-gp":  # which wants a norm of 1 at every resolution
        gamma *= share_of_side**2
    rate = plan.generator_rate * (min(seen / (plan.warm_up * plan.images), 1.0) if plan.warm_up else 1.0)
    learning_rate, beta2 = between(plan.learning_rate), between(plan.beta2)
    settings = Settings(learning_rate, beta2, gamma, plan.penalty_every, plan.mismatched, rate)
    return settings, between(plan.augment_probability)


class _Run:
    """One run while it trains. Networks and `progress` are all that the next step depends on, and what is saved."""

    def __init__(
        self, config: RunConfig, data: ImageDataset | TextDataset, folder: Path, device: torch.device, stop: list[int],
        records: RunLogger, tokenizer: bytes,
    ) -> None:  # fmt: skip
        self.config, self.plan, self.folder, self.device, self.stop = config, config.training, folder, device, stop
        self.data, self.tokenizer = data, tokenizer
        self.task = _task(config, data, device, tokenizer)
        self.state, self.records = build(config, device), records
        self.quality: Measure | None = None
        self.skips = 0  # steps in a row
        self.saved = 0.0  # when
        self.drawn = time.monotonic()

    @property
    def progress(self) -> Progress:
        """Where the run stands."""
        return self.state.progress

    @property
    def ended(self) -> bool:
        """Nothing is left to train."""
        return self.progress.stopped_early or self.progress.images >= self.plan.images

    def begin(self, source: str) -> None:
        """Restores the run in the folder, or writes its first checkpoint."""
        if self.tokenizer:
            self._save_tokenizer()
        write_atomically(self.folder / "config.json", self.config.to_json().encode())
        if (self.folder / CHECKPOINT).exists() or (self.folder / PREVIOUS).exists():
            restore(self.state, self.folder, self.data, self.records)
            self.saved = time.monotonic()
        else:
            self.records.save_data(source, self.data, self.plan.holdout)
            self.task.prepare(self.state, self.folder, self.records, self.stop)
            if self.stop:
                return
            self.records.go_on_from(-1, -1)
            self._save()
        if not self.ended or self._inspection_is_due():
            self.quality, reason = self.task.open_quality()
            if reason:
                best = self.progress.best
                kept = (
                    f"that of {best['images']:,.0f} {self._unit} stays"
                    if best
                    else "the last one is kept, not the best,"
                )
                note(f"no KID while it trains; of its generators {kept} ({reason})")

    @property
    def _unit(self) -> str:
        return "sentences" if isinstance(self.data, TextDataset) else "images"

    def _save_tokenizer(self) -> None:
        """tokenizer.json; AttnGANError if there is another, by which the run's words would mean other ones."""
        path = self.folder / TOKENIZER
        if path.exists() and path.read_bytes() != self.tokenizer:
            raise AttnGANError(
                path, "not the words of --data, which the run began with", "restore them, or use another --out"
            )
        write_atomically(path, self.tokenizer)

    def go(self) -> Outcome:
        """Steps and inspections to the end, or to a stop signal."""
        with _progress_bar(self.plan.images, self.progress.images, self._unit) as bar:
            while not self.stop:
                if self._inspection_is_due():
                    bar.set_description("measuring KID" if self.quality else None)
                    self._inspect()
                    bar.set_description(None)
                    bar.n = min(self.progress.images, self.plan.images)
                elif self.ended:
                    break
                else:
                    self._step(bar)
            # After skipped steps the networks may be what failed, and the checkpoint before is good.
            if self.stop and self.saved and not self.skips:
                self._save()
        if self.stop:
            return Outcome.TERMINATED if signal.SIGTERM in self.stop else Outcome.INTERRUPTED
        return Outcome.STOPPED_EARLY if self.progress.stopped_early else Outcome.FINISHED

    def _step(self, bar: tqdm) -> None:
        """One D step and one G step on the next batch, and what follows from them."""
        progress, trainer, plan = self.progress, self.state.trainer, self.plan
        self.task.tune(progress, self._generators())
        settings, probability = self._settings()
        step = self.task.step(trainer.steps, progress.images, progress.salt, probability)
        held_out = self._held_out_logit(step)
        with self._precision():
            figures = trainer.step(step.real, step.z, step.labels, settings, step.augment)
        before, progress.images = progress.images, progress.images + plan.batch
        bar.update(min(progress.images, plan.images) - min(before, plan.images))
        if "skipped" in figures:
            self._skip(figures)
            bar.n = min(self.progress.images, plan.images)  # a rollback has another `progress`
            return
        self.skips = 0
        self.state.ema.update(trainer.generator, progress.images, plan.batch)
        if held_out is not None:
            figures["held_out"] = held_out
            images = plan.batch * plan.penalty_every
            progress.augmentation.update(figures["real"], held_out, figures["fake"], images, plan)

        penalty_images = plan.batch * plan.penalty_every  # metrics fall on penalty steps, to show the penalty too
        if before % (max(plan.images // _METRICS // penalty_images, 1) * penalty_images) == 0:
            bar.set_postfix({name: f"{figures[name]:.3f}" for name in ("loss_d", "loss_g")})
            self._record(figures, settings, probability)
        if time.monotonic() - self.saved > _SAVE_SECONDS:
            self._save()

    def _settings(self) -> tuple[Settings, float]:
        side = self.task.share_of_side(self.progress.images)
        settings, probability = schedule(self.plan, self.progress.images, side)
        if self.plan.overfitting_target:
            probability = self.progress.augmentation.probability
        rate = settings.learning_rate * self.progress.learning_rate_scale
        return replace(settings, learning_rate=rate), probability

    def _generators(self) -> tuple[nn.Module, nn.Module]:
        return self.state.trainer.generator, self.state.ema.network

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.plan.precision == "bf16")

    def _held_out_logit(self, step: Step) -> float | None:
        """D's mean logit of held-out pictures before D moves; on penalty steps alone, which is often enough."""
        trainer = self.state.trainer
        if not self.plan.holdout or trainer.steps % self.plan.penalty_every:
            return None
        samples, labels = self.task.held_out_batch(self.progress.images)
        with self._precision():
            return trainer.mean_logit(samples, labels, step.augment)

    def _record(self, figures: dict[str, float], settings: Settings, probability: float) -> None:
        line = {**figures, "learning_rate": settings.learning_rate, "gamma": settings.gamma}
        line["augment_probability"] = probability
        if self.plan.holdout:
            line["overfitting"] = self.progress.augmentation.overfitting
        self.records.write(METRICS, self.progress.images, line)

    def _save(self) -> None:
        """The checkpoint; until a KID says which generator is best, the newest as well. Rolls back from bad numbers."""
        if self._back_from_bad_numbers():
            return
        if self.progress.images > self.progress.failed_at:
            self.progress.rollbacks = 0
        if self.progress.best is None:
            self.state.save_generator(self.folder)
        self.state.save(self.folder, self.data.fingerprint)
        self.saved = time.monotonic()

    def _inspection_is_due(self) -> bool:
        every, seen, inspected = max(self.plan.images // _INSPECTIONS, 1), self.progress.images, self.progress.inspected
        at_the_end = seen >= self.plan.images
        return inspected < seen and (at_the_end or (not self.skips and seen // every > inspected // every))

    def _inspect(self) -> None:
        """What a person looks at, and whether this generator is the best so far; does nothing if a signal comes."""
        if self._back_from_bad_numbers():
            return
        progress, generator = self.progress, self.state.ema.network
        self.task.tune(progress, self._generators())
        measured = self.quality.measure(generator, self.device, self.stop) if self.quality else None
        if self.stop:
            return
        self.task.save_samples(generator, self.records, progress.images)
        if measured:
            best = judge(progress, *measured, self.plan.patience)
            if best:
                self.state.save_generator(self.folder)
            self.records.write(QUALITY, progress.images, {"kid": measured[0], "kid_error": measured[1], "best": best})
        if progress.stopped_early and progress.best:
            detail = f"KID collapsed; the generator of {progress.best['images']:,.0f} {self._unit} is kept"
            self.records.event(progress.images, "stopped early", detail)
        progress.inspected = progress.images
        if self.ended or time.monotonic() - self.drawn > _DRAW_SECONDS:
            draw_curves(self.folder)
            self.drawn = time.monotonic()
        self._save()

    def _skip(self, figures: dict[str, float]) -> None:
        """After a step that was not finite: goes on, and after too many of them in a row rolls back."""
        self.skips += 1
        bad = [name for name, value in figures.items() if not math.isfinite(value)] or ["a gradient"]
        reason = f"{', '.join(bad)} not finite"
        if self.skips < _SKIPS:
            self.records.event(self.progress.images, "skipped step", reason)
        else:
            self._roll_back(f"{reason} in {_SKIPS} steps")

    def _back_from_bad_numbers(self) -> bool:
        """Rolls back if anything that a checkpoint holds is not finite; whether it did."""
        bad = self.state.not_finite()
        if bad:
            self._roll_back(f"{bad} not finite")
        return bool(bad)

    def _roll_back(self, reason: str) -> None:
        roll_back(self.state, self.folder, self.data.fingerprint, self.records, reason)
        self.skips = 0


def _task(config: RunConfig, data: ImageDataset | TextDataset, device: torch.device, tokenizer: bytes) -> Task:
    if isinstance(data, TextDataset):
        return TextTask(config, data, device, SentenceTokenizer.from_json(tokenizer, TOKENIZER))
    return PictureTask(config, data, device, Tokenizer.from_json(tokenizer, TOKENIZER) if tokenizer else None)


def _progress_bar(total: int, seen: int, unit: str) -> tqdm:
    return tqdm(total=total, initial=min(seen, total), unit=f" {unit}", dynamic_ncols=True, smoothing=0.05)
