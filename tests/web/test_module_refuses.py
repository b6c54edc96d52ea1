"""What the module refuses, in one line, in Node and in Chromium; and that ONNX Runtime sees none of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attngan_runtime import bundle as format_1
from tests.web.conftest import JavaScript

# Loads, and gives the error with the sizes of all models that ONNX Runtime was given meanwhile.
REFUSED = """
    const seen = [], create = ort.InferenceSession.create;
    ort.InferenceSession.create = (model, ...rest) => {
      seen.push(model.length);
      return create.call(ort.InferenceSession, model, ...rest);
    };
    const said = await module.load(given[0]).then(
      () => "", error => [error instanceof module.AttnGANError, error.message]);
    ort.InferenceSession.create = create;
    return { said, largest: Math.max(0, ...seen) };
"""


def refused(javascript: JavaScript, folder: Path, *words: str, before: bool = True) -> None:
    """`load` refuses the bundle in one line that has all the words; before: before ONNX Runtime sees its model."""
    found = javascript(REFUSED, javascript.url(folder))
    assert found["said"], "was loaded"
    is_ours, message = found["said"]
    assert is_ours, message
    assert "\n" not in message
    assert all(word in message for word in words), message
    assert (found["largest"] < 200) is before  # what starts ONNX Runtime has 100 bytes, and models have millions


def edit(folder: Path, changes: dict[str, Any]) -> None:
    """Changes fields of a sidecar and signs it anew."""
    sidecar = json.loads((folder / "model.onnx.json").read_text(encoding="utf-8"))
    format_1.write_sidecar(folder, sidecar | changes)


@pytest.mark.parametrize("file", ["model.onnx", "model.onnx.json", "tokenizer.json"])
def test_a_changed_byte(javascript: JavaScript, file: str) -> None:
    folder = javascript.copy("emoji-64")
    data = bytearray((folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / file).write_bytes(data)
    refused(javascript, folder, file, "changed or damaged" if file != "model.onnx.json" else "")


@pytest.mark.parametrize("file", ["model.onnx", "model.onnx.json", "tokenizer.json"])
def test_a_missing_file(javascript: JavaScript, file: str) -> None:
    folder = javascript.copy("emoji-64")
    (folder / file).unlink()
    refused(javascript, folder, f"{file}: ", "is missing" if javascript.name == "node" else "HTTP 404")


def test_line_ends_of_windows_are_no_damage(javascript: JavaScript) -> None:
    folder = javascript.copy("captions")
    for file in ("model.onnx.json", "tokenizer.json"):
        (folder / file).write_bytes((folder / file).read_bytes().replace(b"\n", b"\r\n"))
    (folder / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes() + b"\r\n")
    refused(javascript, folder, "tokenizer.json: its SHA-256 is")
    format_1.write_sidecar(folder, signed_with(folder, "tokenizer.json", b"\n"))
    (folder / "model.onnx.json").write_bytes((folder / "model.onnx.json").read_bytes().replace(b"\n", b"\r\n"))
    assert javascript(REFUSED, javascript.url(folder))["said"] == ""


def signed_with(folder: Path, file: str, line_end: bytes) -> dict[str, Any]:
    """The sidecar with the hash of a file as it is now, its line ends in another form."""
    sidecar = json.loads((folder / "model.onnx.json").read_text(encoding="utf-8"))
    data = (folder / file).read_bytes().replace(b"\r\n", line_end)
    return sidecar | {"files": sidecar["files"] | {file: format_1.sha256_of(data)}}


@pytest.mark.parametrize("name", ["fashion-32", "captions"])
def test_a_golden_sample_that_comes_out_otherwise(javascript: JavaScript, name: str) -> None:
    folder = javascript.copy(name)
    golden = json.loads((folder / "model.onnx.json").read_text(encoding="utf-8"))["golden"]
    if name == "captions":
        golden["tokens"][0][0] += 1
    else:
        golden["values"][7] = -golden["values"][7]
    edit(folder, {"golden": golden})
    device = "cpu" if javascript.name == "node" else "wasm"
    refused(javascript, folder, f"model.onnx: on {device}, its golden", "differ", "export", before=False)


def test_a_golden_probability_that_comes_out_otherwise(javascript: JavaScript) -> None:
    folder = javascript.copy("captions")
    golden = json.loads((folder / "model.onnx.json").read_text(encoding="utf-8"))["golden"]
    golden["log_probability"][1][0] -= 0.5
    edit(folder, {"golden": golden})
    refused(javascript, folder, "its golden sample differs by 0.50 where", before=False)


def test_a_model_that_is_none_and_one_that_takes_other_inputs(javascript: JavaScript) -> None:
    folder = javascript.copy("fashion-32")
    (folder / "model.onnx").write_bytes(b"no model at all" * 100)
    edit(folder, {"files": {"model.onnx": format_1.sha256_of(folder / "model.onnx")}})
    refused(javascript, folder, "model.onnx: on ", before=False)
    (folder / "model.onnx").write_bytes((javascript.folders["emoji-64"] / "model.onnx").read_bytes())
    edit(folder, {"files": {"model.onnx": format_1.sha256_of(folder / "model.onnx")}})
    refused(javascript, folder, "the graph takes tokens, mask, seed", "the sidecar says seed, class", before=False)


def test_a_session_that_fails_at_its_golden_sample_is_released(node: JavaScript) -> None:
    body = """
        const create = ort.InferenceSession.create, open = new Set();
        ort.InferenceSession.create = async (...given) => {
          const session = await create.apply(ort.InferenceSession, given), release = session.release;
          open.add(session);
          session.release = () => { open.delete(session); return release.call(session); };
          session.run = async () => ({});  // without what the sidecar promises: no mistake that the module expects
          return session;
        };
        const said = await module.load(given[0]).catch(error => error.message);
        ort.InferenceSession.create = create;
        return [said, open.size];
    """
    said, still_open = node(body, node.url("fashion-32"))
    assert "model.onnx: on cpu, " in said and still_open == 0


def test_an_unknown_format_version_and_what_is_no_sidecar(javascript: JavaScript) -> None:
    folder = javascript.copy("fashion-32")
    text = (folder / "model.onnx.json").read_text(encoding="utf-8")
    for written, words in [
        (text.replace('"format_version": 1', '"format_version": 2'), "format_version is 2 and this attngan reads 1"),
        (text.replace('"format_version": 1', '"format_version": true'), "format_version is true"),
        (text[:-9], "is not JSON or is cut short"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is not the sidecar"),
        ("\ufeff" + text, "is not JSON"),
        ("{}", "format_version is missing"),
        ('{"format_version": 1, "sha256": 7}', "does not match its sha256"),
        ("version https://git-lfs.github.com/spec/v1\n", "is not JSON"),
    ]:
        (folder / "model.onnx.json").write_text(written, encoding="utf-8")
        refused(javascript, folder, "model.onnx.json: ", words)


def test_a_git_lfs_pointer_has_its_remedy(javascript: JavaScript) -> None:
    folder = javascript.copy("fashion-32")
    (folder / "model.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    refused(javascript, folder, "is a Git LFS pointer", "run: git lfs pull")


@pytest.mark.parametrize(("file", "limit"), [("model.onnx.json", 2**22), ("tokenizer.json", 2**26)])
def test_what_is_too_big(javascript: JavaScript, file: str, limit: int) -> None:
    folder = javascript.copy("emoji-64")
    with (folder / file).open("ab") as opened:
        opened.truncate(limit + 1)
    refused(javascript, folder, f"{file}: is too big, {limit + 1} bytes where {limit} is the limit; use another bundle")


MISTAKES: dict[str, list[tuple[dict[str, Any], str]]] = {
    "fashion-32": [
        ({"class": "Boot"}, "class: no class 'Boot'; there are T-shirt/top, Trouser, "),
        ({"class": 10}, "class: 10 is outside 0 to 9"),
        ({"class": "10"}, "class: 10 is outside 0 to 9"),
        ({"class": ["Bag"]}, "class: an array is not a whole number; use 0 to 9"),
        ({"seed": -1}, "seed: -1 is outside 0 to 4294967295"),
        ({"seed": 2**32}, "seed: 4294967296 is outside 0 to 4294967295"),
        ({"seed": 1.5}, "seed: 1.5 is not a whole number; use 0 to 4294967295"),
        ({"seed": "7"}, "seed: '7' is not a whole number"),
        ({"seed": True}, "seed: true is not a whole number"),
        ({"seed": None}, "seed: null is not a whole number"),
        ({"class": None}, "class: null is not a whole number"),
        ({"truncation": 2.5}, "truncation: 2.5 is outside 0 to 2; 1 changes nothing"),
        ({"truncation": "much"}, "truncation: 'much' is not a number; use 0 to 2"),
        ({"prompt": "dog"}, "prompt: fashion-32 does not take it; it takes seed, class, truncation"),
        ({"z": [0]}, "z: fashion-32 does not take it"),
        ({"style": 0}, "style: fashion-32 does not take it"),
        ({"sead": 7}, "sead: fashion-32 does not take it"),
        ({"constructor": 7}, "constructor: fashion-32 does not take it"),
        ({"class": "a\n\nb\u2028c\u0085d"}, "class: no class 'a b c d'; there are "),
        ({"see\nd": 7}, "see d: fashion-32 does not take it"),
    ],
    "emoji-64": [
        ({}, "prompt: none given, and emoji-64 draws what words say; pass prompt: 'red heart'"),
        ({"prompt": 7}, "prompt 7: is not text; write it as a string"),
        ({"prompt": "red\0heart"}, "prompt 'red\\x00heart': U+0000 at place 3 is a control character; remove it"),
        ({"prompt": "🎉 it's \ud800"}, 'prompt "\\U0001f389 it\'s \\ud800": U+D800 at place 7 is half a surrogate'),
        ({"prompt": "a" * 100_001}, "has 100001 characters, where 100000 is the limit; shorten it"),
        ({"prompt": "red", "style": "apple"}, "style: no style 'apple'; there are google, twitter"),
        ({"prompt": "red", "class": 0}, "class: emoji-64 does not take it; it takes prompt, seed, style, truncation"),
    ],
    "captions": [
        ({"keywords": ["dog"]}, "keywords an array: is not text; write it as a string"),
        ({"keywords": "dog\x1b[2J"}, "keywords 'dog\\x1b[2J': U+001B at place 3 is a control character"),
        ({"temperature": 0.01}, "temperature: 0.01 is outside 0.05 to 5; 1 changes nothing"),
        ({"topK": 99999}, "topK: 99999 is outside 0 to 2442"),
        ({"topP": 0}, "topP: 0 leaves no word to choose from; use a number above 0 to 1"),
        ({"topP": 1e-60}, "topP: 0 leaves no word"),
        ({"top_p": 0.5}, "top_p: captions does not take it; it takes seed, keywords, temperature, topK, topP"),
    ],
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line_that_names_them(javascript: JavaScript, name: str) -> None:
    body = """
        const generator = await module.load(given[0]), said = [];
        for (const options of given[1].map(text => JSON.parse(text))) {
          said.push(await generator.generate(options).then(() => "none", error =>
            error instanceof module.AttnGANError ? error.message : `not ours: ${error.stack}`));
        }
        return said;
    """
    said = javascript(body, javascript.url(name), [json.dumps(options) for options, _ in MISTAKES[name]])
    for (_, expected), message in zip(MISTAKES[name], said, strict=True):
        assert expected in message
        assert len(message.splitlines()) == 1


def test_a_bundle_that_takes_z_asks_for_it(javascript: JavaScript) -> None:
    from tests.runtime.conftest import make_sidecar, model_bytes

    model = model_bytes((1, 8, 8), False, True)
    (javascript.space / "model.onnx").write_bytes(model)
    format_1.write_sidecar(javascript.space, make_sidecar(model, (1, 8, 8), [], True))
    body = """
        const generator = await module.load(given[0]), said = [];
        for (const z of [undefined, 7, [1], [1, 2, 3, "4"], new Float32Array([1, 2, NaN, 4]), [1, 2, 3, 1e300]]) {
          said.push(await generator.generate({ z }).catch(error => error.message));
        }
        return said;
    """
    needed = "z: {} where 4 are needed; pass a Float32Array of standard normals"
    broken = "z: holds what is no finite number; pass standard normals"
    said = javascript(body, javascript.url(javascript.space))
    assert said[:3] == [needed.format("undefined"), needed.format("7"), needed.format("1 values")]
    assert said[3:] == [broken] * 3


NOWHERE = [  # JavaScript, and as a message shows it
    ("undefined", "undefined"), ("null", "null"), ("7", "7"), ("['bundle']", "an array"), ("'http://['", "'http://['"),
    ("'https:'", "'https:'"), ("() => {\n  return 1;\n}", "() => { return 1; }"),
]  # fmt: skip
NOWHERE_IN = {
    "node": [
        ("'ftp://x/y'", "'ftp://x/y'"), ("new URL('ftp://x/y')", "'ftp://x/y'"), ("'s3://x/y'", "'s3://x/y'"),
        ("'file://host/x'", "'file://host/x'"), ("'file:///a%2fb'", "'file:///a%2fb'"), ("'file:///%zz'", "'file:///%zz'"),
    ],
    "browser": [("'data:,x'", "'data:,x'"), ("new URL('blob:http://x/y')", "'blob:http://x/y'")],
}  # fmt: skip


def test_what_is_no_address(javascript: JavaScript) -> None:
    tried = NOWHERE + NOWHERE_IN[javascript.name]
    said = javascript(f"""
        const said = [];
        for (const url of [{", ".join(url for url, _ in tried)}]) {{
          said.push(await module.load(url).catch(error => [error instanceof module.AttnGANError, error.message]));
        }}
        return said;
    """)
    for (_, shown), (is_ours, message) in zip(tried, said, strict=True):
        assert is_ours, message
        assert message == f"url: {shown} is no folder's address; give that of a bundle, such as 'bundles/emoji-64'"


def test_an_unknown_device(javascript: JavaScript) -> None:
    other = "wasm" if javascript.name == "node" else "cpu"
    own = "cpu" if javascript.name == "node" else "wasm"
    body = "return module.load(given[0], { device: given[1] }).catch(error => error.message)"
    said = javascript(body, javascript.url("fashion-32"), other)
    assert said == f"device: no device '{other}' here; use {own} or webgpu"
