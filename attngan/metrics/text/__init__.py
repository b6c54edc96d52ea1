"""Figures of generators that draw from words; what each says is in docs/metrics.md."""

from attngan.metrics.text.evaluation import Split, evaluate_words
from attngan.metrics.text.report import Obedience, Scores, TextReport
from attngan.metrics.text.swaps import swapped

__all__ = ["Obedience", "Scores", "Split", "TextReport", "evaluate_words", "swapped"]
