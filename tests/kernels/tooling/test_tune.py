"""The tuner's choices, with made-up figures and times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import TimeoutError as PoolTimeout
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("triton")
from attngan_kernels.backends.triton import configs
from attngan_kernels.backends.triton.configs import Config
from attngan_kernels.tooling import tune_command as tune
from attngan_kernels.tooling import tune_compile, tune_table, tune_timing
from attngan_kernels.tooling.compile_offline import Resources
from attngan_kernels.tooling.tune_candidates import SMALLEST, Case, candidates, cases, passes
from attngan_kernels.tooling.tune_compile import Choice, Offline, Trial, choose
from attngan_kernels.tooling.tune_timing import CardLostError, fastest, time_case, time_cases

HALF, WIDE = torch.bfloat16, torch.float32
CASE = Case(64, 64, HALF, "pass_b")
DEEP, FLAT, SMALL = Config(64, 64, 64, 4, 2), Config(64, 64, 64, 4, 1), Config(32, 32, 64, 4, 2)
LIMIT = 100_000


def trial(config: Config, spilled: int = 0, shared: int = 1000, case: Case = CASE) -> Trial:
    return Trial("9.0", case, config, Resources(200, spilled, shared))


# ---- cases and candidates ----


def test_cases_begin_with_the_most_important_and_cover_the_table() -> None:
    found = cases()
    assert [c.key for c in found[:6]] == [f"64/64 half {name}" for name in passes(64, 64, HALF)]
    assert [(c.d_k, c.d_v) for c in found[:24:6]] == [(64, 64), (128, 128), (32, 32), (32, 128)]
    kinds = [c.dtype for c in found]
    assert kinds == sorted(kinds, key=lambda dtype: dtype == WIDE)
    for dtype in (HALF, WIDE):
        for d_k in (3, 32, 64, 100, 128):
            for d_v in (1, 40, 128, 256):
                split = configs.splits_pass_c(d_k, d_v, dtype)
                names = {*configs.OVER_ROWS, *configs.OVER_KEYS}
                names -= {"pass_c"} if split else {"pass_c_k", "pass_c_v"}
                assert {configs.table_key(d_k, d_v, dtype, name) for name in names} <= {c.key for c in found}
    assert len({c.key for c in found}) == len(found)


@pytest.mark.parametrize("case", cases(), ids=lambda c: c.key)
def test_candidates_are_legal_and_different(case: Case) -> None:
    groups = candidates(case)
    flat = [config for group in groups for config in group]
    assert len(set(flat)) == len(flat)
    for config in flat:
        assert min(config[:3]) >= 16 and all(n & (n - 1) == 0 for n in config[:4])
        assert config.chunk <= max(case.d_k, case.d_v) and 4 <= config.warps <= 16 and 1 <= config.stages <= 3
    for group in groups:
        assert len({config._replace(stages=0) for config in group}) == 1


# ---- the choice by the compiler's figures ----


def chosen(figures: dict[Config, Resources | None], groups: list[list[Config]]) -> Choice | None:
    return choose(groups, LIMIT, lambda config: figures[config])


def test_first_without_spills_is_taken() -> None:
    figures = {DEEP: Resources(255, 8, 1000), FLAT: None, SMALL: Resources(100, 0, 1000)}
    assert chosen(figures, [[DEEP], [FLAT], [SMALL]]) == Choice(SMALL, Resources(100, 0, 1000))


def test_too_much_shared_memory_is_passed_over() -> None:
    figures = {DEEP: Resources(100, 0, LIMIT + 1), FLAT: Resources(100, 0, LIMIT)}
    assert chosen(figures, [[DEEP], [FLAT]]) == Choice(FLAT, Resources(100, 0, LIMIT))


def test_stages_that_leave_room_for_a_second_block_are_preferred() -> None:
    figures = {DEEP: Resources(200, 0, LIMIT), FLAT: Resources(200, 0, LIMIT // 2), SMALL: Resources(9, 0, 9)}
    assert chosen(figures, [[DEEP, FLAT], [SMALL]]) == Choice(FLAT, figures[FLAT])
    figures[FLAT] = Resources(200, 0, LIMIT // 2 + 1)
    assert chosen(figures, [[DEEP, FLAT], [SMALL]]) == Choice(DEEP, figures[DEEP])
    eight = DEEP._replace(warps=8)  # 8 warps of 200 registers: no second block anyway
    figures = {eight: Resources(200, 0, LIMIT), eight._replace(stages=1): Resources(200, 0, 1000)}
    assert chosen(figures, [[*figures]]) == Choice(eight, figures[eight])


def test_where_everything_spills_the_least_spilling_is_taken() -> None:
    figures = {DEEP: Resources(255, 80, 1000), FLAT: Resources(255, 8, 1000), SMALL: Resources(255, 9, 1000)}
    assert chosen(figures, [[DEEP, FLAT], [SMALL]]) == Choice(FLAT, figures[FLAT])
    assert chosen(dict.fromkeys(figures), [[DEEP, FLAT], [SMALL]]) is None


def test_what_spilled_with_narrow_heads_is_not_compiled_with_wide_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[str, Case, Config]] = []

    def examine(card: str, case: Case, config: Config, plain: bool = False) -> Resources:
        compiled.extend([] if plain else [(card, case, config)])
        return Resources(255, 0 if config.block_q == 32 else 300, 1000)

    monkeypatch.setattr(tune_compile, "examine", examine)
    narrow, wide = Case(32, 32, HALF, "pass_a"), Case(64, 32, HALF, "pass_a")
    tuner = Offline()
    for case in (narrow, wide):
        for card in ("8.0", "any", "9.0"):
            choice = tuner.choose(card, case)
            assert choice is not None and choice.config.block_q == 32
    assert {card for card, _, _ in compiled} == {"8.0", "9.0"}  # "any" shares what 8.0 compiled
    assert len(set(compiled)) == len(compiled)
    again = [config for card, case, config in compiled if case == wide and card == "8.0" and config.block_q != 32]
    assert all(config.chunk == 32 for config in again)  # a chunk of 32 was all there is to narrow heads


def test_the_plain_variant_must_not_spill_either(monkeypatch: pytest.MonkeyPatch) -> None:
    def examine(card: str, case: Case, config: Config, plain: bool = False) -> Resources:
        return Resources(100, 24, 4000) if plain else Resources(255, 0, 3000)

    monkeypatch.setattr(tune_compile, "examine", examine)
    assert tune_compile.attempt("9.0", CASE, DEEP).resources == Resources(255, 24, 3000)


def test_what_does_not_compile_is_a_trial_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def examine(*_: Any) -> Resources:
        raise RuntimeError("PassManager::run failed\nmore")

    monkeypatch.setattr(tune_compile, "examine", examine)
    found = tune_compile.attempt("9.0", CASE, DEEP)
    assert found.resources is None and found.dropped == "RuntimeError: PassManager::run failed"


# ---- the choice by timing ----


def timing(ms: dict[Config, float], error: dict[Config, float] | None = None) -> Any:
    return lambda case, config: (ms[config], (error or {}).get(config, 1e-3))


def run_case(measure: Any, figures: list[Trial], incumbent: Config | None = None, over: Any = None) -> list[Trial]:
    return time_case(CASE, figures, LIMIT, incumbent, measure, over or (lambda: False))


def test_fastest_is_taken() -> None:
    done = run_case(timing({DEEP: 2.0, FLAT: 1.0, SMALL: 3.0}), [trial(DEEP), trial(FLAT), trial(SMALL)])
    best = fastest(done)
    assert best is not None and (best.config, best.ms, best.error) == (FLAT, 1.0, 1e-3)


def test_spilling_and_oversized_are_not_timed() -> None:
    figures = [trial(DEEP, spilled=8), trial(FLAT, shared=LIMIT + 1), Trial("9.0", CASE, SMALL, None)]
    assert run_case(timing({}), figures) == [] and fastest([]) is None


@pytest.mark.parametrize("error", [0.5, float("nan"), float("inf")])
def test_wrong_results_are_dropped_and_named(error: float) -> None:
    done = run_case(timing({DEEP: 1.0, FLAT: 2.0}, {DEEP: error}), [trial(DEEP), trial(FLAT)])
    best = fastest(done)
    assert best is not None and best.config == FLAT
    assert done[0].dropped == f"wrong result: relative error {error:.1e}"
    assert f"dropped {list(DEEP)}: wrong result" in tune.report(CASE, done)


def test_a_launch_that_fails_is_dropped_and_a_lost_card_stops() -> None:
    def measure(case: Case, config: Config) -> tuple[float, float]:
        if config == DEEP:
            raise RuntimeError("out of resource: shared memory")
        return 1.0, 1e-3

    done = run_case(measure, [trial(DEEP), trial(FLAT)])
    assert done[0].dropped == "RuntimeError: out of resource: shared memory" and done[1].ms == 1.0

    def lose(case: Case, config: Config) -> tuple[float, float]:
        raise RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered")

    with pytest.raises(CardLostError, match=r"64/64 half pass_b \[64, 64, 64, 4, 2\]: .* illegal memory"):
        run_case(lose, [trial(DEEP)])


def test_incumbent_is_timed_first_so_that_running_out_of_time_never_makes_it_worse() -> None:
    clock = iter([False, True])
    done = run_case(timing({FLAT: 5.0}), [trial(DEEP), trial(FLAT), trial(SMALL)], FLAT, lambda: next(clock))
    assert [t.config for t in done] == [FLAT]


def test_cases_are_timed_in_order_until_time_is_over() -> None:
    wanted, now = cases()[:5], 0.0

    def measure(case: Case, config: Config) -> tuple[float, float]:
        nonlocal now
        now += 1.0
        return 1.0, 1e-3

    figures = iter(trial(config, case=case) for case in wanted for group in candidates(case) for config in group)
    sizes = [sum(map(len, candidates(case))) for case in wanted]
    seconds = sizes[0] + sizes[1] + 3
    done = list(time_cases(wanted, "9.0", figures, lambda case: None, measure, lambda: now >= seconds))
    assert [case for case, _ in done] == wanted[:3]
    assert [len(trials) for _, trials in done] == [sizes[0], sizes[1], 3] and now == seconds


def test_waiting_for_the_compiler_ends_with_the_time() -> None:
    def figures() -> Iterator[Trial]:
        yield trial(DEEP)
        raise PoolTimeout

    assert list(time_cases(cases()[:2], "9.0", figures(), lambda case: None, timing({}), lambda: False)) == []


ON_DEVICE = """
import torch
from attngan_kernels.backends.triton import backend as triton_backend
from attngan_kernels.tooling import tune_timing
from attngan_kernels.backends.triton.configs import Config
from attngan_kernels.tooling.tune_candidates import Case

tune_timing.LENGTH, tune_timing.HEADS, tune_timing.CHECKED = 20, {torch.float32: 1}, (1, 19, 44)
tune_timing.CHECKED_PLAIN = tune_timing.CHECKED
launched = []
config, case = Config(16, 16, 32, 4, 1), Case(32, 32, torch.float32, "pass_c")
measure = tune_timing.OnDevice("cpu", lambda *_: config, bench=lambda launch: (launched.append(launch()), 1.5)[1])
ms, error = measure(case, Config(32, 16, 16, 4, 1))
assert ms == 1.5 and error < 1e-5 and len(launched) == 1, (ms, error)
right = triton_backend.double_backward
triton_backend.double_backward = lambda *a: (*right(*a)[:3], 1.1 * right(*a)[3], right(*a)[4])
ms, error = measure(case, config)
assert ms != ms and 0.09 < error < 0.11 and len(launched) == 1, (ms, error)
"""


def test_a_wrong_kernel_is_recognised() -> None:
    env = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, "-c", ON_DEVICE], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---- the table ----


def test_a_new_card_takes_what_fits_any_for_the_rest() -> None:
    other = {"config": [1], "registers": 1, "spilled": 0, "shared": 1, "chosen": "compiled"}
    table: tune_table.Table = {"any": {"64/64 half pass_a": other, CASE.key: other}}
    tune_table.accept(table, "8.9", CASE, trial(DEEP)._replace(ms=1.23456))
    assert table["8.9"]["64/64 half pass_a"] == other and table["any"][CASE.key] == other
    expected = {"config": list(DEEP), "registers": 200, "spilled": 0, "shared": 1000, "chosen": "timed", "ms": 1.2346}
    assert table["8.9"][CASE.key] == expected
    tune_table.accept(table, "8.9", CASE, None)
    assert table["8.9"][CASE.key] == expected
    assert tune_table.incumbent(table, "8.9", CASE) == DEEP
    assert tune_table.lookup(table, "8.9", 60, 33, torch.float16, "pass_b") == DEEP
    assert tune_table.lookup({}, "8.9", 60, 33, HALF, "pass_b") == SMALLEST


def test_table_is_read_back_and_has_an_entry_a_line(tmp_path: Path) -> None:
    table: tune_table.Table = {"any": {}, "10.0": {}, "9.0": {}}
    for card in table:
        for case in reversed(cases()):
            tune_table.set_entry(table, card, case, tune_table.entry(DEEP, Resources(1, 0, 2), "compiled"))
    tune_table.write_table(tmp_path / "triton_configs.json", table)
    text = (tmp_path / "triton_configs.json").read_text()
    read = json.loads(text)["cards"]
    assert list(read) == ["9.0", "10.0", "any"] and list(read["any"]) == [case.key for case in cases()]
    assert sum('"config"' in line for line in text.splitlines()) == text.count('"config"') == 3 * len(cases())
    assert configs.read_table(str(tmp_path / "triton_configs.json"))["10.0"][CASE.key] == DEEP
    assert [path.name for path in tmp_path.iterdir()] == ["triton_configs.json"]


@pytest.fixture
def fake_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A card 9.0 on which passes over keys take 2 ms and others 1 ms, less with more warps; the table in use."""
    old = {case.key: tune_table.entry(SMALL, Resources(9, 0, 9), "compiled") for case in cases()}
    tune_table.write_table(tmp_path / "old.json", {"any": old, "9.0": dict(old), "8.0": dict(old)})
    monkeypatch.setenv("ATTNGAN_KERNELS_TUNED", str(tmp_path / "old.json"))
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    for name, value in {"is_available": True, "get_device_capability": (9, 0), "get_device_name": "Fake H100"}.items():
        monkeypatch.setattr(torch.cuda, name, lambda value=value: value)

    class Device:
        def __init__(self, device: str, others: Any) -> None:
            pass

        def __call__(self, case: Case, config: Config) -> tuple[float, float]:
            if case.name == "pass_a":
                raise RuntimeError("CUDA error: lost")
            return (2.0 if case.name in configs.OVER_KEYS else 1.0) - config.warps / 100, 1e-5

    @contextmanager
    def figures(jobs: list[Any], workers: int, end: float) -> Iterator[Iterator[Trial]]:
        yield (Trial(*job, Resources(100, 0, 1000)) for job in jobs)

    monkeypatch.setattr(tune_timing, "OnDevice", Device)
    monkeypatch.setattr(tune, "compile_ahead", figures)
    return tmp_path


def test_timed_run_replaces_entries_of_its_card_and_reports_a_lost_card(
    fake_card: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune.main(["--out", str(fake_card / "new"), "--head-dim", "64", "--dtype", "half"]) == 1
    new = json.loads((fake_card / "new" / "triton_configs.json").read_text())["cards"]
    old = json.loads((fake_card / "old.json").read_text())["cards"]
    changed = [key for key, entry in new["9.0"].items() if entry != old["9.0"][key]]
    assert changed == [f"64/64 half {name}" for name in ("forward", "backward_rows", "backward_keys")]
    assert all(new["9.0"][key]["chosen"] == "timed" and new["9.0"][key]["config"][3] == 8 for key in changed)
    assert new["8.0"] == old["8.0"] and new["any"] == old["any"]
    report = json.loads((fake_card / "new" / "tuning.json").read_text())
    assert report["device"] == "Fake H100" and "64/64 half pass_a" in report["lost"]
    assert {t["case"] for t in report["trials"]} == set(changed)
    assert "CARD LOST: 64/64 half pass_a" in capsys.readouterr().err


def test_without_time_the_table_is_left_alone(fake_card: Path) -> None:
    assert tune.main(["--out", str(fake_card / "new"), "--seconds", "0"]) == 0
    assert not (fake_card / "new" / "triton_configs.json").exists()
    assert json.loads((fake_card / "new" / "tuning.json").read_text())["trials"] == []


class InProcess:
    """Stands in for a pool of processes."""

    def get_context(self, method: str) -> InProcess:
        return self

    def Pool(self, workers: int, maxtasksperchild: int) -> InProcess:  # noqa: N802
        return self

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def imap_unordered(self, work: Any, jobs: list[Any]) -> Iterator[Any]:
        return map(work, jobs)


def test_offline_run_writes_the_table_and_reports_spills(
    fake_card: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def examine(card: str, case: Case, config: Config, plain: bool = False) -> Resources:
        return Resources(255, 8 if case.name == "pass_c" and card == "8.0" else 0, 1000)

    monkeypatch.setattr(tune, "multiprocessing", InProcess())
    monkeypatch.setattr(tune_compile, "examine", examine)
    monkeypatch.setattr(os, "nice", lambda by: 0)
    out = fake_card / "new"
    options = ["--offline", "--card", "8.0", "10.0", "--head-dim", "64", "--head-dim-v", "64", "--dtype", "half"]
    assert tune.main(["--out", str(out), *options]) == 1
    assert capsys.readouterr().err.startswith("SPILLS: 8.0 64/64 half pass_c: Choice(config=Config(")
    cards = json.loads((out / "triton_configs.json").read_text())["cards"]
    assert list(cards) == ["8.0", "9.0", "10.0", "any"] and all(len(c) == len(cases()) for c in cards.values())
    changed = {key for key, entry in cards["10.0"].items() if entry["config"] != list(SMALL)}
    assert changed == {f"64/64 half {name}" for name in passes(64, 64, HALF)}
    trials = json.loads((out / "tuning.json").read_text())["trials"]
    assert {t["card"] for t in trials} == {"8.0", "10.0"}
    options[options.index("8.0")] = "9.0"
    assert tune.main(["--out", str(out), *options]) == 0


def test_filters() -> None:
    options = Namespace(dtype=["float32"], head_dim=[128], head_dim_v=[64, 256])
    found = tune.wanted_cases(options)
    assert {c.key for c in found} == {f"128/{d} float32 {n}" for d in (64, 256) for n in passes(128, d, WIDE)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--offline", "--card", "7.5"], "--card 7.5 is unknown: try 8.0, 9.0, 10.0, any"),
        (["--offline", "--head-dim", "48"], "--head-dim [48] --head-dim-v [] leave no case: try 64"),
        ([], "no CUDA device here: add --offline to choose by the compiler's figures alone"),
    ],
)
def test_mistakes_are_refused_in_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as stop:
        tune.main(["--out", str(tmp_path / "new"), *arguments])
    assert stop.value.code == 2 and capsys.readouterr().err == f"error: {message}\n"
    assert not (tmp_path / "new").exists()
