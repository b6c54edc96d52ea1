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

import json
import platform
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from attngan.evaluation.evaluate_text import RunWriter
from attngan.evaluation.sentences import evaluate_sentences
from attngan.generators.sentences import load_writer
from attngan.tasks.configure import configured_text

from attngan.checkpoint import load_tensors
from attngan.config import TextConfig
from attngan.data import TextDataset, load_lines
from attngan.data.split import split, usual_holdout
from attngan.evaluation.sentences_table import REAL, TRAINING
from attngan.evaluation.yardstick import Yardstick, halves, measure
from attngan.presets import preset
from attngan.train import train
from attngan.training.state import CHECKPOINT, below
from attngan.visualization.quality_diversity import Point, draw

TEMPERATURES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25)
RESULTS, FIGURE = Path("bench/results/text_quality.json"), Path("docs/text-curves.png")


def train_mean(data: Path, out: Path) -> None:
    """The preset captions whose key words reach the decoder as their mean, into OUT/mean; likelihood is what counts."""
    network, training = preset("captions")
    assert isinstance(network, TextConfig)
    lines = load_lines(data, longest=network.length - 1)
    training = replace(training, holdout=usual_holdout(lines), images=training.batch, patience=0)
    config, tokenizer = configured_text("captions", replace(network, cross_attention=False), training, lines)
    train(config, lines, out / "mean", torch.device("cpu"), source=str(data), tokenizer=tokenizer)


def writers(out: Path) -> dict[str, RunWriter]:
    """The columns: after the last adversarial step, after likelihood, and likelihood without cross-attention."""
    last = load_writer(str(out / "captions"))
    tensors, _ = load_tensors(out / "captions" / CHECKPOINT)
    last.network.generator.load_state_dict(below(tensors, "ema."))
    likelihood = load_writer(str(out / "captions" / "likelihood.safetensors"))
    mean = load_writer(str(out / "mean" / "likelihood.safetensors"))
    return {"adversarial": RunWriter(last), "likelihood": RunWriter(likelihood), "key words' mean": RunWriter(mean)}


def score(data: Path, test: Path, out: Path) -> dict[str, Any]:
    """Tables by the held-out sentences and by those of TEST.txt, and curves by the held-out ones."""
    columns = writers(out)
    config = columns["likelihood"].loaded.config
    assert isinstance(config.network, TextConfig)
    lines = load_lines(data, longest=config.network.length - 1)
    shown, kept = (
        lines.take(places.tolist()) for places in split(lines, config.training.holdout, config.training.seed)
    )
    found: dict[str, Any] = {}
    for title, sentences in (("held-out sentences", kept), (test.name, load_lines(test))):
        report = evaluate_sentences(dict(columns), sentences, shown, samples=min(1000, len(sentences) // 2))
        click.echo(f"{title}\n{report}\n")
        found[title] = report.as_dict()
    return found | {"curves": curves(columns, kept, shown)}


def curves(columns: dict[str, RunWriter], kept: TextDataset, shown: TextDataset) -> dict[str, Any]:
    """Quality against diversity without key words, drawn into FIGURE."""
    samples = len(kept) // 2
    held, rest = halves(kept, samples)
    split_words = columns["likelihood"].split
    yardstick = Yardstick.of(split_words, kept.take(rest).sentences, samples, shown.sentences)
    some = np.random.default_rng(0).permutation(len(shown))[:samples].tolist()
    points = {
        REAL: [Point.of(None, measure(kept.take(held).sentences, yardstick))],
        TRAINING: [Point.of(None, measure(shown.take(some).sentences, yardstick))],
    }
    for title in ("likelihood", "adversarial"):
        points[title] = []
        for temperature in TEMPERATURES:
            written = columns[title].write(np.arange(samples), None, temperature)
            points[title].append(Point.of(temperature, measure(written, yardstick)))
    draw(points, FIGURE)
    return {
        title: [
            {
                "temperature": point.temperature, "bleu_5": point.bleu.value, "self_bleu_5": point.self_bleu.value,
                "frechet": point.distance,
            }
            for point in some_points
        ]
        for title, some_points in points.items()
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
    about = {"date": datetime.now(UTC).date().isoformat(), "machine": platform.machine(), "torch": torch.__version__}
    RESULTS.write_text(json.dumps(about | score(data, test, out), indent=1, ensure_ascii=False) + "\n")
    click.echo(f"wrote {RESULTS} and {FIGURE}")


if __name__ == "__main__":
    main()
