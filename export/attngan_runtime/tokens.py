"""Prompts as the tokens that a generator takes, by the `tokenizer.json` beside it; without torch."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attngan_runtime.bundle import TOKENIZER
from attngan_runtime.bundle.spec import LARGEST_VOCABULARY, MOST_WORDS
from attngan_runtime.bundle.strict_json import read_json
from attngan_runtime.errors import AttnGANError, first_line

__all__ = [
    "NO_TEXT", "PADDING", "SPECIAL", "TOKENIZER", "UNKNOWN", "Kind", "Tokenizer", "Tokens", "check_prompt",
    "check_text", "listed", "read_tokenizer",
]  # fmt: skip

_MOST_TEXT = 100_000  # characters of a prompt or of key words; 4,096 words are about 25,000
_MOST_BRACKETS = 1000  # in a tokenizer.json; there are 20, and a list takes Python 20 times its two bytes

_PARTS = {
    "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder",
    "model",
}  # fmt: skip

SPECIAL = ("[PAD]", "[UNK]")  #: what stands for padding and for every word outside the vocabulary
PADDING, UNKNOWN = 0, 1  #: their tokens


@dataclass(frozen=True)
class Kind:
    """All that a tokenizer.json may ask for, but for its words and its length: other programs read it by this."""

    normalizer: dict[str, Any]
    pre_tokenizer: dict[str, Any]
    special: tuple[str, ...]  #: the first words of the vocabulary


PROMPTS = Kind(
    {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]},
    {
        "type": "Sequence",
        "pretokenizers": [{"type": "Punctuation", "behavior": "Removed"}, {"type": "WhitespaceSplit"}],
    },
    SPECIAL,
)

# Control characters but for \t \n \v \f \r and U+0085, which separate words, and halves of surrogate pairs.
NO_TEXT = re.compile("[\\x00-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f\\ud800-\\udfff]")


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
                lines.append(f"{shown}: unknown {listed(unknown)}; it was trained on no caption with such words")
            if cut:
                lines.append(f"{shown}: cut after {len(words)} words, without {listed(cut)}")
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
        described, reader = read_tokenizer(content, where, PROMPTS)
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


def read_tokenizer(content: bytes, where: str, kind: Kind) -> tuple[dict[str, Any], Any]:
    """A tokenizer.json as its JSON, and as a `tokenizers.Tokenizer` that neither cuts nor pads.

    Raises AttnGANError as `Tokenizer.from_json` does.
    """
    try:
        import tokenizers  # 20 ms, which generators without words need not wait for
    except ImportError:
        raise AttnGANError("tokenizers", "not installed", 'run: pip install "attngan[cpu]"') from None
    problem = _too_much(content)
    try:
        if problem is None:
            described = read_json(content)
            problem = _problem(described, kind)
        if problem is None:
            reader = tokenizers.Tokenizer.from_str(content.decode("utf-8"))
    except Exception as error:  # `tokenizers` raises bare Exceptions; what isn't JSON raises ValueError
        problem = f"is not JSON or is cut short ({first_line(error)[:120]})"
    if problem:
        raise AttnGANError(where, problem, "restore it from where it was copied")
    # Cut and padded here, so that words beyond the length can be named.
    reader.no_truncation()
    reader.no_padding()
    return described, reader


def check_prompt(prompt: Any, what: str = "prompt") -> None:
    """Raises AttnGANError naming the prompt unless it is text that a tokenizer can read, of at most 100,000 letters."""
    if isinstance(prompt, str) and len(prompt) > _MOST_TEXT:
        shown = f"{what} {prompt[:40]!a}"
        raise AttnGANError(shown, f"has {len(prompt):,} characters, where {_MOST_TEXT:,} is the limit", "shorten it")
    check_text(prompt, what)


def check_text(prompt: Any, what: str) -> None:
    """`check_prompt` of any length."""
    if not isinstance(prompt, str):
        raise AttnGANError(
            f"{what} {str(prompt)[:40]!r}", f"is {type(prompt).__name__}, not text", "write it as a string"
        )
    found = NO_TEXT.search(prompt)
    if found:
        half, place = found[0] >= "\ud800", found.start()
        problem = "half a surrogate pair, so it is not valid text" if half else "a control character"
        shown = ascii(prompt[max(0, place - 30) : place + 10])
        raise AttnGANError(f"{what} {shown}", f"U+{ord(found[0]):04X} at place {place} is {problem}", "remove it")


def listed(words: Sequence[str], most: int = 8) -> str:
    """Some of the words in quotes, and how many more there are."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(f"'{word[:40]}'" for word in words[:most]) + more


def _too_much(content: bytes) -> str | None:
    """Whether it is small once it is parsed: 64 MiB of `[],` would take 1.4 GB. None if it is."""
    brackets, quotes = content.count(b"[") + content.count(b"{"), content.count(b'"')
    if brackets > _MOST_BRACKETS or quotes > 2 * (LARGEST_VOCABULARY + _MOST_BRACKETS):
        return f"has {brackets:,} brackets and {quotes:,} quotes, far more than {LARGEST_VOCABULARY:,} words need"
    return None


def _problem(described: Any, kind: Kind) -> str | None:
    """What keeps the JSON of a tokenizer.json from being one of ours; None if nothing does."""
    if not isinstance(described, dict) or described.keys() != _PARTS:
        return "is not the tokenizer of a generator"
    if described["normalizer"] != kind.normalizer or described["pre_tokenizer"] != kind.pre_tokenizer:
        return "splits text in another way than into words in lower case"
    if described["added_tokens"] != [] or described["post_processor"] is not None or described["decoder"] is not None:
        return "adds tokens of its own"
    wrong_length = _wrong_length(described["truncation"], described["padding"])
    return wrong_length or _wrong_words(described["model"], kind.special)


def _wrong_length(truncation: Any, padding: Any) -> str | None:
    length = truncation.get("max_length") if isinstance(truncation, dict) else None
    if type(length) is not int or not 1 <= length <= MOST_WORDS:
        return f"its length is {json.dumps(length)[:40]}, not a number of words"
    expected = {"direction": "Right", "pad_id": PADDING, "pad_type_id": 0, "pad_token": SPECIAL[PADDING]}
    expected |= {"strategy": {"Fixed": length}, "pad_to_multiple_of": None}
    if truncation != {"direction": "Right", "max_length": length, "strategy": "LongestFirst", "stride": 0}:
        return f"does not cut after {length} words"
    if padding != expected:
        return f"does not pad with {SPECIAL[PADDING]} to its length of {length} words"
    return None


def _wrong_words(model: Any, special: tuple[str, ...]) -> str | None:
    words = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(words, dict) or model != {"type": "WordLevel", "vocab": words, "unk_token": SPECIAL[UNKNOWN]}:
        return "is not a word-level model"
    if len(words) > LARGEST_VOCABULARY:
        return f"has {len(words):,} words, where {LARGEST_VOCABULARY:,} is the limit"
    if any(words.get(name) != number for number, name in enumerate(special)):
        return f"its first words are not {' and '.join(special)}"
    if any(type(number) is not int for number in words.values()) or sorted(words.values()) != list(range(len(words))):
        return f"does not number its {len(words)} words from 0 up"
    return None
