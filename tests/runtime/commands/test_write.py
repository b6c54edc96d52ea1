"""attngan-run with a bundle that writes: what stands on stdout and stderr, in files, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from refusals import refused

from attngan_runtime import SentenceGenerator
from tests.runtime.command_line import run
from tests.runtime.sentences_bundle import WORDS, write_sentences_bundle
from tests.runtime.test_torch_free import HEAVY

NOTE = "note: no --keywords, so writer writes about anything\n"


@pytest.fixture
def generator(sentences_bundle: Path) -> SentenceGenerator:
    return SentenceGenerator.load(sentences_bundle)


def lines(sentences: list[str]) -> str:
    return "".join(f"{sentence}\n" for sentence in sentences)


def test_each_sentence_is_a_line(sentences_bundle: Path, generator: SentenceGenerator) -> None:
    found = run(sentences_bundle, "--keywords", "dog, ball", "--seeds", "3,5,7")
    assert (found.exit_code, found.stderr) == (0, "")
    assert found.stdout == lines(generator.run([3, 5, 7], keywords="dog, ball"))
    assert run(sentences_bundle, "--keywords", "beach").stdout == lines(generator.run(range(8), keywords="beach"))


def test_each_set_of_key_words_has_all_seeds(sentences_bundle: Path, generator: SentenceGenerator) -> None:
    found = run(sentences_bundle, "--keywords", "dog, ball", "--keywords", "beach", "--seeds", "3-5")
    assert found.stdout == lines(generator.run([3, 4, 5] * 2, keywords=["dog, ball"] * 3 + ["beach"] * 3))


def test_without_key_words_a_note_says_so(sentences_bundle: Path, generator: SentenceGenerator) -> None:
    found = run(sentences_bundle)
    assert (found.exit_code, found.stdout, found.stderr) == (0, lines(generator.run(range(8))), NOTE)


def test_sampling_reaches_the_graph(sentences_bundle: Path, generator: SentenceGenerator) -> None:
    plain = run(sentences_bundle, "--seeds", "2-5").stdout
    for option, value, argument in [("--top-k", 3, {"top_k": 3}), ("--top-p", 0.25, {"top_p": 0.25})]:
        found = run(sentences_bundle, "--seeds", "2-5", option, value).stdout
        assert found == lines(generator.run(range(2, 6), **argument)) != plain
    given: list[Any] = []
    original = SentenceGenerator.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SentenceGenerator, "run", lambda *a, **k: given.append(k) or original(*a, **k))
        assert run(sentences_bundle, "--temperature", 0.5).exit_code == 0
    assert given == [{"keywords": None, "temperature": 0.5, "top_k": 0, "top_p": 1.0}]


def test_warnings_are_lines_of_their_own(sentences_bundle: Path) -> None:
    asked = [part for text in ("dog cat", "a dog runs on", "") for part in ("--keywords", text)]
    found = run(sentences_bundle, *asked, "--seeds", 3)
    assert (found.exit_code, found.stdout.count("\n")) == (0, 3)
    assert found.stderr == (
        "warning: key words 'dog cat': unknown 'cat'; hardly a sentence of its training has such a word\n"
        "warning: key words 'a dog runs on': 3 at most, without 'on'\n"
        "warning: key words '': none is left, so these sentences are about anything\n"
    )


def test_sentences_go_into_a_file(sentences_bundle: Path, generator: SentenceGenerator, tmp_path: Path) -> None:
    out = tmp_path / "sentences.txt"
    out.write_text("before")
    found = run(sentences_bundle, "--keywords", "dog", "--seeds", "0-9", "--out", out)
    assert (found.exit_code, found.output) == (0, f"wrote 10 sentences of writer to {out}\n")
    assert out.read_bytes() == lines(generator.run(range(10), keywords="dog")).encode()
    found = run(sentences_bundle, "--seeds", 7, "--out", out)
    assert (found.stdout, found.stderr) == (f"wrote 1 sentence of writer to {out}\n", NOTE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sentences.txt", "writer"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--classes", "Sneaker"], "--classes Sneaker: writer writes sentences"),
        (["--prompt", "red heart", "--prompt", "x"], "--prompt 'red heart': writer writes sentences"),
        (["--style", "google"], "--style google: writer writes sentences"),
        (["--truncation", "1"], "--truncation 1: writer writes sentences"),
        (["--columns", "3"], "--columns 3: writer writes sentences"),
        (["--keywords", "a\x07"], r"--keywords 'a\x07': U+0007"),
        (["--keywords", "a\udcff"], r"--keywords 'a\udcff': U+DCFF"),
        (["--temperature", "0"], "--temperature: 0 is outside 0.05 to 5"),
        (["--temperature", "nan"], "--temperature: nan is outside 0.05 to 5"),
        (["--temperature", "hot"], "'--temperature': 'hot' is not a valid"),
        (["--top-k", "14"], "--top-k: 14 is outside 0 to 13"),
        (["--top-k", "-1"], "--top-k: -1 is outside 0 to 13"),
        (["--top-k", "2.5"], "'--top-k': '2.5' is not a valid"),
        (["--top-p", "0"], "--top-p: 0 leaves no word"),
        (["--top-p", "1.5"], "--top-p: 1.5 is outside 0 to 1"),
        (["--top-p", "nan"], "--top-p: nan is outside 0 to 1"),
        (["--seeds", "9-3"], "'9-3': is a reversed range"),
        (["--out", "writer/model.onnx/s.txt"], "model.onnx is a file"),
        (["--out", "writer"], "--out writer: is a folder"),
        (["--provider", "cuda"], "provider CUDAExecutionProvider"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    sentences_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    found = run(sentences_bundle, "--out", "s.txt", *arguments)
    refused(found, words)
    assert [path.name for path in tmp_path.iterdir()] == ["writer"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--keywords", "dog, beach"], "--keywords 'dog, beach': {} draws pictures"),
        (["--temperature", "0.5"], "--temperature 0.5: {} draws pictures"),
        (["--top-k", "0"], "--top-k 0: {} draws pictures"),
        (["--top-p", "1"], "--top-p 1.0: {} draws pictures"),
    ],
)
def test_options_for_sentences_are_refused_elsewhere(
    make_bundle: Any, words_bundle: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    for folder in (make_bundle(), words_bundle):
        found = run(folder, *arguments, "--out", tmp_path / "g.png")
        refused(found, words.format(folder.name))


def test_a_picture_needs_a_file(make_bundle: Any, words_bundle: Path) -> None:
    for folder in (make_bundle(), words_bundle):
        refused(run(folder), f"Missing option '--out': {folder.name} draws pictures")


def process(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "attngan_runtime.cli", *arguments]
    return subprocess.run(command, stderr=subprocess.PIPE, **options)


def test_letters_that_a_terminal_has_not_are_no_traceback(tmp_path: Path) -> None:
    folder = write_sentences_bundle(tmp_path / "accents", words=[*WORDS[:-1], "日本"])
    found = process(folder, "--keywords", "dog", "--seeds", "5", stdout=subprocess.PIPE,
                    env={**os.environ, "PYTHONIOENCODING": "cp1252"})  # fmt: skip
    assert (found.returncode, found.stdout, found.stderr) == (0, b"?? a dog runs on\n", b"")
    run(folder, "--keywords", "dog", "--seeds", 5, "--out", tmp_path / "s.txt")
    assert (tmp_path / "s.txt").read_bytes() == "日本 a dog runs on\n".encode()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_one_line(sentences_bundle: Path) -> None:
    with open("/dev/full", "wb") as full:
        found = process(sentences_bundle, "--keywords", "dog", stdout=full)
    assert (found.returncode, found.stderr.count(b"\n")) == (2, 1)
    assert found.stderr.startswith(b"error: output: No space left on device; free space")


def test_writing_imports_neither_torch_nor_pictures(sentences_bundle: Path) -> None:
    script = f"""if True:
        import sys
        from attngan_runtime.cli import main
        main(["--keywords", "dog", sys.argv[1]], standalone_mode=False)
        assert "onnxruntime" in sys.modules
        print([name for name in (*{HEAVY}, "PIL", "huggingface_hub") if name in sys.modules])
    """
    found = subprocess.run([sys.executable, "-c", script, str(sentences_bundle)], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert found.stdout.endswith("\n[]\n") and found.stderr == ""


def test_sentences_are_not_written_to_a_picture(sentences_bundle: Path, tmp_path: Path) -> None:
    found = run(sentences_bundle, "--seeds", "0", "--out", tmp_path / "x.PNG")
    refused(found, f"--out {tmp_path / 'x.PNG'}: writer writes sentences")
    assert list(tmp_path.glob("x*")) == []
