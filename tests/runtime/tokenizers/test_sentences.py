"""Sentences as tokens and back: what the standard file says, how text is written, what key words become."""

from __future__ import annotations

import contextlib
import json
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refuses

from attngan_runtime.errors import AttnGANError
from attngan_runtime.tokenizers.sentences import END, SentenceTokenizer, join_words
from tests.runtime.sentences_bundle import WORDS, tokenizer_json
from tests.runtime.words_bundle import tokenizer_json as prompts_json


def reader(words: list[str] = WORDS, length: int = 6) -> SentenceTokenizer:
    return SentenceTokenizer.from_json(json.dumps(tokenizer_json(words, length)).encode(), "tokenizer.json")


TOKENIZER = reader()


NO_TEXT = [
    ("a\0b", r"U\+0000 at place 1"),
    ("dog\x1b[31m", r"U\+001B at place 3"),
    ("\ud800", r"U\+D800 at place 0"),
    (b"dog", "is bytes, not text"),
    (3, "is int, not text"),
    (["dog", "ball"], "is list, not text"),
    (None, "is NoneType, not text"),
]


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("A dog runs.", ["a", "dog", "runs", "."]),
        ("The dog's e-mail, don't", ["the", "dog's", "e-mail", ",", "don't"]),
        ("It’s rock 'n' roll", ["it’s", "rock", "'", "n", "'", "roll"]),
        ("dogs' - -x- a--b", ["dogs", "'", "-", "-", "x", "-", "a", "-", "-", "b"]),
        ("At 12:30, 3,000.5 of 7.", ["at", "12:30", ",", "3,000.5", "of", "7", "."]),
        ("1.5m a1.5 _x_", ["1.5", "m", "a1", ".", "5", "_x_"]),
        ("E\u0301te\u0301 ÉTÉ", ["été", "été"]),
        ("H\u0331 \u1e96 I\u0308\u0301", ["\u1e96", "\u1e96", "\u1e2f"]),
        ("tab\there\u2003wide\x85line\r\n", ["tab", "here", "wide", "line"]),
        ("🎉と日本 $5 [END]", ["🎉", "と日本", "$", "5", "[", "end", "]"]),
        ("", []),
    ],
)
def test_sentences_are_split_as_the_file_says(sentence: str, words: list[str]) -> None:
    assert TOKENIZER.split(sentence) == words


def test_tokens_are_words_an_end_and_padding() -> None:
    found = TOKENIZER.tokens(["A dog runs.", "", "the cat", "a a a a a a a", "dog dog dog dog dog [END]"])
    assert found.dtype == np.int64
    assert found.tolist() == [
        [3, 4, 5, 9, 2, 0], [2, 0, 0, 0, 0, 0], [7, 1, 2, 0, 0, 0], [3] * 6, [4, 4, 4, 4, 4, 1],
    ]  # fmt: skip
    assert TOKENIZER.numbers("a a a a a a a") == [3] * 7
    assert [TOKENIZER.sentence(row) for row in found[:2].tolist()] == ["a dog runs.", ""]
    assert TOKENIZER.sentence([3, 4, 0, 5]) == "a dog" and TOKENIZER.sentence([3, END, 4]) == "a"
    assert TOKENIZER.words == ["[PAD]", "[UNK]", "[END]", *WORDS]
    assert (TOKENIZER.size, TOKENIZER.length) == (13, 6)


@pytest.mark.parametrize(
    "text",
    [
        "a dog, a cat; and: a ball!", "really? 50% (or more) [sic] {x}…", "$5 and #1 of 3,000.",
        "he said \"a dog's ball\" twice.", "rock 'n' roll", "(\"a 'b' c\")", "‘a’ and “the dogs’ ball”",
        "a - b / c & d", "\"why?\" - \"'tis\"",
    ],
)  # fmt: skip
def test_words_are_written_as_text_is(text: str) -> None:
    assert join_words(TOKENIZER.split(text)) == text


MARKS = [*".,!?;:%)]}…([{$#\"'’‘“”-–/&🎉", *["a", "dog's", "n", "5", "3,000.5", "12:30", "e-mail", "_", "́x", "と"]]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(MARKS), max_size=12))
def test_whatever_is_written_is_read_as_the_same_words(words: list[str]) -> None:
    assert TOKENIZER.split(join_words(words)) == words


@settings(max_examples=300)
@given(st.text(max_size=30))
def test_any_text_survives_reading_and_writing_or_is_one_line(text: str) -> None:
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\n\v\f\r\x85" for c in text):
        for refuse in (TOKENIZER.split, TOKENIZER.numbers, lambda text: TOKENIZER.key_words([text], 3)):
            with pytest.raises(AttnGANError) as raised:
                refuse(text)
            assert "\n" not in str(raised.value) and str(raised.value).isascii()
        return
    words = TOKENIZER.split(text)
    assert TOKENIZER.split(join_words(words)) == words
    assert len(TOKENIZER.numbers(text)) == len(words)


@settings(max_examples=200)
@given(st.lists(st.integers(3, 12), max_size=6))
def test_tokens_survive_writing_and_reading(numbers: list[int]) -> None:
    row = [*numbers, END, 0, 0, 0, 0, 0, 0][:6]
    assert TOKENIZER.tokens([TOKENIZER.sentence(row)]).tolist() == [row]


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ("dog, beach, ball", [4, 8, 11]),
        ("DOG beach; ball!", [4, 8, 11]),
        ("ball\tdog", [11, 4, 0]),
        ("dog dog Dog, ball", [4, 11, 0]),
        ("Don't", [12, 0, 0]),
        ("cat unicorn dog", [4, 0, 0]),
        ("a dog runs on the beach", [3, 4, 5]),
        ("cat dog runs on the beach", [4, 5, 6]),
        ("", [0, 0, 0]),
        (", . - [PAD] [END]", [0, 0, 0]),
    ],
)
def test_key_words_are_numbers_of_what_is_known(asked: str, ids: list[int]) -> None:
    found = TOKENIZER.key_words([asked, ""], 3)
    assert found.ids.dtype == found.mask.dtype == np.int64
    assert found.ids.tolist() == [ids, [0, 0, 0]]
    assert found.mask.tolist() == [[int(number > 0) for number in ids], [0, 0, 0]]


@settings(max_examples=200)
@given(st.lists(st.sampled_from([*WORDS, "cat", "unicorn", "DOG", "-", "5"]), max_size=9), st.integers(1, 4))
def test_every_key_word_is_taken_unknown_or_cut(words: list[str], most: int) -> None:
    found = TOKENIZER.key_words([" ".join(words)], most)
    asked = dict.fromkeys(word.lower() for word in words if word not in (".", ",", "-"))
    taken = [TOKENIZER.words[number] for number in found.ids[0] if number]
    assert taken == [word for word in asked if word in WORDS][:most] and found.mask.sum() == len(taken)
    assert sorted((*taken, *found.unknown[0], *found.cut[0])) == sorted(asked)


def test_what_sentences_will_not_be_about_is_warned_of_once() -> None:
    assert TOKENIZER.key_words(["dog", "beach, ball"], 3).warnings() == []
    assert TOKENIZER.key_words([], 3).warnings() == []
    lines = TOKENIZER.key_words(["", "dog\n Cat", "dog\n Cat", "a dog runs on it", "x " * 50, "unicorn"], 3).warnings()
    assert lines == [
        "key words '': none is left, so these sentences are about anything",
        "key words 'dog Cat': unknown 'cat'; hardly a sentence of its training has such a word",
        "key words 'a dog runs on it': unknown 'it'; hardly a sentence of its training has such a word",
        "key words 'a dog runs on it': 3 at most, without 'on'",
        f"key words '{'x ' * 30}': unknown 'x'; hardly a sentence of its training has such a word",
        f"key words '{'x ' * 30}': none is left, so these sentences are about anything",
        "key words 'unicorn': unknown 'unicorn'; hardly a sentence of its training has such a word",
        "key words 'unicorn': none is left, so these sentences are about anything",
    ]
    many = TOKENIZER.key_words([" ".join(f"w{number}" for number in range(40))], 3).warnings()
    assert "'w7' and 32 more;" in many[0]


@pytest.mark.parametrize(("text", "words"), NO_TEXT)
def test_what_is_no_text_is_refused(text: Any, words: str) -> None:
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("keywords", lambda: TOKENIZER.key_words(["dog", text], 3)),
        ("sentence", lambda: TOKENIZER.split(text)),
        ("sentence", lambda: TOKENIZER.tokens(["a dog", text])),
    ]
    for what, call in calls:
        with refuses(f"{what}: {words}") as raised:
            call()
        assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    "word", ["", "a\nb", "two words", " dog", "dog.", "a--b", "x\x1b[31m", "\x9b", "\x07", "cat\x85", "..", "5.x", "\t"]
)
def test_a_vocabulary_of_what_is_no_word_is_refused(word: str) -> None:
    with refuses("tokenizer.json: not one word each") as raised:
        reader(["dog", word, "ball"])
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("normalizer", prompts_json()["normalizer"], "splits text in another way"),
        ("normalizer", {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]}, "splits text"),
        ("pre_tokenizer", prompts_json()["pre_tokenizer"], "splits text in another way"),
        ("pre_tokenizer/pattern", {"Regex": "(a+)+$"}, "splits text in another way"),
        ("pre_tokenizer/invert", False, "splits text in another way"),
        ("added_tokens", [{"id": 2, "content": "[END]"}], "adds tokens"),
        ("post_processor", {"type": "TemplateProcessing"}, "adds tokens"),
        ("truncation/max_length", 4097, "its length is 4097"),
        ("model/vocab/[END]", 99, "its first words"),
        ("model/vocab/dog", 3, "does not number its 13 words"),
        ("model/vocab/dog", -1, "does not number its 13 words"),
        ("model/vocab/dog", 4.0, "does not number its 13 words"),
        ("model/vocab/new", 10**30, "does not number its 14 words"),
    ],
)
def test_files_that_other_programs_would_read_otherwise_are_refused(path: str, value: Any, words: str) -> None:
    described = tokenizer_json()
    *way, last = path.split("/")
    place: Any = described
    for step in way:
        place = place[step]
    place[last] = value
    with refuses(f"x/tokenizer.json: ^{words}"):
        SentenceTokenizer.from_json(json.dumps(described).encode(), "x/tokenizer.json")


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff\xfe{}", b"null", b"1" * 5000, b"{}"])
def test_hostile_files_give_one_line(content: bytes) -> None:
    with refuses("t: restore it") as raised:
        SentenceTokenizer.from_json(content, "t")
    assert len(str(raised.value)) < 300


@settings(max_examples=200)
@given(place=st.floats(0, 0.9999), mask=st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_spells_one_word_otherwise(place: float, mask: int) -> None:
    content = bytearray(json.dumps(tokenizer_json(), ensure_ascii=False).encode())
    content[int(place * len(content))] ^= mask
    with contextlib.suppress(AttnGANError):
        found = SentenceTokenizer.from_json(bytes(content), "t")
        assert (found.size, found.length) == (13, 6)
        assert sum(a != b for a, b in zip(found.words, TOKENIZER.words, strict=True)) <= 1
        assert all(word.isprintable() for word in found.words)


def test_the_file_that_training_writes_is_read() -> None:
    from attngan.data.tokenizer import build_sentence_tokenizer

    content = build_sentence_tokenizer(["A dog, a ball.", "ΪΌ H\u0331 – the dog’s", "a dog’s e-mail at 12:30"], 7, 1)
    found = SentenceTokenizer.from_json(content, "tokenizer.json")
    assert (found.length, found.content) == (7, content)
    assert 1 not in found.tokens(["A dog, a ball.", "ϊό \u1e96 – THE DOG’S"])


def test_words_that_swell_a_sentence_are_refused() -> None:
    assert reader(["x" * 1000]).sentence([3]) == "x" * 1000
    with refuses("tokenizer.json: more than 1,000 letters"):
        reader(["x" * 1001])
