"""Pairs of pictures whose captions differ in one word."""

from __future__ import annotations

import numpy as np

from attngan.data import Captions
from attngan.evaluation.swaps import find_swaps


def captions(*texts: str) -> Captions:
    return Captions([(text, "a blue moon") for text in texts], [()] * len(texts), list(texts))


def test_pairs_differ_in_one_word_and_a_skin_tone_is_one() -> None:
    found = find_swaps(
        captions(
            "Hand: light skin tone", "hand: medium-light skin tone", "hand: dark skin tone", "hand",
            "red heart", "blue heart", "heart", "infrared wood", "left arrow", "right arrow",
            "couple: woman, man, light skin tone, dark skin tone", "couple: woman, man, dark skin tone, dark skin tone",
            "couple: woman, man, dark skin tone, light skin tone", "couple: man, woman, dark skin tone, dark skin tone",
            "infrablue wood", "redwood", "bluewood",
        ),
        None,
    )  # fmt: skip
    pairs = {group: sorted(map(tuple, some.tolist())) for group, some in found.items()}
    assert pairs == {
        "skin tone": [(0, 1), (0, 2), (1, 2), (10, 11), (11, 12)],
        "colour": [(4, 5)],
        "man, woman": [],
        "direction": [(8, 9)],
    }
    assert all(some.dtype == np.int64 and some.shape[1] == 2 for some in found.values())


def test_pairs_are_of_one_style_and_the_order_is_always_the_same() -> None:
    hearts = captions(*[f"{colour} heart" for colour in ("red", "blue", "green", "white") for _ in range(2)])
    styles = np.tile([0, 1], 4)
    found = find_swaps(hearts, styles)["colour"]
    assert len(found) == 12 and (styles[found[:, 0]] == styles[found[:, 1]]).all()
    assert (found[:, 0] < found[:, 1]).all() and found.tolist() != sorted(found.tolist())
    np.testing.assert_array_equal(find_swaps(hearts, styles)["colour"], found)
    assert len(find_swaps(hearts, None)["colour"]) == 6  # of equal captions of one style the first
