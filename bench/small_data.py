"""Do the defaults hold on few pictures? 100, 500 and 2,000 of Fashion-MNIST, beside training without them.

    python bench/small_data.py train 100 plain --out runs      one run, twenty minutes of one core; again to resume
    python bench/small_data.py score --out runs                every generator against the unseen test pictures
    python bench/small_data.py figure --out runs               docs/small-data*.png; prints the table

"plain" is the same network, loss and schedule with no augmentation, with every picture trained on, and with the last
generator kept: what the defaults add is all that differs. Both are scored on test pictures, which neither saw.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from output import markdown_table, origin, write_json
from PIL import Image

from attngan.checkpoint import GENERATOR, load_about, save_tensors
from attngan.config import AUGMENT, ImageNetworkConfig, ImageTraining, RunConfig
from attngan.data import ImageDataset, load_pictures
from attngan.data.split import usual_holdout
from attngan.evaluation.memorisation import measure
from attngan.features.efficientnet import features
from attngan.generators import Source
from attngan.generators.image import TorchImageGenerator
from attngan.metrics.kid import kid
from attngan.metrics.precision_recall import density_and_coverage
from attngan.presets import OVERFITTING_TARGET, PATIENCE
from attngan.tasks import TASKS
from attngan.tasks.image import ImageRun, ImageTask
from attngan.train import train
from attngan.training.run_logger import RunLogger
from attngan_runtime.generators.grid import grid

IMAGES = {100: 120_000, 500: 200_000, 2000: 200_000}  # shown in all: 1,200, 400 and 100 epochs
ARMS = ("plain", "defaults")
# At 16² one CPU core shows 350 pictures a second, so that a set of 100 is seen thousands of times in minutes.
NETWORK = ImageNetworkConfig(16, 1, 0, 32, (48, 32, 16), 1, (8,), 2)
GAMMA = (0.25, 0.0125)  # a quarter of fashion-32's, as presets have it for half the resolution
FASHION = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist
DOCS = Path(__file__).parents[1] / "docs"
RESULTS = Path(__file__).parent / "results" / "small_data.json"
TEST, DRAWN, ON_THE_WAY = 2000, 1000, 300  # pictures: unseen, generated at the end, generated for each point of a curve


class SnapshotRun(ImageRun):
    """Keeps the averaged generator of every inspection, where a run folder keeps the best alone."""

    def save_samples(self, generator: torch.nn.Module, logger: RunLogger, seen: int) -> None:
        super().save_samples(generator, logger, seen)
        (logger.folder / "snapshots").mkdir(exist_ok=True)
        save_tensors(logger.folder / "snapshots" / f"{seen:09d}.safetensors", generator.state_dict())


class SnapshotTask(ImageTask):
    """Pictures, with snapshots on the way."""

    def prepare(self, config: RunConfig, dataset: Any, device: torch.device, tokenizer: bytes) -> SnapshotRun:
        return SnapshotRun(config, dataset, device)


def subset(data: Path, count: int) -> ImageDataset:
    """count // 10 training pictures of each class, drawn by a fixed seed; training is not told the classes."""
    pictures = load_pictures(data, resolution=16, channels=1)
    rng = np.random.default_rng(0)
    places = [rng.permutation(np.flatnonzero(pictures.classes == label))[: count // 10] for label in range(10)]
    return ImageDataset(pictures.images[np.sort(np.concatenate(places))])


def plan(count: int, arm: str, held_out: int = 0) -> ImageTraining:
    """The run of an arm; the defaults but for 250 pictures a KID on the way, where a run has 500."""
    images = IMAGES[count]
    plain = ImageTraining(images, gamma=GAMMA, ema_half_life=max(images // 40, 200))
    if arm == "plain":
        return plain
    return replace(
        plain, augment=AUGMENT, overfitting_target=OVERFITTING_TARGET, patience=PATIENCE,
        holdout=held_out, kid_samples=250,
    )  # fmt: skip


def train_arm(count: int, arm: str, data: Path, out: Path) -> None:
    """One run into out/ARM-COUNT."""
    torch.set_num_threads(1)  # so that equal commands give equal bits wherever they run
    TASKS["image"] = SnapshotTask()
    pictures = subset(data, count)
    out.mkdir(parents=True, exist_ok=True)
    config = RunConfig("small-data", NETWORK, plan(count, arm, usual_holdout(pictures)))
    print(train(config, pictures, out / f"{arm}-{count}", torch.device("cpu"), source=str(data)))


def score(data: Path, out: Path) -> None:
    """Adds a curve of KID for each run, and figures of the generator that it keeps, to bench/results/small_data.json.

    Runs that are in there stay as they are: delete the file to score all of them again.
    """
    unseen = load_pictures(data / "t10k-images-idx3-ubyte.gz", resolution=16, channels=1)
    test = ImageDataset(unseen.images[:TEST])
    real = features(test.images)
    runs = json.loads(RESULTS.read_text())["runs"] if RESULTS.exists() else {}
    for folder in sorted(path.parent for path in out.glob(f"*/{GENERATOR}")):
        if folder.name in runs:
            continue
        curve = [
            (int(path.stem), *kid(real, features(load(folder, f"snapshots/{path.name}").sample(range(ON_THE_WAY)))))
            for path in sorted(folder.glob("snapshots/*.safetensors"))[1::2]
        ]
        kept = load(folder)
        shown, held_out = kept.split_dataset(subset(data, int(folder.name.split("-")[1])))
        runs[folder.name] = {"curve": curve, "held_out": len(held_out), **score_kept(kept, shown, test, real)}
        print(folder.name, {name: value for name, value in runs[folder.name].items() if name != "copies"}, flush=True)
        write_json(RESULTS, origin() | {"runs": runs})


def score_kept(
    kept: TorchImageGenerator, pictures: ImageDataset, test: ImageDataset, real: np.ndarray
) -> dict[str, Any]:
    """KID and coverage of the run's own generator, and how often it copies."""
    drawn = features(kept.sample(range(DRAWN)))
    distance, error = kid(real, drawn)
    return {
        "images": load_about(kept.source.folder / GENERATOR)["images"],
        "kid": distance,
        "kid_error": error,
        "coverage": density_and_coverage(real[:DRAWN], drawn)[1],
        "copies": measure(kept.sample, pictures, test).as_dict(),
    }


def load(folder: Path, weights: str = GENERATOR) -> TorchImageGenerator:
    """The generator of a run, or a snapshot of it."""
    return TorchImageGenerator(Source(str(folder), folder, weights))


def figure(out: Path) -> None:
    """docs/small-data.png and docs/small-data-samples.png; prints the table."""
    from matplotlib.figure import Figure

    runs = json.loads(RESULTS.read_text())["runs"]
    chart = Figure(figsize=(10, 3.2), layout="constrained")
    for axes, count in zip(chart.subplots(1, 3, sharey=True), IMAGES, strict=True):
        for arm, colour in zip(ARMS, ("#d1701f", "#2264b5"), strict=True):
            run = runs[f"{arm}-{count}"]
            images, values, errors = np.array(run["curve"]).T
            axes.errorbar(images / 1000, values, errors, color=colour, label=arm, linewidth=1.6)
            axes.plot(run["images"] / 1000, run["kid"], "*", color=colour, markersize=13)
        axes.set(title=f"{count:,} pictures", xlabel="images shown, thousands", yscale="log")
        axes.grid(alpha=0.3, which="both")
    chart.axes[0].set_ylabel("KID on unseen pictures")
    chart.axes[0].legend()
    chart.savefig(DOCS / "small-data.png", dpi=110)
    samples(out)
    print("\n".join(table(runs)))


def samples(out: Path) -> None:
    """Eighty seeds of each run's generator: plain on the left, a row a set."""
    grids = [[grid(load(out / f"{arm}-{count}").sample(range(80)), 10) for arm in ARMS] for count in IMAGES]
    width, height = grids[0][0].size
    sheet = Image.new("L", (2 * width + 24, 3 * height + 32), 255)
    for row, pair in enumerate(grids):
        for column, one in enumerate(pair):
            sheet.paste(one, (column * (width + 24), row * (height + 16)))
    sheet.resize((2 * sheet.width, 2 * sheet.height), Image.Resampling.NEAREST).save(
        DOCS / "small-data-samples.png", optimize=True
    )


def table(runs: dict[str, Any]) -> list[str]:
    """Markdown: a line a run."""
    titles = ("pictures", "training", "kept after", "KID", "coverage", "closer than the median", "nearest: training")
    rows = []
    for count in IMAGES:
        for arm in ARMS:
            run = runs[f"{arm}-{count}"]
            copies = run["copies"]
            share, expected = (copies[f"pixels_nearest_is_training{suffix}"] for suffix in ("", "_without_copies"))
            cells = (
                f"{count:,}",
                arm,
                f"{run['images']:,} of {IMAGES[count]:,}",
                f"{run['kid']:.4f} ± {run['kid_error']:.4f}",
                f"{run['coverage']:.2f}",
                f"{copies['closer_than_median']:.0%}, {copies['pixels_closer_than_median']:.0%}",
                f"{share:.0%} ({expected:.0%})",
            )
            rows.append(cells)
    return markdown_table(titles, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one, all_of_them, drawn = (commands.add_parser(name) for name in ("train", "score", "figure"))
    one.add_argument("count", type=int, choices=IMAGES)
    one.add_argument("arm", choices=ARMS)
    for command in (one, all_of_them, drawn):
        command.add_argument("--data", type=Path, default=FASHION)
        command.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.command == "train":
        train_arm(options.count, options.arm, options.data, options.out)
    elif options.command == "score":
        score(options.data, options.out)
    else:
        figure(options.out)


if __name__ == "__main__":
    main()
