"""Figures that compare two sets of pictures by their features; what each says is in docs/metrics.md."""

from attngan.metrics.comparison import Report, evaluate
from attngan.metrics.frechet_distance import fid
from attngan.metrics.kernel_distance import FEWEST, kid
from attngan.metrics.neighbours import density_and_coverage, precision_and_recall

__all__ = ["FEWEST", "Report", "density_and_coverage", "evaluate", "fid", "kid", "precision_and_recall"]
