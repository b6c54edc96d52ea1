"""What is text at all, and words as messages quote them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from attngan_runtime.errors import AttnGANError

_MOST_TEXT = 100_000  # characters of a prompt or of key words; 4,096 words are about 25,000

# Control characters but for \t \n \v \f \r and U+0085, which separate words, and halves of surrogate pairs.
NO_TEXT = re.compile("[\\x00-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f\\ud800-\\udfff]")


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


def quote_words(words: Sequence[str], most: int = 8) -> str:
    """Some of the words in quotes, and how many more there are."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(f"'{word[:40]}'" for word in words[:most]) + more
