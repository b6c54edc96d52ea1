"""Versions of ONNX Runtime that the registries have, each installed into a folder that the caller removes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

OLDEST = (1, 24)  #: of ONNX Runtime: older ones read external data from anywhere
ROOT = Path(__file__).parent.parent


class InstallError(Exception):
    """What kept a version from being installed, in one line."""


def newest_patches(versions: Iterable[str]) -> list[str]:
    """One version of each minor from `OLDEST` on, oldest first; without what is no release."""
    found: dict[tuple[int, ...], tuple[int, ...]] = {}
    for text in versions:
        if re.fullmatch(r"\d+\.\d+\.\d+", text):
            version = tuple(map(int, text.split(".")))
            found[version[:2]] = max(version, found.get(version[:2], version))
    return [".".join(map(str, version)) for minor, version in sorted(found.items()) if minor >= OLDEST]


def pip_versions(package: str) -> list[str]:
    """All that this Python can install."""
    said = run([sys.executable, "-m", "pip", "index", "versions", package])
    return said.partition("Available versions:")[2].partition("\n")[0].strip().split(", ")


def npm_versions(package: str) -> list[str]:
    return list(json.loads(run(["npm", "view", package, "versions", "--json"])))


def install_wheel(package: str, version: str, folder: Path) -> None:
    """Without what it depends on: numpy is this environment's, and the rest is for other uses."""
    run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), f"{package}=={version}"])


def install_module(package: str, version: str, folder: Path) -> Path:
    """The package's own folder. Scripts are ignored: onnxruntime-node's fetches CUDA."""
    command = [
        "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder),
        f"{package}@{version}",
    ]  # fmt: skip
    run(command)
    return folder / "node_modules" / package


def install_environment(python: str, wanted: Sequence[str], folder: Path) -> Path:
    """A virtual environment of an interpreter such as `3.12`, with what is wanted; returns its interpreter."""
    # PYENV_VERSION: where pyenv keeps several, `python3.12` is found, but starts only when it is told so.
    run([f"python{python}", "-m", "venv", str(folder)], {"PYENV_VERSION": python})
    inside = folder / "bin" / "python"
    run([str(inside), "-m", "pip", "install", "-q", *wanted])
    return inside


def requirements() -> list[str]:
    """What a user of the runtime installs: the project's own dependencies and those of its extra `cpu`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["cpu"]]


def lowest(requirement: str) -> str:
    """`numpy>=1.26` → `numpy==1.26`; of what has no such version the first above, as of onnxruntime 1.24."""
    name, _, bound = requirement.partition(">=")
    versions = [text for text in pip_versions(name) if re.fullmatch(r"[\d.]+", text)]
    least = min(numbers for text in versions if (numbers := _numbers(text)) >= _numbers(bound))
    return f"{name}=={'.'.join(map(str, least))}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    """What a command prints. Raises InstallError with the last line of what went wrong."""
    silent = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONPATH": ""}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=600, env=os.environ | silent | (environment or {})
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(str(error).splitlines()[0][:200]) from None
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if "error" in line.lower()]
        raise InstallError(re.sub(r"\S*://\S*", "…", lines[-1] if lines else "no reason given").strip()[:200])
    return done.stdout
