"""Runs of sentences of a second or two: 300 sentences of a small grammar, and embeddings that cost nothing."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import torch

from attngan.checkpoint import LIKELIHOOD, save_tensors
from attngan.config import RunConfig
from attngan.data import TextDataset
from attngan.networks import build_generator
from attngan.presets import preset
from attngan.tasks import TASKS
from attngan.tasks.base import TrainOptions
from attngan.train import Outcome, train

ANIMALS = ("dog", "cat", "bird", "horse", "fish")
VERBS = ("sleeps", "eats", "runs")
PLACES = ("on a beach", "in the kitchen", "under the old tree", "near a red house")
COLOURS = ("black", "white", "brown", "grey", "spotted")


def sentences() -> list[str]:
    """300 different ones, such as `A black dog sleeps on a beach.`"""
    return [
        f"A {colour} {animal} {verb} {place}."
        for colour, animal, verb, place in product(COLOURS, ANIMALS, VERBS, PLACES)
    ]


def write_sentences(path: Path) -> Path:
    path.write_text("".join(f"{sentence}\n" for sentence in sentences()))
    return path


def text_config(lines: TextDataset, images: int = 64, **changes: object) -> tuple[RunConfig, bytes]:
    """The preset tiny-text for these sentences, and its tokenizer.json; `changes` are of its TrainingConfig."""
    network, training = preset("tiny-text")
    fields = {"images": images, "likelihood_images": 640, "holdout": 30, "kid_samples": 30, **changes}
    return TASKS["text"].complete(network, replace(training, **fields), TrainOptions("tiny-text"), lines)


def run_text(lines: TextDataset, out: Path, images: int = 64, **changes: object) -> Outcome:
    """`train` on the CPU."""
    config, tokenizer = text_config(lines, images, **changes)
    return train(config, lines, out, torch.device("cpu"), tokenizer=tokenizer)


def untrained(
    folder: Path, lines: TextDataset, source: Path = Path("gone.txt"), seed: int = 0, **changes: object
) -> Path:
    """A run folder as if it had been trained on these sentences of the file `source`; its weights are chance."""
    config, tokenizer = text_config(lines, **changes)
    folder.mkdir()
    for place, name in enumerate(("generator.safetensors", LIKELIHOOD)):
        torch.manual_seed(2 * seed + place)
        save_tensors(folder / name, build_generator(config.network).state_dict(), {"images": 64 * (1 - place)})
    (folder / "config.json").write_text(config.to_json())
    (folder / "tokenizer.json").write_bytes(tokenizer)
    (folder / "data.json").write_text(json.dumps({"path": str(source), "fingerprint": lines.fingerprint}))
    return folder


def letters(texts: Sequence[str]) -> np.ndarray:
    """float32 [N, 26] of length 1: how often each letter stands; embeddings for KID where any will do."""
    counts = np.array([[text.count(chr(97 + place)) + 0.1 for place in range(26)] for text in texts], np.float32)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)
