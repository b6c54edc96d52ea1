"""Adaptive discriminator augmentation (Karras et al. 2020, "Training GANs with limited data", section 3).

The heuristic is the paper's r_v, since a relativistic D has logits of no fixed zero, which its r_t needs:

    r_v = (E D(training) − E D(held out)) / (E D(training) − E D(generated))

0: D takes pictures that it never saw for real ones; 1: for generated ones, so that it knows its set by heart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from attngan.config import TrainingConfig

MOST = 0.8  #: probability from which augmentations start to leak into the pictures (section 2.2, figure 3)
_LEAST_GAP = 0.5  # logits: D hardly tells them apart below (loss above 0.47), and the ratio would be one of noise
_SPAN = 500_000  # images in which the probability can rise from 0 to 1 (section 3)
_HALF_LIFE = 4_000  # images: one batch in four is looked at, and the logits of 32 pictures vary as much as the gaps


@dataclass
class AdaptiveAugmentation:
    """The probability of every augmentation, raised while D overfits and lowered while it does not.

    All of it is kept in the checkpoint: a run that forgets it after a kill is another run.
    """

    probability: float = 0.0  #: 0 … MOST
    held_out_gap: float = 0.0  #: running E D(training) − E D(held out)
    generated_gap: float = 0.0  #: running E D(training) − E D(generated)

    @property
    def overfitting(self) -> float:
        """r_v, with a denominator of at least _LEAST_GAP; 0 before the first measurement."""
        return self.held_out_gap / max(self.generated_gap, _LEAST_GAP)

    def update(self, real: float, held_out: float, generated: float, images: int, plan: TrainingConfig) -> None:
        """Takes D's mean logits of three batches in, `images` images after the last time.

        Above plan.overfitting_target the probability rises, below it falls; it could go from 0 to 1 in a fifth of
        the run, so that short runs adapt as well.
        """
        if not math.isfinite(real + held_out + generated):  # it would stay in the running means for ever
            return
        keep = 0.5 ** (images / _HALF_LIFE)
        self.held_out_gap = keep * self.held_out_gap + (1 - keep) * (real - held_out)
        self.generated_gap = keep * self.generated_gap + (1 - keep) * (real - generated)
        step = images / min(_SPAN, max(plan.images // 5, 1))
        step = step if self.overfitting > getattr(plan, "overfitting_target", 0.0) else -step
        self.probability = min(max(self.probability + step, 0.0), MOST)
