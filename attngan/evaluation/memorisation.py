"""Does a generator copy its training pictures? Its pictures beside real ones that training never saw.

The comparison is that of Meehan, Chaudhuri and Dasgupta 2020, "A Non-Parametric Test to Detect Data-Copying in
Generative Models": distances of generated pictures to their nearest training picture against the same distances of
held-out pictures.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from attngan.data import ImageDataset
from attngan.errors import AttnGANError
from attngan.evaluation.drawing import Draw
from attngan.evaluation.judges import choose_judges
from attngan.evaluation.nearest import ALL, CANDIDATES, Nearest, nearest_by_features, nearest_by_pixels, thumbnails
from attngan.evaluation.table import Report, Row, percent, table_lines
from attngan.features.cache import real_features
from attngan.features.extractor import EFFICIENTNET, Extractor
from attngan.generators.image import LoadedImageGenerator
from attngan.metrics.closeness import FEWEST_FOR_TAIL, Closeness, closeness, share_nearest_to_training
from attngan.visualization.neighbour_sheet import Block, neighbour_sheet
from attngan_runtime.saving import write_atomically, write_output

FEWEST_HELD_OUT = 4  #: held-out pictures for a median with an error bar

_SHOWN = 3  # nearest training pictures beside each generated one
_ROWS = 8  # generated pictures in each part of the picture


_TITLES = {
    "closer_than_median": "closer to training pictures than the median held-out one",
    "closer_than_tail": "closer to training pictures than the closest 5 % held out",
    "nearest_is_training": "nearest picture is a training one, not a held-out one",
}


@dataclass(frozen=True)
class Memorisation(Report):
    """How near generated pictures are to training pictures, compared with held-out pictures.

    By features, flaws of generated pictures count much; by pixels, they count little, and so does a shift by a pixel
    much.
    """

    by_features: Closeness  #: Euclidean between features
    by_pixels: Closeness  #: root mean square difference of pictures averaged to 16², in levels of 0 … 255
    samples: int  #: generated pictures
    held_out: int  #: held-out pictures looked at, none of them a training picture
    training: int  #: training pictures
    features: str  #: the extractor's name
    nearest: tuple[Nearest, Nearest] = field(repr=False, compare=False)  #: of generated ones by features, by pixels
    held_out_copies: int = 0  #: held-out pictures left out, as they are training pictures too

    def as_dict(self) -> dict[str, Any]:
        """The figures, ready for JSON; those by pixels begin with `pixels_`."""
        by_pixels = {f"pixels_{name}": value for name, value in self.by_pixels.as_dict().items()}
        names = ("samples", "held_out", "held_out_copies", "training", "features")
        rest = {name: getattr(self, name) for name in names}
        return self.by_features.as_dict() | by_pixels | rest

    def lines(self) -> list[str]:
        looked = "" if self.training <= ALL else f" (by features: for each the {CANDIDATES} nearest by pixels)"
        kinds = self.by_features, self.by_pixels
        distances = [f"{kind.distance:.2f} ({kind.held_out_distance:.2f})" for kind in kinds]
        rows = [*map(self._row, _TITLES), ("median distance to the nearest training picture (held-out)", distances)]
        return [
            *table_lines("", ("by features", "by pixels", "without copies"), rows, (58, 18, 18, 17)),
            f"{self.samples:,} generated and {self.held_out:,} held-out pictures against {self.training:,} training "
            f"pictures{looked}, features: {self.features}",
            "Clearly above the right column: copies. Clearly below: pictures unlike real ones, which can hide copies.",
            *self._without(),
        ]

    def _without(self) -> list[str]:
        """What of the held-out pictures could not be compared with."""
        found = []
        if self.held_out_copies:
            found.append(f"{self.held_out_copies:,} more held-out pictures are training pictures too, and don't count.")
        tails = self.by_features.held_out_tail, self.by_pixels.held_out_tail
        if self.held_out >= FEWEST_FOR_TAIL and None in tails:
            found.append("-: the closest 5 % held out look as training pictures do, and that row says nothing.")
        return found

    def _row(self, name: str) -> Row:
        shares = [getattr(kind, name) for kind in (self.by_features, self.by_pixels)]
        expected = [f"{100 * share.without_copies:.1f} %" for share in shares if share]
        return _TITLES[name], [*map(percent, shares), *expected[:1]]


def measure(
    draw: Draw, training: ImageDataset, held_out: ImageDataset, conditions: np.ndarray | None = None, *,
    samples: int = 500, extractor: Extractor = EFFICIENTNET,
) -> Memorisation:  # fmt: skip
    """Compares `samples` drawn pictures, seeds 0, 1, 2 …, and as many held-out ones (or all) with the training ones.

    conditions: of the training pictures, a row each; `draw` is asked for some of them. Same arguments, same result.
    Raises AttnGANError if there are too few held-out pictures, or if they are training pictures themselves.
    """
    _check(training, held_out)
    rows, small = draw_conditions(conditions, samples), []

    def read(part: slice) -> np.ndarray:
        pictures = draw(np.arange(part.start, part.stop), None if rows is None else rows[part])
        small.append(thumbnails(pictures))
        return pictures

    chosen = np.sort(np.random.default_rng(0).permutation(len(held_out))[:samples])
    chosen, copies = _without_copies(chosen, held_out, training)
    features = extractor.extract(samples, read, "generated pictures"), real_features(extractor, held_out, chosen)
    pixels = np.concatenate(small), thumbnails(held_out.images[chosen])
    by_pixels = nearest_by_pixels(np.concatenate(pixels), training, CANDIDATES)
    by_features = nearest_by_features(np.concatenate(features), by_pixels.places, training, extractor, _SHOWN)
    if any(np.median(found.distances[samples:, 0]) == 0 for found in (by_pixels, by_features)):
        raise _unusable("half of its pictures look as training pictures do")
    return Memorisation(
        _closeness(features, by_features, len(training), exact=len(training) <= ALL),
        _closeness(pixels, by_pixels, len(training), exact=True),
        samples,
        len(chosen),
        len(training),
        extractor.name,
        (by_features.rows(samples, _SHOWN), by_pixels.rows(samples, _SHOWN)),
        copies,
    )


def _without_copies(chosen: np.ndarray, held_out: ImageDataset, training: ImageDataset) -> tuple[np.ndarray, int]:
    """The chosen held-out pictures without those that are training pictures too, and how many those are."""
    new = ~np.isin(held_out.take(chosen).keys, training.keys)
    if new.mean() <= 0.5 or new.sum() < FEWEST_HELD_OUT:
        raise _unusable(f"{(~new).sum()} of {len(new)} pictures are training pictures")
    return chosen[new], int((~new).sum())


def _unusable(problem: str) -> AttnGANError:
    return AttnGANError("--held-out", problem, "use ones that training never saw")


def _closeness(values: tuple[np.ndarray, np.ndarray], found: Nearest, training: int, exact: bool) -> Closeness:
    """Figures from generated and held-out pictures' values and their nearest training pictures, generated first."""
    samples = len(values[0])
    places, distances = found.places[:samples, 0], found.distances[:, 0]
    share = share_nearest_to_training(*values, places, distances[:samples], training) if exact else None
    return closeness(distances[:samples], distances[samples:], share)


def measure_into(
    generator: LoadedImageGenerator, training: ImageDataset, held_out: ImageDataset, folder: Path, samples: int = 500
) -> Memorisation:
    """`measure`, written into a folder as memorisation.json and neighbours.png, each atomically.

    In EfficientNet-Lite0's features, or in Open NSFW's if the generator's training looked through those.
    """
    draw, conditions = generator.sample_as_data, generator.conditions_of(training)
    extractor = choose_judges([generator])[0]
    result = measure(draw, training, held_out, conditions, samples=samples, extractor=extractor)
    write_output(folder / "memorisation.json", (json.dumps(result.as_dict(), indent=2) + "\n").encode())
    save_neighbours(folder / "neighbours.png", result, draw, training, conditions)
    return result


def save_neighbours(
    path: Path, result: Memorisation, draw: Draw, training: ImageDataset, conditions: np.ndarray | None = None
) -> None:
    """Writes a picture: eight generated pictures nearest to a training one by features, eight by pixels, eight seeds.

    Each stands beside its three nearest training pictures with their distances, red where nearer than the closest 5 %
    of held-out pictures (or half of them, where those are few) are to theirs. The others are what `measure` was given.
    """
    rows = draw_conditions(conditions, result.samples)

    def block(title: str, seeds: np.ndarray, found: Nearest, known: Closeness) -> Block:
        pictures = draw(seeds, None if rows is None else rows[seeds])
        limit = known.held_out_distance if known.held_out_tail is None else known.held_out_tail
        places, distances = found.places[seeds], found.distances[seeds]
        return Block(title, seeds, pictures, training.images[places], distances, limit)

    closest = [np.argsort(found.distances[:, 0], kind="stable")[:_ROWS] for found in result.nearest]
    by_features, by_pixels = result.nearest
    blocks = [
        block("Closest to training pictures by features", closest[0], by_features, result.by_features),
        block("Closest to training pictures by pixels", closest[1], by_pixels, result.by_pixels),
        block("The first seeds, by features", np.arange(min(_ROWS, result.samples)), by_features, result.by_features),
    ]
    heading = [
        "Right of each generated picture: its nearest training pictures and their distances to it. "
        "Between held-out pictures and their nearest training pictures:",
        f"by features {_describe_held_out(result.by_features)}; by pixels {_describe_held_out(result.by_pixels)}.",
    ]
    content = io.BytesIO()
    neighbour_sheet(blocks, heading).save(content, "PNG", optimize=True)
    write_atomically(path, content.getvalue())


def _describe_held_out(known: Closeness) -> str:
    tail = "" if known.held_out_tail is None else f", for the closest 5 % below {known.held_out_tail:.2f} (red)"
    return f"{known.held_out_distance:.2f} in the median{tail}"


def draw_conditions(conditions: np.ndarray | None, samples: int) -> np.ndarray | None:
    """A condition for each seed, drawn from those of the training pictures; None if they have none."""
    if conditions is None:
        return None
    chosen: np.ndarray = conditions[np.random.default_rng(0).integers(len(conditions), size=samples)]
    return chosen


def _check(training: ImageDataset, held_out: ImageDataset) -> None:
    if len(held_out) < FEWEST_HELD_OUT:
        raise AttnGANError(
            "--held-out",
            f"{len(held_out)} pictures",
            f"{FEWEST_HELD_OUT} or more are needed, {FEWEST_FOR_TAIL} for the closest 5 %",
        )
    if held_out.images.shape[1:] != training.images.shape[1:]:
        raise AttnGANError(
            "--held-out",
            f"pictures of {held_out.images.shape[1:]}, the training pictures are {training.images.shape[1:]} (height, "
            "width, channels)",
            "use pictures of the same kind",
        )
