"""Generators that draw from words: which prompts `attngan evaluate` compares them by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from attngan.data import CaptionedDataset
from attngan.data.split import whole_groups
from attngan.errors import AttnGANError
from attngan.evaluation.prompt_report import PromptReport
from attngan.evaluation.prompts import Prompts, measure_prompts
from attngan.evaluation.swaps import find_swaps
from attngan.evaluation.table import name_columns
from attngan.features.extractor import Extractor
from attngan.generators.text_to_image import LoadedTextToImageGenerator
from attngan.metrics.kid import FEWEST_FOR_KID
from attngan_runtime.tokenizers.word_level import UNKNOWN

_PROMPTS = 1000  # held-out ones, and as many seen ones, if the user doesn't say
_KNOWN = 12_000  # real pictures at most that matchers learn from: a quarter of an hour of features on one core, once


def evaluate_prompts(
    generators: list[LoadedTextToImageGenerator], pictures: CaptionedDataset, samples: int | None,
    judges: Sequence[Extractor],
) -> PromptReport:  # fmt: skip
    """Held-out and seen prompts where a run says which they are, otherwise all alike; `samples` of each, or 1,000.

    Of the held-out ones those have figures of their own whose words the first run's training read, all of them in
    other captions and tags (compositions), and those with a word that it did not (new words).

    Raises AttnGANError if the generators draw other kinds of pictures, or held out others.
    """
    _check_alike(generators)
    unseen = [_find_held_out(generator, pictures) for generator in generators]
    if len({None if mask is None else mask.tobytes() for mask in unseen}) > 1:
        raise AttnGANError(
            f"--beside {generators[1].source.written}",
            f"did not hold out the pictures that {generators[0].source.written} did",
            "name runs of the same --data, --holdout and --seed",
        )
    new = (generators[0].conditions_of(pictures)[:, 1:] == UNKNOWN).any(1)
    groups = _choose_prompts(pictures, unseen[0], new, samples or _PROMPTS)
    needed = np.unique(np.concatenate([places for one in groups for places in (one.places, one.others)]))
    more = np.random.default_rng(0).permutation(np.setdiff1d(np.arange(len(pictures)), needed))
    known = np.sort(np.concatenate([needed, more[: max(_KNOWN - len(needed), 0)]]))
    titles = name_columns([Path(generator.source.written).resolve().name for generator in generators])
    shown = None if unseen[0] is None else known[~unseen[0][known]]
    return measure_prompts(dict(zip(titles, generators, strict=True)), pictures, groups, known, judges, shown)


def _find_held_out(generator: LoadedTextToImageGenerator, pictures: CaptionedDataset) -> np.ndarray | None:
    """bool [N]: pictures that the run's training never showed; None if it was not trained on these."""
    places, unseen = generator.split_places(pictures), np.ones(len(pictures), bool)
    if places is None:
        return None
    unseen[places[0]] = False
    return unseen


def _choose_prompts(
    pictures: CaptionedDataset, unseen: np.ndarray | None, new: np.ndarray, samples: int
) -> list[Prompts]:
    """As many seen prompts as held-out ones, each the other's comparison; or some of all with others beside.

    new: bool [N], which captions hold words that training did not read.
    """
    concepts = pictures.captions.concepts

    def some(places: np.ndarray, count: int) -> np.ndarray:
        """Whole concepts, as a run holds them out."""
        if count >= len(places):
            return places
        return places[whole_groups([concepts[place] for place in places], count, 0)]

    every, swaps = np.arange(len(pictures)), find_swaps(pictures.captions, pictures.styles)
    if unseen is None or unseen.sum() < FEWEST_FOR_KID:
        name = "given" if unseen is None else "seen"
        places = some(every, min(samples, len(pictures) // 2))
        return [Prompts(name, places, some(np.setdiff1d(every, places), len(places)), swaps)]
    held_out = some(np.flatnonzero(unseen), samples)
    seen = some(np.flatnonzero(~unseen), len(held_out))
    apart = {word: unseen[pairs].any(1) for word, pairs in swaps.items()}
    parts = {"compositions": ~new[held_out], "new words": new[held_out]}
    return [
        Prompts("held-out", held_out, seen, {word: pairs[apart[word]] for word, pairs in swaps.items()}, parts),
        Prompts("seen", seen, held_out, {word: pairs[~apart[word]] for word, pairs in swaps.items()}),
    ]


def _check_alike(generators: list[LoadedTextToImageGenerator]) -> None:
    """Raises AttnGANError unless all draw the same kind of picture."""
    kinds = [(one.resolution, one.channels, one.choice_names) for one in generators]
    for one, kind in zip(generators, kinds, strict=True):
        if kind != kinds[0]:
            raise AttnGANError(
                f"--beside {one.source.written}",
                f"draws other pictures than {generators[0].source.written} (resolution, channels and styles {kind}, "
                f"not {kinds[0]})",
                "name a generator of the same kind",
            )
