"""attngan-run with a bundle that draws from words."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attngan_runtime import Generator
from tests.runtime.command_line import run, tiles
from tests.runtime.words_bundle import write_words_bundle


@pytest.fixture
def generator(words_bundle: Path) -> Generator:
    return Generator.load(words_bundle)


def test_a_row_shows_one_prompt_and_a_column_one_seed(words_bundle: Path, generator: Generator, tmp_path: Path) -> None:
    out = tmp_path / "grid.png"
    given = ("--prompt", "red heart", "--prompt", "green", "--style", "twitter", "--truncation", 0.5, "--out", out)
    found = run(words_bundle, *given, "--seeds", "5-7")
    assert (found.exit_code, found.output) == (0, f"wrote 6 pictures of words to {out}\n")
    wanted = generator.run([5, 6, 7] * 2, prompts=["red heart"] * 3 + ["green"] * 3, style=1, truncation=0.5)
    np.testing.assert_array_equal(tiles(out, 3, rows=2), wanted)
    assert run(words_bundle, *given).exit_code == 0
    assert len(tiles(out, 8, rows=2)) == 16


def test_one_prompt_fills_a_grid(words_bundle: Path, generator: Generator, tmp_path: Path) -> None:
    out = tmp_path / "grid.png"
    assert run(words_bundle, "--prompt", "green", "--seeds", "0-8", "--out", out).exit_code == 0
    np.testing.assert_array_equal(tiles(out, 3), generator.run(range(9), prompts="green"))
    assert run(words_bundle, "--prompt", "green", "--out", out).exit_code == 0
    assert len(tiles(out, 3)) == 9  # eight, and a place that is free


def test_prompts_are_written_in_either_way(words_bundle: Path, tmp_path: Path) -> None:
    asked, option = tmp_path / "asked.png", tmp_path / "option.png"
    assert run(words_bundle, "red heart", "green", "--out", asked).exit_code == 0
    assert run(words_bundle, "--prompt", "red heart", "--prompt", "green", "--out", option).exit_code == 0
    assert asked.read_bytes() == option.read_bytes()


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
        ([], r"--prompt: words draws what words say; give some, such as --prompt 'red heart'"),
        (["--prompt", "a\x07"], r"--prompt 'a\\x07': U\+0007 at place 1 is a control character"),
        (["--prompt", "a\udcff"], r"--prompt 'a\\udcff': U\+DCFF at place 1 is half a surrogate pair"),
        (["--prompt", "red", "--style", "apple"], "--style: no style 'apple'; there are google, twitter"),
        (["--prompt", "red", "--style", "2"], "--style: 2 is outside 0 to 1"),
        (["--prompt", "red", "--classes", "1"], "--classes 1: words has no classes; leave the option out"),
        (["--prompt", "red", "--prompt", "green", "--seeds", "0-999999"], "2,000,000 pictures .* ask for less"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    words_bundle: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    found = run(words_bundle, "--out", tmp_path / "g.png", *arguments)
    assert found.exit_code == 2 and found.stdout == ""
    assert re.search(words, found.stderr) and found.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["words"]


def test_options_for_words_are_refused_elsewhere(make_bundle: Any, tmp_path: Path) -> None:
    folder, out = make_bundle(), tmp_path / "g.png"
    found = run(folder, "--prompt", "red", "--out", out).stderr
    assert found == "error: --prompt 'red': waves draws without words; leave it out\n"
    found = run(folder, "--style", "google", "--out", out).stderr
    assert found == "error: --style google: waves has no styles to choose from; leave the option out\n"
    plain = write_words_bundle(tmp_path / "plain", styles=False)
    assert "--style 0: words has no styles" in run(plain, "--prompt", "red", "--style", 0, "--out", out).stderr
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
    assert found.exit_code == 2
    assert found.stderr.startswith("error: --style: no style '999") and found.stderr.count("\n") == 1
