"""The training pictures nearest to given pictures, by features and by pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attngan.data import ImageDataset
from attngan.data.transforms import on_white
from attngan.features.cache import real_features
from attngan.features.extractor import Extractor
from attngan.metrics.precision_recall import squared_distances

ALL = 4000  # training pictures up to which every one is turned into features: 100 s on two cores
CANDIDATES = 10  # beyond, for each picture, those nearest to it by pixels

_SIDE = 16  # pixels a side that the preselection sees
_BLOCK = 4096  # training pictures at a time: 33 MB of distances to 1,000 pictures


@dataclass(frozen=True)
class Nearest:
    """Of each of N pictures, the K training pictures that are nearest to it, nearest first."""

    places: np.ndarray  #: int64 [N, K]: rows of the training pictures
    distances: np.ndarray  #: float64 [N, K]: Euclidean

    def rows(self, count: int, k: int) -> Nearest:
        """Of the first `count` pictures, the k nearest."""
        return Nearest(self.places[:count, :k], self.distances[:count, :k])


def nearest_by_features(
    features: np.ndarray, candidates: np.ndarray, training: ImageDataset, extractor: Extractor, k: int
) -> Nearest:
    """The k nearest training pictures of pictures with features [N, d]; fewer than k where there are fewer.

    Exact for up to ALL training pictures; beyond, the nearest among each picture's own `candidates`, int64 [N, K]
    rows of the training pictures, so that two sets of pictures can be compared only if both went this way.
    """
    if len(training) <= ALL:
        known = real_features(extractor, training, np.arange(len(training)))
        places = np.concatenate([_smallest(squares, k)[0] for _, squares in squared_distances(features, known)])
        return Nearest(places, _distances(features, known[places]))
    needed, positions = np.unique(candidates, return_inverse=True)
    known = real_features(extractor, training, needed)
    chosen, distances = _smallest(_distances(features, known[positions.reshape(candidates.shape)]), k)
    return Nearest(np.take_along_axis(candidates, chosen, 1), distances)


def distances_to_nearest(features: np.ndarray, known: np.ndarray, same: np.ndarray | None = None) -> np.ndarray:
    """float64 [N]: of each of features [N, d] the Euclidean distance to the nearest of `known` [M, d].

    same: bool [N, M], which of them are the same picture and don't count.
    """
    found = np.empty(len(features))
    for rows, squares in squared_distances(features, known):
        if same is not None:
            squares[same[rows]] = np.inf
        found[rows] = np.sqrt(squares.min(1))
    return found


def nearest_by_pixels(small: np.ndarray, training: ImageDataset, count: int) -> Nearest:
    """The `count` training pictures whose thumbnails are nearest to given ones [N, n]; fewer where there are fewer.

    Exact: every training picture is looked at, in blocks.
    """
    places, distances = np.empty((len(small), 0), np.int64), np.empty((len(small), 0))
    for start in range(0, len(training), _BLOCK):
        block = thumbnails(training.images[start : start + _BLOCK])
        near = np.concatenate([_smallest(squares, count)[0] for _, squares in squared_distances(small, block)])
        distances = np.concatenate([distances, _distances(small, block[near])], 1)
        chosen, distances = _smallest(distances, count)
        places = np.take_along_axis(np.concatenate([places, start + near], 1), chosen, 1)
    return Nearest(places, distances)


def thumbnails(images: np.ndarray) -> np.ndarray:
    """float32 [N, n]: pictures uint8 [N, H, W, C] averaged to n = 16·16·C pixels or fewer, RGBA on white, over √n.

    Their Euclidean distance is the root mean square difference in levels of 0 … 255. H and W have to be multiples of
    16, or less than 16.
    """
    images = on_white(images) if images.shape[3] == 4 else images
    count, height, width, channels = images.shape
    rows, columns = min(height, _SIDE), min(width, _SIDE)
    boxes = images.reshape(count, rows, height // rows, columns, width // columns, channels)
    values = boxes.mean((2, 4), dtype=np.float32).reshape(count, -1)
    return values / np.float32(np.sqrt(values.shape[1]))


def _distances(features: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float64 [N, K] between features [N, d] and [N, K, d]; from differences, so that copies are at exactly 0."""
    pairs = zip(features.astype(np.float64), others, strict=True)
    return np.stack([np.linalg.norm(other - one, axis=1) for one, other in pairs])


def _smallest(values: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(columns int64 [N, k], values [N, k]) of the k smallest values of each row, smallest first."""
    k = min(k, values.shape[1])
    columns = np.argpartition(values, k - 1, axis=1)[:, :k]
    found = np.take_along_axis(values, columns, 1)
    order = np.argsort(found, axis=1, kind="stable")
    return np.take_along_axis(columns, order, 1), np.take_along_axis(found, order, 1)
