"""What docs/bundle.md gives to copy does what the runtime does."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from attngan_runtime.tokens import Tokenizer
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
    (code,) = re.findall(r"```js\n(export function promptReader.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    described = tokenizer_json(WORDS, 6)
    (tmp_path / "reader.mjs").write_text(code, encoding="utf-8")
    (tmp_path / "tokenizer.json").write_text(json.dumps(described), encoding="utf-8")
    (tmp_path / "prompts.json").write_text(json.dumps(PROMPTS), encoding="utf-8")
    (tmp_path / "run.mjs").write_text("""
        import { readFileSync } from "fs";
        import { promptReader } from "./reader.mjs";
        const read = promptReader(JSON.parse(readFileSync("tokenizer.json")));
        const rows = JSON.parse(readFileSync("prompts.json")).map(read);
        console.log(JSON.stringify(rows.map(row => [Array.from(row.tokens, Number), Array.from(row.mask, Number)])));
    """)
    done = subprocess.run(["node", "run.mjs"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wanted = Tokenizer.from_json(json.dumps(described).encode(), "t").encode(PROMPTS)
    for prompt, (ids, mask), *row in zip(PROMPTS, json.loads(done.stdout), wanted.ids, wanted.mask, strict=True):
        assert [ids, mask] == [values.tolist() for values in row], prompt
