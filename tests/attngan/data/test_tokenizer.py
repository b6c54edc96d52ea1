"""tokenizer.json: which words, in which order, and what becomes of other ones."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refuses
from tokenizers import Tokenizer

from attngan.data import tokenizer as vocabulary
from attngan.data.tokenizer import build_sentence_tokenizer, build_tokenizer
from attngan_runtime.tokenizers.prompts import Tokenizer as PromptTokenizer
from attngan_runtime.tokenizers.sentences import SentenceTokenizer


def read(content):
    return Tokenizer.from_str(content.decode())


def test_words_without_case_accents_and_punctuation_the_frequent_ones_first():
    tokenizer = read(build_tokenizer(["Piñata: o’clock", "kiss, kiss", "KISS pinata medium-light"], 5))
    words = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    assert words == ["[PAD]", "[UNK]", "kiss", "pinata", "clock", "light", "medium", "o"]
    encoded = tokenizer.encode("Kiss! a PIÑATA")
    assert encoded.ids == [2, 1, 3, 0, 0] and encoded.attention_mask == [1, 1, 1, 0, 0]
    assert tokenizer.encode("kiss " * 9).ids == [2] * 5


def test_equal_captions_give_equal_bytes_in_any_order():
    texts = ["red heart", "green dragon", "red dragon"]
    assert build_tokenizer(texts, 16) == build_tokenizer(texts[::-1], 16)


def test_it_is_the_standard_file():
    content = json.loads(build_tokenizer(["red heart"], 16))
    assert content["model"]["type"] == "WordLevel" and content["model"]["unk_token"] == "[UNK]"
    assert content["truncation"]["max_length"] == 16 and content["padding"]["strategy"] == {"Fixed": 16}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=4))
def test_no_word_of_the_captions_is_unknown(texts):
    tokenizer = read(build_tokenizer([*texts, "word"], 40))
    for text in texts:
        if "[UNK]" not in text.upper():
            assert 1 not in tokenizer.encode(text).ids


def test_captions_of_punctuation_alone_are_refused():
    with refuses("--data: no words"):
        build_tokenizer(["...", "!?"], 16)


def test_words_that_no_bundle_may_hold_become_unknown():
    long, longest = "ж" * 1001, "ж" * 1000
    texts = [f"red {long} {longest}"] * 2
    written = SentenceTokenizer.from_json(build_sentence_tokenizer(texts, 8), "t")
    assert written.words[3:] == ["red", longest] and written.numbers(texts[0]) == [3, 1, 4]
    prompts = PromptTokenizer.from_json(build_tokenizer(texts, 8), "t")
    assert prompts.encode(texts[:1]).ids[0, :3].tolist() == [2, 1, 3]


@pytest.mark.parametrize(("build", "special"), [(build_tokenizer, 2), (build_sentence_tokenizer, 3)])
def test_the_most_frequent_words_that_a_bundle_may_hold_are_kept(monkeypatch, build, special):
    monkeypatch.setattr(vocabulary, "LARGEST_VOCABULARY", special + 2)
    tokenizer = read(build(["d d d c c b b", "a a"], 8))
    assert tokenizer.get_vocab_size() == special + 2
    assert tokenizer.encode("d a b c").ids[:4] == [special, special + 1, 1, 1]
