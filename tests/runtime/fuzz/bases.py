"""The bundles that fuzzing starts from, as the bytes of their files; and how a changed sidecar is signed again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from attngan_runtime.bundle import MODEL, SIDECAR, TOKENIZER, find_bundle, shipped_names, write_sidecar
from tests.runtime.conftest import CLASSES, make_sidecar, model_bytes
from tests.runtime.sentences_bundle import write_sentences_bundle
from tests.runtime.words_bundle import write_words_bundle

SMALL = ("waves", "noise", "words", "writer")  #: of some kilobytes
_UNSIGNED = "0" * 64

Files = dict[str, bytes]


def write_bases(folder: Path) -> None:
    """Writes the small ones for `read_bases`: their golden samples need ONNX Runtime, and what ran it forks badly."""
    write_words_bundle(folder / "words")
    write_sentences_bundle(folder / "writer")
    for name, classes in (("waves", CLASSES), ("noise", [])):
        model = model_bytes((1, 8, 8), bool(classes), name == "noise")
        (folder / name).mkdir()
        (folder / name / MODEL).write_bytes(model)
        write_sidecar(folder / name, make_sidecar(model, (1, 8, 8), classes, name == "noise"))


def read_bases(folder: Path) -> dict[str, Files]:
    """The files of the small bundles in `folder`, and of the shipped ones, by name."""
    folders = [folder / name for name in SMALL] + [find_bundle(name) for name in shipped_names()]
    wanted = (MODEL, SIDECAR, TOKENIZER)
    return {
        place.name: {name: (place / name).read_bytes() for name in wanted if (place / name).exists()}
        for place in folders
    }


def unsigned(files: Files) -> dict[str, Any]:
    """The sidecar of these files with their hashes, its own not among them: `signed` adds that."""
    sidecar = json.loads(files[SIDECAR])
    for name in sidecar["files"]:
        sidecar["files"][name] = hashlib.sha256(files[name]).hexdigest()
    return dict(sidecar) | {"sha256": _UNSIGNED}


def signed(text: str) -> bytes:
    """A sidecar's text with its own hash in it, where there is room for one."""
    data = text.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest()
    return data.replace(_UNSIGNED.encode(), digest.encode(), 1)


def write(folder: Path, files: Files) -> None:
    """Makes `folder` hold these files and no others."""
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
