"""Which bundles run where: each under each minor version of ONNX Runtime since 1.24, on this machine's processor.

    python bench/compatibility.py      writes bench/results/compatibility.json and the tables of docs/compatibility.md

Bundles are the shipped ones, the same exported with `--target portable`, and those that earlier commits wrote
(tests/runtime/kept). Of each version it is the newest patch that PyPI or npm has; npm lacks some versions. Each cell is
a process of its own. Everything is installed into a temporary folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from compatibility_installs import (
    ROOT,
    InstallError,
    install_environment,
    install_module,
    install_wheel,
    lowest,
    newest_patches,
    npm_versions,
    pip_versions,
    requirements,
)
from output import markdown_table, write_json

from attngan_export.versions import device
from attngan_runtime.bundle import find_bundle, shipped_names

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results/compatibility.json", ROOT / "docs/compatibility.md"
KEPT = ROOT / "tests/runtime/kept"
#: Wheel, provider, and why it is not run here, if it isn't.
WHEELS = (
    ("onnxruntime", "CPUExecutionProvider", None),
    ("onnxruntime-openvino", "OpenVINOExecutionProvider", None),
    ("onnxruntime-gpu", "CUDAExecutionProvider", "no GPU here"),
)
MODULES = ("onnxruntime-node", "onnxruntime-web")
ENVIRONMENTS = (("3.11", "lowest"), ("3.11", "newest"), ("3.12", "lowest"), ("3.12", "newest"), ("3.13", "newest"))
_LONGEST = 120  # seconds a cell; most take one

Cell = dict[str, Any]
Cells = dict[str, Cell]
Ask = Callable[[Path], Cell]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        bundles = all_bundles(place)
        figures = {
            "device": device(), "bundles": list(bundles),
            "runtimes": [*wheels(bundles, place), *modules(bundles, place)], "environments": environments(place),
        }  # fmt: skip
    write_json(RESULTS, figures)
    write_page(figures)


def all_bundles(place: Path) -> dict[str, Path]:
    """Folders by the name of their column."""
    from attngan.checkpoint import PRETRAINED
    from attngan_export.export import export_generator

    found = {name: find_bundle(name) for name in shipped_names()}
    for name in shipped_names():
        folder = place / f"{name}-portable"
        export_generator(str(PRETRAINED / name), folder, target="portable", precision="fp16-weights")
        found[f"{name}, portable"] = folder
    kept = sorted(path.with_suffix("") for path in KEPT.glob("*.json"))
    return found | {f"kept: {folder.name}": folder for folder in kept}


def wheels(bundles: dict[str, Path], place: Path) -> list[dict[str, Any]]:
    """A row for each version of ONNX Runtime's wheels."""
    rows: list[dict[str, Any]] = []
    for package, provider, absent in WHEELS:
        versions = newest_patches(pip_versions(package))
        for version in versions[-1:] if absent else versions:
            folder = place / "wheel"
            install = partial(install_wheel, package, version, folder)
            ask = partial(python_cell, sys.executable, {"PYTHONPATH": str(folder)}, provider)
            cells = {name: {"reason": absent} for name in bundles} if absent else row(install, ask, bundles)
            record(rows, folder, runtime=package, version=version, provider=provider, cells=cells)
    return rows


def modules(bundles: dict[str, Path], place: Path) -> list[dict[str, Any]]:
    """A row for each version of ONNX Runtime's npm packages."""
    rows: list[dict[str, Any]] = []
    for package in MODULES:
        for version in newest_patches(npm_versions(package)):
            folder = place / "module"
            install = partial(install_module, package, version, folder)
            ask = partial(node_cell, folder / "node_modules" / package)
            provider = "wasm" if package == "onnxruntime-web" else "CPU"
            cells = row(install, ask, bundles)
            record(rows, folder, runtime=package, version=version, provider=provider, cells=cells)
    return rows


def environments(place: Path) -> list[dict[str, Any]]:
    """A row for each interpreter with the lowest and the newest versions that pyproject.toml allows."""
    rows: list[dict[str, Any]] = []
    shipped = {name: find_bundle(name) for name in shipped_names()}
    for python, which in ENVIRONMENTS:
        folder = place / "environment"
        wanted = [lowest(each) if which == "lowest" else each for each in requirements()]
        install = partial(install_environment, python, wanted, folder)
        ask = partial(command_cell, str(folder / "bin" / "python"), {"PYTHONPATH": str(ROOT / "export")}, place)
        record(rows, folder, python=python, versions=which, wanted=wanted, cells=row(install, ask, shipped))
    return rows


def record(rows: list[dict[str, Any]], folder: Path, **found: Any) -> None:
    """Adds a row and prints it, and removes what it was measured in."""
    rows.append(found)
    shutil.rmtree(folder, ignore_errors=True)
    print(found, flush=True)


def row(install: Callable[[], object], ask: Ask, bundles: dict[str, Path]) -> Cells:
    """A cell for each bundle; all say the same if the version can't be installed."""
    try:
        install()
    except InstallError as error:
        return {name: {"reason": f"can't be installed: {error}"} for name in bundles}
    return {name: _without_paths(ask(folder), folder) for name, folder in bundles.items()}


def _without_paths(cell: Cell, folder: Path) -> Cell:
    """The cell, whose reason names neither folders of this machine nor places in ONNX Runtime's source."""
    if "reason" not in cell:
        return cell
    reason = re.sub(rf"^{re.escape(str(folder))}\S*: ", "", cell["reason"])
    return {"reason": re.sub(r":? /\S+:\d+ .*", " …", reason)[:200]}


def python_cell(python: str, environment: dict[str, str], provider: str, bundle: Path) -> Cell:
    return answer([python, str(HERE / "compatibility_cell.py"), provider, str(bundle)], environment)


def node_cell(package: Path, bundle: Path) -> Cell:
    return answer(["node", str(HERE / "compatibility_cell.mjs"), str(package), str(bundle)], {})


def command_cell(python: str, environment: dict[str, str], place: Path, bundle: Path) -> Cell:
    """The golden sample, once `attngan-run` has drawn a grid or written sentences there, with click and Pillow."""
    words = ["--prompt", "red heart"] if bundle.name == "emoji-64" else []
    out = place / "drawn"
    command = [python, "-m", "attngan_runtime.cli", str(bundle), "--seeds", "0-1", *words, "--out", f"{out}.png"]
    made = _run(command, environment)
    if isinstance(made, str) or made.returncode:
        return {"reason": made if isinstance(made, str) else _last_line(made)}
    return python_cell(python, environment, "CPUExecutionProvider", bundle)


def answer(command: Sequence[str], environment: dict[str, str]) -> Cell:
    """What a cell's process prints last, or how it ended."""
    done = _run(command, environment)
    if isinstance(done, str):
        return {"reason": done}
    try:
        found: Cell = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return {"reason": _last_line(done)}
    return found


def _run(command: Sequence[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str] | str:
    """A process that ended by itself, or why it didn't."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST, env=os.environ | environment)
    except subprocess.TimeoutExpired:
        return f"no answer in {_LONGEST} s"
    return f"ended by signal {-done.returncode}" if done.returncode < 0 else done


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip().splitlines() or ["no output"])[-1][:200]


def write_page(figures: dict[str, Any]) -> None:
    """Puts the tables into the page, between its marks."""
    text = PAGE.read_text(encoding="utf-8")
    columns = figures["bundles"]
    rows = [
        (f"{row['runtime']} {row['version']}", _provider(row["provider"]), row["cells"]) for row in figures["runtimes"]
    ]
    shipped = [name for name in columns if name in figures["environments"][0]["cells"]]
    lines = [(f"Python {row['python']}", row["versions"], row["cells"]) for row in figures["environments"]]
    for mark, table in {
        "runtimes": markdown(("runtime", "provider"), columns, rows),
        "environments": markdown(("interpreter", "versions"), shipped, lines),
    }.items():
        start, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->"
        before, _, rest = text.partition(start)
        assert end in rest, f"{PAGE}: has no {start.strip()} with {end} after it"
        text = before + start + table + "\n" + end + rest.partition(end)[2]
    PAGE.write_text(text, encoding="utf-8")


def markdown(first: tuple[str, str], columns: Sequence[str], rows: Sequence[tuple[str, str, Cells]]) -> str:
    """A table, with each long reason as a note below it."""
    notes: list[str] = []
    shown = [[*row[:2], *(_cell_text(row[2][name], notes) for name in columns)] for row in rows]
    lines = markdown_table([*first, *columns], shown, len(columns))
    return "\n".join([*lines, "", *(f"{number}. {note}" for number, note in enumerate(notes, 1))]).rstrip()


def _cell_text(cell: Cell, notes: list[str]) -> str:
    if "difference" in cell:
        difference = cell["difference"]
        return f"{difference:.1g}".replace("e-0", "e-") if cell["within"] else f"**{difference:.2g}**"
    if cell["reason"] not in notes:
        notes.append(cell["reason"])
    return f"— ({notes.index(cell['reason']) + 1})"


def _provider(name: str) -> str:
    return name.removesuffix("ExecutionProvider")


if __name__ == "__main__":
    main()
