"""Do a Fashion-MNIST generator's pictures show the class asked for, and do they vary as real ones do?

    python bench/fashion_fidelity.py fashion-32            a shipped generator, a run folder or a bundle
    python bench/fashion_fidelity.py --real                real test pictures in its place: what the figures can reach

A small classifier, trained on the real training pictures (once, then cached), judges 100 pictures of each class.
The variance of a class is the trace of the covariance of its features, once in EfficientNet-Lite0's 1,280 values and
once in the classifier's 128; the ratio is the mean over classes for the generator over that for real pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from output import origin, write_json
from torch import Tensor, nn
from tqdm import tqdm

from attngan.cache_folder import cache_folder
from attngan.checkpoint import load_tensors, save_tensors
from attngan.data import ImageDataset, load_pictures
from attngan.errors import AttnGANError
from attngan.features.efficientnet import NAME, features
from attngan.generators import open_generator

PER_CLASS, REFERENCE_PER_CLASS = 100, 200
EPOCHS, BATCH, RATE = 4, 128, 4e-3
VERSION = 1  # of the classifier and its training; part of the cached file's name

#: draw(seeds, classes) → uint8 [N, 32, 32, 1]
Draw = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Classifier(nn.Module):
    """Five 3×3 convolutions with two poolings between them; 0.28 M parameters, 128 features."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 32, 64, 64, 128, 128)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1, bias=False) for before, after in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths[1:])
        self.last = nn.Linear(widths[-1], 10)

    def embed(self, pictures: Tensor) -> Tensor:
        """float [B, 1, 32, 32] in 0 … 1 → [B, 128]."""
        x = pictures[..., 2:30, 2:30]  # the border is padding
        for index, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = F.relu(norm(convolution(x)))
            if index in (0, 2):
                x = F.max_pool2d(x, 2)
        return x.mean((2, 3))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.last(self.embed(pictures))


def tensor(images: np.ndarray) -> Tensor:
    """uint8 [N, H, W, 1] → float [N, 1, H, W] in 0 … 1."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255


def train_classifier(real: ImageDataset) -> Classifier:
    """The classifier, from the cache folder if it was trained on these pictures before."""
    assert real.classes is not None
    path = cache_folder() / f"fashion-classifier-{VERSION}-{real.fingerprint[:12]}.safetensors"
    torch.manual_seed(0)
    network = Classifier().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if path.is_file():
        network.load_state_dict(load_tensors(path)[0])
        return network.eval()
    steps = EPOCHS * (len(real) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps)
    labels, generator = torch.from_numpy(real.classes), np.random.default_rng(0)
    order = np.concatenate([generator.permutation(len(real))[: len(real) // BATCH * BATCH] for _ in range(EPOCHS)])
    for step in tqdm(range(steps), desc="training the classifier", unit="step"):
        index = order[step * BATCH : (step + 1) * BATCH]
        pictures = tensor(real.images[index])
        flipped = torch.from_numpy(generator.random(BATCH) < 0.5)[:, None, None, None]
        loss = F.cross_entropy(network(torch.where(flipped, pictures.flip(3), pictures)), labels[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    save_tensors(path, network.state_dict())
    return network.eval()


@torch.no_grad()
def judge(network: Classifier, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes int64 [N] and features float32 [N, 128] of uint8 pictures."""
    embedded = torch.cat([network.embed(tensor(images[start : start + 500])) for start in range(0, len(images), 500)])
    return network.last(embedded).argmax(1).numpy(), embedded.numpy()


def class_variance(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float [10]: trace of the covariance of each class's features; unbiased, so that counts may differ."""
    return np.array([values[labels == label].var(0, ddof=1).sum() for label in range(10)])


def first_of_each(pictures: ImageDataset, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` pictures of each class, and their labels."""
    assert pictures.classes is not None
    index = np.concatenate([np.flatnonzero(pictures.classes == label)[:count] for label in range(10)])
    return pictures.images[index], pictures.classes[index]


def measure(draw: Draw, train: ImageDataset, test: ImageDataset) -> dict[str, Any]:
    """The figures of a generator, or of whatever `draw` gives for seeds 0 … 999 and 100 times each class."""
    assert test.classes is not None
    classes = np.repeat(np.arange(10), PER_CLASS)
    drawn = draw(np.arange(len(classes)), classes)
    reference, reference_labels = first_of_each(train, REFERENCE_PER_CLASS)

    network = train_classifier(train)
    found, embedded = judge(network, drawn)
    own = class_variance(embedded, classes), class_variance(judge(network, reference)[1], reference_labels)
    lite = class_variance(features(drawn), classes), class_variance(features(reference), reference_labels)
    agrees = found == classes
    return {
        "classifier_accuracy_on_real_test": float((judge(network, test.images)[0] == test.classes).mean()),
        "agreement": float(agrees.mean()),
        "agreement_by_class": _by_class(agrees.reshape(10, PER_CLASS).mean(1), test),
        "variance_ratio_efficientnet_lite0": float(lite[0].mean() / lite[1].mean()),
        "variance_ratio_efficientnet_lite0_by_class": _by_class(lite[0] / lite[1], test),
        "variance_ratio_classifier": float(own[0].mean() / own[1].mean()),
        "samples": len(classes),
        "features": NAME,
    }


def _by_class(values: np.ndarray, pictures: ImageDataset) -> dict[str, float]:
    return {name: round(float(value), 3) for name, value in zip(pictures.class_names, values, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generator", nargs="?", help="run folder, bundle folder or shipped name")
    parser.add_argument("--real", action="store_true", help="judge real test pictures")
    parser.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    arguments = parser.parse_args()
    if (arguments.generator is None) != arguments.real:
        parser.error("name one generator, or give --real")
    os.nice(10)
    torch.set_num_threads(1)  # leaves the other cores to whatever trains meanwhile
    train = load_pictures(arguments.data, resolution=32, channels=1)
    test = load_pictures(arguments.data / "t10k-images-idx3-ubyte.gz", resolution=32, channels=1)

    if arguments.real:
        name = "real-test"
        figures = measure(lambda _seeds, _classes: first_of_each(test, PER_CLASS)[0], train, test)
    else:
        generator = open_generator(arguments.generator)
        name, figures = generator.name, measure(generator.sample, train, test)

    for key, value in figures.items():
        if isinstance(value, dict):
            value = ", ".join(f"{entry} {share}" for entry, share in value.items())
        print(f"{key:42} {value:.3f}" if isinstance(value, float) else f"{key:42} {value}")
    write_json(arguments.results / f"fashion_fidelity-{name}.json", {"generator": name, **origin(), **figures})


if __name__ == "__main__":
    try:
        main()
    except AttnGANError as error:
        sys.exit(f"error: {error}")
