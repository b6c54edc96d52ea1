"""Training on one page: a dataset in, a run folder out. Run again to go on, with the same options or with others.

All randomness is a function of (seed, step, sample index), so a run that was killed and resumed on the same kind
of machine ends in the same bits as one that was not.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from contextlib import closing
from enum import StrEnum
from functools import partial
from pathlib import Path

import torch

from attngan.config import RunConfig
from attngan.data import Dataset
from attngan.ema import Ema
from attngan.errors import AttnGANError
from attngan.generators.source import Source
from attngan.networks import build_discriminator, build_generator
from attngan.random import derive
from attngan.run_folder import check_words, only_writer, write_what_it_is
from attngan.run_split import has_split, write_split
from attngan.streams import Stream
from attngan.tasks import TASKS
from attngan.threads import torch_threads
from attngan.training.adversarial import Adversarial
from attngan.training.beginning import BEGAN, begin_from, check_beginning, inherit
from attngan.training.changes import find_changes, how_it_ended
from attngan.training.pace import TOO_DEAR, Pace
from attngan.training.phase import SaveTimer, run_phase
from attngan.training.recovery import restore
from attngan.training.run_logger import RunLogger, note
from attngan.training.signals import stop_signals
from attngan.training.state import CHECKPOINT, PREVIOUS, TrainingState
from attngan.training.taking_up import take_up, write_data
from attngan.training.task_run import TaskRun
from attngan.training.validation import has_collapsed


class Outcome(StrEnum):
    """How `train` ended."""

    FINISHED = "finished"
    STOPPED_EARLY = "stopped early"  #: KID says that the generator has collapsed; the best one is kept
    INTERRUPTED = "interrupted"  #: Ctrl-C
    TERMINATED = "terminated"  #: SIGTERM, as machines that are taken away send it


def train(
    config: RunConfig, dataset: Dataset, folder: Path, device: torch.device, *, source: str = "",
    tensorboard: bool = False, tokenizer: bytes = b"", save_every: int | None = None, pace: Pace | None = None,
    begin: Source | None = None,
) -> Outcome:  # fmt: skip
    """Trains until config.training.images samples have been shown, KID has collapsed, or a signal stops it.

    source: where the data came from, for people. tensorboard: write to folder/tensorboard as well.
    tokenizer: tokenizer.json of a run that draws from words, whose pictures have captions, or that writes sentences.
    save_every: steps between saves; a minute if not given. pace: threads, and when to measure; is kept in the folder.
    If not given, that of the folder, or this process's threads and twenty KIDs. begin: the generator whose weights a
    new run begins with, in place of what comes before the adversarial steps.
    A run that is there goes on as config and dataset say, where they may differ (attngan.training.changes), and one
    that has ended stays as it is.
    Raises AttnGANError if the folder holds another run, the disk is full, or the run is not finite again and again.
    What was saved before stays as it was.
    """
    task = TASKS[config.task]
    if task.has_words != bool(tokenizer):
        raise AttnGANError("tokenizer", "a run that reads or writes words needs one, and no other has one")
    config, changes = find_changes(folder, config, dataset)
    check_words(folder, tokenizer)
    task.check_holdout(config.training, dataset)
    if begin:
        check_beginning(begin, config)
        config = config if changes.begun else inherit(config, begin)
    with only_writer(folder), torch_threads((pace := pace or Pace.read(folder) or Pace()).threads):
        ended = how_it_ended(folder, config, changes.data)
        if changes and ended:
            return Outcome(ended)
        with stop_signals() as stop, closing(RunLogger(folder, tensorboard)) as logger:
            run = task.prepare(config, dataset, device, tokenizer)
            state = build(config, device)
            if changes:
                take_up(changes, run, folder, logger, source)
            if not ended:
                write_what_it_is(folder, config, tokenizer)
                pace.write(folder)
            carry = partial(begin_from, begin, state, config, tokenizer) if begin else None
            _train(run, state, folder, logger, pace, SaveTimer(save_every), stop, source, carry)
        if stop:
            return Outcome.TERMINATED if signal.SIGTERM in stop else Outcome.INTERRUPTED
        run.finish(folder)  # everything is saved: signals may end it as they end any program
        return Outcome.STOPPED_EARLY if state.progress.stopped_early else Outcome.FINISHED


def _train(
    run: TaskRun, state: TrainingState, folder: Path, logger: RunLogger, pace: Pace, timer: SaveTimer,
    stop: Sequence[int], source: str, carry: Callable[[], str] | None,
) -> None:  # fmt: skip
    """All phases, from where the run in the folder stands.

    carry: gives a new run the weights of another, and says which.
    """
    if (folder / CHECKPOINT).exists() or (folder / PREVIOUS).exists():
        elsewhere = restore(state, folder, run.dataset, logger)
        adversarial = Adversarial(run, state, folder, logger, pace)
        state.progress.stopped_early = has_collapsed(state.progress, run.plan.patience)  # which may be another now
        if elsewhere and not adversarial.ended:
            logger.change(state.progress.images, f"{elsewhere} (from here on not to the same bits)")
        if not has_split(folder) and not adversarial.ended:  # of a run that an older attngan began
            write_split(folder, run.dataset, run.plan.holdout, run.plan.seed)
    else:
        write_data(run, folder, logger, source)
        carried = carry() if carry else ""
        for phase in [] if carry else run.first_phases(state, folder, logger):
            if not run_phase(phase, folder, timer, stop):
                return
        run.prepare_networks(state)
        logger.continue_from(-1, -1)
        if carried:
            logger.event(0, BEGAN, carried)
            note(f"{BEGAN} {carried}")
        adversarial = Adversarial(run, state, folder, logger, pace)
        adversarial.save(folder)
    if not adversarial.ended:
        adversarial.validation, reason = run.open_validation() if pace.kids else (None, TOO_DEAR)
        if reason:
            best = state.progress.best
            kept = (
                f"that of {best['images']:,.0f} {run.dataset.unit} stays"
                if best
                else "the last one is kept, not the best"
            )
            note(f"no KID while it trains; of its generators {kept} ({reason})")
    timer.restart()
    run_phase(adversarial, folder, timer, stop)


def build(config: RunConfig, device: torch.device) -> TrainingState:
    """Untrained networks of a run; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(derive(config.training.seed, Stream.INITIAL)))
        generator, discriminator = build_generator(config.network), build_discriminator(config.network)
    # oneDNN and cuDNN both convolve channels-last faster than they convolve NCHW.
    generator = generator.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    discriminator = discriminator.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    trainer = TASKS[config.task].build_trainer(config, generator, discriminator)
    return TrainingState(trainer, Ema(generator, config.training.ema_half_life), config.network)
