"""A run that begins with the weights of another generator."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from attngan.checkpoint import load_network, load_tensors, read_tokenizer
from attngan.config import RunConfig
from attngan.errors import AttnGANError
from attngan.generators.source import Source
from attngan.run_folder import EVENTS, read_lines
from attngan.training.state import CHECKPOINT, PREVIOUS, TrainingState, without_prefix
from attngan_runtime.tokenizers.word_level import UNKNOWN

BEGAN = "began from"  #: the event of a run that did
_CARRIED = ": the generator"  # in its detail, after the name of what it began from
_BY_DATA = ("classes", "styles", "vocabulary")  # fields of a network that the data decide
#: Ends of the names of weights with a row for each word, style or class, the longer ones first.
_TABLES = {"text.embedding.weight": "words", "style.weight": "styles", "embedding.weight": "classes"}

Names = dict[str, list[str]]


def check_beginning(source: Source, config: RunConfig) -> None:
    """AttnGANError unless the networks are alike in all that the data don't decide."""
    then, now = asdict(source.config.network), asdict(config.network)
    same_task = source.task == config.task
    changed = [name for name in now if name not in _BY_DATA and then.get(name) != now[name]] if same_task else ["task"]
    if same_task and bool(then.get("classes")) != bool(now.get("classes")):
        changed.append("classes or none")
    if changed:
        problem = f"of another shape than {config.preset} ({', '.join(changed)})"
        raise AttnGANError(f"--from {source.written}", problem, _remedy(source, config, changed))


def _remedy(source: Source, config: RunConfig, changed: list[str]) -> str:
    """The preset, or the options that make networks of one preset alike."""
    if source.config.preset != config.preset:
        return f"use --preset {source.config.preset}"
    classes = (
        "add --unconditional"
        if getattr(config.network, "classes", 0)
        else "name pictures in classes, without --unconditional"
    )
    options = {
        "channels": f"use --channels {getattr(source.config.network, 'channels', '')}",
        "classes or none": classes,
    }
    known = [options.get(name, "") for name in changed]
    return ", and ".join(known) if all(known) else "name a generator of today's preset"


def inherit(config: RunConfig, source: Source) -> RunConfig:
    """The config of a new run with the licence and the source of the weights that it begins with, if it has none."""
    then = source.config
    return replace(config, license=config.license or then.license, source=config.source or then.source)


def has_begun_from(folder: Path, begun: RunConfig, written: str) -> bool:
    """Whether the run in a folder has begun with the weights of the generator of this name; not if nothing is trained.

    AttnGANError if it has begun otherwise.
    """
    learns_words = getattr(begun.training, "matching_images", 0) > 0  # which none does that begins from another
    if not (learns_words or (folder / CHECKPOINT).exists() or (folder / PREVIOUS).exists()):
        return False
    events = read_lines(folder / EVENTS)
    origin = next((line["detail"].partition(_CARRIED)[0] for line in events if line.get("event") == BEGAN), None)
    if origin is None or Path(origin).resolve() != Path(written).resolve():
        problem = f"{folder} has begun {f'from {origin}' if origin else 'without'}"
        raise AttnGANError(f"--from {written}", problem, "leave it out, or name another --out")
    return True


def begin_from(source: Source, state: TrainingState, config: RunConfig, tokenizer: bytes) -> str:
    """Gives G and its average the source's generator, and D its discriminator if the source still has one.

    Words, styles and classes keep their rows by name. A new word begins as the unknown word, a new style or class as
    the mean of the known ones. Returns what carried over, in a few words.
    Raises AttnGANError if the source's files are damaged.
    """
    then = names_of(source.config, read_tokenizer(source.folder) if tokenizer else b"")
    now = names_of(config, tokenizer)
    weights = load_network(source.config, source.folder / source.weights).state_dict()
    for network in (state.trainer.generator, state.ema.network):
        _give(network, weights, then, now)
    discriminator = _discriminator(source)
    _give(state.trainer.discriminator, discriminator or _words_of(weights), then, now)
    known = {what: sum(name in then[what] for name in names) for what, names in now.items() if names}
    counts = [f"{known[what]:,} of {len(now[what]):,} {what}" for what in known]
    return ", ".join([f"{source.written}{_CARRIED}", *(["its discriminator"] if discriminator else []), *counts])


def names_of(config: RunConfig, tokenizer: bytes = b"") -> Names:
    """The names of the rows of a run's tables; of words, if its tokenizer.json is given."""
    words: dict[str, int] = json.loads(tokenizer)["model"]["vocab"] if tokenizer else {}
    return {
        "words": sorted(words, key=words.__getitem__), "styles": list(config.style_names),
        "classes": [] if tokenizer else list(config.class_names),
    }  # fmt: skip


def _discriminator(source: Source) -> dict[str, Tensor]:
    """Of a run's last checkpoint; empty for a generator that was shipped without."""
    path = source.folder / CHECKPOINT
    return without_prefix(load_tensors(path, checked=True)[0], "discriminator.") if path.exists() else {}


def _words_of(generator: dict[str, Tensor]) -> dict[str, Tensor]:
    """Its text encoder: both networks of a run begin with the same."""
    return {name: value for name, value in generator.items() if name.startswith("text.")}


def _give(network: nn.Module, weights: dict[str, Tensor], then: Names, now: Names) -> None:
    """Copies the weights that are there, rows of tables by name."""
    own = network.state_dict()
    network.load_state_dict(own | {name: rows_by_name(name, value, then, now) for name, value in weights.items()})


def rows_by_name(name: str, weight: Tensor, then: Names, now: Names) -> Tensor:
    """The weight `name`; of a table the rows for the names of now, unless those are the same or it has them already."""
    table = next((what for end, what in _TABLES.items() if name.endswith(end)), "")
    if not table or then[table] == now[table] or len(weight) != len(then[table] or [""]):
        return weight
    return _rows(weight, then[table], now[table], table)


def _rows(table: Tensor, then: list[str], now: list[str], what: str) -> Tensor:
    """The rows of the names of now, from a table with those of then; where there are none, it has one row."""
    places = {name: place for place, name in enumerate(then)}
    new = table[UNKNOWN] if what == "words" else table.mean(0)
    return torch.stack([table[places[name]] if name in places else new for name in now or [""]])
