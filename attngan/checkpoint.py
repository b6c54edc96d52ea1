"""Run folders on disk: atomic writing, safetensors, config.json, and the trained generator that ships."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from attngan.config import NetworkConfig, RunConfig, TextConfig, TextToImageConfig
from attngan.errors import AttnGANError
from attngan.networks.build import DeployedPictures, Generator, build_generator, deploy
from attngan.networks.decoding import DeployedTextGenerator
from attngan_runtime.bundle import TOKENIZER
from attngan_runtime.generators.pixels import to_uint8
from attngan_runtime.saving import write_atomically
from attngan_runtime.tokenizers.prompts import Tokenizer

LIKELIHOOD = "likelihood.safetensors"  #: beside generator.safetensors: a text generator before D came in
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


def check_architecture(path: Path, saved: dict[str, Any] | None, network: NetworkConfig) -> None:
    """Raises AttnGANError naming the fields in which the networks saved at `path` differ from `network`.

    saved: the `network` of config.json when the file was written, or None if the file does not say.
    """
    if saved is None:
        return
    here = json.loads(json.dumps(asdict(network)))
    changed = [f"network.{name}: {saved.get(name)} → {now}" for name, now in here.items() if saved.get(name) != now]
    if changed:
        raise AttnGANError(
            path,
            f"of another architecture than the config.json beside it ({'; '.join(changed)})",
            "restore both, or use another --out",
        )


@dataclass
class LoadedGenerator:
    """A trained generator in PyTorch, in float32."""

    name: str
    config: RunConfig
    network: DeployedPictures
    tokenizer: Tokenizer | None = None  #: of a generator that draws from words

    @torch.no_grad()
    def draw(
        self, seeds: list[int], labels: Sequence[int] | np.ndarray | None = None, truncation: float = 1.0,
        batch: int = 64,
    ) -> np.ndarray:  # fmt: skip
        """uint8 [B, H, W, C] (RGBA with straight alpha) for seeds in 0 … 2³²−1.

        labels: a row a seed; classes, or conditions int64 [B, 1 + L] of a generator that draws from words; None for
        others.
        """
        rows = None if labels is None else torch.as_tensor(labels, dtype=torch.int64)
        pictures = []
        for start in range(0, len(seeds), batch):
            part = torch.tensor(seeds[start : start + batch], dtype=torch.int64)
            some = None if rows is None else rows[start : start + batch]
            pictures.append(self.network.from_seed(part, some, torch.full((len(part),), truncation)))
        return to_uint8(torch.cat(pictures).numpy())


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


def find_run(run_or_name: str) -> Path:
    """The folder of a run, or of a shipped generator of that name; AttnGANError naming the shipped ones."""
    folder = Path(run_or_name)
    if not folder.is_dir() and (PRETRAINED / run_or_name / "config.json").is_file():
        return PRETRAINED / run_or_name
    if not folder.is_dir():
        shipped = ", ".join(sorted(path.parent.name for path in PRETRAINED.glob("*/config.json")))
        raise AttnGANError(run_or_name, f"no such run folder, nor a shipped generator ({shipped})", "check the path")
    return folder


def load_generator(run_or_name: str) -> LoadedGenerator:
    """The averaged generator of pictures of a run folder or of a shipped NAME, ready to draw (float32, CPU, eval mode).

    Raises AttnGANError if it is damaged, or writes sentences (see `attngan.generators.sentences`).
    """
    folder = find_run(run_or_name)
    config = load_config(folder)
    if isinstance(config.network, TextConfig):
        raise AttnGANError(run_or_name, "writes sentences, where pictures are wanted", "name a generator that draws")
    deployed = deploy(load_network(config, folder / "generator.safetensors")).eval().requires_grad_(False)
    assert not isinstance(deployed, DeployedTextGenerator)
    return LoadedGenerator(folder.resolve().name, config, deployed, _load_tokenizer(folder, config))


def load_network(config: RunConfig, path: Path) -> Generator:
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


def _load_tokenizer(folder: Path, config: RunConfig) -> Tokenizer | None:
    """tokenizer.json of a run that draws from words; AttnGANError if it is missing or of another vocabulary."""
    if not isinstance(config.network, TextToImageConfig):
        return None
    path = folder / TOKENIZER
    tokenizer = Tokenizer.from_json(read_tokenizer(folder), str(path))
    if (tokenizer.size, tokenizer.length) != (config.network.vocabulary, config.network.length):
        raise AttnGANError(path, "not the vocabulary that config.json beside it names", "restore both")
    return tokenizer
