"""Reads a `tokenizer.json`, which holds words and their numbers, and says how text is split into them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from attngan_runtime.bundle.spec import LARGEST_VOCABULARY, MOST_WORDS
from attngan_runtime.bundle.strict_json import read_json
from attngan_runtime.errors import AttnGANError, first_line

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


def parse_tokenizer(content: bytes, where: str, kind: Kind) -> tuple[dict[str, Any], Any]:
    """A tokenizer.json as its JSON, and as a `tokenizers.Tokenizer` that neither cuts nor pads.

    Raises AttnGANError as `prompts.Tokenizer.from_json` does.
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
