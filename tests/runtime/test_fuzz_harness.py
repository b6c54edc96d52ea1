"""Whether the fuzzing would see what it looks for: children that crash, hang, swell or raise, and mutations that do."""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from attngan_runtime import AttnGANError, Generator
from tests.runtime.fuzz import bases, cases, mutate_bytes, mutate_json, mutate_onnx, zygote
from tests.runtime.test_fuzz import count


def in_a_child(case: Callable[[], Any], tmp_path: Path) -> dict[str, Any]:
    def told(tell: zygote.Tell) -> None:
        faulthandler.disable()  # pytest's, which would write over its output
        tell({"change": "none"})
        zygote.limit(1)
        tell(cases.outcome(case))

    with open(tmp_path / "said", "w+b") as said:
        return zygote._in_a_child(told, said.fileno())


def refuse(message: str) -> None:
    raise AttnGANError(message)


@pytest.mark.parametrize(
    ("case", "outcome"),
    [
        (lambda: None, {"outcome": "drew"}),
        (lambda: refuse("m: is damaged"), {"outcome": "refused", "by": "the runtime, before ONNX Runtime"}),
        (lambda: refuse("m: ONNX Runtime 1 can't open it (x)"), {"outcome": "refused", "by": "ONNX Runtime, opening"}),
        (os.abort, {"outcome": "signal", "signal": "SIGABRT"}),
        (lambda: ctypes.string_at(1), {"outcome": "signal", "signal": "SIGSEGV"}),
        (lambda: os.kill(os.getpid(), signal.SIGILL), {"outcome": "signal", "signal": "SIGILL"}),
        (lambda: bytearray(2**31), {"outcome": "out of memory"}),
        (lambda: 1 / 0, {"outcome": "raised"}),
        (lambda: sys.exit(0), {"outcome": "raised"}),
        (lambda: os._exit(3), {"outcome": "raised", "what": "left with status 768 and no word"}),
    ],
)
def test_what_becomes_of_a_child(tmp_path: Path, case: Callable[[], Any], outcome: dict[str, Any]) -> None:
    found = in_a_child(case, tmp_path)
    assert found["change"] == "none" and {key: found[key] for key in outcome} == outcome


def test_a_child_that_goes_on_for_ever_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def for_ever() -> None:
        while True:
            pass

    assert in_a_child(for_ever, tmp_path)["outcome"] == "timed out"
    monkeypatch.setattr(zygote, "WALL_SECONDS", 0.3)
    assert in_a_child(lambda: time.sleep(60), tmp_path)["outcome"] == "timed out"


@pytest.mark.parametrize(
    "case",
    [
        {"kind": "graph", "outcome": "raised"}, {"kind": "described", "outcome": "timed out"},
        {"kind": "described", "outcome": "signal", "signal": "SIGSEGV"}, {"kind": "damaged", "outcome": "drew"},
        {"kind": "described", "outcome": "out of memory"},
    ],
)  # fmt: skip
def test_what_may_not_happen_is_a_failure(case: dict[str, Any]) -> None:
    assert count([{"kind": "graph", "outcome": "signal", "signal": "SIGSEGV"}]) == {"signal SIGSEGV": 1}
    with pytest.raises(AssertionError, match='"seed": 5'):
        count([case | {"seed": 5}])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bases.Files]:
    place = tmp_path_factory.mktemp("bases")
    bases.write_bases(place)
    return bases.read_bases(place)


def test_the_bundles_that_it_starts_from_are_valid_when_signed_anew(
    files: dict[str, bases.Files], tmp_path: Path
) -> None:
    for name in bases.SMALL:
        text = mutate_json.written(bases.unsigned(files[name]))
        bases.write(tmp_path, files[name] | {"model.onnx.json": bases.signed(text)})
        with warnings.catch_warnings(action="ignore"):
            assert len(Generator.load(tmp_path, threads=1).run(**cases._plain(name))) == 2


def test_a_seed_is_a_case(files: dict[str, bases.Files], tmp_path: Path) -> None:
    for kind in cases.KINDS:
        seen = set()
        for seed in (7, 7, 8):
            change, _ = cases.make(kind, seed, files, tmp_path)
            seen.add((change, *(path.read_bytes() for path in sorted(tmp_path.iterdir()))))
        assert len(seen) == 2, kind


def test_mutations_are_of_many_kinds(files: dict[str, bases.Files]) -> None:
    rng, waves = Random(0), files["waves"]
    seen = Counter(mutate_bytes.mutated(rng, waves["model.onnx"])[0] for _ in range(300))
    assert len(seen) == len(mutate_bytes.MUTATORS)
    seen = Counter(mutate_onnx.mutated(rng, waves["model.onnx"])[0].partition(" ")[0] for _ in range(600))
    assert set(seen) >= {"plant", "bomb", "swell", "deepen", "wire", "numbers", "another_place"}
    described = json.loads(waves["model.onnx.json"])
    assert len({mutate_json.written(mutate_json.mutated(rng, described)) for _ in range(50)}) > 40


def test_a_case_is_replayed_and_its_bundle_kept(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.runtime.fuzz", "damaged", "3", str(tmp_path / "kept")]
    found = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    told = json.loads(found.stdout)
    assert (told["kind"], told["seed"], told["outcome"]) == ("damaged", 3, "refused"), found
    with pytest.raises(AttnGANError):
        Generator.load(tmp_path / "kept")
