"""A file of sentences, one a line or in a column."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from attngan.data.dataset import Dataset, hash_samples
from attngan.data.encoding import read_text
from attngan.data.image_dataset import name_skipped
from attngan.data.split import whole_groups
from attngan.data.text_columns import USUAL_COLUMNS, find_sentences
from attngan.data.tokenizer import split_sentence
from attngan.errors import AttnGANError
from attngan_runtime.tokenizers.text import NO_TEXT

FEWEST_SENTENCES = 20  #: different sentences: fewer can't be split into what is trained on and what is held out
_LARGEST = 2**30  # bytes: the whole file is held in memory


@dataclass(frozen=True, eq=False)
class TextDataset(Dataset):
    """Sentences in the order of their file. Equal ones are held out together."""

    unit = "sentences"
    noun = "sentences"
    group = "sentence"

    sentences: list[str]  #: without white space around them; some may be equal
    skipped: list[tuple[str, str]] = field(default_factory=list)
    blank: int = 0  #: lines without anything
    column: str = ""  #: of its file; empty where each line is a sentence

    def __len__(self) -> int:
        return len(self.sentences)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex of the sentences: equal for equal training data."""
        return hashlib.sha256("\n".join(self.sentences).encode()).hexdigest()

    @property
    def about(self) -> dict[str, Any]:
        return {"column": self.column} if self.column else {}

    @cached_property
    def keys(self) -> np.ndarray:
        return hash_samples(sentence.encode() for sentence in self.sentences)

    @cached_property
    def words(self) -> list[list[str]]:
        """Of each sentence its words and marks of punctuation in lower case, split once; `take` hands them on.

        Equal words are one object, so that those of a million sentences take 150 MB, not 800.
        """
        return [list(map(sys.intern, split_sentence(sentence))) for sentence in self.sentences]

    def describe(self) -> str:
        """`10,000 sentences of column text, 9,959 different; 3 skipped: line 17 (70 words, 63 at most), …`."""
        different = len(set(self.sentences))
        of = f" of column {self.column}" if self.column else ""
        parts = [f"{len(self):,} sentences{of}" + (f", {different:,} different" if different < len(self) else "")]
        if self.skipped:
            parts.append(f"{len(self.skipped):,} skipped: {name_skipped(self.skipped)}")
        if self.blank:
            parts.append(f"{self.blank:,} empty line{'s' if self.blank > 1 else ''}")
        return "; ".join(parts)

    def take(self, places: np.ndarray) -> Self:
        taken = replace(self, sentences=[self.sentences[place] for place in places], skipped=[], blank=0)
        if "words" in vars(self):
            vars(taken)["words"] = [self.words[place] for place in places]
        return taken

    def choose_held_out(self, count: int, seed: int) -> np.ndarray:
        return whole_groups(self.sentences, count, seed)


def load_lines(
    path: Path, longest: int | None = None, fewest: int = FEWEST_SENTENCES, column: str | None = None,
    usual: Sequence[str] = USUAL_COLUMNS,
) -> TextDataset:  # fmt: skip
    """Reads a text file, one sentence a line or in a column of a CSV (.csv, .tsv) or of JSON lines.

    In UTF-8, or in UTF-16 or UTF-32 with a byte-order mark. Lines that are no text are skipped and named.

    longest: words and marks of punctuation in a line at most; longer ones are skipped too. column: of a CSV or of JSON
    lines; the first of `usual` that is there if None.
    Raises AttnGANError if there is no such file or column, if it is no text, or if it has fewer than `fewest`
    different sentences.
    """
    sentences, skipped, blank = [], [], 0
    chosen, entries = find_sentences(path, read_text(_content(path), f"--data {path}"), column, usual)
    for number, line, problem in entries:
        if not problem and not line.strip():
            blank += 1
            continue
        sentence, problem = ("", problem) if problem else _read(line, longest)
        if problem:
            skipped.append((f"line {number:,}", problem))
        else:
            sentences.append(sentence)
    found = TextDataset(sentences, skipped, blank, chosen)
    check_count(found, str(path), fewest)
    return found


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise AttnGANError(f"--data {path}", "is a folder", "name a text file with a sentence a line")
    try:
        if path.stat().st_size > _LARGEST:
            raise AttnGANError(
                f"--data {path}", f"{path.stat().st_size:,} bytes", f"{_LARGEST:,} is the limit, use a part"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise AttnGANError(f"--data {path}", "no such file", "name a text file with a sentence a line") from None
    except OSError as error:
        raise AttnGANError(f"--data {path}", f"can't be read ({error.strerror})", "check its permissions") from None


def check_count(lines: TextDataset, path: str, fewest: int = FEWEST_SENTENCES) -> None:
    """Raises AttnGANError unless there are at least `fewest` different sentences."""
    different = len(set(lines.sentences))
    if different < fewest:
        without = [f"{lines.blank:,} lines are empty"] if lines.blank else []
        without += [f"{len(lines.skipped):,} skipped: {name_skipped(lines.skipped)}"] if lines.skipped else []
        detail = f" ({'; '.join(without)})" if without else ""
        raise AttnGANError(
            f"--data {path}",
            f"{different:,} different sentences{detail}",
            f"{fewest} are needed, one a line, and thousands make a generator worth having",
        )


def _read(line: str, longest: int | None) -> tuple[str, str]:
    """The sentence, and what keeps it from being one."""
    sentence = " ".join(line.split())
    if NO_TEXT.search(sentence):
        return "", "a control character"
    words = len(split_sentence(sentence)) if longest else 0
    return sentence, f"{words:,} words, {longest} at most" if longest and words > longest else ""
