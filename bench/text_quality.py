"""Likelihood, adversarial training and cross-attention, measured on sentences: tables, and curves over temperature.

    attngan train --preset captions --data TRAIN.txt --out runs/captions      forty minutes of one core
    python bench/text_quality.py mean --data TRAIN.txt --out runs             the same without cross-attention, by
                                                                              likelihood alone: fifteen minutes
    python bench/text_quality.py score --data TRAIN.txt --test TEST.txt --out runs     ten minutes; JSON and figure

Columns: `adversarial` is what stands after the last adversarial step, whatever KID makes of it; `likelihood` is where
it began. Both see the same key words and seeds. Sentences of TRAIN.txt that were held out measure what the text was
learnt for; TEST.txt is the file that papers take, whose captions are of other things than those of the training file.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from output import origin, write_json

from attngan.checkpoint import LIKELIHOOD, load_tensors
from attngan.data import TextDataset, load_lines
from attngan.data.split import usual_holdout
from attngan.evaluation.halves import draw_halves
from attngan.evaluation.sentence_report import REAL, TRAINING
from attngan.evaluation.sentences import USUAL_SAMPLES, evaluate_sentences
from attngan.evaluation.yardstick import Yardstick
from attngan.generators import open_generator
from attngan.generators.text import TorchTextGenerator
from attngan.presets import preset
from attngan.tasks import TASKS
from attngan.tasks.base import TrainOptions
from attngan.train import train
from attngan.training.state import CHECKPOINT, without_prefix
from attngan.visualization.quality_diversity import Point, draw

TEMPERATURES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25)
RESULTS, FIGURE = Path("bench/results/text_quality.json"), Path("docs/text-curves.png")


def train_mean(data: Path, out: Path) -> None:
    """The preset captions whose key words reach the decoder as their mean, into OUT/mean; likelihood is what counts."""
    task, (network, training) = TASKS["text"], preset("captions")
    network, lines = replace(network, cross_attention=False), task.read(data, network)
    training = replace(training, holdout=usual_holdout(lines), images=training.batch, patience=0)
    config, tokenizer = task.complete(network, training, TrainOptions("captions"), lines)
    train(config, lines, out / "mean", torch.device("cpu"), source=str(data), tokenizer=tokenizer)


def open_generators(out: Path) -> dict[str, TorchTextGenerator]:
    """The columns: after the last adversarial step, after likelihood, and likelihood without cross-attention."""
    last = open_generator(str(out / "captions"))
    tensors, _ = load_tensors(out / "captions" / CHECKPOINT)
    last.network.generator.load_state_dict(without_prefix(tensors, "ema."))
    likelihood, mean = (open_generator(str(out / run / LIKELIHOOD)) for run in ("captions", "mean"))
    return {"adversarial": last, "likelihood": likelihood, "key words' mean": mean}


def score(data: Path, test: Path, out: Path) -> dict[str, Any]:
    """Tables by the held-out sentences and by those of TEST.txt, and curves by the held-out ones."""
    columns = open_generators(out)
    trained = columns["likelihood"]
    halves = trained.split_dataset(TASKS["text"].read(data, trained.config.network))
    if halves is None:
        raise click.UsageError(f"{trained.source.folder} was not trained on {data}")
    (shown, kept), found = halves, dict[str, Any]()
    for title, sentences in (("held-out sentences", kept), (test.name, load_lines(test))):
        report = evaluate_sentences(columns, sentences, shown, samples=min(1000, len(sentences) // 2))
        click.echo(f"{title}\n{report}\n")
        found[title] = report.as_dict()
    return found | {"curves": curves(columns, kept, shown)}


def curves(columns: dict[str, TorchTextGenerator], kept: TextDataset, shown: TextDataset) -> dict[str, Any]:
    """Quality against diversity without key words, drawn into FIGURE."""
    samples = len(kept) // 2
    held, rest = draw_halves(kept, samples, USUAL_SAMPLES)
    yardstick = Yardstick.of(kept.take(rest), samples, shown)
    some = np.random.default_rng(0).permutation(len(shown))[:samples]
    real = {REAL: _point(yardstick, kept.take(held)), TRAINING: _point(yardstick, shown.take(some))}
    points = {
        title: [
            _point(yardstick, TextDataset(columns[title].write(np.arange(samples), None, temperature)), temperature)
            for temperature in TEMPERATURES
        ]
        for title in ("likelihood", "adversarial")
    }
    draw(points, real, FIGURE)
    every = {title: [point] for title, point in real.items()} | points
    return {title: [_as_dict(point) for point in row] for title, row in every.items()}


def _point(yardstick: Yardstick, text: TextDataset, temperature: float = 0.0) -> Point:
    scores = yardstick.measure(text)
    return Point(temperature, scores.bleu[5], scores.self_bleu[5], scores.frechet)


def _as_dict(point: Point) -> dict[str, float | None]:
    """Ready for JSON; people write at no temperature."""
    return {
        "temperature": point.temperature or None, "bleu_5": point.bleu.value, "self_bleu_5": point.self_bleu.value,
        "frechet": point.distance,
    }  # fmt: skip


@click.command()
@click.argument("what", type=click.Choice(["mean", "score"]))
@click.option("--data", required=True, type=click.Path(path_type=Path))
@click.option("--test", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
def main(what: str, data: Path, test: Path | None, out: Path) -> None:
    """Trains the arm without cross-attention, or scores all of them."""
    if what == "mean":
        train_mean(data, out)
        return
    if test is None:
        raise click.UsageError("score needs --test, the file that papers measure by")
    write_json(RESULTS, origin() | score(data, test, out))
    click.echo(f"wrote {RESULTS} and {FIGURE}")


if __name__ == "__main__":
    main()
