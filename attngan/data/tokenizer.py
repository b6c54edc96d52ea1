"""The words of captions, or of sentences, as a standard `tokenizer.json` of Hugging Face's `tokenizers`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from attngan.errors import AttnGANError
from attngan_runtime.bundle.spec import LARGEST_VOCABULARY, MOST_LETTERS
from attngan_runtime.tokenizers.sentences import SENTENCE_SPECIAL, WORD
from attngan_runtime.tokenizers.word_level import PADDING, SPECIAL, UNKNOWN


def build_tokenizer(texts: Iterable[str], length: int) -> bytes:
    """tokenizer.json: whole words in lower case and without accents, split at white space and punctuation.

    The most frequent words come first, then the order of the alphabet decides: equal texts give equal bytes.
    Words of more than 1,000 letters, and all but the first 2²⁰, become the unknown word.
    length: words of a prompt; shorter ones are padded, longer ones cut. Raises AttnGANError if there are no words.
    """
    normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    splitter = pre_tokenizers.Sequence(
        [pre_tokenizers.Punctuation(behavior="removed"), pre_tokenizers.WhitespaceSplit()]
    )
    counts = _counted(texts, normalizer, splitter)
    if not counts:
        raise AttnGANError("--data", "its captions hold no words, only punctuation", "write what the pictures show")
    return _written(counts, SPECIAL, normalizer, splitter, length)


def build_sentence_tokenizer(sentences: Iterable[str], length: int, fewest: int = 2) -> bytes:
    """tokenizer.json: words and marks of punctuation in lower case that stand `fewest` times or more.

    Rarer ones become the unknown word, as do those of more than 1,000 letters and all but the 2²⁰ most frequent.
    length: tokens of a sentence at most. Equal sentences give equal bytes. Raises AttnGANError if no word is left.
    """
    normalizer, splitter = _sentence_parts()
    counts = _counted(sentences, normalizer, splitter)
    kept = Counter({word: count for word, count in counts.items() if count >= fewest})
    if not kept:
        raise AttnGANError("--data", f"no word stands {fewest} times in it", "use more sentences, of one kind")
    return _written(kept, SENTENCE_SPECIAL, normalizer, splitter, length)


def split_sentence(sentence: str) -> list[str]:
    """Its words and marks of punctuation in lower case."""
    normalizer, splitter = _sentence_parts()
    return [word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(sentence))]


@cache
def _sentence_parts() -> tuple[normalizers.Normalizer, pre_tokenizers.PreTokenizer]:
    normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.NFC()])
    return normalizer, pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)


def _counted(
    texts: Iterable[str], normalizer: normalizers.Normalizer, splitter: pre_tokenizers.PreTokenizer
) -> Counter[str]:
    """How often each word stands in the texts; without those that are longer than a bundle may hold."""
    counts: Counter[str] = Counter()
    for text in texts:
        words = (word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
        counts.update(word for word in words if len(word) <= MOST_LETTERS)
    return counts


def _written(
    counts: Counter[str], special: tuple[str, ...], normalizer: normalizers.Normalizer,
    splitter: pre_tokenizers.PreTokenizer, length: int,
) -> bytes:  # fmt: skip
    """The file: special words, then the most frequent ones first, and by the alphabet where they are as frequent."""
    ranked = sorted(counts.keys() - set(special), key=lambda word: (-counts[word], word))
    words = [*special, *ranked][:LARGEST_VOCABULARY]
    numbers = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=SPECIAL[UNKNOWN]))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length, pad_id=PADDING, pad_token=SPECIAL[PADDING])
    return (tokenizer.to_str(pretty=True) + "\n").encode()
