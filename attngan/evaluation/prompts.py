"""Pictures drawn for prompts, beside the real pictures of the same captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from attngan.data import CaptionedDataset
from attngan.errors import AttnGANError
from attngan.evaluation.drawing import sample_reader
from attngan.evaluation.matcher import train_matchers
from attngan.evaluation.nearest import distances_to_nearest
from attngan.evaluation.prompt_report import CHANCE, REAL, PromptReport, Scores
from attngan.evaluation.variety import Variety, choose_variety_prompts
from attngan.features.cache import real_features
from attngan.features.extractor import Extractor, extract_all
from attngan.generators.base import batches
from attngan.generators.text_to_image import LoadedTextToImageGenerator
from attngan.metrics.estimate import Estimate, mean
from attngan.metrics.kid import FEWEST_FOR_KID, kid
from attngan.metrics.obedience import FEWEST_PAIRS, Obedience, changed_places, find_usable, mean_change, obedience
from attngan.metrics.retrieval import exchange_concepts, hits_among_99, retrieval
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
    parts: dict[str, np.ndarray] = field(default_factory=dict)  #: bool [N]: prompts that have figures of their own too

    def find_parts(self) -> dict[str, np.ndarray]:
        """By name int64 [n]: which of the prompts belong to the part, where they are enough for KID."""
        chosen = {name: np.flatnonzero(mask) for name, mask in self.parts.items()}
        return {name: rows for name, rows in chosen.items() if len(rows) >= FEWEST_FOR_KID}


def measure_prompts(
    generators: Generators, pictures: CaptionedDataset, groups: list[Prompts], known: np.ndarray,
    judges: Sequence[Extractor], shown: np.ndarray | None = None,
) -> PromptReport:  # fmt: skip
    """Draws the prompts of every group by every generator, a seed each (0, 1, 2 …), and compares.

    known: int64 [N], rising: real pictures that the matchers learn from, those of all groups among them. judges: whose
    features KID is measured in; the last one is the matchers' eye, and that of all else. shown: int64 [M], rising:
    those of `known` that training showed; None if nobody knows.
    The same arguments give the same report. Raises AttnGANError for too few pictures or concepts.
    """
    for group in groups:
        if len(group.places) < FEWEST_FOR_KID:
            raise AttnGANError(
                "--data",
                f"{len(group.places)} {group.name} prompts",
                f"{FEWEST_FOR_KID} or more are needed: name more pictures, or leave out --samples",
            )
    compared = _Comparison(generators, pictures, groups, known, judges, shown)
    scores: dict[str, dict[str, Scores]] = {}
    places, obeyed = {}, {}
    for group in groups:
        scores |= compared.score(group)
        places[group.name] = group.places
        places |= {name: group.places[rows] for name, rows in group.find_parts().items()}
        every = {word: compared.measure_obedience(pairs) for word, pairs in group.pairs.items()}
        obeyed[group.name] = {word: found for word, found in every.items() if found}
    prompts = {name: len(some) for name, some in places.items()}
    concepts = {name: len(np.unique(compared.concepts[some])) for name, some in places.items()}
    return PromptReport(scores, obeyed, prompts, concepts, tuple(judges), compared.measure_variety())


class _Comparison:
    """Generators and real pictures, and the matchers that judge all of them alike."""

    def __init__(
        self, generators: Generators, pictures: CaptionedDataset, groups: list[Prompts], known: np.ndarray,
        judges: Sequence[Extractor], shown: np.ndarray | None,
    ) -> None:  # fmt: skip
        self.generators, self.pictures, self.known, self.shown = generators, pictures, known, shown
        self.judges, self.eye = judges, judges[-1]
        self.conditions = {name: generator.conditions_of(pictures) for name, generator in generators.items()}
        drawn_for = np.unique(np.concatenate([places for group in groups for places in (group.places, group.others)]))
        self._places = {judge.key: known if judge is self.eye else drawn_for for judge in judges}
        self._features = {judge.key: real_features(judge, pictures, self._places[judge.key]) for judge in judges}
        self.matchers = train_matchers(pictures, known, self._real(self.eye, known), self.eye)
        _, self.concepts = np.unique(pictures.captions.concepts, return_inverse=True)
        _, captions = np.unique(self.matchers.captions, axis=0, return_inverse=True)
        self.captions = captions.reshape(-1)

    def score(self, group: Prompts) -> dict[str, dict[str, Scores]]:
        """By the name of the group and of each of its parts, by column."""
        columns = {}
        for name, generator in self.generators.items():
            rows = self.conditions[name][group.places]
            read = sample_reader(self.pictures, generator.sample_as_data, rows)
            drawn = extract_all(self.judges, len(rows), read, f"{group.name} prompts")
            columns[name] = self._score(group, drawn, None, int((rows[:, 1:] == UNKNOWN).any(1).sum()))
        real, others = ([self._real(judge, places) for judge in self.judges] for places in (group.places, group.others))
        columns[REAL] = self._score(group, real, others)
        columns[CHANCE] = self._score_chance(group)
        names = [group.name, *group.find_parts()]
        return {name: {column: scores[name] for column, scores in columns.items()} for name in names}

    def _real(self, judge: Extractor, places: np.ndarray) -> np.ndarray:
        """Features float32 [N, d] of real pictures."""
        return self._features[judge.key][np.searchsorted(self._places[judge.key], places)]

    def _score(
        self, group: Prompts, shown: list[np.ndarray], others: list[np.ndarray] | None, unknown: int = 0
    ) -> dict[str, Scores]:
        """Of features by judge [N, d], a picture a prompt; KID is theirs, or that of `others`, by judge [M, d]."""
        places, seen = group.places, shown[-1]
        concepts, captions = self.concepts[places], self.captions[places]
        found = self._rank(group, *self.matchers.scores(seen, places))
        wrong = [
            hits_among_99(self.matchers.scores(seen[exchange_concepts(concepts, seed)], places)[1], concepts, captions)
            for seed in range(_SHUFFLES)
        ]
        shuffled, nearer = mean(np.mean(wrong, 0), concepts), None if others else self._compare_nearest(group, seen)
        found[group.name] = replace(found[group.name], shuffled=shuffled, nearer=nearer, unknown=unknown)
        for name, rows in ({group.name: np.arange(len(places))} | group.find_parts()).items():
            kids = self._kids(places[rows], others or [features[rows] for features in shown])
            found[name] = replace(found[name], **kids)
        return found

    def _rank(self, group: Prompts, by_caption: np.ndarray, by_picture: np.ndarray) -> dict[str, Scores]:
        """Retrieval among the whole group, and how precise it is for each of its parts."""
        concepts, captions = self.concepts[group.places], self.captions[group.places]
        hits = hits_among_99(by_picture, concepts, captions)
        parts = {
            name: Scores(r_precision=mean(hits[rows], concepts[rows])) for name, rows in group.find_parts().items()
        }
        return {group.name: Scores(**vars(retrieval(by_caption, by_picture, concepts, captions)))} | parts

    def _score_chance(self, group: Prompts) -> dict[str, Scores]:
        count = len(group.places)
        found = self._rank(group, *np.zeros((2, count, count)))
        unseen = self.shown is not None and not np.isin(group.places, self.shown).any()
        whole = found[group.name]
        nearer = Estimate(0.5, 0.0, count) if unseen else None
        found[group.name] = replace(whole, shuffled=whole.r_precision, nearer=nearer)
        return found

    def _kids(self, places: np.ndarray, features: list[np.ndarray]) -> dict[str, Any]:
        """By judge that of features [M, d] against the real pictures at these places; none where there are too few."""
        return {
            f"{judge.key}kid": Estimate(*kid(self._real(judge, places), compared), len(compared))
            for judge, compared in zip(self.judges, features, strict=True)
            if len(compared) >= FEWEST_FOR_KID
        }

    def _compare_nearest(self, group: Prompts, drawn: np.ndarray) -> Estimate | None:
        """The share of pictures with features [N, d] that are nearer to a training picture than the real one is.

        Of the real one its copies don't count.
        """
        if self.shown is None or not len(self.shown):
            return None
        known = self._real(self.eye, self.shown)
        first = self.pictures.first_of_equals
        same = first[group.places][:, None] == first[self.shown]
        real = distances_to_nearest(self._real(self.eye, group.places), known, same)
        found = distances_to_nearest(drawn, known)
        return mean((found < real) + 0.5 * (found == real), self.concepts[group.places])

    def measure_variety(self) -> dict[str, Variety]:
        """By generator, and of real pictures; empty where too few tags fit several of them."""
        prompts = choose_variety_prompts(self.pictures, self.known if self.shown is None else self.shown)
        if prompts is None:
            return {}
        real, found = self._real(self.eye, prompts.places), {}
        for name, generator in self.generators.items():
            rows = generator.conditions_of(prompts.asked)
            read = sample_reader(self.pictures, generator.sample_as_data, rows)
            found[name] = prompts.measure(self.eye.extract(len(rows), read, "variety"), real)
        return found | {REAL: prompts.measure_real(real)}

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
