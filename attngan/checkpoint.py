"""Files of a run folder: atomic writing, safetensors with checksums, config.json, weights, tokenizer.json."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from attngan.config import RunConfig
from attngan.errors import AttnGANError
from attngan.networks import build_generator
from attngan_runtime.bundle import TOKENIZER
from attngan_runtime.saving import write_atomically

GENERATOR = "generator.safetensors"  #: the averaged generator that is kept
LIKELIHOOD = "likelihood.safetensors"  #: beside it: a text generator before D came in
PRETRAINED = Path(__file__).parent / "pretrained"


def save_tensors(
    path: Path, tensors: dict[str, Tensor], about: dict[str, Any] | None = None, keep_as: Path | None = None
) -> None:
    """Writes a safetensors file with a checksum by `write_atomically`.

    about: JSON values kept beside the tensors, and covered by the checksum with them.
    """
    about = about or {}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # One entry: safetensors writes several in random order, and equal runs should give equal files.
    text = json.dumps({"about": about, "sha256": _checksum(tensors, about)})
    write_atomically(path, save(tensors, {"attngan": text}), keep_as)


def load_tensors(
    path: Path, remedy: str = "restore a copy", *, checked: bool = False
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors of a safetensors file and what `save_tensors` kept beside them.

    checked: whether a file without a checksum, as other programs write it, counts as damaged.
    Raises DamagedFileError with the remedy if the file is torn, is not one, or differs from its checksum.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            kept = json.loads((file.metadata() or {}).get("attngan", "{}"))
    except FileNotFoundError:
        raise AttnGANError(path, "no such file", "train first, or name another run") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise DamagedFileError(path, f"truncated or damaged ({error})", remedy) from None
    if "fingerprint" in kept:  # what checkpoints held before they had checksums
        raise AttnGANError(path, "written by an older attngan, which this one can't go on from", "use another --out")
    about = kept.get("about", {})
    if (checked or "sha256" in kept) and kept.get("sha256") != _checksum(tensors, about):
        raise DamagedFileError(path, "damaged (its checksum differs)", remedy)
    return tensors, about


def load_about(path: Path) -> dict[str, Any]:
    """What `save_tensors` kept beside the tensors, which are not read; empty if the file is missing or damaged."""
    try:
        with safe_open(path, framework="np") as file:
            about = json.loads((file.metadata() or {}).get("attngan", "{}")).get("about", {})
    except (SafetensorError, OSError, ValueError, AttributeError):
        return {}
    return about if isinstance(about, dict) else {}


class DamagedFileError(AttnGANError):
    """A file that is not what was written; one before it may still serve."""


def _checksum(tensors: dict[str, Tensor], about: dict[str, Any]) -> str:
    """SHA-256 in hex of names, dtypes, shapes, bytes and `about`."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(repr((name, str(tensor.dtype), tuple(tensor.shape))).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def check_architecture(path: Path, saved: dict[str, Any] | None, network: Any) -> None:
    """Raises AttnGANError naming the fields in which the networks saved at `path` differ from `network`.

    saved: the `network` of config.json when the file was written, or None if the file does not say.
    """
    if saved is None:
        return
    here = json.loads(json.dumps(asdict(network)))
    # A field that came later has its default in what was saved before.
    saved = {entry.name: entry.default for entry in fields(network) if entry.default is not MISSING} | saved
    changed = [f"network.{name}: {saved.get(name)} → {now}" for name, now in here.items() if saved.get(name) != now]
    if changed:
        raise AttnGANError(
            path,
            f"of another architecture than the config.json beside it ({'; '.join(changed)})",
            "restore both, or use another --out",
        )


def load_config(folder: Path) -> RunConfig:
    """config.json of a run folder; AttnGANError if there is none."""
    try:
        return RunConfig.from_json((folder / "config.json").read_text(), folder / "config.json")
    except (FileNotFoundError, NotADirectoryError):
        raise AttnGANError(
            folder, "no run folder (it has no config.json)", "name one written by attngan train"
        ) from None
    except UnicodeDecodeError:
        raise AttnGANError(folder / "config.json", "not text", "restore it or start a new run") from None


def load_network(config: RunConfig, path: Path) -> nn.Module:
    """The generator of a run with the weights in a file of it, in float32; AttnGANError if they don't fit."""
    generator = build_generator(config.network)
    tensors, about = load_tensors(path)
    check_architecture(path, about.get("network"), config.network)
    try:
        generator.load_state_dict({name: value.float() for name, value in tensors.items()})
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise AttnGANError(path.parent, f"{path.name} does not fit config.json ({reason})", "restore both") from None
    return generator


def read_tokenizer(folder: Path) -> bytes:
    """The content of tokenizer.json of a run; AttnGANError if it is missing."""
    try:
        return (folder / TOKENIZER).read_bytes()
    except OSError as error:
        raise AttnGANError(
            folder / TOKENIZER, f"{error.strerror}", "restore it, for without it no words can be read"
        ) from None
