"""The words of a set of captions as a standard `tokenizer.json` of Hugging Face's `tokenizers`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from attngan.errors import AttnGANError
from attngan_runtime.tokens import PADDING, SPECIAL, UNKNOWN


def build_tokenizer(texts: Iterable[str], length: int) -> bytes:
    """tokenizer.json: whole words in lower case and without accents, split at white space and punctuation.

    The most frequent words come first, then the order of the alphabet decides: equal texts give equal bytes.
    length: words of a prompt; shorter ones are padded, longer ones cut. Raises AttnGANError if there are no words.
    """
    normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    splitter = pre_tokenizers.Sequence(
        [pre_tokenizers.Punctuation(behavior="removed"), pre_tokenizers.WhitespaceSplit()]
    )
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    if not counts:
        raise AttnGANError("--data: its captions hold no words, only punctuation; write what the pictures show")
    words = [*SPECIAL, *sorted(counts.keys() - set(SPECIAL), key=lambda word: (-counts[word], word))]
    tokenizer = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(words)}, unk_token=SPECIAL[UNKNOWN])
    )
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length, pad_id=PADDING, pad_token=SPECIAL[PADDING])
    return (tokenizer.to_str(pretty=True) + "\n").encode()
