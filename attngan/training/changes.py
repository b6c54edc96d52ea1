"""What of a run may be other when it goes on: what has changed, what that does to its plan, and what is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from attngan.checkpoint import load_about
from attngan.config import RunConfig, TrainingConfig, differences
from attngan.data import Dataset
from attngan.errors import AttnGANError
from attngan.run_folder import begun_run, read_object
from attngan.run_split import Split, has_split, known_fingerprint, recall_split
from attngan.training.state import CHECKPOINT, PREVIOUS
from attngan.training.validation import is_collapse

Training = TypeVar("Training", bound=TrainingConfig)

#: Fields of a run's training that may be others from one start to the next.
MAY_CHANGE = ("images", "batch", "learning_rate", "gamma", "precision", "patience")
_SHARES = ("warm_up", "adversarial_from")  # of a run, before which something waits; `grow` has several
_SCALES = ("integers", "floats")  # of deep pictures, which a set that had none may come to have
_COUNTS = {"class_names": "classes", "style_names": "styles"}  # fields of a config, and of its network


@dataclass(frozen=True)
class Changes:
    """What is other than at the last start of a run."""

    begun: RunConfig | None = None  #: as it was; None of a run that begins
    lines: tuple[str, ...] = ()  #: such as `training.batch: 16 → 32`
    data: bool = False  #: whether samples, or what is said of them, are others

    def __bool__(self) -> bool:
        return bool(self.lines)

    @property
    def speed(self) -> bool:
        """Whether a step, or the run, takes another time."""
        return any(line.startswith(("training.images", "training.batch", "training.precision")) for line in self.lines)

    def __str__(self) -> str:
        moved = [line for line in self.lines if not line.startswith("training.patience")]
        bits = " (from here on not the bits of a run that had it from the start)" if moved else ""
        return "; ".join(self.lines) + bits


def find_changes(folder: Path, asked: RunConfig, dataset: Dataset) -> tuple[RunConfig, Changes]:
    """The config with which the run in `folder` does what is asked, and what is then other than before.

    The same for a config that this returned. `dataset` from then on splits as the run does. Writes nothing.
    Raises AttnGANError for what may not change, and as `begun_run` and `recall_split` do.
    """
    begun = begun_run(folder)
    if begun is None:
        return asked, Changes()
    asked = replace(asked, license=asked.license or begun.license, source=asked.source or begun.source)
    split = fix_split(folder, dataset, begun)
    plan, names = replan(begun.training, asked.training.images, images_done(folder)), begun.network.names
    if split:
        plan = replace(plan, holdout=len(split.held_out))
    free = (*MAY_CHANGE, *(name for name in _SCALES if getattr(begun.training, name, None) == ()))
    plan = replace(plan, **{name: getattr(asked.training, name) for name in free})
    asked = replace(asked, training=_settled(asked.training, begun.training, plan))
    _check_names(folder, getattr(begun, names), getattr(asked, names), names)
    allowed = replace(begun, network=_counted(begun, asked), training=plan, **{names: getattr(asked, names)})
    _refuse(folder, differences(allowed, asked))
    changed = differences(begun, asked)
    lines = [line for line in changed if not line.startswith("network.")]  # which says the same as the names
    others = split is not None and not split.same
    if split and others:
        lines.append(_describe(folder, dataset, split))
    return asked, Changes(begun, tuple(lines), others)


def check_settings(folder: Path, begun: RunConfig, network: Any, training: Any) -> None:
    """AttnGANError for what may not change, as far as it is known before the data are read."""
    plan = replan(begun.training, training.images, images_done(folder))
    plan = replace(plan, **{name: getattr(training, name) for name in (*MAY_CHANGE, "holdout")})
    asked = replace(begun, network=network, training=_settled(training, begun.training, plan))
    _refuse(folder, differences(replace(begun, training=plan), asked))


def check_preset(folder: Path, begun: RunConfig, preset: str) -> None:
    """AttnGANError if the run in `folder` is one of another preset."""
    if preset != begun.preset:
        raise AttnGANError(
            f"--out {folder}",
            f"is a run of preset {begun.preset}, not {preset}",
            "leave --preset out, or name another --out",
        )


def replan(plan: Training, images: int, done: int) -> Training:
    """The plan with another number of images, after `done` of them; AttnGANError if it has been reached.

    Its shares are of the new number, but what has happened stays where it was: a resolution that has doubled, a
    discriminator that has come in, a warm-up that is over.
    """
    if images == plan.images:
        return plan
    if images <= done:
        raise AttnGANError(f"--images {images:,}", f"{done:,} have been shown already", "name more, or leave it out")

    def moved(share: float) -> float:
        happened = share * plan.images
        if happened > done or images < plan.images:
            return share
        share = happened / images
        while share * images > happened:  # by a rounding
            share = math.nextafter(share, 0)
        return share

    changed: dict[str, Any] = {name: moved(getattr(plan, name)) for name in _SHARES if hasattr(plan, name)}
    if hasattr(plan, "grow"):
        changed["grow"] = tuple(map(moved, plan.grow))
    return replace(plan, images=images, **changed)


def images_done(folder: Path) -> int:
    """Samples that the run in a folder has shown to D; 0 before its first step."""
    for name in (CHECKPOINT, PREVIOUS):
        progress = load_about(folder / name).get("progress")
        if progress:
            return int(progress["images"])
    return 0


def how_it_ended(folder: Path, config: RunConfig, other_data: bool = False) -> str:
    """`finished`, `stopped early` where that is to stay so, or nothing while the run in a folder has more to do.

    other_data: whether it goes on with other data, by which nothing has collapsed yet.
    """
    progress = load_about(folder / CHECKPOINT).get("progress")
    if not progress:
        return ""
    if not other_data and is_collapse(progress["collapsed"], config.training.patience):
        return "stopped early"
    return "finished" if progress["images"] >= config.training.images else ""


def fix_split(folder: Path, dataset: Dataset, begun: RunConfig) -> Split | None:
    """How the run splits these data, which they do from then on; None where it is as a new run of them would.

    AttnGANError for other data of a run of an older attngan, unless it holds nothing out: nobody knows which.
    """
    seed = begun.training.seed
    if has_split(folder):
        split = recall_split(folder, dataset, seed)
    else:
        known = known_fingerprint(folder) or load_about(folder / CHECKPOINT).get("fingerprint")
        if known is None:  # stopped before it read anything
            return None
        if known == dataset.fingerprint:
            dataset.fix_split(seed, *dataset.split_apart(begun.training.holdout, seed))
            return None
        if begun.training.holdout:
            what, then = dataset.noun, read_object(folder / "data.json").get(dataset.noun, "other")
            raise AttnGANError(
                "--data",
                f"not the {what} that {folder} began with ({then} {what} then, now {dataset.describe()}), and it is "
                "not known which of them an older attngan held out",
                f"restore them, or begin another run with --from {folder}",
            )
        split = Split(np.arange(len(dataset)), np.empty(0, np.int64), same=False)
    dataset.fix_split(seed, split.training, split.held_out)
    return split


def _settled(asked: Training, begun: TrainingConfig, plan: TrainingConfig) -> Training:
    """What is asked for, with the plan's numbers where it has those that the run began with."""
    follows = {name: getattr(plan, name) for name in (*_SHARES, "grow", "holdout") if hasattr(plan, name)}
    same = {name: value for name, value in follows.items() if getattr(asked, name) == getattr(begun, name)}
    return replace(asked, **same)


def _counted(begun: RunConfig, asked: RunConfig) -> Any:
    """The run's network for the names that are asked for."""
    names = begun.network.names
    if getattr(begun, names) == getattr(asked, names):
        return begun.network
    return replace(begun.network, **{_COUNTS[names]: len(getattr(asked, names))})


def _check_names(folder: Path, then: tuple[str, ...], now: tuple[str, ...], names: str) -> None:
    """AttnGANError if a class or style has gone, or if there were no classes before."""
    what, gone = _COUNTS[names], [name for name in then if name not in now]
    remedy = f"restore them, or begin another run with --from {folder}"
    if gone:
        raise AttnGANError("--data", f"lacks {what} that {folder} draws ({', '.join(gone)})", remedy)
    if now and not then and what == "classes":
        raise AttnGANError(
            "--data", f"has classes, and {folder} draws without", "add --unconditional, or name another --out"
        )


def _refuse(folder: Path, found: list[str]) -> None:
    if found:
        raise AttnGANError(
            f"--out {folder}",
            f"holds a run of other settings ({'; '.join(found)})",
            "leave them out, or name another --out",
        )


def _describe(folder: Path, dataset: Dataset, split: Split) -> str:
    numbers = (split.added, "new"), (split.back, "back"), (split.gone, "gone")
    counted = [f"{number:,} {what}" for number, what in numbers if number]
    then, now = read_object(folder / "data.json").get(dataset.noun), f"{len(dataset):,} {dataset.noun}"
    now = f"{then:,} → {now}" if isinstance(then, int) and then != len(dataset) else now
    return f"data: {now} ({', '.join(counted) or 'other ones, or others said of them'})"
