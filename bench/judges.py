"""What the two judges of pictures can tell apart, on real pictures alone.

    python bench/judges.py cifar --data cifar10     train/ and test/, a folder a class; five minutes of one core
    python bench/judges.py words --data emoji       a captioned folder; twenty minutes for 10,000 pictures, then one

Each writes its part of bench/results/judges.json. cifar: how many of 500 test pictures have the class of most of their
five nearest of 2,000 training pictures; KID of 1,000 of these against the other 1,000, as they are and blurred. words:
retrieval of real pictures by matchers that see through either judge, over ten disjoint tenths of the concepts.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from output import origin, write_json
from PIL import Image

from attngan.data import ImageDataset, load_captioned, load_pictures
from attngan.evaluation.matcher import train_matchers
from attngan.features import open_nsfw
from attngan.features.cache import real_features
from attngan.features.extractor import EFFICIENTNET, OPEN_NSFW, Extractor
from attngan.metrics.estimate import Estimate
from attngan.metrics.kid import kid
from attngan.metrics.precision_recall import squared_distances
from attngan.metrics.retrieval import Retrieval, retrieval

RESULTS = Path(__file__).parent / "results" / "judges.json"
KNOWN, ASKED, NEIGHBOURS = 2000, 500, 5
PIXELS = Extractor("pixels", None, lambda images: images.reshape(len(images), -1).astype(np.float32))
YAHOO = Extractor("Open NSFW, prepared as Yahoo's script does", "1", lambda images: open_nsfw.features(cut(images)))


def measure_cifar(data: Path) -> dict[str, Any]:
    """By extractor."""
    known, asked = (
        some(load_pictures(data / half, resolution=32, channels=3), count)
        for half, count in (("train", KNOWN), ("test", ASKED))
    )
    found: dict[str, Any] = {}
    for judge in (PIXELS, EFFICIENTNET, OPEN_NSFW, YAHOO):
        features = [real_features(judge, half, np.arange(len(half))) for half in (known, asked)]
        found[judge.name] = {"accuracy": nearest_accuracy(*features, known.classes, asked.classes)}
        if judge in (EFFICIENTNET, OPEN_NSFW):
            first, second = features[0][: KNOWN // 2], features[0][KNOWN // 2 :]
            blurred = judge.extract(KNOWN // 2, lambda part: blur(known.images[KNOWN // 2 :][part], 2), "blurred")
            found[judge.name] |= {"kid_real": kid(first, second), "kid_blurred": kid(first, blurred)}
        print(judge.name, found[judge.name], flush=True)
    return found


def some(pictures: ImageDataset, count: int) -> ImageDataset:
    return pictures.take(np.random.default_rng(0).permutation(len(pictures))[:count])


def cut(images: np.ndarray) -> np.ndarray:
    """Enlarged to 256², the border of 16 pixels cut off."""
    enlarged = (Image.fromarray(image).resize((256, 256), Image.Resampling.BILINEAR) for image in images)
    return np.stack([np.asarray(image)[16:240, 16:240] for image in enlarged])


def blur(images: np.ndarray, factor: int) -> np.ndarray:
    """Averaged down by the factor and enlarged again."""
    count, height, width, channels = images.shape
    boxes = images.reshape(count, height // factor, factor, width // factor, factor, channels)
    return boxes.mean((2, 4)).round().astype(np.uint8).repeat(factor, 1).repeat(factor, 2)


def nearest_accuracy(known: np.ndarray, asked: np.ndarray, classes: Any, right: Any) -> float:
    """Of equally many neighbours of two classes the nearest one decides."""
    squares = np.concatenate([block for _, block in squared_distances(asked, known)])
    near = classes[np.argsort(squares, 1, kind="stable")[:, :NEIGHBOURS]]
    votes = (near[:, :, None] == near[:, None, :]).sum(2)
    return float((near[np.arange(len(near)), votes.argmax(1)] == right).mean())


def measure_words(data: Path) -> dict[str, Any]:
    """By extractor, by figure: the mean over the tenths, their spread and the mean of their errors."""
    pictures, found = load_captioned(data, resolution=64, channels=4), {}
    every, concepts = np.arange(len(pictures)), pictures.captions.numbers
    tenths = np.random.default_rng(0).permutation(concepts.max() + 1)[concepts] % 10
    for judge in (EFFICIENTNET, OPEN_NSFW):
        features = real_features(judge, pictures, every)
        matchers = train_matchers(pictures, every, features, judge)
        _, captions = np.unique(matchers.captions, axis=0, return_inverse=True)

        def score(
            places: np.ndarray, shown: np.ndarray, matchers: Any = matchers, captions: Any = captions
        ) -> Retrieval:
            return retrieval(*matchers.scores(shown, places), concepts[places], captions.reshape(-1)[places])

        groups = [every[tenths == tenth] for tenth in range(10)]
        scores = [vars(score(places, features[places])) for places in groups]
        figures = {name: [one[name] for one in scores] for name in scores[0]}
        found[judge.name] = {name: summarise(values) for name, values in figures.items()}
        for factor in (2, 4):
            images = blur(pictures.images[groups[0]], factor)
            shown = judge.extract(len(images), lambda part, images=images: images[part], f"blurred by {factor}")
            found[judge.name][f"r_precision of the first tenth blurred by {factor}"] = asdict(
                score(groups[0], shown).r_precision
            )
        found[judge.name]["r_precision of the first tenth"] = asdict(scores[0]["r_precision"])
        print(judge.name, found[judge.name], flush=True)
    return found | {"pictures": len(pictures), "concepts": int(concepts.max() + 1)}


def summarise(values: list[Estimate]) -> dict[str, float]:
    numbers = [one.value for one in values]
    return {
        "mean": float(np.mean(numbers)), "spread": float(np.std(numbers, ddof=1)),
        "error": float(np.mean([one.error for one in values])),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["cifar", "words"])
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    measured = (measure_cifar if options.part == "cifar" else measure_words)(options.data)
    before = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    write_json(RESULTS, before | {f"{options.part} {options.data.resolve().name}": origin() | measured})


if __name__ == "__main__":
    main()
