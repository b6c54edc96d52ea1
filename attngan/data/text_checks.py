"""Refusals of sentences whose words a generator can't learn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from attngan.errors import AttnGANError

_FEWEST_KNOWN = 0.25  # of the words: 10,000 captions have 98 %, twenty English sentences about half
#: Scripts that put no spaces between words, and letters of a word beyond which these are none but whole clauses.
_WITHOUT_SPACES = (
    ("Chinese or Japanese", re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"), 3),
    ("Thai, Lao, Khmer, Burmese or Tibetan", re.compile("[\u0e01-\u0fff\u1000-\u109f\u1780-\u17ff]"), 8),
)


def check_words(sentences: Iterable[list[str]], fewest: int = 2) -> None:
    """AttnGANError unless the sentences, each as its words, are made of words, and of such that stand `fewest` times.

    A quarter of the words at least has to stand so often.
    """
    counts = Counter(word for words in sentences for word in words if any(letter.isalnum() for letter in word))
    total = sum(counts.values())
    if not total:
        raise AttnGANError("--data", "no words in its sentences, only punctuation", "use sentences of words")
    for script, letter, longest in _WITHOUT_SPACES:
        written = {word: count for word, count in counts.items() if len(letter.findall(word)) > len(word) / 2}
        count = sum(written.values())
        length = sum(len(word) * times for word, times in written.items()) / max(count, 1)
        if count > total / 2 and length >= longest:
            raise AttnGANError(
                "--data",
                f"{script} without spaces, so that its words are whole clauses ({length:.0f} letters in the mean)",
                "put a space between words, as programs that segment text do, such as jieba or MeCab",
            )
    known = sum(count for count in counts.values() if count >= fewest)
    if known < _FEWEST_KNOWN * total:
        raise AttnGANError(
            "--data",
            f"of its words {known / total:.0%} stand {fewest} times or more, and only such can be learnt",
            "use more sentences, of one kind, with spaces between words",
        )
