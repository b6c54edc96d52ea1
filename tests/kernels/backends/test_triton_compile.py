"""The kernels compile without spilling, without a GPU; products are counted; the table's figures are read back.

Compilation runs in subprocesses: TRITON_INTERPRET=1, which other tests set, replaces the compiler for a whole process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("triton")
import triton

from attngan_kernels.backends.triton import configs
from attngan_kernels.tooling.tune_candidates import SHARED_LIMITS, cases

TABLE = json.loads(configs.TABLE.read_text())
REGISTERS = 8  # how far the count may move with the compiler's patch releases

HANDFUL = """
import json, sys, torch
from attngan_kernels.backends.triton import configs
from attngan_kernels.tooling.compile_offline import read_resources
from attngan_kernels.tooling.tune_candidates import Case, passes
from attngan_kernels.tooling.single_pass import compile_pass

half = [Case(64, 64, torch.bfloat16, name) for name in passes(64, 64, torch.bfloat16)]
for case in [*half, Case(32, 32, torch.float32, "pass_a")]:
    for plain in (False, True):
        config = configs.lookup(sys.argv[1], case.d_k, case.d_v, case.dtype, case.name)
        compiled = compile_pass(sys.argv[1], case, config, plain)
        products = compiled.kernel.asm["ttir"].count("tt.dot ")
        print(json.dumps([case.key, plain, config, read_resources(compiled.kernel), products]), flush=True)
"""

PRODUCTS = """
import json, torch
from attngan_kernels.backends.triton.configs import Config
from attngan_kernels.tooling.tune_candidates import Case, passes
from attngan_kernels.tooling.single_pass import compile_pass

found = {}
for dtype in (torch.bfloat16, torch.float32):
    for name in passes(32, 32, dtype):
        compiled = compile_pass("8.0", Case(32, 32, dtype, name), Config(16, 16, 32, 4, 1), True)
        found[f"{dtype} {name}"] = compiled.kernel.asm["ttir"].count("tt.dot ")
print(json.dumps(found))
"""

# By passes, in units of 2·N_q·N_k·d flop; float32 takes δ and ρ from pass A's results, which saves two products.
UNITS = {"forward": 2, "backward_rows": 3, "backward_keys": 4, "pass_a": 7, "pass_b": 7, "pass_c": 8}

WHOLE_TABLE = """
import json, multiprocessing, sys, torch
from attngan_kernels.backends.triton import configs
from attngan_kernels.tooling.tune_candidates import cases
from attngan_kernels.tooling.tune_compile import attempt_job

if __name__ == "__main__":
    jobs = {}
    for card, entries in json.loads(configs.TABLE.read_text())["cards"].items():
        for case in cases():
            at = ("8.0" if card == "any" else card, case, configs.Config(*entries[case.key]["config"]))
            jobs.setdefault(at, []).append(card)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for trial, cards in zip(pool.imap(attempt_job, jobs), jobs.values(), strict=True):
            for card in cards:
                used = trial.resources and trial.resources._asdict()
                print(json.dumps([card, trial.case.key, used, trial.dropped]), flush=True)
"""


def start(script: str, tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    env = {
        name: value for name, value in os.environ.items() if name not in ("TRITON_INTERPRET", "ATTNGAN_KERNELS_TUNED")
    }
    env["TRITON_CACHE_DIR"] = str(tmp_path / "triton")
    file = tmp_path / "script.py"
    file.write_text(script)
    return subprocess.Popen([sys.executable, str(file), *arguments], env=env, text=True, stdout=subprocess.PIPE)


def lines(process: subprocess.Popen[str]) -> list[Any]:
    printed, _ = process.communicate()
    assert process.returncode == 0
    return [json.loads(line) for line in printed.splitlines()]


def assert_as_recorded(card: str, key: str, registers: int, spilled: int, shared: int) -> None:
    """No spills and the block fits on every version of Triton; the recorded figures hold for the one that made them."""
    recorded = TABLE["cards"][card][key]
    assert spilled == 0, f"{card} {key} {recorded['config']} spills {spilled} bytes a thread"
    assert shared <= SHARED_LIMITS[card], (card, key, shared)
    if TABLE["triton"] == triton.__version__:
        assert abs(registers - recorded["registers"]) <= REGISTERS, (card, key, registers, recorded)
        assert shared == recorded["shared"], (card, key, shared, recorded)


def test_shipped_table_is_complete_and_none_of_it_spills() -> None:
    assert {"8.0", "9.0", configs.ANY_CARD} <= set(TABLE["cards"])
    for card, entries in TABLE["cards"].items():
        assert list(entries) == [case.key for case in cases()], card
        for key, entry in entries.items():
            assert entry["spilled"] == 0 and entry["registers"] <= 255, (card, key)
            assert entry["shared"] <= SHARED_LIMITS[card], (card, key)
            assert len(entry["config"]) == len(configs.Config._fields), (card, key)


def test_a_handful_compiles_as_recorded(tmp_path: Path) -> None:
    cards = ("8.0", "9.0")
    folders = [tmp_path / card for card in cards]
    for folder in folders:
        folder.mkdir()
    processes = [start(HANDFUL, folder, card) for folder, card in zip(folders, cards, strict=True)]
    for card, process in zip(cards, processes, strict=True):
        found = lines(process)
        assert len(found) == 14
        for key, plain, config, (registers, spilled, shared), products in found:
            assert config == TABLE["cards"][card][key]["config"]
            assert products > 0
            if plain:
                assert spilled == 0 and shared <= SHARED_LIMITS[card], (card, key)
            else:
                assert_as_recorded(card, key, registers, spilled, shared)


def test_products_are_as_many_as_the_formulas_have(tmp_path: Path) -> None:
    """Passes over rows have their loop twice, without and with a mask at the edge; passes over keys once."""
    (found,) = lines(start(PRODUCTS, tmp_path))
    for name, units in UNITS.items():
        loops = 2 if name in configs.OVER_ROWS else 1
        assert found[f"torch.bfloat16 {name}"] == units * loops, name
        assert found[f"torch.float32 {name}"] == (5 if name == "pass_a" else units) * loops, name


@pytest.mark.slow
def test_whole_table_compiles_as_recorded(tmp_path: Path) -> None:
    found = lines(start(WHOLE_TABLE, tmp_path))
    assert len(found) == len(TABLE["cards"]) * len(cases())
    for card, key, used, dropped in found:
        assert used is not None, (card, key, dropped)
        assert_as_recorded(card, key, **used)
