"""A run that begins with the weights of another generator."""

from __future__ import annotations

import json
from dataclasses import asdict

import torch
from torch import Tensor, nn

from attngan.checkpoint import load_network, load_tensors, read_tokenizer
from attngan.config import RunConfig
from attngan.errors import AttnGANError
from attngan.generators.source import Source
from attngan.training.state import CHECKPOINT, TrainingState, without_prefix
from attngan_runtime.tokenizers.word_level import UNKNOWN

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
        earlier = source.config.preset == config.preset
        remedy = "name a generator of today's preset" if earlier else f"use --preset {source.config.preset}"
        problem = f"of another shape than {config.preset} ({', '.join(changed)})"
        raise AttnGANError(f"--from {source.written}", problem, remedy)


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
    return f"{source.written}: " + ", ".join(
        ["the generator", *(["its discriminator"] if discriminator else []), *counts]
    )


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
