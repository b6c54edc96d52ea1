"""A run's config from a preset's parts and the pictures that it is to be trained on."""

from __future__ import annotations

from dataclasses import replace

from attngan.config import PictureNetworkConfig, RunConfig, TextConfig, TextToImageConfig, TrainingConfig, task_of
from attngan.data import ImageDataset, TextDataset
from attngan.data.split import split
from attngan.data.tokenizer import build_sentence_tokenizer, build_tokenizer
from attngan_runtime.bundle import TOKENIZER
from attngan_runtime.tokenizers.prompts import Tokenizer
from attngan_runtime.tokenizers.sentences import SentenceTokenizer


def configured_text(
    name: str, network: TextConfig, training: TrainingConfig, lines: TextDataset
) -> tuple[RunConfig, bytes]:
    """The run's config, and tokenizer.json with the words of its training sentences."""
    places, _ = split(lines, training.holdout, training.seed)
    tokenizer = build_sentence_tokenizer((lines.sentences[place] for place in places), network.length)
    network = replace(network, vocabulary=SentenceTokenizer.from_json(tokenizer, TOKENIZER).size)
    return RunConfig(name, network, training, task=task_of(network)), tokenizer


def configured(
    name: str, network: PictureNetworkConfig, training: TrainingConfig, pictures: ImageDataset, names: tuple[str, ...]
) -> tuple[RunConfig, bytes]:
    """The run's config, and tokenizer.json with the words of its training pictures if it draws from words."""
    if not isinstance(network, TextToImageConfig):
        return RunConfig(name, replace(network, classes=len(names)), training, names), b""
    assert pictures.captions is not None
    places, _ = split(pictures, training.holdout, training.seed)
    seen = pictures.captions.take(places)
    tokenizer = build_tokenizer(seen.said(), network.length)
    size = Tokenizer.from_json(tokenizer, TOKENIZER).size
    network = replace(network, styles=len(names), vocabulary=size)
    return RunConfig(name, network, training, names, task=task_of(network)), tokenizer
