"""Back to the last good checkpoint: when a run starts again, and when its losses are no longer finite."""

from __future__ import annotations

import sys
from pathlib import Path

from tqdm import tqdm

from attngan.checkpoint import load_tensors
from attngan.data import Pictures, describe
from attngan.errors import AttnGANError
from attngan.records import read_object
from attngan.training.run_folder import EVENTS, Records
from attngan.training.state import PREVIOUS, TrainingState, machine

_ROLLBACKS = 5  # without getting further, after which a run is given up


def note(text: str) -> None:
    """One line on stderr that does not disturb the progress bar."""
    tqdm.write(f"note: {text}", sys.stderr)


def restore(state: TrainingState, folder: Path, pictures: Pictures, records: Records) -> None:
    """The run in `folder` at its last good checkpoint; AttnGANError if that was not trained on these pictures."""
    about, damage = state.load(folder)
    if about["fingerprint"] != pictures.fingerprint:
        then = read_object(folder / "data.json").get("pictures", "other")
        raise AttnGANError(
            f"--data: not the pictures that {folder} began with ({then} pictures then, now {describe(pictures)}); "
            "restore them, or use another --out"
        )
    here = machine()
    changed = [f"{name} {was} → {here[name]}" for name, was in about["machine"].items() if here.get(name) != was]
    if changed:
        note(f"{', '.join(changed)} since the checkpoint: the run goes on, but not to the same bits")
    _match_best(state, folder)
    records.go_on_from(state.progress.images)
    if damage:
        note(damage)
        state.save(folder, pictures.fingerprint, keep_previous=False)
        records.write(EVENTS, state.progress.images, {"event": "damaged checkpoint", "detail": damage})


def roll_back(state: TrainingState, folder: Path, fingerprint: str, records: Records, reason: str) -> None:
    """The last good checkpoint at half the learning rate, with other batches: the same ones would fail again.

    If the run fails again before it gets further, that checkpoint may itself be the cause: then the one before it.
    Raises AttnGANError after too many rollbacks without getting further.
    """
    failed = state.progress
    if failed.rollbacks >= _ROLLBACKS:
        raise AttnGANError(
            f"{reason} up to {failed.images:,} images, {_ROLLBACKS} rollbacks notwithstanding; {folder} keeps its last "
            "good checkpoint: train anew with a larger gamma or a smaller learning rate"
        )
    if failed.rollbacks and (folder / PREVIOUS).exists():
        state.load_from(folder / PREVIOUS)
    else:
        state.load(folder)
    progress = state.progress
    progress.learning_rate_scale, progress.salt = failed.learning_rate_scale / 2, failed.salt + 1
    progress.rollbacks, progress.failed_at = failed.rollbacks + 1, failed.images
    _match_best(state, folder)
    state.save(folder, fingerprint, keep_previous=False)
    records.go_on_from(progress.images)
    detail = (
        f"{reason} up to {failed.images:,} images: back to {progress.images:,}, "
        f"learning rate × {progress.learning_rate_scale:g}, other batches"
    )
    records.write(EVENTS, progress.images, {"event": "rollback", "detail": detail})
    note(detail)


def _match_best(state: TrainingState, folder: Path) -> None:
    """Forgets the best KID if generator.safetensors is not what had it: a kill or a rollback can leave another one."""
    path = folder / "generator.safetensors"
    if not path.exists():
        state.progress.best = None
        state.save_generator(folder)
    elif state.progress.best and load_tensors(path)[1].get("images") != state.progress.best["images"]:
        state.progress.best = None
