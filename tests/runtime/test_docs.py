"""What docs/bundle.md gives to copy does what the runtime does."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from attngan_runtime.sentences import SentenceTokenizer
from attngan_runtime.tokens import Tokenizer
from tests.runtime import sentences_bundle
from tests.runtime.words_bundle import tokenizer_json

PAGE = Path(__file__).parents[2] / "docs" / "bundle.md"
WORDS = ["red", "heart", "e", "a", "æ", "ω", "9", "ij", "__proto__", "constructor", "🎉", "と", "тон", "i"]
PROMPTS = [
    "", "red heart", "RED, Héart!", "re\u0301d-heart_heart", "a+b=c <red> ^heart| ~e~ $9 `a`",
    "constructor toString __proto__", "İ ı ẞ Ω Æ", "red\u00a0heart\u3000e\u2028a\x85i\tred", "ΣΑΣ ω", "🎉🎉 🎉 red🎉",
    "“red” «heart» …e… ¿a?", "が と", "тон ТОН Й й",
    "red\ufeffheart", "a\u200db", "½ ﬁ ⅷ Ⅷ", "a b c d e f g h i j", "-", "__proto__", "word " * 40,
]  # fmt: skip


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_reader_in_javascript_gives_the_same_tokens(tmp_path: Path) -> None:
    described = tokenizer_json(WORDS, 6)
    found = in_node(tmp_path, "promptReader", described, PROMPTS, """
        const read = copied.promptReader(tokenizer);
        give(given.map(read).map(row => [Array.from(row.tokens, Number), Array.from(row.mask, Number)]));
    """)  # fmt: skip
    wanted = Tokenizer.from_json(json.dumps(described).encode(), "t").encode(PROMPTS)
    for prompt, (ids, mask), *row in zip(PROMPTS, found, wanted.ids, wanted.mask, strict=True):
        assert [ids, mask] == [values.tolist() for values in row], prompt


SPELLED = [
    "dog", "ball", "dog's", "it’s", "été", "\u1e96", "12:30", "3,000", "e-mail", "5", "_", "と", "__proto__",
    "constructor", *".,!?;:%)]}…([{$#\"'’‘“”-–/&🎉",
]  # fmt: skip
ASKED = [
    "", "dog, ball", "BALL dog Ball", "Dog's it’s ÉTÉ e\u0301te\u0301 H\u0331", "12:30 3,000 e-mail 5",
    "cat unicorn dog", ", . - _ (", "constructor __proto__ toString", "と dog\u3000ball\x855", "ΣΑΣ İ ẞ",
    "dog ball 5 été it’s dog's 12:30", "dog\ufeffball 🎉",
]  # fmt: skip


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_key_words_are_read_and_sentences_written_alike_in_javascript(tmp_path: Path) -> None:
    described = sentences_bundle.tokenizer_json(SPELLED, 12)
    tokenizer = SentenceTokenizer.from_json(json.dumps(described).encode(), "t")
    chance = random.Random(0)
    rows = [[chance.randrange(3, tokenizer.size) for _ in range(12)] for _ in range(200)]
    rows += [[*row[:place], 2, *[0] * (11 - place)] for place, row in enumerate(rows[:12])] + [[0] * 12]
    found = in_node(tmp_path, "keywordReader", described, [ASKED, rows], """
        const read = copied.keywordReader(tokenizer, 5), write = copied.sentenceWriter(tokenizer);
        const rows = given[0].map(read).map(row => [Array.from(row.keywords, Number), Array.from(row.mask, Number)]);
        give([rows, given[1].map(row => write(BigInt64Array.from(row, BigInt)))]);
    """)  # fmt: skip
    wanted = tokenizer.key_words(ASKED, 5)
    assert wanted.mask.sum() > 20
    for asked, (ids, mask), *row in zip(ASKED, found[0], wanted.ids, wanted.mask, strict=True):
        assert [ids, mask] == [values.tolist() for values in row], asked
    assert found[1] == [tokenizer.sentence(row) for row in rows]


def in_node(folder: Path, function: str, tokenizer: dict[str, Any], given: Any, script: str) -> Any:
    """What the script gives for `given`, with the page's code that begins with `function` as `copied`."""
    (code,) = re.findall(rf"```js\n(export function {function}.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    (folder / "copied.mjs").write_text(code, encoding="utf-8")
    (folder / "given.json").write_text(json.dumps([tokenizer, given]), encoding="utf-8")
    (folder / "run.mjs").write_text(f"""
        import {{ readFileSync }} from "fs";
        import * as copied from "./copied.mjs";
        const [tokenizer, given] = JSON.parse(readFileSync("given.json"));
        const give = found => console.log(JSON.stringify(found));
        {script}
    """)
    done = subprocess.run(["node", "run.mjs"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
