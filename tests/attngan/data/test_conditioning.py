"""What pictures are called: main captions, captions by chance, and the shares of each kind."""

import numpy as np
import pytest

from attngan.data import CaptionedDataset
from attngan.data.captions import Captions
from attngan.data.conditioning import Conditions
from attngan.data.tokenizer import build_tokenizer
from attngan_runtime.tokenizers.prompts import Tokenizer

TEXTS = [("red heart", "a heart that is red"), ("green dragon",), ("blue bird of joy and of sky",)]
TAGS = [("love", "card game"), (), ("animal", "fly", "wing", "nest")]


@pytest.fixture(scope="module")
def tokenizer():
    texts = [text for group in (*TEXTS, *TAGS) for text in group]
    return Tokenizer.from_json(build_tokenizer(texts, 6), "tokenizer.json")


def pictures(styles=(1, 0, 1)):
    captions = Captions(TEXTS, TAGS, ["a", "b", "c"])
    numbers, names = (np.array(styles), ["flat", "round"]) if styles else (None, [])
    return CaptionedDataset(np.zeros((3, 4, 4, 4), np.uint8), captions=captions, styles=numbers, style_names=names)


def read(row, tokenizer):
    """(style, words) of one condition."""
    words = {token: word for word, token in _vocabulary(tokenizer).items()}
    return int(row[0]), " ".join(words[token] for token in row[1:].tolist() if token)


def _vocabulary(tokenizer):
    every = sorted({word for group in (*TEXTS, *TAGS) for text in group for word in text.split()})
    return {word: int(tokenizer.encode([word]).ids[0, 0]) for word in every}


def test_main_captions_are_the_first_ones_cut_at_the_length(tokenizer):
    rows = Conditions(pictures(), tokenizer).main(np.array([2, 0]))
    assert rows.dtype == np.int64 and rows.shape == (2, 7)
    assert read(rows[0], tokenizer) == (1, "blue bird of joy and of")
    assert read(rows[1], tokenizer) == (1, "red heart")


def test_without_styles_the_first_column_is_0(tokenizer):
    assert not Conditions(pictures(None), tokenizer).main(np.arange(3))[:, 0].any()


def test_chance_calls_a_picture_by_nothing_tags_captions_or_both(tokenizer):
    conditions, count = Conditions(pictures(), tokenizer), 4000
    rows = conditions.draw(np.zeros(count, np.int64), np.arange(count))
    assert np.array_equal(rows, conditions.draw(np.zeros(count, np.int64), np.arange(count)))
    said = [read(row, tokenizer)[1] for row in rows]
    tags = {"love", "card game", "love card game", "card game love"}
    shares = {
        "nothing": sum(not text for text in said) / count,
        "tags": sum(text in tags for text in said) / count,
        "caption": sum(text in TEXTS[0] for text in said) / count,
    }
    assert shares == pytest.approx({"nothing": 0.1, "tags": 0.1, "caption": 0.5}, abs=0.03)
    both = {text for text in said if text not in tags and text and text not in TEXTS[0]}
    assert both >= {"red heart love", "red heart card game", "a heart that is red love"}
    always = conditions.draw(np.zeros(500, np.int64), np.arange(500), always=True)
    assert always[:, 1].all()


def test_a_picture_without_tags_is_called_by_its_caption(tokenizer):
    rows = Conditions(pictures(), tokenizer).draw(np.ones(300, np.int64), np.arange(300))
    assert {read(row, tokenizer)[1] for row in rows} == {"", "green dragon"}
