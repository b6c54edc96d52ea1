"""Scores a run, a shipped generator or a bundle against real pictures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from attngan.data import ImageDataset
from attngan.data.split import split, whole_concepts
from attngan.errors import AttnGANError
from attngan.evaluation.images import Report, evaluate
from attngan.evaluation.swaps import swapped
from attngan.evaluation.words import Split, evaluate_words
from attngan.evaluation.words_table import TextReport
from attngan.features.extractor import EFFICIENTNET, Extractor, load_extractor
from attngan.generators.pictures import OpenGenerator, open_generator
from attngan.metrics.kid import FEWEST

_PROMPTS = 1000  # held-out ones, and as many seen ones, if the user doesn't say
_KNOWN = 10_000  # real pictures at most that matchers learn from: seven minutes of features on one core


def evaluate_generator(
    run_or_bundle: str, data: Path, samples: int | None = None, features: str | None = None, beside: str | None = None
) -> Report | TextReport:
    """Draws pictures with seeds 0, 1, 2 … and compares them with `data`.

    run_or_bundle: a run folder, a bundle folder (drawn by ONNX Runtime) or the name of a shipped generator.
    samples: pictures in all, with the classes' real shares: 2,000, or half of the pictures where there are fewer than
    4,000. Of a generator that draws from words: prompts at most of held-out concepts and of seen ones, 1,000.
    features: `module:function` as `attngan.features.extractor.load_extractor` reads it; if not given
    EfficientNet-Lite0.
    beside: another generator that draws from words, whose figures stand beside.

    Says on stderr if a run without words was trained on these pictures.
    Raises AttnGANError if the generator's classes or styles are not those of the pictures, or if `beside` held out
    others.
    """
    extractor = load_extractor(features) if features else EFFICIENTNET
    generator = open_generator(run_or_bundle)
    other = open_generator(beside) if beside else None
    if other:
        _check_beside(generator, other)
    pictures = generator.read(data)
    generator.check_classes(pictures, f"--data {data}")
    if generator.tokenizer:
        return _evaluate_words([generator, *([other] if other else [])], pictures, samples or _PROMPTS, extractor)
    if samples is None:
        samples = max(min(2000, len(pictures) // 2), FEWEST)
    if generator.trained_on(pictures):
        tqdm.write(
            f"note: {run_or_bundle} was trained on these pictures, and figures against them reward copies; "
            f"attngan memorisation {run_or_bundle} --data {data} tells whether it copies",
            sys.stderr,
        )
    return evaluate(generator.draw, pictures, samples=samples, extractor=extractor)


def _check_beside(generator: OpenGenerator, other: OpenGenerator) -> None:
    """Raises AttnGANError unless both draw the same kind of picture from words."""
    for one in (generator, other):
        if not one.tokenizer:
            raise AttnGANError(f"--beside {other.name}", f"{one.name} draws without words", "leave the option out")
    kinds = [(one.resolution, one.channels, one.class_names) for one in (generator, other)]
    if kinds[0] != kinds[1]:
        raise AttnGANError(
            f"--beside {other.name}",
            f"draws other pictures than {generator.name} (resolution, channels and styles {kinds[1]}, not {kinds[0]})",
            "name a generator of the same kind",
        )


def _evaluate_words(
    generators: list[OpenGenerator], pictures: ImageDataset, samples: int, extractor: Extractor
) -> TextReport:
    """Held-out and seen prompts where a run says which they are, otherwise all alike."""
    unseen = [_held_out(generator, pictures) for generator in generators]
    if len({None if mask is None else mask.tobytes() for mask in unseen}) > 1:
        raise AttnGANError(
            f"--beside {generators[1].name}",
            f"did not hold out the pictures that {generators[0].name} did",
            "name runs of the same --data, --holdout and --seed",
        )
    splits = _splits(pictures, unseen[0], samples)
    needed = np.unique(np.concatenate([places for one in splits for places in (one.places, one.others)]))
    more = np.random.default_rng(0).permutation(np.setdiff1d(np.arange(len(pictures)), needed))
    known = np.sort(np.concatenate([needed, more[: max(_KNOWN - len(needed), 0)]]))
    names = _names([generator.name for generator in generators])
    return evaluate_words(dict(zip(names, generators, strict=True)), pictures, splits, known, extractor)


def _names(paths: list[str]) -> list[str]:
    """What the columns are called: the last part of each path, unless that makes them alike."""
    short = [Path(path).resolve().name for path in paths]
    return short if len(set(short)) == len(short) else [f"{name} ({place})" for place, name in enumerate(short, 1)]


def _held_out(generator: OpenGenerator, pictures: ImageDataset) -> np.ndarray | None:
    """bool [N]: pictures that the run's training never showed; None if it was not trained on these."""
    if generator.run is None or not generator.trained_on(pictures):
        return None
    plan, unseen = generator.run[1].training, np.zeros(len(pictures), bool)
    unseen[split(pictures, plan.holdout, plan.seed)[1]] = True
    return unseen


def _splits(pictures: ImageDataset, unseen: np.ndarray | None, samples: int) -> list[Split]:
    """As many seen prompts as held-out ones, each the other's comparison; or some of all with others beside."""
    assert pictures.captions is not None
    concepts = pictures.captions.concepts

    def some(places: np.ndarray, count: int) -> np.ndarray:
        """Whole concepts, as a run holds them out."""
        if count >= len(places):
            return places
        return places[whole_concepts([concepts[place] for place in places], count, 0)]

    every, found = np.arange(len(pictures)), swapped(pictures.captions, pictures.labels)
    if unseen is None or unseen.sum() < FEWEST:
        name = "given" if unseen is None else "seen"
        places = some(every, min(samples, len(pictures) // 2))
        return [Split(name, places, some(np.setdiff1d(every, places), len(places)), found)]
    held_out = some(np.flatnonzero(unseen), samples)
    seen = some(np.flatnonzero(~unseen), len(held_out))
    new = {group: unseen[pairs].any(1) for group, pairs in found.items()}
    return [
        Split("held-out", held_out, seen, {group: pairs[new[group]] for group, pairs in found.items()}),
        Split("seen", seen, held_out, {group: pairs[~new[group]] for group, pairs in found.items()}),
    ]
