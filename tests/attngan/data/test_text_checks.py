"""Sentences of no words, or of words that each stand once, are refused with the reason."""

import numpy as np
import pytest
from refusals import refuses
from tiny_text import sentences, text_config

from attngan.data import TextDataset

RANDOM = np.random.default_rng(0)


def unspaced(first, last, between="", length=12, mark=""):
    letters = RANDOM.integers(first, last, (200, length))
    return [between.join(map(chr, row)) + mark for row in letters]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (unspaced(0x4E00, 0x4F00, mark="。"), "Chinese or Japanese without spaces"),
        ([f"{one}，{other}。" for one, other in zip(*2 * [unspaced(0x4E00, 0x4E40)], strict=True)], "Chinese"),
        (["我爱你", "你好吗"] * 10 + [f"她{chr(0x4E00 + place)}很好" for place in range(20)], "Chinese"),
        (unspaced(0x3042, 0x3093), "Japanese without spaces"),
        (unspaced(0x0E01, 0x0E2E, length=20), "Thai"),
        (["?" * count for count in range(1, 200)], "no words"),
        ([" ".join(f"w{number}" for number in range(at, at + 5)) for at in range(0, 500, 5)], "0% stand 2 times"),
    ],
)  # fmt: skip
def test_texts_without_words_are_refused(said, reason):
    with refuses(f"--data: {reason}"):
        text_config(TextDataset(said))


def test_texts_with_words_are_trained_on():
    text_config(TextDataset(sentences()))
    text_config(TextDataset(sentences()[::15]), holdout=3)
    text_config(TextDataset(unspaced(0x4E00, 0x4E30, " ")))  # Chinese as segmented
    text_config(TextDataset(unspaced(0xAC00, 0xAC40, " ")))
    text_config(TextDataset([*sentences(), *unspaced(0x4E00, 0x4F00)[:50]]))
