"""Is another generator a better beginning than none? 100 and 500 pictures of classes that it never saw.

    python bench/beginning.py --out RUNS     all runs on one thread, half an hour of a core; run again to resume

The other generator draws eight classes of Fashion-MNIST at 16²; the pictures are of the two that it never saw. All arms
show equally many images, with the defaults for few pictures. Each point of a curve is the KID of the averaged generator
of that moment against 2,000 test pictures of the two classes, in features that took no part in training.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch
from output import markdown_table, origin, write_json
from small_data import FASHION, GAMMA, NETWORK, SnapshotTask, load

from attngan.config import AUGMENT, ImageTraining, RunConfig
from attngan.data import ImageDataset, load_pictures
from attngan.data.split import usual_holdout
from attngan.features.efficientnet import features
from attngan.generators.source import find_run
from attngan.metrics.kid import kid
from attngan.presets import OVERFITTING_TARGET
from attngan.tasks import TASKS
from attngan.train import train
from attngan.training.state import CHECKPOINT, PREVIOUS

NEW = (5, 8)  # sandals and bags
BASE_IMAGES, IMAGES = 60_000, 20_000
COUNTS = (100, 500)
ARMS = {  # whether it begins with the other generator, whether with its D, share in which G's rate rises from 0
    "from nothing": (False, False, 0.0),
    "generator and discriminator": (True, True, 0.0),
    "generator alone": (True, False, 0.0),
    "generator alone, D first": (True, False, 0.2),
}
DRAWN = 1000
RESULTS = Path(__file__).parent / "results" / "beginning.json"


def subset(file: Path, new: bool, count: int | None = None) -> ImageDataset:
    """Pictures of the two classes or of the other eight, equally many of each class; training is not told which."""
    pictures = load_pictures(file, resolution=16, channels=1)
    rng = np.random.default_rng(0)
    labels = [label for label in range(10) if (label in NEW) == new]
    each = None if count is None else count // len(labels)
    places = [rng.permutation(np.flatnonzero(pictures.classes == label))[:each] for label in labels]
    return ImageDataset(pictures.images[np.sort(np.concatenate(places))])


def plan(images: int, dataset: ImageDataset, warm_up: float = 0.0) -> ImageTraining:
    return ImageTraining(
        images, gamma=GAMMA, ema_half_life=max(images // 40, 200), augment=AUGMENT, kid_samples=100,
        overfitting_target=OVERFITTING_TARGET, holdout=usual_holdout(dataset), warm_up=warm_up,
    )  # fmt: skip


def train_base(data: Path, folder: Path) -> None:
    pictures = subset(data / "train-images-idx3-ubyte.gz", new=False)
    train(RunConfig("base", NETWORK, plan(BASE_IMAGES, pictures)), pictures, folder, torch.device("cpu"))


def train_arm(arm: str, count: int, data: Path, out: Path) -> Path:
    pictures = subset(data / "train-images-idx3-ubyte.gz", new=True, count=count)
    begins, with_its_discriminator, warm_up = ARMS[arm]
    folder = out / f"{arm}-{count}"
    base = out / "base" if with_its_discriminator else _without_discriminator(out)
    source = find_run(str(base)) if begins and not folder.exists() else None
    config = RunConfig("beginning", NETWORK, plan(IMAGES, pictures, warm_up))
    print(folder.name, train(config, pictures, folder, torch.device("cpu"), begin=source), flush=True)
    return folder


def _without_discriminator(out: Path) -> Path:
    folder = out / "base-generator"
    if not folder.exists():
        shutil.copytree(out / "base", folder, ignore=shutil.ignore_patterns(CHECKPOINT, PREVIOUS))
    return folder


def curve(folder: Path, real: np.ndarray) -> list[tuple[int, float, float]]:
    """(images, KID, its standard error) of the run's snapshots."""
    return [
        (int(path.stem), *kid(real, features(load(folder, f"snapshots/{path.name}").sample(range(DRAWN)))))
        for path in sorted(folder.glob("snapshots/*.safetensors"))[3::4]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=FASHION)
    options = parser.parse_args()
    data, out = options.data, options.out
    torch.set_num_threads(1)
    TASKS["image"] = SnapshotTask()
    out.mkdir(parents=True, exist_ok=True)
    train_base(data, out / "base")
    real = features(subset(data / "t10k-images-idx3-ubyte.gz", new=True).images)
    runs = {f"{arm}, {count}": curve(train_arm(arm, count, data, out), real) for count in COUNTS for arm in ARMS}
    write_json(RESULTS, origin() | {"base_images": BASE_IMAGES, "runs": runs})
    rows = [(name, *(f"{value:.4f} ± {error:.4f}" for _, value, error in points[-1:])) for name, points in runs.items()]
    print("\n".join(markdown_table(("beginning, pictures", "KID"), rows)))


if __name__ == "__main__":
    main()
