"""What two run folders, or two folders of outputs, don't have in common: a line for each difference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.interface.kept import missing

#: What says of a bundle which versions wrote it, and which bytes; the bytes of model.onnx are compared themselves.
UNSIGNED = ("created_with", "sha256", "files")
#: TorchScript and torch.export name the classes of their networks; `attngan-export` compares what they compute.
BY_NAME_ALONE = (".pt", ".pt2")
MACHINE = "machine"


def differences(one: Path, other: Path) -> list[str]:
    """Files of `one` that `other` lacks, or has otherwise; JSON objects of `other` may have more keys."""
    names, others = files(one), files(other)
    found = [f"{name}: only in the {which}" for name in sorted(names ^ others) for which in [_side(name in names)]]
    for name in sorted(names & others):
        found += [f"{name}: {line}" for line in _unequal(one / name, other / name)]
    return found


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def read_tensors(path: Path) -> tuple[dict[str, tuple[Any, ...]], dict[str, Any]]:
    """(dtype, shape, bytes) of each tensor of a safetensors file by its name, and what attngan says beside them."""
    content = path.read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:begin])
    about = json.loads(header.pop("__metadata__", {}).get("attngan", "{}")).get("about", {})
    about.pop(MACHINE, None)
    return {
        name: (entry["dtype"], entry["shape"], content[begin:][slice(*entry["data_offsets"])])
        for name, entry in header.items()
    }, about


def _side(first: bool) -> str:
    return "base" if first else "working tree"


def _unequal(one: Path, other: Path) -> list[str]:
    if one.name == ".lock" or one.suffix in BY_NAME_ALONE:
        return []
    if one.suffix == ".safetensors":
        return _unequal_tensors(one, other)
    if one.read_bytes() == other.read_bytes():
        return []
    if one.name == "config.json":
        return missing(*(json.loads(path.read_text()) for path in (one, other)))
    if one.name == "model.onnx.json":
        return _unequal_objects(*(json.loads(path.read_text()) for path in (one, other)))
    return [f"other bytes ({one.stat().st_size:,} and {other.stat().st_size:,})"]


def _unequal_objects(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    keys = [key for key in one.keys() | other.keys() if key not in UNSIGNED]
    found = [f"{key}: {one.get(key)!r:.80} → {other.get(key)!r:.80}" for key in keys if one.get(key) != other.get(key)]
    return found + [f"{key}: gone" for key in UNSIGNED if key in one and key not in other]


def _unequal_tensors(one: Path, other: Path) -> list[str]:
    (tensors, about), (others, said) = read_tensors(one), read_tensors(other)
    found = [f"tensor {name}: only in the {_side(name in tensors)}" for name in sorted(tensors.keys() ^ others.keys())]
    found += [f"tensor {name}: other bits" for name in tensors if name in others and tensors[name] != others[name]]
    return found + missing(about, said)
