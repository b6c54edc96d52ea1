"""Back to the last good checkpoint: when a run starts again, and when its losses are no longer finite."""

from __future__ import annotations

from pathlib import Path

from attngan.checkpoint import GENERATOR, load_tensors
from attngan.data import Dataset
from attngan.errors import AttnGANError
from attngan.training.run_logger import RunLogger, note
from attngan.training.state import PREVIOUS, TrainingState, machine

_ROLLBACKS = 5  # without getting further, after which a run is given up


def restore(state: TrainingState, folder: Path, data: Dataset, logger: RunLogger) -> str:
    """The run in `folder` at its last good checkpoint; returns what is other here than where that was written."""
    about, damage = state.load(folder)
    here = machine()
    changed = [f"{name} {was} → {here[name]}" for name, was in about["machine"].items() if here.get(name) != was]
    _match_best(state, folder)
    logger.continue_from(state.progress.images, state.progress.inspected)
    if damage:
        note(damage)
        state.save(folder, data.fingerprint, keep_previous=False)
        logger.event(state.progress.images, "damaged checkpoint", damage)
    return ", ".join(changed)


def roll_back(state: TrainingState, folder: Path, fingerprint: str, logger: RunLogger, reason: str) -> None:
    """The last good checkpoint at half the learning rate, with other batches: the same ones would fail again.

    If the run fails again before it gets further, that checkpoint may itself be the cause: then the one before it.
    Raises AttnGANError after too many rollbacks without getting further.
    """
    failed = state.progress
    if failed.rollbacks >= _ROLLBACKS:
        raise AttnGANError(
            folder,
            f"{reason} up to {failed.images:,} images, {_ROLLBACKS} rollbacks notwithstanding",
            "it keeps its last good checkpoint: look at the data, or try another --seed or --objective",
        )
    if failed.rollbacks and (folder / PREVIOUS).exists():
        state.load_from(folder / PREVIOUS)
    else:
        state.load(folder)
    progress = state.progress
    progress.learning_rate_scale, progress.salt = failed.learning_rate_scale / 2, failed.salt + 1
    progress.rollbacks, progress.failed_at = failed.rollbacks + 1, failed.images
    _match_best(state, folder)
    detail = f"{reason}: back to {progress.images:,}, learning rate × {progress.learning_rate_scale:g}, other batches"
    logger.event(failed.images, "rollback", detail)
    state.save(folder, fingerprint, keep_previous=False)
    logger.continue_from(progress.images, progress.inspected)
    note(f"after {failed.images:,} images {detail}")


def _match_best(state: TrainingState, folder: Path) -> None:
    """The best KID is that of generator.safetensors: a kill or a rollback can leave one from further on, or none."""
    try:
        state.progress.best = load_tensors(folder / GENERATOR)[1].get("best")
    except AttnGANError as error:  # lost or damaged
        note(f"{error.subject}: {error.problem}; writing the newest")
        state.progress.best = None
        state.save_generator(folder)
