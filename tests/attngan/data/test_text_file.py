"""Files of sentences, their key words, and their vocabulary."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from refusals import refuses
from tiny_text import sentences, write_sentences

from attngan.data import TextDataset, load_lines
from attngan.data.keywords import FEWEST_KEY_WORDS, content_words, draw_content_words, stop_words
from attngan.data.split import usual_holdout
from attngan.data.tokenizer import build_sentence_tokenizer, split_sentence
from attngan_runtime.tokenizers.sentences import SentenceTokenizer


def written(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"\n".join(lines))
    return path


def test_lines_are_read_and_bad_ones_named(tmp_path):
    good = [f"sentence number {number}.".encode() for number in range(20)]
    path = written(tmp_path / "lines.txt", b"\xef\xbb\xbf" + good[0], b"", b"bell \x07", b"  \t", *good[1:], b"a " * 9)
    lines = load_lines(path, longest=8)
    assert lines.sentences == [line.decode() for line in good]
    assert lines.skipped == [("line 3", "a control character"), ("line 24", "9 words, 8 at most")]
    assert lines.describe() == (
        "20 sentences; 2 skipped: line 3 (a control character), line 24 (9 words, 8 at most); 2 empty lines"
    )
    assert load_lines(path).sentences[-1] == "a a a a a a a a a" and lines.column == "" and lines.about == {}


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_ends_a_line(tmp_path, ending):
    content = ending.join(f"line {number}".encode() for number in range(20)) + ending
    (tmp_path / "lines.txt").write_bytes(content)
    lines = load_lines(tmp_path / "lines.txt")
    assert len(lines) == 20 and lines.blank == 0 and lines.sentences[3] == "line 3"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 different sentences"),
        (b"just one line\n", "1 different sentences"),
        (b"\n\n\n", r"0 different sentences \(3 lines"),
        (b"again\n" * 40, "1 different sentences"),
        (b"\x07\n", r"0 different sentences \(1 skipped"),
    ],
)
def test_too_few_lines_are_refused_with_what_is_needed(tmp_path, content, message):
    (tmp_path / "few.txt").write_bytes(content)
    with refuses(f"few.txt: {message}"):
        load_lines(tmp_path / "few.txt")


def test_what_is_no_file_is_refused(tmp_path):
    with refuses("missing.txt: no such file"):
        load_lines(tmp_path / "missing.txt")
    with refuses("--data: is a folder"):
        load_lines(tmp_path)


def test_key_words_are_content_words():
    words = split_sentence("A man's dog, 2 cats and THE re-painted car won't sit on it!")
    assert content_words(words) == ["man's", "dog", "cats", "re-painted", "car", "sit"]
    assert {"the", "of", "is", "its", "won't"} <= stop_words() and "dog" not in stop_words()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(1, 6))
def test_drawn_key_words_are_of_their_sentence_and_each_once(counts, most):
    content = torch.zeros(len(counts), 9, dtype=torch.int64)
    for row, count in zip(content, counts, strict=True):
        row[:count] = torch.arange(10, 10 + count)
    found = draw_content_words(content, torch.arange(len(counts)), most)
    assert found.shape == (len(counts), most)
    for row, count in zip(found.tolist(), counts, strict=True):
        words = [number for number in row if number]
        assert row == words + [0] * (most - len(words))
        assert len(set(words)) == len(words) and set(words) <= set(range(10, 10 + count))
        assert min(FEWEST_KEY_WORDS, count, most) <= len(words) <= most


def test_two_to_five_are_drawn_alike_often_and_in_any_order():
    content = torch.arange(10, 18).expand(4000, 8)
    found = draw_content_words(content, torch.arange(4000), 5, without=0.25)
    counts = Counter((found > 0).sum(1).tolist())
    assert counts[0] == pytest.approx(1000, abs=120)
    for number in range(2, 6):
        assert counts[number] == pytest.approx(750, abs=110)
    first = Counter(found[found[:, 0] > 0, 0].tolist())
    assert min(first.values()) > 0.7 * max(first.values())
    assert torch.equal(found[:7], draw_content_words(content[:7], torch.arange(7), 5, without=0.25))


def test_the_vocabulary_leaves_rare_words_out(tmp_path):
    content = build_sentence_tokenizer(["A dog, a cat.", "a dog!", "zebras?"], 8)
    tokenizer = SentenceTokenizer.from_json(content, "here")
    assert tokenizer.words == ["[PAD]", "[UNK]", "[END]", "a", "dog"] and tokenizer.length == 8
    assert tokenizer.tokens(["A dog, zebra"]).tolist() == [[3, 4, 1, 1, 2, 0, 0, 0]]
    assert content == build_sentence_tokenizer(["a dog!", "zebras?", "A dog, a cat."], 8)
    with refuses("--data: no word stands 2 times"):
        build_sentence_tokenizer(["every word", "stands once"], 8)


def test_equal_sentences_are_held_out_together():
    lines = TextDataset(["twice", "once", "twice", *sentences()])
    for seed in range(20):
        training, held_out = lines.split(100, seed)
        assert len(held_out) == 100 and sorted([*training, *held_out]) == list(range(303))
        assert (0 in held_out) == (2 in held_out)
    assert np.array_equal(lines.split(100, 3)[1], lines.split(100, 3)[1])
    assert not np.array_equal(lines.split(100, 3)[1], lines.split(100, 4)[1])
    assert usual_holdout(lines) == 30


def test_the_fingerprint_is_of_the_sentences(tmp_path):
    lines = load_lines(write_sentences(tmp_path / "a.txt"))
    other = TextDataset([*lines.sentences[:-1], "another"])
    assert lines.fingerprint == TextDataset(list(lines.sentences)).fingerprint != other.fingerprint
