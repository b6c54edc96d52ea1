"""The training loop: pictures in, a run folder out. Run again with the same options to go on.

All randomness is a function of (seed, step, sample index), so a run that was killed and resumed on the same kind
of machine ends in the same bits as one that was not.
"""

from __future__ import annotations

import fcntl
import json
import math
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from attngan.augment import augment
from attngan.checkpoint import load_config, write_atomically
from attngan.config import RunConfig, TrainingConfig, differences
from attngan.data import Pictures
from attngan.ema import Ema
from attngan.errors import AttnGANError
from attngan.networks.image import DeployedImageGenerator, ImageDiscriminator, ImageGenerator
from attngan.random import derive, normals
from attngan.state import TrainingState, machine
from attngan.trainer import Settings, Trainer
from attngan_runtime.grid import save_grid
from attngan_runtime.pixels import to_uint8

_LATENTS, _AUGMENTATION, _INITIAL = 1, 2, 3  # streams of randomness below the run's seed
_SAVE_SECONDS = 60.0  # between checkpoints: at most this much work is lost to a kill
_GRIDS = 20  # sample grids over the run
_METRICS = 500  # lines of metrics over the run


def train(config: RunConfig, pictures: Pictures, folder: Path, device: torch.device) -> bool:
    """Trains until config.training.images pictures have been shown; True if it got there, False if interrupted.

    Raises AttnGANError if the folder holds another run, the pictures changed, the disk is full or a loss is not finite.
    """
    check_folder(folder, config)
    with _only_writer(folder):
        # Networks, their average and the optimisers, restored if this run has a checkpoint.
        state = build(config, device)
        write_atomically(folder / "config.json", config.to_json().encode())
        seen = _resume(state, folder, pictures.fingerprint)
        saved = time.monotonic()

        # One D step and one G step a batch, until the planned number of images.
        plan, trainer = config.training, state.trainer
        order = Order(plan.seed, len(pictures))
        penalty_images = plan.batch * plan.penalty_every  # metrics fall on penalty steps, to show the penalty too
        metrics_every = max(plan.images // _METRICS // penalty_images, 1) * penalty_images
        grids_every = max(plan.images // _GRIDS, 1)
        with _stop_signals() as stop, _progress(plan.images, seen) as bar:
            while seen < plan.images and not stop:
                real, labels = _batch(pictures, order, seen, plan.batch, config.network.classes, device)
                settings, probability = schedule(plan, seen)
                z, seeds = _randomness(plan, trainer.steps, config.network.z_dim, device)
                figures = trainer.step(real, z, labels, settings, partial(_augment, plan.augment, probability, seeds))
                _check_finite(figures, seen, folder)
                before, seen = seen, seen + plan.batch
                state.ema.update(trainer.generator, seen, plan.batch)
                bar.update(min(seen, plan.images) - before)

                # What a person looks at while it runs, and what a kill can't take.
                if before % metrics_every == 0:
                    bar.set_postfix({name: f"{figures[name]:.3f}" for name in ("loss_d", "loss_g")})
                    _record(folder, seen, figures, settings)
                due = before // grids_every != seen // grids_every or seen >= plan.images
                if due:
                    _draw_samples(state.ema, config, folder, seen, device)
                if due or stop or time.monotonic() - saved > _SAVE_SECONDS:
                    state.save(folder, seen, pictures.fingerprint)
                    saved = time.monotonic()
        return seen >= plan.images


def build(config: RunConfig, device: torch.device) -> TrainingState:
    """Untrained networks of a run; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(derive(config.training.seed, _INITIAL)))
        generator, discriminator = ImageGenerator(config.network), ImageDiscriminator(config.network)
    # oneDNN and cuDNN both convolve channels-last faster than they convolve NCHW.
    generator = generator.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    discriminator = discriminator.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    trainer = Trainer(generator, discriminator, config.training.objective, config.training.penalty)
    return TrainingState(trainer, Ema(generator, config.training.ema_half_life))


def schedule(plan: TrainingConfig, seen: int) -> tuple[Settings, float]:
    """Settings and augmentation probability after `seen` images: cosine from first to last (γ: in its logarithm)."""
    share = 0.5 - 0.5 * math.cos(math.pi * min(seen / plan.images, 1.0))

    def between(ends: tuple[float, float]) -> float:
        return ends[0] + share * (ends[1] - ends[0])

    gamma = math.exp(between((math.log(plan.gamma[0]), math.log(plan.gamma[1]))))
    settings = Settings(between(plan.learning_rate), between(plan.beta2), gamma, plan.penalty_every)
    return settings, between(plan.augment_probability)


class Order:
    """The endless order of training pictures: every epoch is a permutation drawn from (seed, epoch)."""

    def __init__(self, seed: int, count: int) -> None:
        self.seed, self.count = seed, count
        self._epoch, self._permutation = -1, np.empty(0, np.int64)

    def indices(self, start: int, length: int) -> np.ndarray:
        """int64 [length]: places start … start+length−1 of the order; depends on nothing but its arguments."""
        return np.array([self._at(place) for place in range(start, start + length)], np.int64)

    def _at(self, place: int) -> int:
        epoch, position = divmod(place, self.count)
        if epoch != self._epoch:
            self._epoch = epoch
            self._permutation = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        return int(self._permutation[position])


def _batch(
    pictures: Pictures, order: Order, start: int, size: int, classes: int, device: torch.device
) -> tuple[Tensor, Tensor | None]:
    """Pictures [B, C, H, W] in [−1, 1], channels last, and their labels if the networks have classes."""
    indices = order.indices(start, size)
    array = torch.from_numpy(pictures.images[indices]).to(device)
    real = (array.float() / 127.5 - 1).permute(0, 3, 1, 2)
    if not classes:
        return real, None
    assert pictures.labels is not None
    return real, torch.from_numpy(pictures.labels[indices]).to(device)


def _randomness(
    plan: TrainingConfig, step: int, z_dim: int, device: torch.device
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """z of the D step and of the G step, and the seeds of the augmentation of each picture."""
    samples = torch.arange(2 * plan.batch)
    z = normals(derive(plan.seed, _LATENTS, step, samples), z_dim).to(device)
    seeds = derive(plan.seed, _AUGMENTATION, step, samples).to(device)
    return (z[: plan.batch], z[plan.batch :]), seeds


def _augment(names: tuple[str, ...], probability: float, seeds: Tensor, pictures: Tensor) -> Tensor:
    return augment(pictures, seeds[: len(pictures)], names, probability)


def _resume(state: TrainingState, folder: Path, fingerprint: str) -> int:
    """Restores the run in `folder`, if it has a checkpoint, and returns the images that it has seen."""
    if not (folder / "checkpoint.safetensors").exists():
        (folder / "metrics.jsonl").unlink(missing_ok=True)
        return 0
    progress = state.load(folder)
    if progress.fingerprint != fingerprint:
        raise AttnGANError(f"--data: not the pictures that {folder} began with; restore them, or use another --out")
    if not (folder / "generator.safetensors").exists():
        state.save_generator(folder)
    here = machine()
    changed = [
        f"{name} {progress.machine.get(name)} → {here[name]}"
        for name in here
        if here[name] != progress.machine.get(name)
    ]
    if changed:
        tqdm.write(
            f"note: {', '.join(changed)} since the checkpoint: the run goes on, but not to the same bits",
            sys.stderr,
        )
    _forget_later_metrics(folder, progress.images)
    return progress.images


def check_folder(folder: Path, config: RunConfig) -> None:
    """Raises AttnGANError unless `folder` can be made, is empty, or holds this very run; writes nothing."""
    if folder.exists() and not folder.is_dir():
        raise AttnGANError(f"--out {folder}: is a file; name a folder")
    if not folder.parent.is_dir():
        raise AttnGANError(f"--out {folder}: folder {folder.parent} does not exist; create it first")
    if (folder / "config.json").exists():
        changed = differences(load_config(folder), config)
        if changed:
            raise AttnGANError(
                f"--out {folder}: holds another run ({'; '.join(changed)}); give its options again, or another --out"
            )
    elif folder.exists() and any(path.name != ".lock" and path.suffix != ".part" for path in folder.iterdir()):
        raise AttnGANError(f"--out {folder}: holds files and no run; name a new or empty folder")


def _forget_later_metrics(folder: Path, images: int) -> None:
    """Drops lines written after the checkpoint, which this run will write again, and a line torn by a kill."""
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["images"] <= images]
    write_atomically(path, "".join(f"{line}\n" for line in kept).encode())


def _record(folder: Path, seen: int, figures: dict[str, float], settings: Settings) -> None:
    line: dict[str, Any] = {
        "images": seen,
        **figures,
        "learning_rate": settings.learning_rate,
        "gamma": settings.gamma,
    }
    with open(folder / "metrics.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")


def _draw_samples(ema: Ema[ImageGenerator], config: RunConfig, folder: Path, seen: int, device: torch.device) -> None:
    """Eight rows of fixed seeds: by class one class a column (at most 16 of them), else eight columns."""
    columns = min(config.network.classes, 16) or 8
    seeds = torch.arange(8 * columns, device=device)
    labels = seeds % columns if config.network.classes else None
    with torch.no_grad():
        drawn = DeployedImageGenerator(ema.network)(seeds, labels, torch.ones(len(seeds), device=device))
    (folder / "samples").mkdir(exist_ok=True)
    save_grid(to_uint8(drawn.cpu().numpy()), folder / "samples" / f"{seen:09d}.png", columns)


def _check_finite(figures: dict[str, float], seen: int, folder: Path) -> None:
    bad = [name for name, value in figures.items() if not math.isfinite(value)]
    if bad:
        raise AttnGANError(
            f"{', '.join(bad)} is not finite after {seen:,} images; {folder} keeps its last checkpoint: "
            "train anew with a larger gamma or a smaller learning rate"
        )


def _progress(total: int, seen: int) -> tqdm:
    return tqdm(total=total, initial=min(seen, total), unit=" images", dynamic_ncols=True, smoothing=0.05)


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collects Ctrl-C and SIGTERM instead of dying, so that the step in hand ends and is saved."""
    stop: list[int] = []
    previous = {
        number: signal.signal(number, lambda n, _: stop.append(n)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _only_writer(folder: Path) -> Iterator[None]:
    """Holds the run's lock; AttnGANError if another process trains into the same folder."""
    folder.mkdir(exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AttnGANError(
                f"--out {folder}: another attngan train writes there; wait for it, or use another --out"
            ) from None
        yield
