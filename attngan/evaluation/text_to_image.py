"""Generators that draw from words against real pictures, and against one another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from attngan.data import CaptionedDataset
from attngan.data.split import whole_groups
from attngan.errors import AttnGANError
from attngan.evaluation.image import drawn_like
from attngan.evaluation.matcher import judges
from attngan.evaluation.swaps import swapped
from attngan.evaluation.words_table import CHANCE, REAL, Scores, TextReport
from attngan.features.cache import real_features
from attngan.features.extractor import Extractor
from attngan.generators.text_to_image import LoadedTextToImageGenerator
from attngan.metrics.estimate import Estimate, mean
from attngan.metrics.kid import FEWEST, kid
from attngan.metrics.obedience import FEWEST as FEWEST_PAIRS
from attngan.metrics.obedience import Obedience, changed_places, mean_change, obedience, usable
from attngan.metrics.retrieval import at_random, found_among_99, retrieval, shuffled
from attngan_runtime.tokenizers.word_level import UNKNOWN

_PROMPTS = 1000  # held-out ones, and as many seen ones, if the user doesn't say
_KNOWN = 10_000  # real pictures at most that matchers learn from: seven minutes of features on one core
_PAIRS = 100  # of each kind of word and of prompts
_SHUFFLES = 10  # of captions: a single one would come from a few hundred hits of chance
_BATCH = 64  # pictures drawn at a time

Generators = dict[str, LoadedTextToImageGenerator]  #: by the title of their column


@dataclass(frozen=True, eq=False)
class Split:
    """Prompts that are reported together: main captions and styles of some of the pictures."""

    name: str  #: such as held-out
    places: np.ndarray  #: int64 [N]: the pictures whose captions are the prompts
    others: np.ndarray  #: int64 [M]: real pictures of other concepts, to compare the real ones with
    pairs: dict[str, np.ndarray]  #: what attngan.evaluation.swaps.swapped found, as far as it belongs here


def evaluate_words(
    generators: Generators, pictures: CaptionedDataset, splits: list[Split], known: np.ndarray, extractor: Extractor
) -> TextReport:
    """Draws the prompts of every split by every generator, a seed each (0, 1, 2 …), and compares.

    known: int64 [N], rising: real pictures that the matchers learn from, those of all splits among them.
    The same arguments give the same report. Raises AttnGANError for too few pictures or concepts.
    """
    for split in splits:
        if len(split.places) < FEWEST:
            raise AttnGANError(
                "--data",
                f"{len(split.places)} {split.name} prompts",
                f"{FEWEST} or more are needed: name more pictures, or leave out --samples",
            )
    real = _Real(pictures, known, extractor)
    conditions = {name: generator.conditions_of(pictures) for name, generator in generators.items()}
    scores: dict[str, dict[str, Scores]] = {}
    obeyed: dict[str, dict[str, dict[str, Obedience]]] = {}
    for split in splits:
        columns = {}
        for name, generator in generators.items():
            rows = conditions[name][split.places]
            read = drawn_like(pictures, generator.sample_as_data, rows)
            drawn = extractor.extract(len(rows), read, f"{split.name} prompts")
            columns[name] = real.scores(split, drawn, drawn, int((rows[:, 1:] == UNKNOWN).any(1).sum()))
        columns[REAL] = real.scores(split, real.features(split.places), real.features(split.others))
        columns[CHANCE] = real.by_chance(split)
        scores[split.name] = columns
        every = {group: _obeyed(pictures, pairs, generators, conditions) for group, pairs in split.pairs.items()}
        obeyed[split.name] = {group: found for group, found in every.items() if found}
    concepts = {split.name: len(np.unique(real.concepts[split.places])) for split in splits}
    prompts = {split.name: len(split.places) for split in splits}
    return TextReport(scores, obeyed, prompts, concepts, extractor.name)


class _Real:
    """Real pictures, and what judges those that are to be like them."""

    def __init__(self, pictures: CaptionedDataset, known: np.ndarray, extractor: Extractor) -> None:
        self.known, self._features = known, real_features(extractor, pictures, known)
        self.judges = judges(pictures, known, self._features, extractor)
        _, self.concepts = np.unique(pictures.captions.concepts, return_inverse=True)
        _, captions = np.unique(self.judges.captions, axis=0, return_inverse=True)
        self.captions = captions.reshape(-1)

    def features(self, places: np.ndarray) -> np.ndarray:
        """float32 [N, d]."""
        return self._features[np.searchsorted(self.known, places)]

    def scores(self, split: Split, shown: np.ndarray, compared: np.ndarray, unknown: int = 0) -> Scores:
        """Of features `shown` [N, d], a picture a prompt; KID is that of `compared` [M, d]."""
        concepts, captions = self.concepts[split.places], self.captions[split.places]
        found = retrieval(*self.judges.scores(shown, split.places), concepts, captions)
        distance = None
        if len(compared) >= FEWEST:
            distance = Estimate(*kid(self.features(split.places), compared), len(compared))
        others = [shown[shuffled(concepts, seed)] for seed in range(_SHUFFLES)]
        wrong = [found_among_99(self.judges.scores(one, split.places)[1], concepts, captions) for one in others]
        control = mean(np.mean(wrong, 0), concepts)
        return Scores(distance, found.r_precision, found.recall_1, found.recall_5, found.recall_10, control, unknown)

    def by_chance(self, split: Split) -> Scores:
        found = at_random(self.concepts[split.places], self.captions[split.places])
        return Scores(None, found.r_precision, found.recall_1, found.recall_5, found.recall_10, found.r_precision)


def _obeyed(
    pictures: CaptionedDataset, pairs: np.ndarray, generators: Generators, conditions: dict[str, np.ndarray]
) -> dict[str, Obedience]:
    """By generator, and of real pictures; empty where there are too few pairs."""
    pairs = pairs[:_PAIRS]
    places = changed_places(*(pictures.images[column] for column in pairs.T))
    pairs, places = pairs[usable(places)], places[usable(places)]
    if len(pairs) < FEWEST_PAIRS:
        return {}
    _, concepts = np.unique([pictures.captions.concepts[place] for place in pairs[:, 0]], return_inverse=True)
    first, second = (pictures.images[column] for column in pairs.T)
    change, found = mean_change(first, second, places), {}
    for name, generator in generators.items():
        drawn, changed = (_draw(pictures, generator, conditions[name][column]) for column in pairs.T)
        found[name] = obedience(drawn, changed, places, change, concepts)
    own = obedience(first, second, places, change, concepts)  # its ratio and agreement are so by construction
    return found | {REAL: replace(own, ratio=None, ratio_by_chance=None, agreement=None)}


def _draw(pictures: CaptionedDataset, generator: LoadedTextToImageGenerator, rows: np.ndarray) -> np.ndarray:
    """uint8 [P, H, W, C] for conditions [P, 1 + L] and seeds 0, 1, 2 …"""
    read, starts = drawn_like(pictures, generator.sample_as_data, rows), range(0, len(rows), _BATCH)
    return np.concatenate([read(slice(start, min(start + _BATCH, len(rows)))) for start in starts])


def evaluate_prompts(
    generators: list[LoadedTextToImageGenerator], pictures: CaptionedDataset, samples: int | None, extractor: Extractor
) -> TextReport:
    """Held-out and seen prompts where a run says which they are, otherwise all alike; `samples` of each, or 1,000.

    Raises AttnGANError if the generators draw other kinds of pictures, or held out others.
    """
    _check_alike(generators)
    unseen = [_held_out(generator, pictures) for generator in generators]
    if len({None if mask is None else mask.tobytes() for mask in unseen}) > 1:
        raise AttnGANError(
            f"--beside {generators[1].source.written}",
            f"did not hold out the pictures that {generators[0].source.written} did",
            "name runs of the same --data, --holdout and --seed",
        )
    splits = _splits(pictures, unseen[0], samples or _PROMPTS)
    needed = np.unique(np.concatenate([places for one in splits for places in (one.places, one.others)]))
    more = np.random.default_rng(0).permutation(np.setdiff1d(np.arange(len(pictures)), needed))
    known = np.sort(np.concatenate([needed, more[: max(_KNOWN - len(needed), 0)]]))
    names = _names([generator.source.written for generator in generators])
    return evaluate_words(dict(zip(names, generators, strict=True)), pictures, splits, known, extractor)


def _names(paths: list[str]) -> list[str]:
    """What the columns are called: the last part of each path, unless that makes them alike."""
    short = [Path(path).resolve().name for path in paths]
    return short if len(set(short)) == len(short) else [f"{name} ({place})" for place, name in enumerate(short, 1)]


def _held_out(generator: LoadedTextToImageGenerator, pictures: CaptionedDataset) -> np.ndarray | None:
    """bool [N]: pictures that the run's training never showed; None if it was not trained on these."""
    if not generator.trained_on(pictures):
        return None
    plan, unseen = generator.config.training, np.zeros(len(pictures), bool)
    unseen[pictures.split(plan.holdout, plan.seed)[1]] = True
    return unseen


def _splits(pictures: CaptionedDataset, unseen: np.ndarray | None, samples: int) -> list[Split]:
    """As many seen prompts as held-out ones, each the other's comparison; or some of all with others beside."""
    concepts = pictures.captions.concepts

    def some(places: np.ndarray, count: int) -> np.ndarray:
        """Whole concepts, as a run holds them out."""
        if count >= len(places):
            return places
        return places[whole_groups([concepts[place] for place in places], count, 0)]

    every, found = np.arange(len(pictures)), swapped(pictures.captions, pictures.styles)
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
