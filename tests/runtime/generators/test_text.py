"""Writing: values, broadcasting, batches, every input that is refused, and bundles that are wrong."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refuses

from attngan_runtime import Bundle, Generator, PictureGenerator, SentenceGenerator
from attngan_runtime.bundle import TOKENIZER, sha256_of, write_sidecar
from attngan_runtime.bundle.spec import FILE_LIMITS
from tests.runtime.sentences_bundle import (
    KEYWORDS,
    LENGTH,
    SIZE,
    WORDS,
    tokenizer_json,
    write_sentences_bundle,
    written,
)
from tests.runtime.words_bundle import write_words_bundle

NONE = np.zeros(KEYWORDS, np.int64)
DOG_BALL, BEACH = [4, 11, 0], [8, 0, 0]


@pytest.fixture
def generator(sentences_bundle: Path) -> SentenceGenerator:
    return SentenceGenerator.load(sentences_bundle)


def same(generator: SentenceGenerator, wanted: tuple[np.ndarray, np.ndarray], **arguments: Any) -> None:
    """What is written for these arguments is what the closed form says."""
    found = generator.write(**arguments)
    assert found.tokens.dtype == np.int64 and found.log_probability.dtype == np.float32
    np.testing.assert_array_equal(found.tokens, wanted[0])
    np.testing.assert_allclose(found.log_probability, wanted[1], rtol=1e-6)
    assert found.sentences == generator.run(**arguments)
    assert found.sentences == [generator.tokenizer.sentence(row) for row in wanted[0].tolist()]


def rewrite(folder: Path, **changes: Any) -> None:
    write_sidecar(folder, json.loads((folder / "model.onnx.json").read_text()) | changes)


def test_a_bundle_says_what_it_is(sentences_bundle: Path) -> None:
    found = Bundle.load(sentences_bundle)
    assert (found.task, found.keywords, found.length) == ("text", KEYWORDS, LENGTH)
    assert (found.classes, found.styles, found.z_dim) == ((), (), 0)
    generator = Generator.load(sentences_bundle)
    assert isinstance(generator, SentenceGenerator)
    assert (generator.name, generator.keywords, generator.length) == ("writer", KEYWORDS, LENGTH)
    assert generator.tokenizer.size == SIZE and generator.tokenizer.length == LENGTH


def test_generators_are_opened_by_their_task(make_bundle: Any, words_bundle: Path, sentences_bundle: Path) -> None:
    for folder in (make_bundle(), words_bundle):
        assert isinstance(Generator.load(folder), PictureGenerator) and Bundle.load(folder).keywords == 0
        assert isinstance(PictureGenerator.load(folder), PictureGenerator)
    for load, folder, words in [
        (PictureGenerator.load, sentences_bundle, "writer: makes sentences, not pictures"),
        (SentenceGenerator.load, words_bundle, "words: makes pictures, not sentences"),
    ]:
        with refuses(words):
            load(folder)


def test_sentences_are_about_their_key_words(generator: SentenceGenerator) -> None:
    wanted = written([7, 12], [DOG_BALL, BEACH], [0.5, 2.0], [1, 13], [0.25, 1.0])
    same(generator, wanted, seeds=[7, 12], keywords=["Ball, dog", "beach!"], temperature=[0.5, 2.0], top_k=[1, 13],
         top_p=[0.25, 1.0])  # fmt: skip
    same(generator, written(range(20), NONE), seeds=range(20))


def test_sentences_are_text(generator: SentenceGenerator) -> None:
    assert generator.run(range(3, 8)) == [
        "on the beach", "the beach.,", "beach., ball don't", "., ball don't a dog", ", ball don't a dog runs",
    ]  # fmt: skip
    assert generator.run(8) == [""]  # which ends before its first word


@pytest.mark.parametrize("keywords", ["dog, ball", ["dog, ball"], ("ball dog",), np.array(["dog ball"])])
def test_one_set_of_key_words_serves_many_seeds(generator: SentenceGenerator, keywords: Any) -> None:
    same(generator, written(range(5), DOG_BALL), seeds=range(5), keywords=keywords)


def test_one_value_serves_all_sentences(generator: SentenceGenerator) -> None:
    same(generator, written([9] * 3, [BEACH, DOG_BALL, BEACH]), seeds=9, keywords=["beach", "dog ball", "beach"])
    same(generator, written([5] * 2, NONE, [0.05, 5]), seeds=5, temperature=np.array([0.05, 5]))
    same(generator, written([5] * 2, NONE, 1, [0, 13]), seeds=5, top_k=np.array([0, 13], np.uint8))
    same(generator, written([5] * 2, NONE, 1, 0, [0.01, 1]), seeds=[5], top_p=(0.01, 1))


@pytest.mark.parametrize(
    "seeds", [[0, 1, 2**32 - 1], (0, 1, 2**32 - 1), np.array([0, 1, 2**32 - 1]), np.array([0, 1, 2**32 - 1], np.uint32)]
)
def test_seeds_of_any_kind(generator: SentenceGenerator, seeds: Any) -> None:
    same(generator, written([0, 1, 4294967295]), seeds=seeds)


def test_batches_do_not_show(generator: SentenceGenerator) -> None:
    calls: list[int] = []
    run = generator.session.run

    class Counting:
        def run(self, outputs: Any, feeds: dict[str, np.ndarray]) -> Any:
            calls.append(len(feeds["seed"]))
            return run(outputs, feeds)

    generator.session = Counting()
    same(generator, written(range(150), DOG_BALL), seeds=range(150), keywords="dog ball")
    assert calls == [64, 64, 22] * 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "seeds: none given"),
        ({"seeds": -1}, "seeds: -1 is outside 0 to 4294967295"),
        ({"seeds": [1, 2**32]}, "seeds: 4294967296 is outside"),
        ({"seeds": 1.0}, "seeds: 1.0 is not a whole number"),
        ({"seeds": []}, "seeds: is empty"),
        ({"seeds": 0, "keywords": []}, "keywords: is empty"),
        ({"seeds": 0, "keywords": 3}, "keywords '3': is int, not text"),
        ({"seeds": 0, "keywords": [["dog", "ball"]]}, "keywords: is list, not text"),
        ({"seeds": 0, "keywords": b"dog"}, "keywords: is bytes, not text"),
        ({"seeds": 0, "keywords": ["dog", "b\0ll"]}, r"keywords: U\+0000 at place 1"),
        ({"seeds": 0, "keywords": np.array([["dog"]])}, r"keywords: shape \[1, 1\]"),
        ({"seeds": 0, "temperature": 0}, "temperature: 0 is outside 0.05 to 5"),
        ({"seeds": 0, "temperature": 0.0499}, "temperature: 0.0499 is outside 0.05 to 5"),
        ({"seeds": 0, "temperature": [1, 5.01]}, "temperature: 5.01 is outside 0.05 to 5"),
        ({"seeds": 0, "temperature": float("nan")}, "temperature: nan is outside 0.05 to 5"),
        ({"seeds": 0, "temperature": 1e300}, "temperature: inf is outside"),
        ({"seeds": 0, "temperature": "hot"}, "temperature: hot is not numbers"),
        ({"seeds": 0, "temperature": [[1.0]]}, r"temperature: shape \(1, 1\)"),
        ({"seeds": 0, "temperature": []}, "temperature: shape"),
        ({"seeds": 0, "top_k": -1}, "top_k: -1 is outside 0 to 13"),
        ({"seeds": 0, "top_k": 14}, "top_k: 14 is outside 0 to 13"),
        ({"seeds": 0, "top_k": 2.0}, "top_k: 2.0 is not a whole number"),
        ({"seeds": 0, "top_k": True}, "top_k: True is not a whole number"),
        ({"seeds": 0, "top_k": None}, "top_k: None is not a whole number"),
        ({"seeds": 0, "top_p": 0}, "top_p: 0 leaves no word"),
        ({"seeds": 0, "top_p": [1, 1e-60]}, "top_p: 0 leaves no word"),
        ({"seeds": 0, "top_p": -0.5}, "top_p: -0.5 is outside 0 to 1"),
        ({"seeds": 0, "top_p": 1.01}, "top_p: 1.01 is outside 0 to 1"),
        ({"seeds": 0, "top_p": float("nan")}, "top_p: nan is outside 0 to 1"),
        ({"seeds": [1, 2], "keywords": ["dog"] * 3}, "seeds: 2 values for 3 sentences"),
        ({"seeds": [1, 2, 3], "keywords": ["dog"] * 2}, "keywords: 2 values for 3 sentences"),
        ({"seeds": [1, 2, 3], "top_k": [1, 2]}, "top_k: 2 values for 3 sentences"),
        ({"seeds": [1, 2, 3], "temperature": [1, 2]}, "temperature: 2 values for 3 sentences"),
        ({"seeds": [1, 2, 3], "top_p": [1, 1]}, "top_p: 2 values for 3 sentences"),
    ],
)
def test_what_does_not_fit_is_refused(generator: SentenceGenerator, arguments: dict[str, Any], words: str) -> None:
    for run in (generator.run, generator.write):
        with refuses(words):
            run(**arguments)


def test_what_is_not_written_about_is_warned_of_at_the_callers_line(generator: SentenceGenerator) -> None:
    for run in (generator.run, generator.write):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run(seeds=range(3), keywords=["dog unicorn", "a dog runs on", "unicorn"])
            run(seeds=0, keywords="dog")
            run(seeds=0)
        assert [str(warning.message).partition(": ")[2].split()[0] for warning in caught] == [
            "unknown", "3", "unknown", "none",
        ]  # fmt: skip
        assert {warning.category for warning in caught} == {UserWarning}
        assert {warning.filename for warning in caught} == {__file__}


class Giving:
    """A session whose outputs a change has spoilt."""

    def __init__(self, change: Callable[[np.ndarray, np.ndarray], Any]) -> None:
        self.change = change

    def run(self, outputs: Any, feeds: dict[str, np.ndarray]) -> Any:
        return self.change(*written(feeds["seed"]))


def with_value(place: tuple[int, int], number: int) -> Callable[[np.ndarray, np.ndarray], Any]:
    def change(tokens: np.ndarray, log_probability: np.ndarray) -> Any:
        tokens[place] = number
        return tokens, log_probability

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tokens, logs: (tokens[:, :5], logs), r"int64 \[2, 5\]"),
        (lambda tokens, logs: (tokens[:1], logs), r"int64 \[1, 6\]"),
        (lambda tokens, logs: (tokens.ravel(), logs), r"int64 \[12\]"),
        (lambda tokens, logs: (tokens.astype(np.int32), logs), r"int32 \[2, 6\]"),
        (lambda tokens, logs: (tokens, logs[:, :1]), r"float32 \[2, 1\]"),
        (lambda tokens, logs: (tokens, logs.astype(np.float64)), r"float64 \[2, 6\]"),
        (with_value((1, 0), SIZE), "tokens 0 to 13"),
        (with_value((1, 0), -1), "tokens -1 to 12"),
        (with_value((1, 0), 1), "padding or unknown words"),
        (with_value((1, 1), 0), "padding or unknown words"),
        (with_value((1, 5), 2), "padding or unknown words"),
        (with_value((1, 5), 3), "padding or unknown words"),
        (lambda tokens, logs: (tokens, logs + 2), "log probabilities"),
        (lambda tokens, logs: (tokens, logs * np.nan), "log probabilities"),
    ],
)
def test_a_graph_that_gives_no_sentences_is_refused(generator: SentenceGenerator, change: Any, words: str) -> None:
    generator.session = Giving(lambda *outputs: outputs)
    assert generator.run([5, 3]) == ["beach., ball don't", "on the beach"]
    generator.session = Giving(change)
    for run in (generator.run, generator.write):
        with refuses(f"writer: wrote {words}"):
            run([5, 3])


def test_a_session_that_fails_while_writing_is_one_line(generator: SentenceGenerator) -> None:
    class Failing:
        def run(self, outputs: Any, feeds: Any) -> Any:
            raise RuntimeError("bad allocation\nof 9 GB")

    generator.session = Failing()
    with refuses(r"writer: failed to write \(bad allocation\)$"):
        generator.run(0)


def not_loaded(path: Path, words: str) -> None:
    with refuses(words):
        Generator.load(path)


def test_a_graph_that_is_not_what_the_sidecar_says_is_refused(sentences_bundle: Path, tmp_path: Path) -> None:
    model = (write_words_bundle(tmp_path / "words") / "model.onnx").read_bytes()
    (sentences_bundle / "model.onnx").write_bytes(model)
    files = json.loads((sentences_bundle / "model.onnx.json").read_text())["files"]
    rewrite(sentences_bundle, files=files | {"model.onnx": sha256_of(model)})
    not_loaded(sentences_bundle, f"{sentences_bundle}: the graph takes tokens, mask")


def test_a_missing_or_changed_tokenizer_is_refused(sentences_bundle: Path) -> None:
    path = sentences_bundle / "tokenizer.json"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"dog": 4', b'"cat": 4'))
    not_loaded(sentences_bundle, "tokenizer.json: its SHA-256 is")
    path.write_bytes(content.replace(b"\n", b"\r\n"))
    Generator.load(sentences_bundle)
    path.unlink()
    not_loaded(sentences_bundle, "tokenizer.json: is missing")


def test_a_bad_tokenizer_whose_hash_was_renewed_is_one_line(sentences_bundle: Path, tmp_path: Path) -> None:
    files = json.loads((sentences_bundle / "model.onnx.json").read_text())["files"]
    prompts = (write_words_bundle(tmp_path / "words") / "tokenizer.json").read_bytes()
    for content, words in [
        (b"{", "is not JSON"),
        (prompts, "splits text in another way"),
        (json.dumps(tokenizer_json([*WORDS[:-1], "a\nb"])).encode(), "not one word each"),
        (json.dumps(tokenizer_json(WORDS[:3])).encode(), "has 6 words"),
        (json.dumps(tokenizer_json(WORDS, 9)).encode(), "has 13 words"),
    ]:
        (sentences_bundle / "tokenizer.json").write_bytes(content)
        rewrite(sentences_bundle, files=files | {"tokenizer.json": sha256_of(content)})
        not_loaded(sentences_bundle, f"tokenizer.json: {words}")


def test_a_tokenizer_that_is_too_big_is_not_even_read(sentences_bundle: Path) -> None:
    with open(sentences_bundle / "tokenizer.json", "ab") as file:
        file.truncate(FILE_LIMITS[TOKENIZER] + 1)
    not_loaded(sentences_bundle, "tokenizer.json: is too big")


def test_the_golden_sample_is_what_the_bundle_writes(sentences_bundle: Path) -> None:
    golden = Bundle.load(sentences_bundle).sidecar["golden"]
    given = golden["inputs"]
    keywords = [" ".join(WORDS[number - 3] for number in row if number) for row in given["keywords"]]
    with pytest.warns(UserWarning, match="key words ''"):
        found = Generator.load(sentences_bundle).write(
            given["seed"], keywords=keywords, **{name: given[name] for name in ("temperature", "top_k", "top_p")}
        )
    assert found.tokens.tolist() == golden["tokens"]
    np.testing.assert_allclose(found.log_probability, golden["log_probability"], atol=golden["tolerance"])


def test_a_bundle_without_its_tokenizer_among_the_files_is_refused(tmp_path: Path) -> None:
    folder = write_sentences_bundle(tmp_path / "bare")
    sidecar = json.loads((folder / "model.onnx.json").read_text())
    sidecar["files"].pop("tokenizer.json")
    with refuses("model.onnx.json: files lacks tokenizer"):
        write_sidecar(folder, sidecar)
