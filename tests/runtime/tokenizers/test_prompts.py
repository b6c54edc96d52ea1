"""Prompts as tokens: what the standard file says, what is refused, and what is warned of."""

from __future__ import annotations

import contextlib
import json
import sys
import time
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refuses

from attngan_runtime.errors import AttnGANError
from attngan_runtime.tokenizers import word_level
from attngan_runtime.tokenizers.prompts import Tokenizer, Tokens
from tests.runtime.words_bundle import WORDS, tokenizer_json


def reader(words: list[str] = WORDS, length: int = 4) -> Tokenizer:
    return Tokenizer.from_json(json.dumps(tokenizer_json(words, length)).encode(), "tokenizer.json")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return reader()


@pytest.mark.parametrize(
    ("prompt", "ids"),
    [
        ("red heart", [2, 4, 0, 0]),
        ("RED Heart!", [2, 4, 0, 0]),
        ("  red\t\n heart\r\n", [2, 4, 0, 0]),
        ("réd-heart (green)", [2, 4, 3, 0]),
        ("re\u0301d", [2, 0, 0, 0]),
        ("red unicorn", [2, 1, 0, 0]),
        ("[PAD] [UNK]", [1, 1, 0, 0]),
        ("dragon dragon dragon dragon red", [5, 5, 5, 5]),
        ("red, 🎉 · e", [2, 1, 6, 0]),
        ("", [0, 0, 0, 0]),
        (" ,;¡…", [0, 0, 0, 0]),
        ("red\x85heart\u2003green", [2, 4, 3, 0]),
    ],
)
def test_words_are_found_as_the_file_says(tokenizer: Tokenizer, prompt: str, ids: list[int]) -> None:
    found = tokenizer.encode([prompt])
    assert found.ids.dtype == found.mask.dtype == np.int64
    assert found.ids.tolist() == [ids]
    assert found.mask.tolist() == [[int(number > 0) for number in ids]]


def test_words_come_back_as_they_were_written(tokenizer: Tokenizer) -> None:
    found = tokenizer.encode(["Réd, UNICORN Blé unicorn heart-shaped e", "", "blé Unicorn"])
    assert found.words == (("Réd", "UNICORN", "Blé", "unicorn"), (), ("blé", "Unicorn"))
    assert found.unknown == (("UNICORN", "Blé", "unicorn"), (), ("blé", "Unicorn"))
    assert found.cut == (("heart", "shaped", "e"), (), ())
    assert (tokenizer.length, tokenizer.size) == (4, 7)


# Without letters whose lower case depends on what follows them, or which later Unicode versions changed.
LETTERS = "aeEÉéñÑçßıøÆæДжΩάא" + "\u0301\u0308" + " \t\u00a0\u3000" + "-,.'!?(){}[]<>|~^`$+=«»…·" + "9½✓🎉"


def by_the_book(prompt: str, vocabulary: dict[str, int], length: int) -> list[int]:
    """docs/bundle.md in Python."""
    plain = "".join(c for c in unicodedata.normalize("NFD", prompt) if unicodedata.category(c) != "Mn")
    parts = ["" if c.isspace() or c in "$+<=>^`|~" or unicodedata.category(c)[0] == "P" else c.lower() for c in plain]
    words = " ".join(part or "\n" for part in parts).split("\n")
    ids = [vocabulary.get(word, 1) for word in (word.replace(" ", "") for word in words) if word][:length]
    return ids + [0] * (length - len(ids))


@settings(max_examples=300)
@given(prompt=st.text(LETTERS, max_size=20), length=st.integers(1, 6))
def test_any_text_is_read_as_the_description_says(prompt: str, length: int) -> None:
    words = ["e", "a", "n", "c", "ee", "9", "æ", "ж", "α", "ω"]
    vocabulary = {word: number for number, word in enumerate(words, 2)}
    found = reader(words, length).encode([prompt])
    assert found.ids[0].tolist() == by_the_book(prompt, vocabulary, length)
    assert found.mask.sum() == len(found.words[0])


@settings(max_examples=100)
@given(st.text(max_size=30))
def test_any_text_gives_tokens_or_one_line(prompt: str) -> None:
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\n\v\f\r\x85" for c in prompt):
        with pytest.raises(AttnGANError) as raised:
            reader().encode([prompt])
        assert "\n" not in str(raised.value) and str(raised.value).isascii()
        return
    found = reader().encode([prompt])
    assert found.ids.min() >= 0 and found.ids.max() < 7
    for word in (*found.words[0], *found.cut[0]):
        assert word and word in prompt


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a\0b", r"U\+0000 at place 1 is a control character"),
        ("red\x1b[31m", r"U\+001B at place 3 is a control character"),
        ("a\x7f", r"U\+007F"),
        ("\ud800", r"U\+D800 at place 0 is half a surrogate"),
        ("x" * 5000 + "\x01", r"U\+0001 at place 5000"),
        (b"red", "is bytes, not text"),
        (3, "is int, not text"),
        (None, "is NoneType, not text"),
    ],
)
def test_what_is_no_text_is_refused(tokenizer: Tokenizer, prompt: Any, words: str) -> None:
    with refuses(f"prompt: {words}") as raised:
        tokenizer.encode(["red", prompt])
    assert len(str(raised.value)) < 300


def said(tokens: Tokens) -> str:
    return "\n".join(tokens.warnings())


def test_what_will_not_be_drawn_is_warned_of_once(tokenizer: Tokenizer) -> None:
    assert said(tokenizer.encode(["red heart", "green"])) == ""
    many = " ".join(f"w{number}" for number in range(40))
    found = tokenizer.encode(["", "\n", "Unicorn red", "Unicorn red", many])
    lines = found.warnings()
    assert lines[0] == "prompt '': holds no words; what it draws follows seed and style alone"
    assert lines[1] == "prompt 'Unicorn red': unknown 'Unicorn'; it was trained on no caption with such words"
    assert "unknown 'w0', 'w1', 'w2', 'w3';" in lines[2]
    assert lines[3].endswith("cut after 4 words, without 'w4', 'w5', 'w6', 'w7', 'w8', 'w9', 'w10', 'w11' and 28 more")
    assert len(lines) == 4 and all("\n" not in line for line in lines)


def edit(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(described: dict[str, Any]) -> None:
        *way, last = path.split("/")
        place: Any = described
        for step in way:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edit("model", None), "is not the tokenizer"),
        (edit("normalizer", None), "is not the tokenizer"),
        (edit("normalizer/normalizers", [{"type": "NFKC"}]), "splits text in another way"),
        (edit("pre_tokenizer", {"type": "Whitespace"}), "splits text in another way"),
        (edit("added_tokens", [{"id": 0}]), "adds tokens"),
        (edit("post_processor", {"type": "BertProcessing"}), "adds tokens"),
        (edit("decoder", {"type": "ByteLevel"}), "adds tokens"),
        (edit("added_tokens", {}), "adds tokens"),
        (edit("post_processor", {}), "adds tokens"),
        (edit("version", None), "is not the tokenizer"),
        (edit("more", 1), "is not the tokenizer"),
        (edit("truncation/stride", 1), "does not cut after 4 words"),
        (edit("truncation/direction", "Left"), "does not cut after 4 words"),
        (edit("truncation/more", 1), "does not cut after 4 words"),
        (edit("padding/pad_to_multiple_of", 8), "does not pad"),
        (edit("padding/more", 8), "does not pad"),
        (edit("model/more", 8), "is not a word-level model"),
        (edit("truncation", [4]), "its length is null"),
        (edit("truncation/max_length", 0), "its length is 0"),
        (edit("truncation/max_length", 4.0), "its length is 4.0"),
        (edit("truncation/max_length", 5), "does not pad"),
        (edit("truncation/max_length", 2**40), "its length is"),
        (edit("padding/direction", "Left"), "does not pad"),
        (edit("padding", "no"), "does not pad"),
        (edit("model/type", "BPE"), "is not a word-level model"),
        (edit("model/unk_token", "red"), "is not a word-level model"),
        (edit("model/vocab", ["red"]), "is not a word-level model"),
        (edit("model/vocab/[PAD]", 7), "its first words are not"),
        (edit("model/vocab/red", 99), "does not number its 7 words"),
        (edit("model/vocab/red", -1), "does not number its 7 words"),
        (edit("model/vocab/red", True), "does not number its 7 words"),
        (edit("model/vocab/red", "2"), "does not number its 7 words"),
        (edit("model/vocab/\ud800", 7), "is not JSON"),
    ],
)
def test_files_that_other_programs_would_read_otherwise_are_refused(change: Any, words: str) -> None:
    described = tokenizer_json()
    change(described)
    with refuses(f"x/tokenizer.json: ^{words}"):
        Tokenizer.from_json(json.dumps(described).encode(), "x/tokenizer.json")


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff\xfe{}", b"null", b"[]", b"1" * 5000, b"{}"])
def test_hostile_files_give_one_line(content: bytes) -> None:
    one_line(content)


@pytest.mark.parametrize(
    "content", [b"[" + b"[]," * 2**20, b'{"a":' * 1001, b"[" + b'"",' * (2**20 + 2000) + b'""', b'{"\\ud800": 1}'],
    ids=["lists", "deep", "texts", "half"],
)  # fmt: skip
def test_files_that_swell_when_they_are_parsed_are_refused(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    if len(content) > 2**20:
        monkeypatch.setattr(word_level, "read_json", lambda content: pytest.fail("it was parsed"))
    one_line(content)


@pytest.mark.parametrize("more", [b'"red": 2, ', b'"red": 3, '])
def test_a_word_that_stands_there_twice_is_refused(more: bytes) -> None:
    content = json.dumps(tokenizer_json()).encode().replace(b'"red": 2, ', b'"red": 2, ' + more)
    with refuses('t: "red" stands there twice'):
        Tokenizer.from_json(content, "t")


@pytest.mark.parametrize(
    "prompt", ["e" * 100_000, "1," * 50_000, "e\u0301" * 50_000, "\u0301" * 100_000, "e " * 50_000]
)
def test_long_prompts_take_no_long_time(tokenizer: Tokenizer, prompt: str) -> None:
    start = time.perf_counter()
    for message in tokenizer.encode([prompt]).warnings():
        assert len(message) < 600
    assert time.perf_counter() - start < 3
    with refuses("prompt: 100,001 characters"):
        tokenizer.encode([prompt + "x"])


def test_a_vocabulary_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_level, "LARGEST_VOCABULARY", 7)
    assert reader().size == 7
    with refuses("tokenizer.json: 8 words"):
        reader([*WORDS, "more"])


def one_line(content: bytes) -> None:
    with refuses("t: restore it") as raised:
        Tokenizer.from_json(content, "t")
    assert len(str(raised.value)) < 300


@settings(max_examples=200)
@given(place=st.floats(0, 0.9999), mask=st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_reads_as_another_word(place: float, mask: int) -> None:
    content = bytearray(json.dumps(tokenizer_json()).encode())
    content[int(place * len(content))] ^= mask
    with contextlib.suppress(AttnGANError):
        found = Tokenizer.from_json(bytes(content), "t")
        assert (found.size, found.length) == (7, 4)
        assert found.encode(["red heart"]).mask.tolist() == [[1, 1, 0, 0]]


def test_a_missing_package_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with refuses("tokenizers: not installed"):
        reader()


def test_the_file_that_training_writes_is_read() -> None:
    from attngan.data.tokenizer import build_tokenizer

    content = build_tokenizer(["Red heart, red dragon", "green heart: é"], 5)
    found = Tokenizer.from_json(content, "tokenizer.json")
    assert (found.length, found.size, found.content) == (5, 7, content)
    assert found.encode(["heart red e dragon green"]).ids.tolist() == [[2, 3, 5, 4, 6]]
