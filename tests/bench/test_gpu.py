"""The GPU script's sequence: budgets, failures by name, one folder; here with stand-ins for its stages."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import gpu
import pytest
import torch

needs_no_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")


def stage(name, code, seconds=10.0):
    return gpu.Stage(name, [sys.executable, "-c", code], seconds)


@needs_no_cuda
def test_without_cuda_one_line_and_exit_code_2():
    # The package isn't importable there until the stages' environment has its path.
    code = (
        "import sys, runpy; sys.modules['attngan_kernels'] = None; runpy.run_path(sys.argv.pop(), run_name='__main__')"
    )
    env = {**os.environ, "PYTHONPATH": str(gpu.BENCH)}
    done = subprocess.run([sys.executable, "-c", code, gpu.__file__], capture_output=True, text=True, env=env)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.splitlines() == ["error: no CUDA device; run this on a machine with one, or add --rehearse"]


def test_failures_and_overruns_are_named_and_the_next_stage_runs(tmp_path, capfd):
    slow = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(30)'])"
    todo = [stage("broken", "print('seen'); exit(3)"), stage("slow", slow, 1.0), stage("last", "print('last')")]
    began = time.monotonic()
    done = gpu.run_all(todo, tmp_path, rehearse=True)
    assert time.monotonic() - began < 8  # the slow one's child was killed with it
    assert [d["status"] for d in done] == ["failed with exit code 3", "overran 1 s", "ok"]
    record = json.loads((tmp_path / "gpu.json").read_text())
    assert record["stages"] == done and record["device"]["name"] and record["versions"]["torch"] == torch.__version__
    assert (tmp_path / "gpu.log").read_text().split("\n")[1] == "seen" and "last" in capfd.readouterr().out


def test_the_total_is_kept(tmp_path):
    todo = [stage("long", "import time; time.sleep(30)", 20), stage("late", "pass")]
    done = gpu.run_all(todo, tmp_path, rehearse=True, total=0.5)
    assert [d["status"][:7] for d in done] == ["overran", "not run"]


def test_the_tuned_table_reaches_the_benchmark_and_an_old_one_does_not(tmp_path, monkeypatch):
    monkeypatch.setenv(gpu.TUNED, "of another run")
    (tmp_path / gpu.TABLE).write_text("old")
    show = f"import os; print('table', os.environ.get('{gpu.TUNED}'), os.environ['TRITON_INTERPRET'])"
    write = f"open({str(tmp_path / gpu.TABLE)!r}, 'w').write('new')"
    gpu.run_all([stage("first", show), stage("tune", write), stage("bench", show)], tmp_path, rehearse=True)
    lines = [line for line in (tmp_path / "gpu.log").read_text().splitlines() if line.startswith("table")]
    assert lines == ["table None 1", f"table {tmp_path / gpu.TABLE} 1"]


def test_the_stages_fit_into_eight_minutes(tmp_path):
    todo = gpu.stages(tmp_path, rehearse=False)
    assert [s.name for s in todo] == ["selfcheck", "tune", "bench"]
    assert gpu.TOTAL_SECONDS < 480 and sum(s.seconds for s in todo[:2]) <= gpu.TOTAL_SECONDS - 230
    assert todo[0].command[2:] == ["-m", "attngan_kernels.selfcheck", "--device", "cuda", "--out", str(tmp_path)]


def test_a_stage_is_told_how_long_it_may_plan(tmp_path):
    told = gpu.Stage("told", [sys.executable, "-c", "import sys; print(sys.argv[1])", gpu.SECONDS], 20.0)
    gpu.run_all([told], tmp_path, rehearse=True)
    assert (tmp_path / "gpu.log").read_text().splitlines()[-1] == "15"


def test_rehearsal(tmp_path, monkeypatch):
    """The real benchmark at tiny shapes, after stand-ins for the stages of the kernels package."""
    real = gpu.stages(tmp_path, rehearse=True)
    monkeypatch.setattr(gpu, "stages", lambda out, rehearse: [stage("selfcheck", ""), stage("tune", ""), bench])
    bench = real[2]._replace(command=[*real[2].command, "--shapes", "B1 H2 N64 d32", "--contenders", "blockwise"])
    assert "--quick" in bench.command
    assert gpu.main(["--rehearse", "--out", str(tmp_path)]) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"attention.json", "gpu.json", "gpu.log"}
    assert json.loads(Path(tmp_path / "gpu.json").read_text())["rehearsal"] is True


@pytest.mark.slow
def test_rehearsal_of_everything(tmp_path):
    assert gpu.main(["--rehearse", "--out", str(tmp_path)]) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"selfcheck.json", gpu.TABLE, "attention.json", "gpu.json", "gpu.log"}
