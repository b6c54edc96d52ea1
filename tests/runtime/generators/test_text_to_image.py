"""Bundles that draw from words: read, drawn from in Python, and every mistake in one line."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refuses

from attngan_runtime import AttnGANError, Bundle, Generator
from attngan_runtime.bundle import TOKENIZER, sha256_of, write_sidecar
from attngan_runtime.bundle.spec import FILE_LIMITS
from attngan_runtime.generators.pixels import to_uint8
from tests.runtime.words_bundle import LENGTH, SHAPE, WORDS, drawn, maps, tokenizer_json, write_words_bundle

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
        ({"seeds": 0}, "prompts: none given, and words draws what words say; pass prompts='red heart'"),
        ({"seeds": 0, "prompts": []}, "prompts: is empty"),
        ({"seeds": 0, "prompts": 3}, "prompt '3': is int, not text"),
        ({"seeds": 0, "prompts": b"red"}, "is bytes, not text"),
        ({"seeds": 0, "prompts": "re\0d"}, r"prompt 're\\x00d': U\+0000 at place 2"),
        ({"seeds": 0, "prompts": ["red", None]}, "prompt 'None': is NoneType"),
        ({"prompts": "red"}, "seeds: none given"),
        ({"seeds": [1, 2], "prompts": ["red"] * 3}, "seeds: 2 values for 3 pictures"),
        ({"seeds": [1, 2, 3], "prompts": ["red"] * 2}, "prompts: 2 values for 3 pictures; give one, or 3"),
        ({"seeds": 0, "prompts": "red", "classes": 0}, "classes: words has no classes; leave them out"),
        ({"seeds": 0, "prompts": "red", "style": "apple"}, "style: no style 'apple'; there are google, twitter"),
        ({"seeds": 0, "prompts": "red", "style": 2}, "style: 2 is outside 0 to 1"),
        ({"seeds": 0, "prompts": "red", "style": 0.5}, "style: 0.5 is not a whole number"),
        ({"seeds": [1, 2, 3], "prompts": "red", "style": [0, 1]}, "style: 2 values for 3 pictures"),
    ],
)
def test_what_does_not_fit_is_refused(generator: Generator, arguments: dict[str, Any], words: str) -> None:
    for draw in (generator.run, generator.run_float):
        with pytest.raises(AttnGANError, match=words) as raised:
            draw(**arguments)
        assert "\n" not in str(raised.value)


def test_words_are_refused_where_none_are_read(make_bundle: Any, tmp_path: Path) -> None:
    image = Generator.load(make_bundle())
    with refuses("prompts: waves draws without words; leave them out"):
        image.run(0, prompts="red")
    with refuses("style: waves has no styles to choose from; leave it out"):
        image.run(0, style=0)
    with refuses("attention: waves gives none"):
        image.attention("red", 0)
    plain = Generator.load(write_words_bundle(tmp_path / "plain", styles=False, attention=False))
    same(plain.run_float(5, prompts="green"), drawn([GREEN], [5]))
    with refuses("style: words has no styles"):
        plain.run(0, prompts="green", style="google")
    with refuses("attention: words gives none; export a generator from words with"):
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
    with pytest.raises(AttnGANError, match="in the graph " + said):
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
    with refuses(": the graph gives image and the sidecar says image, attention; export"):
        Generator.load(words_bundle)


def refused(path: Path, words: str) -> None:
    with pytest.raises(AttnGANError, match=words) as raised:
        Generator.load(path)
    assert "\n" not in str(raised.value)


def test_a_missing_or_changed_tokenizer_is_refused(words_bundle: Path) -> None:
    path = words_bundle / "tokenizer.json"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"red": 2', b'"rex": 2'))
    refused(words_bundle, r"tokenizer\.json: its SHA-256 is")
    path.write_bytes(content.replace(b"\n", b"\r\n"))
    Generator.load(words_bundle)
    path.unlink()
    refused(words_bundle, r"tokenizer\.json: is missing; copy the whole bundle again")


def test_a_bad_tokenizer_whose_hash_was_renewed_is_one_line(words_bundle: Path) -> None:
    files = json.loads((words_bundle / "model.onnx.json").read_text())["files"]
    broken = tokenizer_json()
    broken["model"]["vocab"]["red"] = 10**30
    for content, words in [
        (b"{", "is not JSON or is cut short"),
        (json.dumps(broken).encode(), "does not number its 7 words from 0 up"),
        (json.dumps(tokenizer_json(WORDS[:3])).encode(), "has 5 words, 4 a prompt, where the model takes 7 and 4"),
        (json.dumps(tokenizer_json(WORDS, 9)).encode(), "has 7 words, 9 a prompt, where the model takes 7 and 4"),
    ]:
        (words_bundle / "tokenizer.json").write_bytes(content)
        rewrite(words_bundle, files=files | {"tokenizer.json": sha256_of(content)})
        refused(words_bundle, rf"tokenizer\.json: {words}")


def test_a_tokenizer_that_is_too_big_is_not_even_read(words_bundle: Path) -> None:
    with open(words_bundle / "tokenizer.json", "ab") as file:
        file.truncate(FILE_LIMITS[TOKENIZER] + 1)
    refused(words_bundle, r"tokenizer\.json: is too big")
