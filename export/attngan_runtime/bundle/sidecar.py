"""The sidecar `model.onnx.json`: what a generator takes, gives and promises. Described in docs/bundle.md."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from attngan_runtime.bundle.rules import sidecar_problem
from attngan_runtime.bundle.spec import FORMAT_VERSION, SIDECAR
from attngan_runtime.bundle.strict_json import read_json
from attngan_runtime.errors import AttnGANError, first_line
from attngan_runtime.saving import write_atomically

_UNSIGNED = "0" * 64
# Devices on Windows, in any folder and with any ending.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def golden_indices(size: int, count: int = 64) -> list[int]:
    """`count` flat indices into an output of `size` values, evenly spaced from the first to the last.

    The step is no multiple of the width, so that they fall on every column and not on the left border alone.
    """
    return [i * (size - 1) // (count - 1) for i in range(count)]


def validate_sidecar(sidecar: Any, where: str = SIDECAR) -> None:
    """Raises AttnGANError, beginning with `where`, unless `sidecar` is one of format 1 that contradicts itself nowhere.

    Its own `sha256` may still be missing: `write_sidecar` adds it.
    """
    if not isinstance(sidecar, dict):
        raise AttnGANError(where, "is not the sidecar of a bundle", "export the generator again")
    _check_version(sidecar, where)
    if isinstance(sidecar.get("files"), dict):
        _check_file_names(list(sidecar["files"]), where)
    problem = sidecar_problem(sidecar)
    if problem:
        raise AttnGANError(where, problem, "export the generator again")


def write_sidecar(folder: str | Path, sidecar: dict[str, Any]) -> Path:
    """Validates `sidecar`, adds its `sha256` and writes it into `folder` in one step; returns the path."""
    path = Path(folder) / SIDECAR
    validate_sidecar(sidecar, str(path))
    unsigned = {"format_version": FORMAT_VERSION, "sha256": _UNSIGNED}
    signed = unsigned | {key: value for key, value in sidecar.items() if key not in unsigned}
    text = json.dumps(signed, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # Lists of numbers on one line each: 128 golden values would otherwise take 128 lines.
    data = re.sub(r"\[\n[\s\d.,eE+-]*\]", lambda m: re.sub(r"\n\s*", "", m[0]).replace(",", ", "), text).encode()
    data = data.replace(_UNSIGNED.encode(), sha256_of(data).encode(), 1)
    write_atomically(path, data)
    return path


def parse_sidecar(data: bytes, where: str = SIDECAR) -> dict[str, Any]:
    """The sidecar in the bytes of its file. Raises AttnGANError if they are cut short, changed or invalid."""
    try:
        sidecar = read_json(data)
    except ValueError as error:
        reason = first_line(error)
        raise AttnGANError(where, f"is not JSON or is cut short ({reason})", "copy the bundle again") from None
    if isinstance(sidecar, dict):
        _check_version(sidecar, where)
        _check_own_hash(sidecar.get("sha256"), data, where)
    validate_sidecar(sidecar, where)
    return sidecar


def sha256_of(source: str | Path | bytes) -> str:
    """SHA-256 of bytes, or of the file at a path, in 64 lower-case hex digits."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with open(source, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_version(sidecar: dict[str, Any], where: str) -> None:
    version = sidecar.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        raise AttnGANError(
            where,
            f"format_version is {json.dumps(version)[:40]} and this attngan reads {FORMAT_VERSION}",
            "install the attngan that wrote it, or a newer one, or export the generator again",
        )


def _check_own_hash(own: Any, data: bytes, where: str) -> None:
    """`own` is the hash of the file with these 64 digits as zeros, and with \\n where git on Windows writes \\r\\n."""
    text = data.replace(b"\r\n", b"\n")
    if not isinstance(own, str) or sha256_of(text.replace(own.encode(), _UNSIGNED.encode(), 1)) != own:
        raise AttnGANError(
            where, "its text does not match its sha256, so it was changed or damaged", "copy the bundle again"
        )


def _check_file_names(names: list[str], where: str) -> None:
    """Plain names only: '../x', '/x', 'C:x', 'x\\y' and 'NUL' can all lead out of the bundle on some system.

    The same on every system, so that a bundle is one everywhere: Windows and macOS take 'X' for 'x', Windows 'x.' too.
    """
    for name in names:
        plain = re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,253}[A-Za-z0-9_-])?", name) and not _RESERVED.match(name)
        if not plain or name.lower() == SIDECAR:
            raise AttnGANError(
                where,
                f"file name {json.dumps(name)[:80]} leads out of the bundle or is no plain name",
                "do not use this bundle unless you trust its source, and export the generator again",
            )
    if len({name.lower() for name in names}) < len(names):
        raise AttnGANError(
            where,
            "two of its files differ in capitals alone, which are one file on Windows and macOS",
            "export the generator again",
        )
