"""Prompts as the tokens that a generator takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attngan_runtime.tokenizers.text import check_prompt, quote_words
from attngan_runtime.tokenizers.word_level import PADDING, SPECIAL, UNKNOWN, Kind, parse_tokenizer

PROMPTS = Kind(
    {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]},
    {
        "type": "Sequence",
        "pretokenizers": [{"type": "Punctuation", "behavior": "Removed"}, {"type": "WhitespaceSplit"}],
    },
    SPECIAL,
)


@dataclass(frozen=True, eq=False)
class Tokens:
    """Prompts as a generator takes them, and what became of their words, as the user wrote them."""

    ids: np.ndarray  #: int64 [B, L]; 0 = padding, 1 = a word that is not in the vocabulary
    mask: np.ndarray  #: int64 [B, L]; 1 = a word, 0 = padding
    unknown: tuple[tuple[str, ...], ...]  #: words of each prompt that are not in the vocabulary, each once
    cut: tuple[tuple[str, ...], ...]  #: words beyond the length, which are left out
    words: tuple[tuple[str, ...], ...]  #: words of each prompt that are kept, in the order of their tokens
    prompts: tuple[str, ...]

    def warnings(self) -> list[str]:
        """A line for each thing that pictures will not show: prompts without words, unknown words, words cut off."""
        lines = []
        for prompt, words, unknown, cut in zip(self.prompts, self.words, self.unknown, self.cut, strict=True):
            shown = f"prompt '{' '.join(prompt.split())[:60]}'"
            if not words:
                lines.append(f"{shown}: holds no words; what it draws follows seed and style alone")
            if unknown:
                lines.append(f"{shown}: unknown {quote_words(unknown)}; it was trained on no caption with such words")
            if cut:
                lines.append(f"{shown}: cut after {len(words)} words, without {quote_words(cut)}")
        return list(dict.fromkeys(lines))


class Tokenizer:
    """A word-level tokenizer; make one with `Tokenizer.from_json`.

    length: words of a prompt at most. size: words of the vocabulary, padding and the unknown word among them.
    content: the bytes of its file.
    """

    def __init__(self, content: bytes, length: int, size: int, reader: Any) -> None:
        self.content, self.length, self.size = content, length, size
        self._reader = reader

    @classmethod
    def from_json(cls, content: bytes, where: str) -> Tokenizer:
        """Reads the bytes of a tokenizer.json; `where` begins the messages.

        Raises AttnGANError if it is damaged, isn't word level as docs/bundle.md says, or `tokenizers` is missing.
        """
        described, reader = parse_tokenizer(content, where, PROMPTS)
        return cls(content, described["truncation"]["max_length"], len(described["model"]["vocab"]), reader)

    def encode(self, prompts: Sequence[str]) -> Tokens:
        """The tokens of each prompt: lower case, without accents and punctuation, cut or padded to `length`.

        Raises AttnGANError naming the first prompt that is not text: another type, control characters other than
        white space, or half a surrogate pair.
        """
        ids = np.full((len(prompts), self.length), PADDING, np.int64)
        words: list[tuple[str, ...]] = []
        unknown, cut = list(words), list(words)
        for row, prompt in zip(ids, prompts, strict=True):
            check_prompt(prompt)
            found = self._reader.encode(prompt)
            written = [prompt[start:end] for start, end in found.offsets]
            kept, known = written[: self.length], found.ids[: self.length]
            row[: len(kept)] = known
            words.append(tuple(kept))
            strangers = (word for word, number in zip(kept, known, strict=True) if number == UNKNOWN)
            unknown.append(tuple(dict.fromkeys(strangers)))
            cut.append(tuple(written[self.length :]))
        mask = (ids != PADDING).astype(np.int64)
        return Tokens(ids, mask, tuple(unknown), tuple(cut), tuple(words), tuple(prompts))
