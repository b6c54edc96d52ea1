"""Pictures drawn for prompts, beside the real pictures of the same captions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from attngan.data import CaptionedDataset
from attngan.errors import AttnGANError
from attngan.evaluation.image import sample_reader
from attngan.evaluation.matcher import train_matchers
from attngan.evaluation.prompt_report import CHANCE, REAL, PromptReport, Scores
from attngan.features.cache import real_features
from attngan.features.extractor import Extractor
from attngan.generators.base import batches
from attngan.generators.text_to_image import LoadedTextToImageGenerator
from attngan.metrics.estimate import Estimate, mean
from attngan.metrics.kid import FEWEST_FOR_KID, kid
from attngan.metrics.obedience import FEWEST_PAIRS, Obedience, changed_places, find_usable, mean_change, obedience
from attngan.metrics.retrieval import exchange_concepts, hits_among_99, retrieval, retrieval_by_chance
from attngan_runtime.tokenizers.word_level import UNKNOWN

_PAIRS = 100  # of each kind of word and of prompts
_SHUFFLES = 10  # of captions: a single one would come from a few hundred hits of chance

Generators = dict[str, LoadedTextToImageGenerator]  #: by the title of their column


@dataclass(frozen=True, eq=False)
class Prompts:
    """Prompts that are reported together: main captions and styles of some of the pictures."""

    name: str  #: such as held-out
    places: np.ndarray  #: int64 [N]: the pictures whose captions are the prompts
    others: np.ndarray  #: int64 [M]: real pictures of other concepts, to compare the real ones with
    pairs: dict[str, np.ndarray]  #: what attngan.evaluation.swaps.find_swaps found, as far as it belongs here


def measure_prompts(
    generators: Generators, pictures: CaptionedDataset, groups: list[Prompts], known: np.ndarray, extractor: Extractor
) -> PromptReport:
    """Draws the prompts of every group by every generator, a seed each (0, 1, 2 …), and compares.

    known: int64 [N], rising: real pictures that the matchers learn from, those of all groups among them.
    The same arguments give the same report. Raises AttnGANError for too few pictures or concepts.
    """
    for group in groups:
        if len(group.places) < FEWEST_FOR_KID:
            raise AttnGANError(
                "--data",
                f"{len(group.places)} {group.name} prompts",
                f"{FEWEST_FOR_KID} or more are needed: name more pictures, or leave out --samples",
            )
    compared = _Comparison(generators, pictures, known, extractor)
    scores, obeyed = {}, {}
    for group in groups:
        scores[group.name] = compared.score(group)
        every = {word: compared.measure_obedience(pairs) for word, pairs in group.pairs.items()}
        obeyed[group.name] = {word: found for word, found in every.items() if found}
    prompts = {group.name: len(group.places) for group in groups}
    concepts = {group.name: len(np.unique(compared.concepts[group.places])) for group in groups}
    return PromptReport(scores, obeyed, prompts, concepts, extractor.name)


class _Comparison:
    """Generators and real pictures, and the matchers that judge all of them alike."""

    def __init__(
        self, generators: Generators, pictures: CaptionedDataset, known: np.ndarray, extractor: Extractor
    ) -> None:
        self.generators, self.pictures, self.known, self.extractor = generators, pictures, known, extractor
        self.conditions = {name: generator.conditions_of(pictures) for name, generator in generators.items()}
        self._features = real_features(extractor, pictures, known)
        self.matchers = train_matchers(pictures, known, self._features, extractor)
        _, self.concepts = np.unique(pictures.captions.concepts, return_inverse=True)
        _, captions = np.unique(self.matchers.captions, axis=0, return_inverse=True)
        self.captions = captions.reshape(-1)

    def score(self, group: Prompts) -> dict[str, Scores]:
        """By column."""
        columns = {}
        for name, generator in self.generators.items():
            rows = self.conditions[name][group.places]
            read = sample_reader(self.pictures, generator.sample_as_data, rows)
            drawn = self.extractor.extract(len(rows), read, f"{group.name} prompts")
            columns[name] = self._score(group, drawn, drawn, int((rows[:, 1:] == UNKNOWN).any(1).sum()))
        columns[REAL] = self._score(group, self._real(group.places), self._real(group.others))
        chance = retrieval_by_chance(self.concepts[group.places], self.captions[group.places])
        columns[CHANCE] = Scores(kid=None, **vars(chance), shuffled=chance.r_precision)
        return columns

    def _real(self, places: np.ndarray) -> np.ndarray:
        """Features float32 [N, d] of real pictures."""
        return self._features[np.searchsorted(self.known, places)]

    def _score(self, group: Prompts, shown: np.ndarray, compared: np.ndarray, unknown: int = 0) -> Scores:
        """Of features `shown` [N, d], a picture a prompt; KID is that of `compared` [M, d]."""
        places, distance = group.places, None
        concepts, captions = self.concepts[places], self.captions[places]
        found = retrieval(*self.matchers.scores(shown, places), concepts, captions)
        if len(compared) >= FEWEST_FOR_KID:
            distance = Estimate(*kid(self._real(places), compared), len(compared))
        others = [shown[exchange_concepts(concepts, seed)] for seed in range(_SHUFFLES)]
        wrong = [hits_among_99(self.matchers.scores(one, places)[1], concepts, captions) for one in others]
        return Scores(kid=distance, **vars(found), shuffled=mean(np.mean(wrong, 0), concepts), unknown=unknown)

    def measure_obedience(self, pairs: np.ndarray) -> dict[str, Obedience]:
        """By generator, and of real pictures at pairs of places [P, 2]; empty where there are too few."""
        pairs, images = pairs[:_PAIRS], self.pictures.images
        places = changed_places(*(images[column] for column in pairs.T))
        usable = find_usable(places)
        pairs, places = pairs[usable], places[usable]
        if len(pairs) < FEWEST_PAIRS:
            return {}
        concepts = self.concepts[pairs[:, 0]]
        first, second = (images[column] for column in pairs.T)
        change, found = mean_change(first, second, places), {}
        for name in self.generators:
            drawn, changed = (self._draw(name, column) for column in pairs.T)
            found[name] = obedience(drawn, changed, places, change, concepts)
        own = obedience(first, second, places, change, concepts)  # its ratio and agreement are so by construction
        return found | {REAL: replace(own, ratio=None, ratio_by_chance=None, agreement=None)}

    def _draw(self, name: str, places: np.ndarray) -> np.ndarray:
        """uint8 [P, H, W, C] under the captions of these pictures, by the seeds 0, 1, 2 …"""
        read = sample_reader(self.pictures, self.generators[name].sample_as_data, self.conditions[name][places])
        return np.concatenate([read(part) for part in batches(len(places))])
