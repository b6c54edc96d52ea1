"""How varied pictures of one caption are: of a tag, which several real pictures fit, and of a whole caption."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from attngan.data import CaptionedDataset, Captions
from attngan.metrics.estimate import Estimate, mean, ratio
from attngan.metrics.variety import mean_pairwise_distance

FEWEST_TAGS = 10  #: below which nothing is said of variety

_TAGS = 50
_FIT, _CONCEPTS = 8, 4  # real pictures beside each tag, and the fewest concepts that they show
_CAPTIONS, _SEEDS = 50, 4  # of whole captions


@dataclass(frozen=True)
class Variety:
    """Mean distances between two pictures of one caption; None where there is no figure."""

    of_tag: Estimate | None  #: between those of one tag, in any style
    ratio: Estimate | None  #: of these distances to those between the real pictures that fit the tag
    of_caption: Estimate | None  #: between those of one whole caption in one style, by seed alone


@dataclass(frozen=True, eq=False)
class VarietyPrompts:
    """T tags with 8 pictures each, then whole captions with 4 pictures each."""

    asked: CaptionedDataset  #: T·8 + C·4 pictures under what is to be drawn for them, in their styles
    places: np.ndarray  #: int64 [T·8]: the real pictures that fit the tags, among those chosen from

    @property
    def tags(self) -> int:
        return len(self.places) // _FIT

    def measure(self, drawn: np.ndarray, real: np.ndarray) -> Variety:
        """Of pictures drawn for `asked` with features [T·8 + C·4, d], beside those at `places` [T·8, d].

        Errors are by the jackknife over tags, or over captions.
        """
        of_tag, of_caption = _distances(drawn[: len(real)], _FIT), _distances(drawn[len(real) :], _SEEDS)
        compared = ratio(of_tag, _distances(real, _FIT), np.arange(self.tags))
        return Variety(mean(of_tag), compared, mean(of_caption))

    def measure_real(self, real: np.ndarray) -> Variety:
        """Of the real pictures at `places` themselves."""
        return Variety(mean(_distances(real, _FIT)), None, None)


def choose_variety_prompts(pictures: CaptionedDataset, among: np.ndarray) -> VarietyPrompts | None:
    """Up to 50 tags and 50 main captions of the pictures at some places, always the same ones; None for too few tags.

    No picture stands beside two tags, so that tags are independent of one another but for what they mean.
    """
    random = np.random.default_rng(0)
    order = random.permutation(among)
    chosen = _choose_tags(pictures.captions, order, random)
    if len(chosen) < FEWEST_TAGS:
        return None
    places = np.array(list(chosen.values())).reshape(-1)
    asked = pictures.take(np.concatenate([places, np.repeat(order[:_CAPTIONS], _SEEDS)]))
    texts = [(tag,) for tag in chosen for _ in range(_FIT)] + asked.captions.texts[len(places) :]
    captions = Captions(texts, [()] * len(texts), asked.captions.concepts)
    return VarietyPrompts(replace(asked, captions=captions), places)


def _choose_tags(captions: Captions, order: np.ndarray, random: np.random.Generator) -> dict[str, list[int]]:
    """By tag the first 8 pictures in this order that have it and stand beside no other one."""
    fitting: dict[str, list[int]] = {}
    for place in order.tolist():
        for tag in dict.fromkeys(captions.tags[place]):
            fitting.setdefault(tag, []).append(place)
    used, chosen = set[int](), dict[str, list[int]]()
    for tag in random.permutation(sorted(fitting)).tolist():
        free = [place for place in fitting[tag] if place not in used][:_FIT]
        if len(free) == _FIT and len({captions.concepts[place] for place in free}) >= _CONCEPTS:
            chosen[tag] = free
            used.update(free)
        if len(chosen) == _TAGS:
            break
    return chosen


def _distances(features: np.ndarray, size: int) -> np.ndarray:
    """float64 [G]: the mean distance within each of the groups of `size` features that follow one another."""
    return np.array([mean_pairwise_distance(group) for group in features.reshape(-1, size, features.shape[1])])
