"""Generators that draw from words against real pictures, and against one another."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from attngan.data import ImageDataset
from attngan.errors import AttnGANError
from attngan.evaluation.images import drawn_like
from attngan.evaluation.matcher import judges
from attngan.evaluation.words_table import CHANCE, REAL, Scores, TextReport
from attngan.features.cache import real_features
from attngan.features.extractor import Extractor
from attngan.generators.pictures import OpenGenerator
from attngan.metrics.estimate import Estimate, mean
from attngan.metrics.kid import FEWEST, kid
from attngan.metrics.obedience import FEWEST as FEWEST_PAIRS
from attngan.metrics.obedience import Obedience, changed_places, mean_change, obedience, usable
from attngan.metrics.retrieval import at_random, found_among_99, retrieval, shuffled
from attngan_runtime.tokenizers.word_level import UNKNOWN

_PAIRS = 100  # of each kind of word and of prompts
_SHUFFLES = 10  # of captions: a single one would come from a few hundred hits of chance
_BATCH = 64  # pictures drawn at a time


@dataclass(frozen=True, eq=False)
class Split:
    """Prompts that are reported together: main captions and styles of some of the pictures."""

    name: str  #: such as held-out
    places: np.ndarray  #: int64 [N]: the pictures whose captions are the prompts
    others: np.ndarray  #: int64 [M]: real pictures of other concepts, to compare the real ones with
    pairs: dict[str, np.ndarray]  #: what attngan.evaluation.swaps.swapped found, as far as it belongs here


def evaluate_words(
    generators: dict[str, OpenGenerator], pictures: ImageDataset, splits: list[Split], known: np.ndarray,
    extractor: Extractor,
) -> TextReport:  # fmt: skip
    """Draws the prompts of every split by every generator, a seed each (0, 1, 2 …), and compares.

    known: int64 [N], rising: real pictures that the matchers learn from, those of all splits among them.
    The same arguments give the same report. Raises AttnGANError for too few pictures or concepts.
    """
    assert pictures.captions is not None
    for split in splits:
        if len(split.places) < FEWEST:
            raise AttnGANError(
                "--data",
                f"{len(split.places)} {split.name} prompts",
                f"{FEWEST} or more are needed: name more pictures, or leave out --samples",
            )
    real = _Real(pictures, known, extractor)
    conditions = {name: _conditions(generator, pictures) for name, generator in generators.items()}
    scores: dict[str, dict[str, Scores]] = {}
    obeyed: dict[str, dict[str, dict[str, Obedience]]] = {}
    for split in splits:
        columns = {}
        for name, generator in generators.items():
            rows = conditions[name][split.places]
            drawn = extractor.extract(len(rows), drawn_like(pictures, generator.draw, rows), f"{split.name} prompts")
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

    def __init__(self, pictures: ImageDataset, known: np.ndarray, extractor: Extractor) -> None:
        assert pictures.captions is not None
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


def _conditions(generator: OpenGenerator, pictures: ImageDataset) -> np.ndarray:
    """int64 [N, 1 + L]: what the generator is to draw for the main caption of each picture."""
    labels = generator.labelled(pictures).labels
    assert labels is not None
    return labels


def _obeyed(
    pictures: ImageDataset, pairs: np.ndarray, generators: dict[str, OpenGenerator], conditions: dict[str, np.ndarray]
) -> dict[str, Obedience]:
    """By generator, and of real pictures; empty where there are too few pairs."""
    pairs = pairs[:_PAIRS]
    places = changed_places(*(pictures.images[column] for column in pairs.T))
    pairs, places = pairs[usable(places)], places[usable(places)]
    if len(pairs) < FEWEST_PAIRS:
        return {}
    assert pictures.captions is not None
    _, concepts = np.unique([pictures.captions.concepts[place] for place in pairs[:, 0]], return_inverse=True)
    first, second = (pictures.images[column] for column in pairs.T)
    change, found = mean_change(first, second, places), {}
    for name, generator in generators.items():
        drawn, changed = (_draw(pictures, generator, conditions[name][column]) for column in pairs.T)
        found[name] = obedience(drawn, changed, places, change, concepts)
    own = obedience(first, second, places, change, concepts)  # its ratio and agreement are so by construction
    return found | {REAL: replace(own, ratio=None, ratio_by_chance=None, agreement=None)}


def _draw(pictures: ImageDataset, generator: OpenGenerator, rows: np.ndarray) -> np.ndarray:
    """uint8 [P, H, W, C] for conditions [P, 1 + L] and seeds 0, 1, 2 …"""
    read, starts = drawn_like(pictures, generator.draw, rows), range(0, len(rows), _BATCH)
    return np.concatenate([read(slice(start, min(start + _BATCH, len(rows)))) for start in starts])
