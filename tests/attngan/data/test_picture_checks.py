"""What training says of pictures before it begins."""

import numpy as np
import pytest
from PIL import Image
from refusals import refuses

from attngan.data import load_pictures
from attngan.data.image_dataset import ImageDataset
from attngan.data.picture_checks import check_pictures, remarks

NOISE = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)


def test_pictures_that_differ_pass():
    check_pictures(ImageDataset(NOISE, sides=np.full(5, 16)), True)
    check_pictures(ImageDataset(NOISE[:1]), True)
    assert remarks(ImageDataset(NOISE, sides=np.full(5, 16))) == []


def test_pictures_that_teach_nothing_are_refused():
    with refuses("--data: all pictures are the same"):
        check_pictures(ImageDataset(np.repeat(NOISE[:1], 5, axis=0)), False)
    colours = np.broadcast_to(NOISE[:, :1, :1], NOISE.shape)
    with refuses("--data: every picture is of a single colour"):
        check_pictures(ImageDataset(colours), False)
    one_shows_something = np.concatenate([colours, NOISE[:1]])
    check_pictures(ImageDataset(one_shows_something), False)


def test_pictures_too_small_for_features_are_refused_where_they_are_needed():
    tiny = ImageDataset(NOISE, sides=np.array([4, 9, 15, 8, 8]))
    check_pictures(tiny, False)
    with refuses("--data: its largest picture has 15 pixels a side"):
        check_pictures(tiny, True)
    check_pictures(ImageDataset(NOISE, sides=np.array([4, 9, 16, 8, 8])), True)


@pytest.mark.parametrize(
    ("grey", "channels", "said"), [(True, 3, True), (True, 4, True), (True, 1, False), (False, 3, False)]
)
def test_grey_pictures_in_a_network_of_colours_are_remarked(grey, channels, said):
    shown = np.repeat(NOISE[..., :1], channels, axis=3) if grey else NOISE
    assert any("grey" in line for line in remarks(ImageDataset(shown))) == said


def test_enlarged_pictures_are_counted_by_the_size_of_their_files(tmp_path):
    for place, (width, height) in enumerate([(8, 40), (40, 8), (16, 16), (40, 60), (15, 15)]):
        image = Image.fromarray(np.random.default_rng(place).integers(0, 256, (height, width, 3), np.uint8))
        image.save(tmp_path / f"{place}.{'jpg' if place == 3 else 'png'}")
    pictures = load_pictures(tmp_path, resolution=16, channels=3)
    assert list(pictures.sides) == [8, 8, 16, 40, 15]
    assert list(pictures.take(np.array([4, 0])).sides) == [15, 8]
    (line,) = remarks(pictures)
    assert line.startswith("3 pictures smaller than 16×16")
