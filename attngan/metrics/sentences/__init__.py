"""Figures of generators that write sentences; what each says is in docs/metrics.md."""

from attngan.metrics.sentences.curves import Point, draw
from attngan.metrics.sentences.evaluation import Writer, evaluate_sentences
from attngan.metrics.sentences.report import REAL, TRAINING, Scores, SentenceReport
from attngan.metrics.sentences.yardstick import Yardstick, halves, measure

__all__ = [
    "REAL", "TRAINING", "Point", "Scores", "SentenceReport", "Writer", "Yardstick", "draw", "evaluate_sentences",
    "halves", "measure",
]  # fmt: skip
