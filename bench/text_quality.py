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

from attngan.checkpoint import LIKELIHOOD, load_tensors
from attngan.data import TextDataset, load_lines
from attngan.data.split import usual_holdout
from attngan.evaluation.halves import draw_halves
from attngan.evaluation.sentence_report import REAL, TRAINING, Scores
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
    network, training = preset("captions")
    lines = load_lines(data, longest=network.length - 1)
    network = replace(network, cross_attention=False)
    training = replace(training, holdout=usual_holdout(lines), images=training.batch, patience=0)
    config, tokenizer = TASKS["text"].complete(network, training, TrainOptions("captions"), lines)
    train(config, lines, out / "mean", torch.device("cpu"), source=str(data), tokenizer=tokenizer)


def open_columns(out: Path) -> dict[str, TorchTextGenerator]:
    """After the last adversarial step, after likelihood, and likelihood without cross-attention."""
    last = open_generator(str(out / "captions"))
    tensors, _ = load_tensors(out / "captions" / CHECKPOINT)
    last.network.generator.load_state_dict(without_prefix(tensors, "ema."))
    likelihood, mean = (open_generator(str(out / name / LIKELIHOOD)) for name in ("captions", "mean"))
    return {"adversarial": last, "likelihood": likelihood, "key words' mean": mean}


def score(data: Path, test: Path, out: Path) -> dict[str, Any]:
    """Tables by the held-out sentences and by those of TEST.txt, and curves by the held-out ones."""
    columns = open_columns(out)
    network, plan = columns["likelihood"].config.network, columns["likelihood"].config.training
    lines = load_lines(data, longest=network.length - 1)
    shown, kept = (lines.take(places) for places in lines.split(plan.holdout, plan.seed))
    found: dict[str, Any] = {}
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
    texts = {REAL: kept.take(held), TRAINING: shown.take(some)}
    real = {title: point(None, yardstick.measure(text)) for title, text in texts.items()}
    written: dict[str, list[Point]] = {}
    for title in ("likelihood", "adversarial"):
        written[title] = []
        for temperature in TEMPERATURES:
            text = TextDataset(columns[title].write(np.arange(samples), None, temperature))
            written[title].append(point(temperature, yardstick.measure(text)))
    draw(written, real, FIGURE)
    return {
        title: [
            {
                "temperature": point.temperature, "bleu_5": point.bleu.value, "self_bleu_5": point.self_bleu.value,
                "frechet": point.distance,
            }
            for point in points
        ]
        for title, points in ({title: [point] for title, point in real.items()} | written).items()
    }  # fmt: skip


def point(temperature: float | None, scores: Scores) -> Point:
    """What was measured at a temperature, or of real sentences."""
    return Point(temperature, scores.bleu[5], scores.self_bleu[5], scores.frechet)


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
