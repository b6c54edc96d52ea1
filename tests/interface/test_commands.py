"""The command lines as people type them: the help of every command, and what becomes of mistakes.

help/ has a file for each command, named by its words: `attngan.data.emoji.txt`. `kept.py` says how to rewrite them.
Lines are broken as the pinned click (constraints.txt) breaks them at 80 columns.
"""

from __future__ import annotations

import re
import runpy
import sys
import warnings
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from attngan.cli import main as attngan
from attngan_export.cli import main as attngan_export
from attngan_runtime.cli import main as attngan_run
from tests.interface.kept import FOLDER, kept_text

PROGRAMS = {"attngan": attngan, "attngan-export": attngan_export, "attngan-run": attngan_run}
MODULES = ("attngan_kernels.aot", "attngan_kernels.tune", "attngan_kernels.selfcheck")
WIDTH = 80


def called(program: str, *arguments: object) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a program."""
    runner = CliRunner()
    found = runner.invoke(PROGRAMS[program], [*map(str, arguments)], prog_name=program, terminal_width=WIDTH)
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout, found.stderr


def run_module(module: str, *arguments: object) -> int:
    """The exit code of `python -m module arguments`, in this process."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that the module was imported before
        patch.setattr(sys, "argv", [module, *map(str, arguments)])
        patch.setenv("COLUMNS", str(WIDTH))
        with pytest.raises(SystemExit) as left:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    return int(left.value.code or 0)


def commands(words: tuple[str, ...], command: click.Command) -> list[tuple[str, ...]]:
    """A program or command and all below it, hidden ones too, each by its words."""
    found = [words]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            found += commands((*words, name), below)
    return found


COMMANDS = [words for name, program in PROGRAMS.items() for words in commands((name,), program)]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help(words: tuple[str, ...]) -> None:
    code, out, errors = called(*words, "--help")
    assert (code, errors) == (0, "")
    assert out == kept_text(f"help/{'.'.join(words)}.txt", lambda: out)
    if len(words) == 1:
        assert called(*words, "-h") == (code, out, errors)


@pytest.mark.parametrize("module", MODULES)
def test_help_of_modules(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_module(module, "--help") == 0
    # Python 3.13 writes `-o, --out DIR` where 3.12 has `-o DIR, --out DIR`, and breaks lines at other places.
    out = re.sub(r"(-\w) [A-Z]+, (--\w+ [A-Z]+)", r"\1, \2", capsys.readouterr().out)
    assert out.split() == kept_text(f"help/{module}.txt", lambda: out).split()


def test_no_command_is_lost() -> None:
    names = {path.stem for path in (FOLDER / "help").glob("*.txt")}
    assert names == {".".join(words) for words in COMMANDS} | {*MODULES}


@pytest.mark.parametrize("words", [("attngan",), ("attngan", "data"), ("attngan-export",), ("attngan-run",)])
def test_no_arguments_show_the_help(words: tuple[str, ...]) -> None:
    code, out, errors = called(*words)
    assert (code, out, errors) == (2, "", called(*words, "--help")[1])


@pytest.mark.parametrize("program", PROGRAMS)
def test_version(program: str) -> None:
    code, out, _ = called(program, "--version")
    assert code == 0 and re.fullmatch(rf"{program}, version \d+\.\d+\.\d+\n", out)


def test_names() -> None:
    assert called("attngan-run", "--list") == (0, "captions\nemoji-64\nfashion-32\n", "")
    out = called("attngan", "presets")[1]
    names = [line.split()[0] for line in out.splitlines() if line and not line.startswith(("Sentences", "name"))]
    assert names == [
        "tiny", "fashion-32", "cpu-32", "cpu-64", "image-32", "image-64", "image-128", "image-256", "tiny-words",
        "emoji-64", "tiny-text", "captions",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures/, words/ (captioned), lines.txt, notes/ (none of the two) and empty/."""
    root = tmp_path_factory.mktemp("place")
    for name in ("pictures", "words", "notes", "empty"):
        (root / name).mkdir()
    for index in range(24):
        picture = Image.fromarray(np.pad(np.full((14, 14, 3), 10 * index, np.uint8), ((1, 1), (1, 1), (0, 0))))
        picture.save(root / "pictures" / f"{index:02}.png")
        picture.convert("RGBA").save(root / "words" / f"{index:02}.png")
    (root / "words" / "captions.jsonl").write_text(
        "".join(f'{{"file_name": "{index:02}.png", "caption": "grey number {index}"}}\n' for index in range(24))
    )
    (root / "lines.txt").write_text("".join(f"a sentence about number {index}\n" for index in range(24)))
    (root / "notes" / "notes.txt").write_text("words\n")
    return root


def train(preset: str, data: str, *options: object) -> tuple[object, ...]:
    return ("attngan", "train", "--preset", preset, "--data", "{}/" + data, "--out", "{}/run", *options)


TINY, WORDS, TEXT = train("tiny", "pictures"), train("tiny-words", "words"), train("tiny-text", "lines.txt")
SAMPLE = ("attngan", "sample")
G = ("--out", "{}/g.png")
#: What is typed, and what follows `error: ` in the one line on stderr; {} is the folder `place`.
MISTAKES = [
    (("attngan", "drew"), "No such command 'drew'"),
    (("attngan", "train"), "Missing option '--data'"),
    (("attngan", "train", "--data", "{}/pictures", "--out", "{}/run"), "--preset: "),
    (("attngan", "train", "--preset", "tiny", "--data", "{}/pictures"), "Missing option '--out'"),
    ((*TINY, "--sead", 1), "No such option '--sead'"),
    (train("huge", "pictures"), "--preset huge: "),
    (train("tiny", "nothing"), "--data {}/nothing: "),
    (train("tiny", "empty"), "--data {}/empty: "),
    (train("tiny", "notes"), "--data {}/notes: "),
    (train("tiny-words", "pictures"), "--data {}/pictures: "),
    (train("tiny-text", "pictures"), "--data {}/pictures: "),
    (train("tiny-text", "nothing.txt"), "--data {}/nothing.txt: "),
    ((*TINY[:-1], "{}/lines.txt/run"), "--out {}/lines.txt/run: "),
    ((*TINY[:-1], "{}/lines.txt"), "--out {}/lines.txt: "),
    ((*TINY[:-1], "{}/notes"), "--out {}/notes: "),
    ((*TINY[:-1], "{}/pictures/run"), "--out {}/pictures/run: "),
    ((*TINY, "--images", 0), "Invalid value for '--images'"),
    ((*TINY, "--seed", -1), "Invalid value for '--seed'"),
    ((*TINY, "--channels", 2), "Invalid value for '--channels'"),
    ((*TINY, "--objective", "magic"), "--objective magic: "),
    ((*TINY, "--penalty", "none"), "--penalty none: "),
    ((*TINY, "--augment", "some"), "--augment some: "),
    ((*TINY, "--augment", 0.9), "--augment 0.9: "),
    ((*TINY, "--augment", "adaptive", "--holdout", 0), "--holdout 0: "),
    ((*TINY, "--holdout", 24), "--holdout 24: "),
    ((*TINY, "--patience", 3), "--patience 3: "),
    ((*TINY, "--precision", "fp8"), "Invalid value for '--precision'"),
    ((*TINY, "--device", "abacus"), "--device abacus: "),
    ((*WORDS, "--unconditional"), "--unconditional: "),
    ((*WORDS, "--channels", 1), "--channels 1: "),
    ((*TEXT, "--channels", 3), "--channels 3: "),
    ((*TEXT, "--unconditional"), "--unconditional: "),
    ((*TEXT, "--augment", "none"), "--augment none: "),
    ((*TEXT, "--objective", "wasserstein"), "--objective wasserstein: "),
    ((*TEXT, "--holdout", 0), "--holdout 0: "),
    ((*SAMPLE, "nothing", *G), "nothing: "),
    ((*SAMPLE, "{}/empty", *G), "{}/empty: "),
    ((*SAMPLE, "fashion-32"), "Missing option '--out': "),
    ((*SAMPLE, "fashion-32", "--out", "{}/g.xyz"), "--out {}/g.xyz: "),
    ((*SAMPLE, "fashion-32", "--out", "{}/lines.txt/g.png"), "--out {}/lines.txt/g.png: "),
    ((*SAMPLE, "fashion-32", "--seeds", "3-1", *G), "Invalid value for '--seeds': "),
    ((*SAMPLE, "fashion-32", "--classes", "Hat", *G), "--classes: no class 'Hat'"),
    ((*SAMPLE, "fashion-32", "--truncation", 3, *G), "--truncation: 3"),
    ((*SAMPLE, "fashion-32", "--style", "google", *G), "--style google: "),
    ((*SAMPLE, "fashion-32", "--keywords", "dog", *G), "--keywords dog: "),
    ((*SAMPLE, "fashion-32", "red", *G), "prompt 'red': "),
    ((*SAMPLE, "fashion-32", "--attention", *G), "--attention: "),
    ((*SAMPLE, "fashion-32", "--attention", "99,0", *G), "--attention 99,0: "),
    ((*SAMPLE, "fashion-32", "--interpolate", 4, "--seeds", 1, *G), "--interpolate 4: "),
    ((*SAMPLE, "fashion-32", "--out", "{}/g.mp4"), "--out {}/g.mp4: "),
    ((*SAMPLE, "emoji-64", *G), "PROMPT: "),
    ((*SAMPLE, "emoji-64", "red heart", "--style", "clay", *G), "--style: no style 'clay'"),
    ((*SAMPLE, "emoji-64", "red heart", "--classes", 1, *G), "--classes 1: "),
    ((*SAMPLE, "emoji-64", "red heart", "--interpolate", 4, *G), "--interpolate 4: "),
    ((*SAMPLE, "captions", "red heart"), "PROMPT 'red heart': "),
    ((*SAMPLE, "captions", "--truncation", 0.5), "--truncation 0.5: "),
    ((*SAMPLE, "captions", "--temperature", 9), "--temperature: 9"),
    ((*SAMPLE, "captions", "--top-p", 0), "--top-p: 0"),
    ((*SAMPLE, "captions", "--attention", "1,2"), "--attention 1,2: "),
    (("attngan", "evaluate", "nothing", "--data", "{}/pictures"), "nothing: "),
    (("attngan", "evaluate", "fashion-32"), "Missing option '--data'"),
    (("attngan", "evaluate", "fashion-32", "--data", "{}/nothing"), "--data {}/nothing: "),
    (("attngan", "evaluate", "fashion-32", "--data", "{}/pictures", "--temperature", 1), "--temperature 1: "),
    (("attngan", "evaluate", "fashion-32", "--data", "{}/pictures", "--samples", 9), "Invalid value for '--samples'"),
    (("attngan", "evaluate", "captions", "--data", "{}/lines.txt", "--features", "a:b"), "--features a:b: "),
    (("attngan", "evaluate", "fashion-32", "--data", "{}/pictures", "--out", "{}"), "--out {}: "),
    (("attngan", "memorisation", "fashion-32", "--data", "{}/pictures"), "--out: "),
    (("attngan", "memorisation", "captions", "--data", "{}/lines.txt", "--out", "{}/m"), "captions: "),
    (("attngan", "report", "{}/empty"), "{}/empty: "),
    (("attngan", "report", "{}/empty", "--out", "{}/page.txt"), "--out {}/page.txt: "),
    (("attngan", "data", "inspect", "{}/nothing"), "--data {}/nothing: "),
    (("attngan", "data", "emoji"), "Missing option '--out'"),
    (("attngan", "data", "emoji", "--out", "{}/set", "--without", "cars"), "--without cars: "),
    (("attngan-export", "fashion-32"), "Missing option '--out'"),
    (("attngan-export", "nothing", "--out", "{}/bundle"), "nothing: "),
    (("attngan-export", "{}/empty", "--out", "{}/bundle"), "{}/empty: "),
    (("attngan-export", "fashion-32", "--out", "{}/lines.txt/bundle"), "--out {}/lines.txt/bundle: "),
    (("attngan-export", "fashion-32", "--out", "{}/bundle", "--target", "tensorrt"), "Invalid value for '--target'"),
    (("attngan-export", "fashion-32", "--out", "{}/bundle", "--attention"), "--attention: "),
    (("attngan-export", "captions", "--out", "{}/bundle", "--input", "z"), "--input z: "),
    (("attngan-export", "verify", "{}/empty"), "{}/empty"),
    (("attngan-export", "verify", "nothing"), "nothing: "),
    (("attngan-export", "bench", "nothing"), "nothing: "),
    (("attngan-run", "nothing", *G), "nothing: "),
    (("attngan-run", "{}/empty", *G), "{}/empty: "),
    (("attngan-run", "fashion-32"), "Missing option '--out': "),
    (("attngan-run", "fashion-32", "--out", "{}/g.xyz"), "--out {}/g.xyz: "),
    (("attngan-run", "fashion-32", "--sedes", 1, *G), "No such option '--sedes'"),
    (("attngan-run", "fashion-32", "--seeds", "x", *G), "Invalid value for '--seeds': "),
    (("attngan-run", "fashion-32", "--seeds", 2**32, *G), "Invalid value for '--seeds': "),
    (("attngan-run", "fashion-32", "--classes", "Hat", *G), "--classes: no class 'Hat'"),
    (("attngan-run", "fashion-32", "--prompt", "red", *G), "--prompt 'red': "),
    (("attngan-run", "fashion-32", "--keywords", "dog", *G), "--keywords dog: "),
    (("attngan-run", "fashion-32", "--provider", "tpu", *G), "Invalid value for '--provider'"),
    (("attngan-run", "emoji-64", *G), "--prompt: "),
    (("attngan-run", "emoji-64", "--prompt", "red", "heart", *G), "PROMPT heart: "),
    (("attngan-run", "emoji-64", "--prompt", "red", "--style", "clay", *G), "--style: no style 'clay'"),
    (("attngan-run", "emoji-64", "--prompt", "red", "--classes", "1", *G), "--classes 1: "),
    (("attngan-run", "captions", "--truncation", 1, *G), "--truncation 1: "),
    (("attngan-run", "captions", "--top-k", -1), "--top-k: -1"),
    (("attngan-run", "serve", "nothing"), "nothing: "),
    (("attngan-run", "serve", "fashion-32", "--port", 70000), "Invalid value for '--port'"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "said"), MISTAKES, ids=[" ".join(map(str, typed)) for typed, _ in MISTAKES])
def test_a_mistake_is_one_line_and_exit_code_2(
    typed: tuple[object, ...], said: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))
    code, _, errors = called(*(str(word).replace("{}", str(place)) for word in typed))
    assert errors.startswith("error: " + said.replace("{}", str(place)))
    assert (code, errors.count("\n"), errors[-1]) == (2, 1, "\n")
    assert sorted(place.rglob("*")) == before


MODULE_MISTAKES = [
    (("attngan_kernels.aot",), "the following arguments are required: --arch, --head-dim, --dtype, -o/--out"),
    (("attngan_kernels.aot", "--arch", "sm_10", "--head-dim", 64, "--dtype", "bf16", "-o", "x"), "--arch sm_10 "),
    (("attngan_kernels.aot", "--arch", "sm_80", "--head-dim", 0, "--dtype", "bf16", "-o", "x"), "argument --head-dim"),
    (("attngan_kernels.tune",), "the following arguments are required: --out"),
    (("attngan_kernels.tune", "--out", "x", "--dtype", "int8"), "argument --dtype: "),
    (("attngan_kernels.selfcheck", "--backend", "sdpa"), "argument --backend: "),
    (("attngan_kernels.selfcheck", "--device", "abacus"), "--backend triton --device abacus: "),
]


@pytest.mark.parametrize(("typed", "said"), MODULE_MISTAKES)
def test_a_mistake_of_a_module(
    typed: tuple[object, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run_module(*map(str, typed)) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"error: {said}") and errors.count("\n") == 1
    assert not list(tmp_path.iterdir())
