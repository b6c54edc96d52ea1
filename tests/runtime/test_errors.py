"""Every message is one line that any terminal can show."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import refuses

from attngan_runtime import AttnGANError, Generator
from attngan_runtime.errors import first_line


@given(st.text(), st.text(), st.text())
def test_any_message_is_one_printable_line(subject: str, problem: str, remedy: str) -> None:
    error = AttnGANError(subject, problem, remedy)
    for shown in (str(error), error.subject, error.problem, error.remedy):
        assert len(f"{shown}x".splitlines()) == 1 and shown.encode("utf-8") is not None
        assert not any(letter < " " or "\x7f" <= letter <= "\x9f" for letter in shown)


def test_what_cannot_be_printed_is_written_out() -> None:
    error = AttnGANError("a\nb\x1b[2J", "\ud800 ü", "shape (1,\n 2)")
    assert (error.subject, error.problem, error.remedy) == ("a b\\x1b[2J", "\\ud800 ü", "shape (1,  2)")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((Path("a/b"), "is missing", "copy it again"), "a/b: is missing; copy it again"),
        (("channels 2", "", "use 3"), "channels 2: use 3"),
        (("z", "holds NaN"), "z: holds NaN"),
    ],
)
def test_a_message_is_subject_problem_and_remedy(parts: tuple[Any, ...], message: str) -> None:
    error = AttnGANError(*parts)
    assert str(error) == message == str(pickle.loads(pickle.dumps(error)))
    assert str(error.about("it")) == message.replace(str(parts[0]), "it")


@pytest.mark.parametrize("said", ["", "\n", "  "])
def test_an_error_that_says_nothing_is_called_by_its_class(said: str) -> None:
    assert first_line(MemoryError(said)) == "MemoryError"
    assert first_line(ValueError(f"{said}\nfirst\nsecond")) == "first"
    assert first_line(ValueError("x" * 999)) == "x" * 200


def test_a_callers_words_stay_on_one_line(make_bundle, words_bundle: Path) -> None:
    generator, words = Generator.load(make_bundle()), Generator.load(words_bundle)
    for call in (
        lambda: generator.run(0, classes="Bag\nor\x1b[31m Shoe"),
        lambda: generator.run(0, classes="x" * 10**6),
        lambda: generator.run([object()]),
        lambda: generator.run(0, truncation=10**400),
        lambda: generator.run(["x" * 10**6]),
        lambda: generator.run(0, truncation="a\nb"),
        lambda: words.run(0, prompts="red", style="goo\ngle"),
        lambda: words.run(0, prompts=[object()]),
        lambda: words.run(0, prompts="x" * 100_001),
    ):
        with refuses("") as raised:
            call()
        assert len(str(raised.value)) < 400
