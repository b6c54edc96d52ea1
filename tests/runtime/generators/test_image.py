"""Drawing: values, broadcasting, batches, and every input that is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from refusals import refuses

from attngan_runtime import Generator

SHAPE = (1, 8, 8)


@pytest.fixture
def generator(make_bundle: Any) -> Generator:
    return Generator.load(make_bundle())


def test_pictures_are_the_output_rounded(generator: Generator, waves: Callable[..., np.ndarray]) -> None:
    seeds, classes, truncation = [3, 4294967295, 7], [2, 0, 1], [1.0, 0.5, 2.0]
    wanted = waves(seeds, classes, truncation, SHAPE)
    found = generator.run_float(seeds, classes, truncation)
    assert found.dtype == np.float32 and found.shape == (3, 1, 8, 8)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    pictures = generator.run(seeds=seeds, classes=classes, truncation=truncation)
    assert pictures.dtype == np.uint8 and pictures.shape == (3, 8, 8, 1)
    np.testing.assert_array_equal(pictures, np.rint((found.transpose(0, 2, 3, 1) + 1) * 127.5))


@pytest.mark.parametrize(
    "seeds",
    [range(4), [0, 1, 2, 3], (0, 1, 2, 3), np.arange(4), np.arange(4, dtype=np.uint8), np.arange(4, dtype=np.uint64),
     (i for i in range(4)), [np.int64(0), 1, 2, 3]],
)  # fmt: skip
def test_seeds_of_any_kind(generator: Generator, seeds: Any) -> None:
    np.testing.assert_array_equal(generator.run(seeds, 1), generator.run([0, 1, 2, 3], [1, 1, 1, 1]))


def test_one_seed_is_one_picture(generator: Generator) -> None:
    for seed in (5, np.int64(5), np.array(5), np.array([5])):
        assert generator.run(seed, "Bag").shape == (1, 8, 8, 1)


def test_one_value_serves_all_pictures(generator: Generator) -> None:
    np.testing.assert_array_equal(generator.run(5, [0, 1, 2]), generator.run([5, 5, 5], [0, 1, 2]))
    np.testing.assert_array_equal(generator.run(5, 1, [0.2, 0.4]), generator.run([5, 5], [1, 1], np.array([0.2, 0.4])))


def test_classes_take_turns_where_none_are_given(generator: Generator) -> None:
    np.testing.assert_array_equal(generator.run(range(9, 14)), generator.run(range(9, 14), [0, 1, 2, 0, 1]))


@pytest.mark.parametrize("classes", ["Sneaker", "sneaker", ["Sneaker"], 1, np.array(["Sneaker"]), np.array([1])])
def test_classes_by_name_and_number(generator: Generator, classes: Any) -> None:
    np.testing.assert_array_equal(generator.run([1, 2], classes), generator.run([1, 2], [1, 1]))


def test_names_and_numbers_mix_and_capitals_decide_where_they_must(make_bundle: Any) -> None:
    generator = Generator.load(make_bundle(classes=["a", "A", "b"]))
    np.testing.assert_array_equal(generator.run(0, ["A", "a", "B", 2]), generator.run(0, [1, 0, 2, 2]))


def test_batches_do_not_show(generator: Generator, make_bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    run = generator.session.run

    class Counting:
        def run(self, outputs: Any, feeds: dict[str, np.ndarray]) -> Any:
            calls.append(len(feeds["seed"]))
            return run(outputs, feeds)

    one_by_one = np.concatenate([generator.run_float(seed, seed % 3) for seed in range(150)])
    generator.session = Counting()
    np.testing.assert_array_equal(generator.run_float(range(150)), one_by_one)
    assert calls == [64, 64, 22]


def test_larger_pictures_go_in_smaller_batches(make_bundle: Any) -> None:
    generator = Generator.load(make_bundle(shape=(1, 256, 128)))
    feeds, _ = generator._feeds(range(20), None, 1.0, None)
    sizes = [len(pictures) for (pictures,) in generator._parts(feeds)]
    assert sizes == [8, 8, 4]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"seeds": -1}, "seeds: -1 is outside 0 to 4294967295"),
        ({"seeds": [1, 2**32]}, "seeds: 4294967296 is outside 0 to 4294967295"),
        ({"seeds": [2**70]}, "seeds: is outside 0 to 4294967295"),
        ({"seeds": np.array([2**63], np.uint64)}, "seeds: is outside 0 to 4294967295"),
        ({"seeds": 1.0}, "seeds: 1.0 is not a whole number"),
        ({"seeds": [1, 2.5]}, "seeds: 2.5 is not a whole number"),
        ({"seeds": np.array([1.0])}, "seeds: is not a whole number"),
        ({"seeds": True}, "seeds: True is not a whole number"),
        ({"seeds": np.array([True])}, "seeds: is not a whole number"),
        ({"seeds": "0-63"}, "seeds: '0-63' is not a whole number"),
        ({"seeds": [None]}, "seeds: is not a whole number"),
        ({"seeds": float("nan")}, "seeds: is not a whole number"),
        ({"seeds": []}, "seeds: is empty"),
        ({"seeds": np.zeros((2, 2), int)}, r"seeds: shape \[2, 2\]"),
        ({}, "seeds: none given"),
        ({"seeds": 0, "classes": 3}, "classes: 3 is outside 0 to 2"),
        ({"seeds": 0, "classes": -1}, "classes: -1 is outside 0 to 2"),
        ({"seeds": 0, "classes": 0.5}, "classes: 0.5 is not a whole number"),
        ({"seeds": 0, "classes": []}, "classes: is empty"),
        ({"seeds": 0, "classes": "Sandal"}, "classes: no class 'Sandal'"),
        ({"seeds": 0, "truncation": -0.1}, "truncation: -0.1 is outside 0 to 2"),
        ({"seeds": 0, "truncation": 2.5}, "truncation: 2.5 is outside 0 to 2"),
        ({"seeds": 0, "truncation": float("nan")}, "truncation: nan is outside 0 to 2"),
        ({"seeds": 0, "truncation": 1e300}, "truncation: inf is outside"),
        ({"seeds": 0, "truncation": "much"}, "truncation: much is not numbers"),
        ({"seeds": 0, "truncation": None}, "truncation"),
        ({"seeds": 0, "truncation": []}, "truncation: shape"),
        ({"seeds": [0, 1], "classes": [0, 1, 2]}, "seeds: 2 values for 3 pictures"),
        ({"seeds": [0, 1, 2], "classes": [0, 1]}, "classes: 2 values for 3 pictures"),
        ({"seeds": [0, 1, 2], "truncation": [1, 1]}, "truncation: 2 values for 3 pictures"),
        ({"seeds": 0, "z": np.zeros((1, 4))}, "z: this bundle draws from seeds"),
    ],
)
def test_what_does_not_fit_is_refused(generator: Generator, arguments: dict[str, Any], words: str) -> None:
    for run in (generator.run, generator.run_float):
        with refuses(words):
            run(**arguments)


def test_a_generator_without_classes(make_bundle: Any, waves: Callable[..., np.ndarray]) -> None:
    generator = Generator.load(make_bundle(classes=[], shape=(3, 4, 6)))
    assert (generator.classes, generator.channels, generator.height, generator.width) == ((), 3, 4, 6)
    np.testing.assert_allclose(generator.run_float([1, 2]), waves([1, 2], 0, [1, 1], (3, 4, 6)), atol=1e-5)
    with refuses("classes: has no classes"):
        generator.run(0, classes=0)


def test_a_generator_that_takes_z(make_bundle: Any) -> None:
    generator = Generator.load(make_bundle(takes_z=True))
    z = np.random.default_rng(0).standard_normal((70, 4))
    assert generator.z_dim == 4
    assert generator.run(z=z).shape == (70, 8, 8, 1)
    np.testing.assert_array_equal(generator.run(z=z[:1], classes=[0, 1]), generator.run(z=z[[0, 0]], classes=[0, 1]))
    for arguments, words in [
        ({"seeds": 0}, "seeds: exported with --input z"),
        ({}, "seeds: pass z"),
        ({"seeds": 0, "z": z}, "seeds: instead of seeds"),
        ({"z": z[:, :3]}, r"z: shape \[70, 3\] where \[B, 4\] is needed"),
        ({"z": z[0]}, r"z: shape \[4\]"),
        ({"z": z[:0]}, r"z: shape \[0, 4\]"),
        ({"z": np.full((1, 4), np.nan)}, "z: holds NaN or infinity"),
        ({"z": "noise"}, "z: noise is not numbers"),
    ]:
        with refuses(words):
            generator.run(**arguments)


def test_a_session_that_fails_while_drawing_is_one_line(
    generator: Generator, make_bundle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        def run(self, outputs: Any, feeds: Any) -> Any:
            raise RuntimeError("bad allocation\nof 9 GB")

    generator.session = Generator.load(make_bundle("other", shape=(3, 8, 8))).session
    with refuses(r"waves: drew float32 \(1, 3, 8, 8\)"):
        generator.run(0)
    generator.session = Failing()
    with refuses(r"waves: failed to draw \(bad allocation\)$"):
        generator.run(0)
    monkeypatch.setattr(Failing, "run", raise_without_a_word)
    with refuses(r"waves: failed to draw \(MemoryError\)$"):
        generator.run(0)


def raise_without_a_word(*_: Any) -> None:
    raise MemoryError
