"""The phase that every run has: generator against discriminator."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import torch

from attngan.run_folder import METRICS, QUALITY
from attngan.trainer import Settings
from attngan.training.batches import Step
from attngan.training.pace import Pace
from attngan.training.phase import SKIPS, Figures, Phase
from attngan.training.recovery import roll_back
from attngan.training.run_logger import RunLogger
from attngan.training.schedule import schedule
from attngan.training.state import Progress, TrainingState
from attngan.training.task_run import TaskRun
from attngan.training.validation import Validation, judge
from attngan.visualization.curves import draw_curves

_DRAW_SECONDS = 30.0  # between drawings of the curves, each of about half a second
_METRICS = 500  # lines of metrics over the run


class Adversarial(Phase):
    """Networks and `progress` are all that the next step depends on."""

    def __init__(
        self, run: TaskRun, state: TrainingState, folder: Path, logger: RunLogger, pace: Pace | None = None
    ) -> None:
        self.run, self.state, self.folder, self.logger, self.pace = run, state, folder, logger, pace or Pace()
        self.validation: Validation | None = None
        self.plan, self.unit, self.total = run.plan, run.dataset.unit, run.plan.images
        self._drawn = time.monotonic()
        self._shown: Figures = {}

    @property
    def progress(self) -> Progress:
        """Where the run stands; another one after a rollback."""
        return self.state.progress

    @property
    def seen(self) -> int:
        return self.progress.images

    @property
    def measuring(self) -> str:
        return "measuring KID" if self._kid_is_due() else ""

    @property
    def ended(self) -> bool:
        return (self.progress.stopped_early or self.seen >= self.total) and not self.measurement_is_due()

    def step(self) -> Figures:
        """One D step and one G step on the next batch, and what follows from them."""
        progress, trainer, plan = self.progress, self.state.trainer, self.plan
        self._tune()
        settings, probability = self._settings()
        step = self.run.batches.step(trainer.steps, progress.images, progress.salt, probability)
        held_out = self._held_out_logit(step) if settings.adversarial else None
        with self._precision():
            figures = trainer.step(step.real, step.noise, step.condition, settings, step.augment)
        progress.images += plan.batch
        if "skipped" in figures:
            return figures
        self.state.ema.update(trainer.generator, progress.images, plan.batch)
        between = plan.batch * plan.penalty_every
        if held_out is not None:
            figures["held_out"] = held_out
            self.run.adapt(progress, figures, between)
        # Metrics fall on penalty steps, to show the penalty too.
        if (trainer.steps - 1) % (max(plan.images // _METRICS // between, 1) * plan.penalty_every) == 0:
            self._record(figures, settings, probability)
        return figures

    def _settings(self) -> tuple[Settings, float]:
        settings = schedule(self.plan, self.seen, self.run.share_of_side(self.seen))
        rate = settings.learning_rate * self.progress.learning_rate_scale
        return replace(settings, learning_rate=rate), self.run.augment_probability(self.progress)

    def _tune(self) -> None:
        self.run.tune(self.progress, (self.state.trainer.generator, self.state.ema.network))

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self.run.device.type, torch.bfloat16, enabled=self.plan.precision == "bf16")

    def _held_out_logit(self, step: Step) -> float | None:
        """D's mean logit of held-out samples before D moves; on penalty steps alone, which is often enough."""
        trainer = self.state.trainer
        if not self.plan.holdout or trainer.steps % self.plan.penalty_every:
            return None
        samples, condition = self.run.batches.held_out_batch(self.seen)
        with self._precision():
            return trainer.mean_logit(samples, condition, step.augment)

    def _record(self, figures: Figures, settings: Settings, probability: float) -> None:
        self._shown = {name: figures[name] for name in ("loss_d", "loss_g") if name in figures}
        line = {**figures, "learning_rate": settings.learning_rate, "gamma": settings.gamma}
        line["augment_probability"] = probability
        if self.plan.holdout:
            line["overfitting"] = self.progress.augmentation.overfitting
        self.logger.write(METRICS, self.seen, line)

    def postfix(self) -> Figures:
        return self._shown

    def save(self, folder: Path) -> None:
        """The checkpoint; until a KID says which generator is best, the newest as well. Rolls back from bad numbers."""
        if self._recover():
            return
        if self.seen > self.progress.failed_at:
            self.progress.rollbacks = 0
        if self.progress.best is None:
            self.state.save_generator(folder)
        self.state.save(folder, self.run.dataset.fingerprint)

    def measurement_is_due(self) -> bool:
        return self._kid_is_due() or self._grid_is_due()

    def _kid_is_due(self) -> bool:
        return self.validation is not None and self._is_due(self.pace.kids_until, self.progress.inspected)

    def _grid_is_due(self) -> bool:
        return self._is_due(self.pace.grids_until, self.progress.drawn)

    def _is_due(self, until: Callable[[int, int], int], last: int) -> bool:
        """Whether one more is due than after `last` samples; not after skipped steps, but at the end in any case."""
        seen, total = self.seen, self.total
        return last < seen and until(seen, total) > until(last, total) and (seen >= total or not self.skips)

    def measure(self, stop: Sequence[int]) -> bool:
        """What a person looks at, and whether this generator is the best so far, whichever is due."""
        if self._recover():
            return False
        progress, generator = self.progress, self.state.ema.network
        self._tune()
        best = False
        if self.validation and self._kid_is_due():
            found = self.validation.measure(generator, self.run.device, stop)
            if not found or stop:
                return False
            best = self._judge(*found)
        if best or progress.stopped_early or self._grid_is_due():  # what is kept is seen, too
            self.run.save_samples(generator, self.logger, progress.images)
            progress.drawn = progress.images
        if self.ended or time.monotonic() - self._drawn > _DRAW_SECONDS:
            draw_curves(self.folder)
            self._drawn = time.monotonic()
        return True

    def _judge(self, kid: float, error: float) -> bool:
        """Records a KID; whether its generator is the best so far."""
        progress = self.progress
        best = judge(progress, kid, error, self.plan.patience)
        if best:
            self.state.save_generator(self.folder)
        self.logger.write(QUALITY, progress.images, {"kid": kid, "kid_error": error, "best": best})
        if progress.stopped_early and progress.best:
            detail = f"KID collapsed; the generator of {progress.best['images']:,.0f} {self.unit} is kept"
            self.logger.event(progress.images, "stopped early", detail)
        progress.inspected = progress.images
        return best

    def note_skip(self, reason: str) -> None:
        self.logger.event(self.seen, "skipped step", reason)

    def recover(self, reason: str) -> None:
        self._roll_back(f"{reason} in {SKIPS} steps")

    def _recover(self) -> bool:
        """Rolls back if anything that a checkpoint holds is not finite; whether it did."""
        bad = self.state.not_finite()
        if bad:
            self._roll_back(f"{bad} not finite")
        return bool(bad)

    def _roll_back(self, reason: str) -> None:
        roll_back(self.state, self.folder, self.run.dataset.fingerprint, self.logger, reason)
        self.skips = 0
