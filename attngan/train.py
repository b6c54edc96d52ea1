"""The training loop: pictures in, a run folder out. Run again with the same options to go on.

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
from tqdm import tqdm

from attngan.checkpoint import load_generator, write_atomically
from attngan.config import RunConfig, TextToImageConfig, TrainingConfig
from attngan.data import Pictures
from attngan.data.conditions import Conditions
from attngan.ema import Ema
from attngan.errors import AttnGANError
from attngan.metrics.memorisation import FEWEST as FEWEST_FOR_COPIES
from attngan.metrics.memorisation import measure_run
from attngan.networks.build import build_discriminator, build_generator
from attngan.networks.text_to_image import TextToImageGenerator
from attngan.random import derive
from attngan.seeing.curves import draw_curves
from attngan.trainer import Settings, Trainer
from attngan.training.batches import Batches, Step, resolution_at
from attngan.training.holdout import most_held_out, split, take
from attngan.training.quality import Quality, judge, open_quality
from attngan.training.recovery import note, restore, roll_back
from attngan.training.run_folder import METRICS, QUALITY, Records, check_folder, check_pictures, only_writer
from attngan.training.signals import stop_signals
from attngan.training.state import CHECKPOINT, PREVIOUS, Progress, TrainingState
from attngan.training.streams import Stream
from attngan.training.text_encoder import learn_words
from attngan_runtime.tokens import TOKENIZER, Tokenizer

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
    config: RunConfig, pictures: Pictures, folder: Path, device: torch.device, *,
    source: str = "", tensorboard: bool = False, tokenizer: bytes = b"",
) -> Outcome:  # fmt: skip
    """Trains until config.training.images pictures have been shown, KID has collapsed, or a signal stops it.

    source: where the pictures came from, for people. tensorboard: write to folder/tensorboard as well.
    tokenizer: tokenizer.json of a run that draws from words; its pictures have captions.
    Raises AttnGANError if the folder holds another run, the pictures changed, the disk is full, or the run is not
    finite again and again. What was saved before stays as it was.
    """
    if isinstance(config.network, TextToImageConfig) != bool(tokenizer):
        raise AttnGANError("tokenizer: a run that draws from words needs one, and no other has one")
    check_pictures(folder, pictures)
    check_folder(folder, config)
    check_holdout(config.training, pictures)
    with only_writer(folder):
        with stop_signals() as stop, closing(Records(folder, tensorboard)) as records:
            run = _Run(config, pictures, folder, device, stop, records, tokenizer)
            run.begin(source)
            outcome = run.go()
        if outcome in (Outcome.FINISHED, Outcome.STOPPED_EARLY):
            run.look_for_copies()  # everything is saved: signals may end it as they end any program
        return outcome


def check_holdout(plan: TrainingConfig, pictures: Pictures) -> None:
    """AttnGANError if what the plan holds out is too little for it, or more than `most_held_out`."""
    if plan.overfitting_target and not plan.holdout:
        raise AttnGANError(
            "--holdout 0: adaptive augmentation measures on held-out pictures; leave it out, or add --augment none"
        )
    if plan.holdout and not len(split(pictures, plan.holdout, plan.seed)[1]):
        raise AttnGANError(
            f"--holdout {plan.holdout}: no whole concept of so few pictures can be held out; use 0, or a larger number"
        )
    most = most_held_out(pictures)
    if plan.holdout > most:
        raise AttnGANError(
            f"--holdout {plan.holdout}: leaves none of {len(pictures)} pictures, or none of a class, to train on; "
            f"hold out {most} at most"
        )


def build(config: RunConfig, device: torch.device) -> TrainingState:
    """Untrained networks of a run; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(derive(config.training.seed, Stream.INITIAL)))
        generator, discriminator = build_generator(config.network), build_discriminator(config.network)
    # oneDNN and cuDNN both convolve channels-last faster than they convolve NCHW.
    generator = generator.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    discriminator = discriminator.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for network in (generator, discriminator):
        if isinstance(config.network, TextToImageConfig):
            network.text.requires_grad_(False)  # it learns before them, from matching words and pictures
    trainer = Trainer(generator, discriminator, config.training.objective, config.training.penalty)
    return TrainingState(trainer, Ema(generator, config.training.ema_half_life), config.network)


def schedule(plan: TrainingConfig, seen: int, share_of_side: float = 1.0) -> tuple[Settings, float]:
    """Settings and augmentation probability after `seen` images: cosine from first to last (γ: in its logarithm).

    share_of_side: of the resolution that is trained in the full one. γ goes with its square, as the gradient's norm
    does: a pixel that is a mean of four has a gradient twice as long.
    """
    share = 0.5 - 0.5 * math.cos(math.pi * min(seen / plan.images, 1.0))

    def between(ends: tuple[float, float]) -> float:
        return ends[0] + share * (ends[1] - ends[0])

    gamma = math.exp(between((math.log(plan.gamma[0]), math.log(plan.gamma[1]))))
    if plan.penalty != "wgan-gp":  # which wants a norm of 1 at every resolution
        gamma *= share_of_side**2
    settings = Settings(between(plan.learning_rate), between(plan.beta2), gamma, plan.penalty_every, plan.mismatched)
    return settings, between(plan.augment_probability)


class _Run:
    """One run while it trains. Networks and `progress` are all that the next step depends on, and what is saved."""

    def __init__(
        self, config: RunConfig, pictures: Pictures, folder: Path, device: torch.device, stop: list[int],
        records: Records, tokenizer: bytes,
    ) -> None:  # fmt: skip
        self.config, self.plan, self.folder, self.device, self.stop = config, config.training, folder, device, stop
        self.pictures, self.tokenizer = pictures, tokenizer
        words = Tokenizer.from_json(tokenizer, TOKENIZER) if tokenizer else None
        conditions = Conditions(pictures, words) if words else None
        self.batches = Batches(config, pictures, device, conditions)
        self.labelled = conditions.label(pictures) if conditions else pictures
        self.state, self.records = build(config, device), records
        self.quality: Quality | None = None
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
            restore(self.state, self.folder, self.pictures, self.records)
            self.saved = time.monotonic()
        else:
            self.records.save_data(source, self.pictures, self.plan.holdout)
            self._learn_words()
            if self.stop:
                return
            self.records.go_on_from(-1, -1)
            self._save()
        if not self.ended or self._inspection_is_due():
            self.quality, reason = open_quality(take(self.labelled, self.batches.held_out), self.plan.kid_samples)
            if reason:
                best = self.progress.best
                kept = f"that of {best['images']:,.0f} images stays" if best else "the last one is kept, not the best,"
                note(f"no KID while it trains; of its generators {kept} ({reason})")

    def _save_tokenizer(self) -> None:
        """tokenizer.json; AttnGANError if there is another, by which the run's words would mean other ones."""
        path = self.folder / TOKENIZER
        if path.exists() and path.read_bytes() != self.tokenizer:
            raise AttnGANError(
                f"{path}: not the words of --data, which the run began with; restore the captions, or use another --out"
            )
        write_atomically(path, self.tokenizer)

    def _learn_words(self) -> None:
        """Trains the text encoder and gives it, frozen, to all three networks; nothing to do without captions."""
        if not self.batches.conditions:
            return
        text = learn_words(
            self.config, self.pictures, self.batches.conditions, self.batches.training, self.folder, self.device,
            self.stop,
        )  # fmt: skip
        for network in (self.state.trainer.generator, self.state.trainer.discriminator, self.state.ema.network):
            if text is not None:
                network.get_submodule("text").load_state_dict(text.state_dict())

    def go(self) -> Outcome:
        """Steps and inspections to the end, or to a stop signal."""
        with _progress_bar(self.plan.images, self.progress.images) as bar:
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
        self._grow()
        settings, probability = self._settings()
        step = self.batches.step(trainer.steps, progress.images, progress.salt, probability)
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
        side = resolution_at(self.config, self.progress.images) / self.config.network.resolution
        settings, probability = schedule(self.plan, self.progress.images, side)
        if self.plan.overfitting_target:
            probability = self.progress.augmentation.probability
        rate = settings.learning_rate * self.progress.learning_rate_scale
        return replace(settings, learning_rate=rate), probability

    def _grow(self) -> None:
        """Both generators at the resolution that is trained now; D goes by its pictures.

        The best of a smaller resolution is none of this one, however low its KID: blur costs little there.
        """
        progress, side = self.progress, resolution_at(self.config, self.progress.images)
        if progress.resolution not in (0, side):
            progress.best, progress.collapsed = None, 0
        progress.resolution = side
        for network in (self.state.trainer.generator, self.state.ema.network):
            if isinstance(network, TextToImageGenerator):
                network.resolution = side

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.plan.precision == "bf16")

    def _held_out_logit(self, step: Step) -> float | None:
        """D's mean logit of held-out pictures before D moves; on penalty steps alone, which is often enough."""
        trainer = self.state.trainer
        if not self.plan.holdout or trainer.steps % self.plan.penalty_every:
            return None
        pictures, labels = self.batches.held_out_batch(self.progress.images)
        with self._precision():
            return trainer.mean_logit(pictures, labels, step.augment)

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
        self.state.save(self.folder, self.pictures.fingerprint)
        self.saved = time.monotonic()

    def _inspection_is_due(self) -> bool:
        every, seen, inspected = max(self.plan.images // _INSPECTIONS, 1), self.progress.images, self.progress.inspected
        at_the_end = seen >= self.plan.images
        return inspected < seen and (at_the_end or (not self.skips and seen // every > inspected // every))

    def _inspect(self) -> None:
        """What a person looks at, and whether this generator is the best so far; does nothing if a signal comes."""
        if self._back_from_bad_numbers():
            return
        self._grow()
        progress, generator = self.progress, self.state.ema.network
        measured = self.quality.measure(generator, self.device, self.stop) if self.quality else None
        if self.stop:
            return
        self.records.save_samples(generator, progress.images, *self.batches.shown())
        if measured:
            best = judge(progress, *measured, self.plan.patience)
            if best:
                self.state.save_generator(self.folder)
            self.records.write(QUALITY, progress.images, {"kid": measured[0], "kid_error": measured[1], "best": best})
        if progress.stopped_early and progress.best:
            detail = f"KID collapsed; the generator of {progress.best['images']:,.0f} images is kept"
            self.records.event(progress.images, "stopped early", detail)
        progress.inspected = progress.images
        if self.ended or time.monotonic() - self.drawn > _DRAW_SECONDS:
            draw_curves(self.folder)
            self.drawn = time.monotonic()
        self._save()

    def look_for_copies(self) -> None:
        """memorisation.json and neighbours.png of the generator that is kept, unless they are there."""
        if self.plan.holdout < FEWEST_FOR_COPIES or (self.folder / "memorisation.json").exists():
            return
        training, held_out = (take(self.labelled, places) for places in (self.batches.training, self.batches.held_out))
        try:
            measure_run(load_generator(str(self.folder)), training, held_out, self.folder)
        except AttnGANError as error:  # the run itself is done, and whole
            note(f"no report on memorisation: {error}")

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
        roll_back(self.state, self.folder, self.pictures.fingerprint, self.records, reason)
        self.skips = 0


def _progress_bar(total: int, seen: int) -> tqdm:
    return tqdm(total=total, initial=min(seen, total), unit=" images", dynamic_ncols=True, smoothing=0.05)
