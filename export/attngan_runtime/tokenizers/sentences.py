"""Sentences and key words as the tokens of a generator that writes, and back; without torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attngan_runtime.bundle.spec import MOST_LETTERS
from attngan_runtime.errors import AttnGANError
from attngan_runtime.tokenizers.text import NO_TEXT, check_prompt, check_text, quote_words
from attngan_runtime.tokenizers.word_level import PADDING, SPECIAL, Kind, parse_tokenizer

SENTENCE_SPECIAL = (*SPECIAL, "[END]")  #: what stands for padding, unknown words, and for a sentence's two ends
END = 2  #: the token that a sentence ends with, and that is shown before its first word

#: A number such as 1,000 or 12:30; a word, with hyphens and apostrophes inside it; or one mark of punctuation.
WORD = r"\p{N}+(?:[.,:]\p{N}+)+|[\p{L}\p{M}\p{N}_]+(?:['’\-][\p{L}\p{M}\p{N}_]+)*|[^\s\p{L}\p{M}\p{N}_]"

SENTENCES = Kind(
    # In this order: the lower case of H with a line below is not in NFC, so the other order reads its own words anew.
    {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "NFC"}]},
    {"type": "Split", "pattern": {"Regex": WORD}, "behavior": "Removed", "invert": True},
    SENTENCE_SPECIAL,
)

_CLOSING = frozenset(".,!?;:%)]}…’”")  # written without a space before them
_OPENING = frozenset("([{$#‘“")  # written without a space after them
_QUOTES = frozenset("\"'")  # the first opens, the next closes


@dataclass(frozen=True, eq=False)
class KeyWords:
    """Key words of several sentences as a generator takes them, and what became of them."""

    ids: np.ndarray  #: int64 [B, K], 0 where there is none; unknown words are left out
    mask: np.ndarray  #: int64 [B, K], 1 = a key word
    unknown: tuple[tuple[str, ...], ...]  #: words of each set that are not in the vocabulary
    cut: tuple[tuple[str, ...], ...]  #: words beyond the K-th
    texts: tuple[str, ...]  #: as the user wrote them

    def warnings(self) -> list[str]:
        """A line for each thing that sentences will not be about."""
        lines = []
        for text, mask, unknown, cut in zip(self.texts, self.mask, self.unknown, self.cut, strict=True):
            shown = f"key words '{' '.join(text.split())[:60]}'"
            if unknown:
                lines.append(
                    f"{shown}: unknown {quote_words(unknown)}; hardly a sentence of its training has such a word"
                )
            if cut:
                lines.append(f"{shown}: {mask.sum()} at most, without {quote_words(cut)}")
            if not mask.any():
                lines.append(f"{shown}: none is left, so these sentences are about anything")
        return list(dict.fromkeys(lines))


class SentenceTokenizer:
    """Words and punctuation of sentences as numbers; make one with `SentenceTokenizer.from_json`.

    words: the vocabulary by number, `SENTENCE_SPECIAL` first. length: tokens of a sentence at most, its end among
    them. content: the bytes of its file.
    """

    def __init__(self, content: bytes, length: int, words: list[str], reader: Any) -> None:
        self.content, self.length, self.words = content, length, words
        self._reader = reader

    @property
    def size(self) -> int:
        """Words of the vocabulary, special ones among them."""
        return len(self.words)

    @classmethod
    def from_json(cls, content: bytes, where: str) -> SentenceTokenizer:
        """Reads the bytes of a tokenizer.json; `where` begins the messages.

        Raises AttnGANError if it is damaged, isn't what docs/bundle.md says, or `tokenizers` is missing.
        """
        described, reader = parse_tokenizer(content, where, SENTENCES)
        vocabulary = described["model"]["vocab"]
        words = sorted(vocabulary, key=vocabulary.get)
        own = words[len(SENTENCE_SPECIAL) :]
        if max(map(len, own), default=0) > MOST_LETTERS:
            raise AttnGANError(
                where, f"has a word of more than {MOST_LETTERS:,} letters", "restore it from where it was copied"
            )
        text = "\n".join(own)
        # A word of two lines, or one that moves the cursor, would reach whatever shows the sentences.
        if NO_TEXT.search(text) or [word for word, _ in reader.pre_tokenizer.pre_tokenize_str(text)] != own:
            raise AttnGANError(where, "has words that are not one word each", "restore it from where it was copied")
        return cls(content, described["truncation"]["max_length"], words, reader)

    def split(self, sentence: str) -> list[str]:
        """Words and punctuation in lower case, known or not. Raises AttnGANError for what is not text."""
        check_text(sentence, "sentence")
        normal = self._reader.normalizer.normalize_str(sentence)
        return [word for word, _ in self._reader.pre_tokenizer.pre_tokenize_str(normal)]

    def numbers(self, sentence: str) -> list[int]:
        """The tokens of a sentence, 1 for each unknown word, without its end, of any length."""
        check_text(sentence, "sentence")
        return list(self._reader.encode(sentence).ids)

    def tokens(self, sentences: Sequence[str]) -> np.ndarray:
        """int64 [B, L]: each sentence and its end, then 0. Longer ones are cut, and have no end."""
        tokens = np.full((len(sentences), self.length), PADDING, np.int64)
        for row, sentence in zip(tokens, sentences, strict=True):
            numbers = [*self.numbers(sentence), END][: self.length]
            row[: len(numbers)] = numbers
        return tokens

    def sentence(self, tokens: Iterable[int]) -> str:
        """The sentence that tokens stand for, up to its end, written as text is."""
        words = []
        for token in tokens:
            if token in (END, PADDING):
                break
            words.append(self.words[token])
        return join_words(words)

    def key_words(self, texts: Sequence[str], most: int) -> KeyWords:
        """Key words, each set in one string, as tokens; case, punctuation, and repetitions don't count.

        Raises AttnGANError naming the first set that is not text.
        """
        ids = np.full((len(texts), most), PADDING, np.int64)
        unknown, cut = [], []
        for row, text in zip(ids, texts, strict=True):
            check_prompt(text, "keywords")
            words = {word: None for word in self.split(text) if any(letter.isalnum() for letter in word)}
            known = {word: self._reader.token_to_id(word) for word in words}
            found = [number for number in known.values() if number is not None][:most]
            row[: len(found)] = found
            unknown.append(tuple(word for word, number in known.items() if number is None))
            cut.append(tuple(word for word, number in known.items() if number not in (None, *found)))
        return KeyWords(ids, (ids != PADDING).astype(np.int64), tuple(unknown), tuple(cut), tuple(texts))


def join_words(words: Sequence[str]) -> str:
    """Words and punctuation with the spaces that English has between them."""
    text, glued, open_quotes = "", True, set[str]()
    for word in words:
        closes = word in _CLOSING or word in open_quotes
        text += word if glued or closes else f" {word}"
        glued = word in _OPENING or (word in _QUOTES and not closes)
        if word in _QUOTES:
            open_quotes ^= {word}
    return text
