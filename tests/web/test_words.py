"""What words.js reads and writes is what the Python runtime does, and so are the warnings made of it."""

from __future__ import annotations

import json
import random
import unicodedata
from typing import Any

from attngan_runtime.tokenizers.prompts import Tokenizer
from attngan_runtime.tokenizers.sentences import SentenceTokenizer
from attngan_runtime.tokenizers.text import NO_TEXT
from tests.runtime import sentences_bundle
from tests.runtime.words_bundle import tokenizer_json
from tests.web.conftest import JavaScript

WORDS = ["red", "heart", "e", "a", "æ", "ω", "9", "ij", "__proto__", "constructor", "🎉", "と", "тон", "i"]
PROMPTS = [
    "", "red heart", "RED, Héart!", "re\u0301d-heart_heart", "a+b=c <red> ^heart| ~e~ $9 `a`",
    "constructor toString __proto__", "İ ı ẞ Ω Æ", "red\u00a0heart\u3000e\u2028a\x85i\tred", "ΣΑΣ ω", "🎉🎉 🎉 red🎉",
    "“red” «heart» …e… ¿a?", "が と", "тон ТОН Й й", "\u0301red cafe\u0301 x\u0323\u0307y \u0301 \u0301\u0301",
    "red\ufeffheart", "a\u200db", "½ ﬁ ⅷ Ⅷ", "a b c d e f g h i j", "-", "__proto__", "word " * 40, "≮ \u037e \u1fef",
    "unknown Unknown un\u0301known", "x" * 50, "한글 각 \u1100\u1161",
]  # fmt: skip


def random_texts(count: int) -> list[str]:
    """Texts of letters, marks, punctuation and spaces of all scripts that Unicode has had for ten years or more."""
    chance = random.Random(0)
    letters = [chr(code) for code in range(0x2FFFF) if unicodedata.ucd_3_2_0.category(chr(code)) not in ("Cn", "Co")]
    letters = [letter for letter in letters if not NO_TEXT.search(letter)]
    common = [" ", "a", "e", "\u0301", "\u0323", "-", ",", "'", "red", "DOG"]
    return [
        "".join(chance.choice(common if chance.random() < 0.4 else letters) for _ in range(chance.randrange(1, 30)))
        for _ in range(count)
    ]


def test_prompts_are_the_same_tokens_with_the_same_warnings(node: JavaScript) -> None:
    described, prompts = tokenizer_json(WORDS, 6), PROMPTS + random_texts(1500)
    body = """
        const { promptReader } = await import("./words.js"), { promptWarnings } = await import("./warnings.js");
        const read = promptReader(given[0]);
        return given[1].map(prompt => {
          const found = read(prompt), { tokens, mask, words, unknown, cut } = found;
          const numbers = [tokens, mask].map(row => Array.from(row, Number));
          return [...numbers, words, unknown, cut, promptWarnings(prompt, found)];
        });
    """
    found = node(body, described, prompts)
    tokenizer = Tokenizer.from_json(json.dumps(described).encode(), "t")
    for prompt, row in zip(prompts, found, strict=True):
        wanted = tokenizer.encode([prompt])
        expected: list[Any] = [wanted.ids[0].tolist(), wanted.mask[0].tolist()]
        expected += [list(wanted.words[0]), list(wanted.unknown[0]), list(wanted.cut[0]), wanted.warnings()]
        assert row == expected, ascii(prompt)


SPELLED = [
    "dog", "ball", "dog's", "it’s", "été", "\u1e96", "12:30", "3,000", "e-mail", "5", "_", "と", "__proto__",
    "constructor", *".,!?;:%)]}…([{$#\"'’‘“”-–/&🎉",
]  # fmt: skip
ASKED = [
    "", "dog, ball", "BALL dog Ball", "Dog's it’s ÉTÉ e\u0301te\u0301 H\u0331", "12:30 3,000 e-mail 5",
    "cat unicorn dog", ", . - _ (", "constructor __proto__ toString", "と dog\u3000ball\x855", "ΣΑΣ İ ẞ",
    "dog ball 5 été it’s dog's 12:30", "dog\ufeffball 🎉",
]  # fmt: skip


def test_key_words_are_the_same_tokens_with_the_same_warnings(node: JavaScript) -> None:
    described, asked = sentences_bundle.tokenizer_json(SPELLED, 12), ASKED + random_texts(1500)
    body = """
        const { keywordReader } = await import("./words.js"), { keywordWarnings } = await import("./warnings.js");
        const read = keywordReader(given[0], 5);
        return given[1].map(text => {
          const found = read(text), { keywords, mask, unknown, cut } = found;
          return [Array.from(keywords, Number), Array.from(mask, Number), unknown, cut, keywordWarnings(text, found)];
        });
    """
    found = node(body, described, asked)
    tokenizer = SentenceTokenizer.from_json(json.dumps(described).encode(), "t")
    for text, row in zip(asked, found, strict=True):
        wanted = tokenizer.key_words([text], 5)
        expected: list[Any] = [wanted.ids[0].tolist(), wanted.mask[0].tolist()]
        expected += [list(wanted.unknown[0]), list(wanted.cut[0]), wanted.warnings()]
        assert row == expected, ascii(text)


def test_tokens_are_the_same_sentences(node: JavaScript) -> None:
    described = sentences_bundle.tokenizer_json(SPELLED, 12)
    tokenizer = SentenceTokenizer.from_json(json.dumps(described).encode(), "t")
    chance = random.Random(0)
    rows = [[chance.randrange(3, tokenizer.size) for _ in range(12)] for _ in range(200)]
    rows += [[*row[:place], 2, *[0] * (11 - place)] for place, row in enumerate(rows[:12])] + [[0] * 12]
    body = """
        const { sentenceWriter } = await import("./words.js"), write = sentenceWriter(given[0]);
        return given[1].map(row => [write(BigInt64Array.from(row, BigInt)), write(row)]);
    """
    for row, written in zip(rows, node(body, described, rows), strict=True):
        assert written == [tokenizer.sentence(row)] * 2
