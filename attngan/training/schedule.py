"""What a run's plan sets before each step."""

from __future__ import annotations

import math

from attngan.config import TrainingConfig
from attngan.trainer import Settings


def between(ends: tuple[float, float], plan: TrainingConfig, seen: int) -> float:
    """From the first value to the last on a cosine over the run, after `seen` samples."""
    share = 0.5 - 0.5 * math.cos(math.pi * min(seen / plan.images, 1.0))
    return ends[0] + share * (ends[1] - ends[0])


def schedule(plan: TrainingConfig, seen: int, share_of_side: float = 1.0) -> Settings:
    """Settings after `seen` samples: cosines from first to last (γ: in its logarithm).

    share_of_side: of the resolution that is trained in the full one. γ goes with its square, as the gradient's norm
    does: a pixel that is a mean of four has a gradient twice as long.
    """
    gamma = 0.0
    if plan.penalty != "none":
        gamma = math.exp(between((math.log(plan.gamma[0]), math.log(plan.gamma[1])), plan, seen))
    if plan.penalty != "wgan-gp":  # which wants a norm of 1 at every resolution
        gamma *= share_of_side**2
    rate = plan.generator_rate * (min(seen / (plan.warm_up * plan.images), 1.0) if plan.warm_up else 1.0)
    learning_rate, beta2 = between(plan.learning_rate, plan, seen), between(plan.beta2, plan, seen)
    return Settings(
        learning_rate, beta2, gamma, plan.penalty_every, plan.mismatched, rate, plan.beta1,
        plan.adversarial_weight(seen),
    )  # fmt: skip
