"""Bundles that draw from words: read, drawn from in Python and on the command line, and every mistake in one line."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refused, refuses

from attngan_runtime import Bundle, Generator, bundle
from attngan_runtime.pixels import to_uint8
from attngan_runtime.sidecar import sha256_of, style_input, validate_sidecar, write_sidecar
from tests.runtime.command_line import run, tiles
from tests.runtime.sidecars import set_at
from tests.runtime.words_bundle import LENGTH, SHAPE, STYLES, WORDS, drawn, maps, tokenizer_json, write_words_bundle

RED_HEART, GREEN = [2, 4, 0, 0], [3, 0, 0, 0]


@pytest.fixture
def generator(words_bundle: Path) -> Generator:
    return Generator.load(words_bundle)


def same(found: np.ndarray, wanted: np.ndarray) -> None:
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def rewrite(folder: Path, **changes: Any) -> None:
    write_sidecar(folder, json.loads((folder / "model.onnx.json").read_text()) | changes)


def test_a_bundle_says_what_it_is(words_bundle: Path, generator: Generator) -> None:
    found = Bundle.load(words_bundle)
    assert (found.styles, found.classes, found.z_dim) == (("google", "twitter"), (), 0)
    assert found.tokenizer == (words_bundle / "tokenizer.json").read_bytes()
    assert len(repr(found)) < 3000 + len(str(found.sidecar))
    assert generator.styles == ("google", "twitter") and generator.classes == ()
    assert generator.tokenizer is not None and generator.tokenizer.length == LENGTH


def test_pictures_show_the_prompt_in_its_style(generator: Generator) -> None:
    found = generator.run_float([7, 8], prompts=["red heart", "Green!"], style=["twitter", 0], truncation=0.5)
    same(found, drawn([RED_HEART, GREEN], [7, 8], [1, 0], 0.5))
    pictures = generator.run([7, 8], prompts=["red heart", "Green!"], style=[1, 0], truncation=0.5)
    np.testing.assert_array_equal(pictures, to_uint8(found))


@pytest.mark.parametrize("prompts", ["red heart", ["red heart"], ("red heart",), np.array(["red heart"])])
def test_one_prompt_serves_many_seeds(generator: Generator, prompts: Any) -> None:
    same(generator.run_float(range(3), prompts=prompts), drawn([RED_HEART] * 3, range(3)))


def test_one_seed_and_one_style_serve_many_prompts(generator: Generator) -> None:
    found = generator.run_float(9, prompts=(p for p in ("green", "red heart", "green")), style="Twitter")
    same(found, drawn([GREEN, RED_HEART, GREEN], [9] * 3, [1] * 3))


def test_the_first_style_is_taken_where_none_is_asked_for(generator: Generator) -> None:
    same(generator.run_float(9, prompts="green"), drawn([GREEN], [9], [0]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"seeds": 0}, "prompts: none given"),
        ({"seeds": 0, "prompts": []}, "prompts: is empty"),
        ({"seeds": 0, "prompts": 3}, "prompt '3': is int, not text"),
        ({"seeds": 0, "prompts": b"red"}, "prompt: is bytes, not text"),
        ({"seeds": 0, "prompts": "re\0d"}, r"prompt: U\+0000 at place 2"),
        ({"seeds": 0, "prompts": ["red", None]}, "prompt 'None': is NoneType"),
        ({"prompts": "red"}, "seeds: none given"),
        ({"seeds": [1, 2], "prompts": ["red"] * 3}, "seeds: 2 values for 3 pictures"),
        ({"seeds": [1, 2, 3], "prompts": ["red"] * 2}, "prompts: 2 values for 3 pictures"),
        ({"seeds": 0, "prompts": "red", "classes": 0}, "classes: words has no classes"),
        ({"seeds": 0, "prompts": "red", "style": "apple"}, "style: no style 'apple'"),
        ({"seeds": 0, "prompts": "red", "style": 2}, "style: 2 is outside 0 to 1"),
        ({"seeds": 0, "prompts": "red", "style": 0.5}, "style: 0.5 is not a whole number"),
        ({"seeds": [1, 2, 3], "prompts": "red", "style": [0, 1]}, "style: 2 values for 3 pictures"),
    ],
)
def test_what_does_not_fit_is_refused(generator: Generator, arguments: dict[str, Any], words: str) -> None:
    for draw in (generator.run, generator.run_float):
        with refuses(words):
            draw(**arguments)


def test_words_are_refused_where_none_are_read(make_bundle: Any, tmp_path: Path) -> None:
    image = Generator.load(make_bundle())
    with refuses("prompts: without words"):
        image.run(0, prompts="red")
    with refuses("style: no styles"):
        image.run(0, style=0)
    with refuses("attention: gives none"):
        image.attention("red", 0)
    plain = Generator.load(write_words_bundle(tmp_path / "plain", styles=False, attention=False))
    same(plain.run_float(5, prompts="green"), drawn([GREEN], [5]))
    with refuses("style: no styles"):
        plain.run(0, prompts="green", style="google")
    with refuses("attention: gives none"):
        plain.attention("green", 0)


def test_what_is_not_drawn_is_warned_of_at_the_callers_line(generator: Generator) -> None:
    for draw in (generator.run, generator.run_float, lambda **given: generator.attention(given["prompts"], 0)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            draw(seeds=0, prompts=["", "red unicorn", "red red red red heart"])
        assert [str(warning.message).partition(": ")[2].split()[0] for warning in caught] == ["holds", "unknown", "cut"]
        assert {warning.category for warning in caught} == {UserWarning}
        assert {warning.filename for warning in caught} == {__file__}


def test_maps_belong_to_words(generator: Generator) -> None:
    found = generator.attention(["Red HEART", "green"], [3, 4], style=1)
    tokens = [RED_HEART, GREEN]
    np.testing.assert_allclose(found.maps, maps(tokens), atol=1e-6)
    assert found.maps.dtype == np.float32 and found.words == (("Red", "HEART"), ("green",))
    np.testing.assert_array_equal(found.pictures, to_uint8(drawn(tokens, [3, 4], [1, 1]).astype(np.float32)))
    one = generator.attention("green", range(70))
    assert one.maps.shape == (70, 4, 2, 2) and one.words == (("green",),) * 70
    with pytest.warns(UserWarning, match="holds no words"):
        assert not generator.attention("", 0).maps.any()


def test_maps_of_another_shape_are_refused(words_bundle: Path) -> None:
    sidecar = json.loads((words_bundle / "model.onnx.json").read_text())
    rewrite(words_bundle, attention=sidecar["attention"] | {"shape": ["batch", LENGTH, 3, 2]})
    said = r"attention is tensor\(float\) \['batch', 4, 2, 2\], and in the sidecar float32 \['batch', 4, 3, 2\]"
    with refuses(f"words: in the graph {said}"):
        Generator.load(words_bundle)


def test_many_maps_are_drawn_for_fewer_prompts_at_a_time(
    words_bundle: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    class Counting:
        def run(self, outputs: list[str], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
            count = len(feeds["seed"])
            asked.append(count)
            return [np.zeros((count, *shape), np.float32) for shape in (SHAPE, (LENGTH, 128, 128))[: len(outputs)]]

    generator.session = Counting()
    generator._outputs["attention"] = (LENGTH, 128, 128)  # as large as 4 pictures of 64×64 each
    generator.attention("red", range(20))
    generator.run(range(70), prompts="red")
    assert asked == [16, 4, 64, 6]


def test_a_graph_without_the_maps_it_is_said_to_give_is_refused(words_bundle: Path, tmp_path: Path) -> None:
    model = (write_words_bundle(tmp_path / "plain", attention=False) / "model.onnx").read_bytes()
    (words_bundle / "model.onnx").write_bytes(model)
    sidecar = json.loads((words_bundle / "model.onnx.json").read_text())
    rewrite(words_bundle, files=sidecar["files"] | {"model.onnx": sha256_of(model)})
    with refuses("words: gives image and"):
        Generator.load(words_bundle)


def not_loaded(path: Path, what: str) -> None:
    with refuses(what):
        Generator.load(path)


def test_a_missing_or_changed_tokenizer_is_refused(words_bundle: Path) -> None:
    path = words_bundle / "tokenizer.json"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"red": 2', b'"rex": 2'))
    not_loaded(words_bundle, "tokenizer.json: its SHA-256 is")
    path.write_bytes(content.replace(b"\n", b"\r\n"))
    Generator.load(words_bundle)
    path.unlink()
    not_loaded(words_bundle, "tokenizer.json: is missing")


def test_a_bad_tokenizer_whose_hash_was_renewed_is_one_line(words_bundle: Path) -> None:
    files = json.loads((words_bundle / "model.onnx.json").read_text())["files"]
    broken = tokenizer_json()
    broken["model"]["vocab"]["red"] = 10**30
    for content, words in [
        (b"{", "is not JSON"),
        (json.dumps(broken).encode(), "does not number"),
        (json.dumps(tokenizer_json(WORDS[:3])).encode(), "has 5 words"),
        (json.dumps(tokenizer_json(WORDS, 9)).encode(), "has 7 words"),
    ]:
        (words_bundle / "tokenizer.json").write_bytes(content)
        rewrite(words_bundle, files=files | {"tokenizer.json": sha256_of(content)})
        not_loaded(words_bundle, f"tokenizer.json: {words}")


def test_a_tokenizer_that_is_too_big_is_not_even_read(words_bundle: Path) -> None:
    with open(words_bundle / "tokenizer.json", "ab") as file:
        file.truncate(bundle.TOKENIZER_LIMIT + 1)
    not_loaded(words_bundle, "tokenizer.json: is too big")


def as_large_as_can_be(sidecar: dict[str, Any]) -> None:
    for entry in (*sidecar["inputs"][:2], sidecar["attention"]):
        entry["shape"][1] = 4096
    sidecar["attention"]["shape"][2:] = [4096, 4096]
    sidecar["output"] |= {"height": 4096, "width": 4096}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            set_at("task", "image"),
            "inputs are tokens, mask, seed, style, truncation; they must be seed or z,",
        ),
        (set_at("inputs/3/name", "class"), "they must be tokens, mask, seed or z, then style"),
        (set_at("inputs/0/maximum", 6.5), "input tokens"),
        (set_at("inputs/0/maximum", 1), "input tokens"),
        (set_at("inputs/0/shape", ["batch", 0]), "input tokens"),
        (set_at("inputs/0/shape", ["batch"]), "input tokens"),
        (set_at("inputs/0/shape", ["batch", 5]), "tokens and mask differ in length"),
        (set_at("inputs/1/maximum", 2), "input mask"),
        (set_at("inputs/1/dtype", "float32"), "input mask"),
        (set_at("inputs/3/default", 1), "input style"),
        (set_at("inputs/3/maximum", 2), "input style"),
        (set_at("inputs/3/styles", ["google"]), "input style"),
        (set_at("inputs/3", style_input(["google"])), "input style"),
        (set_at("inputs/3/styles", ["google", "google"]), "styles"),
        (set_at("inputs/3/classes", STYLES), "input style"),
        (set_at("attention/shape", ["batch", 5, 2, 2]), "attention is"),
        (set_at("attention/shape", ["batch", 4, 2]), "attention"),
        (set_at("attention/shape", ["batch", 4, 2, 0]), "attention"),
        (set_at("attention/shape", ["batch", 4.0, 2, 2]), "its sides must be whole numbers"),
        (set_at("attention/shape", ["batch", 4, 2, 9]), r"attention is .*, finer than pictures of 8×8"),
        (set_at("attention/shape", ["batch", 4097, 2, 2]), "attention"),
        (set_at("inputs/0/maximum", 2**20), "input tokens"),
        (set_at("inputs/0/shape", ["batch", 4097]), "input tokens"),
        (set_at("inputs/1/shape", ["batch", 4097]), "input mask"),
        (as_large_as_can_be, r"attention has 68,719,476,736 values a prompt, where 67,108,864 is the limit"),
        (set_at("attention/name", "maps"), "attention"),
        (set_at("output/name", "attention"), "both called attention"),
        (set_at("files", {"model.onnx": "0" * 64}), "tokenizer.json is not among its files"),
        (set_at("golden/inputs/tokens", [[1, 2, 0], [0, 0, 0]]), "golden inputs of tokens"),
        (set_at("golden/inputs/mask", [1, 1]), "golden inputs of mask"),
        (set_at("golden/inputs/seed", [[1], [2]]), "golden inputs of seed"),
    ],
)
def test_every_contradiction_is_refused_and_named(
    words_bundle: Path, change: Callable[[dict[str, Any]], None], named: str
) -> None:
    sidecar = json.loads((words_bundle / "model.onnx.json").read_text())
    validate_sidecar(sidecar)
    change(sidecar)
    with refuses(f"model.onnx.json: {named}"):
        validate_sidecar(sidecar)


def test_maps_need_words(make_bundle: Any) -> None:
    sidecar = json.loads((make_bundle() / "model.onnx.json").read_text())
    entry = {"name": "attention", "dtype": "float32", "shape": ["batch", 4, 2, 2], "minimum": 0, "maximum": 1}
    with refuses("model.onnx.json: a map for each of no words"):
        validate_sidecar(sidecar | {"attention": entry})


def test_a_row_shows_one_prompt_and_a_column_one_seed(words_bundle: Path, generator: Generator, tmp_path: Path) -> None:
    out = tmp_path / "grid.png"
    given = ("--prompt", "red heart", "--prompt", "green", "--style", "twitter", "--truncation", 0.5, "--out", out)
    found = run(words_bundle, *given, "--seeds", "5-7")
    assert (found.exit_code, found.output) == (0, f"wrote 6 pictures of words to {out}\n")
    wanted = generator.run([5, 6, 7] * 2, prompts=["red heart"] * 3 + ["green"] * 3, style=1, truncation=0.5)
    np.testing.assert_array_equal(tiles(out, 3), wanted)
    assert run(words_bundle, *given).exit_code == 0
    assert len(tiles(out, 8)) == 16


def test_one_prompt_fills_a_grid(words_bundle: Path, generator: Generator, tmp_path: Path) -> None:
    out = tmp_path / "grid.png"
    assert run(words_bundle, "--prompt", "green", "--seeds", "0-8", "--out", out).exit_code == 0
    np.testing.assert_array_equal(tiles(out, 3), generator.run(range(9), prompts="green"))
    assert run(words_bundle, "--prompt", "green", "--out", out).exit_code == 0
    assert len(tiles(out, 8)) == 64


@pytest.mark.parametrize("style", ["1", "TWITTER", "twitter"])
def test_a_style_is_found_by_name_then_by_number(
    words_bundle: Path, generator: Generator, tmp_path: Path, style: str
) -> None:
    out = tmp_path / "grid.png"
    assert run(words_bundle, "--prompt", "red", "--seeds", 3, "--style", style, "--out", out).exit_code == 0
    np.testing.assert_array_equal(tiles(out, 1), generator.run(3, prompts="red", style=1))


def test_warnings_are_lines_of_their_own(words_bundle: Path, tmp_path: Path) -> None:
    found = run(words_bundle, "--prompt", "", "--prompt", "red unicorn", "--seeds", "0-1", "--out", tmp_path / "g.png")
    assert found.exit_code == 0 and found.stdout.startswith("wrote 4 pictures")
    assert found.stderr == (
        "warning: prompt '': holds no words; what it draws follows seed and style alone\n"
        "warning: prompt 'red unicorn': unknown 'unicorn'; it was trained on no caption with such words\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--prompt: words draws what words say"),
        (["--prompt", "a\x07"], r"--prompt 'a\x07': U+0007"),
        (["--prompt", "a\udcff"], r"--prompt 'a\udcff': U+DCFF"),
        (["--prompt", "red", "--style", "apple"], "--style: no style 'apple'"),
        (["--prompt", "red", "--style", "2"], "--style: 2 is outside 0 to 1"),
        (["--prompt", "red", "--classes", "1"], "--classes 1: words has no classes"),
        (["--prompt", "red", "--prompt", "green", "--seeds", "0-999999"], "--seeds: 2,000,000 pictures"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    words_bundle: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    found = run(words_bundle, "--out", tmp_path / "g.png", *arguments)
    refused(found, words)
    assert [path.name for path in tmp_path.iterdir()] == ["words"]


def test_options_for_words_are_refused_elsewhere(make_bundle: Any, tmp_path: Path) -> None:
    folder, out = make_bundle(), tmp_path / "g.png"
    refused(run(folder, "--prompt", "red", "--out", out), "--prompt 'red': waves draws without words")
    refused(run(folder, "--style", "google", "--out", out), "--style google: waves has no styles")
    plain = write_words_bundle(tmp_path / "plain", styles=False)
    refused(run(plain, "--prompt", "red", "--style", 0, "--out", out), "--style 0: words has no styles")
    assert not out.exists()


def test_bytes_that_are_no_utf_8_are_refused(words_bundle: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "attngan_runtime.cli", str(words_bundle), "--out", str(tmp_path / "g.png")]
    found = subprocess.run([*command, "--prompt", b"red \xff"], capture_output=True, text=True)
    assert found.returncode == 2 and "half a surrogate pair" in found.stderr and found.stderr.count("\n") == 1


def test_drawing_from_words_imports_neither_torch_nor_onnx(words_bundle: Path, tmp_path: Path) -> None:
    script = """if True:
        import sys
        from attngan_runtime.cli import main
        main(["--prompt", "red", "--seeds", "0", "--out", sys.argv[2], sys.argv[1]], standalone_mode=False)
        heavy = ("torch", "onnx", "onnxscript", "triton", "attngan", "attngan_export", "attngan_kernels")
        print([name for name in (*heavy, "huggingface_hub") if name in sys.modules])
    """
    command = [sys.executable, "-c", script, str(words_bundle), str(tmp_path / "g.png")]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip().endswith("[]") and found.stderr == ""


def test_a_style_of_very_many_digits_is_no_number(words_bundle: Path, tmp_path: Path) -> None:
    found = run(words_bundle, "--prompt", "red", "--style", "9" * 5000, "--out", tmp_path / "g.png")
    refused(found, "--style: no style '999")
