"""Objectives and gradient penalties. Logits are float [B], one a sample, larger = more real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Objective:
    """Two losses of (real logits, fake logits), each a scalar to minimise.

    needs_real: the generator's loss looks at real logits too.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    needs_real: bool = False


def minmax_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """−E log D(x) − E log(1 − D(G(z))) with D = sigmoid(logit) (Goodfellow et al. 2014, eq. 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def minmax_generator(real: Tensor, fake: Tensor) -> Tensor:
    """E log(1 − D(G(z))): the generator's side of the same game (Goodfellow et al. 2014, eq. 1)."""
    return -F.softplus(fake).mean()


def non_saturating_generator(real: Tensor, fake: Tensor) -> Tensor:
    """−E log D(G(z)) (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E max(0, 1 − D(x)) + E max(0, 1 + D(G(z))) (Lim & Ye 2017; Miyato et al. 2018, eq. 16)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def critic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """−E D(G(z)) (Miyato et al. 2018, eq. 17; Arjovsky et al. 2017, theorem 3)."""
    return -fake.mean()


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E D(G(z)) − E D(x) (Arjovsky et al. 2017, eq. 2); wants `wgan_gp` beside it."""
    return fake.mean() - real.mean()


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """½E(D(x) − 1)² + ½E D(G(z))² (Mao et al. 2017, eq. 2 with a = 0, b = 1)."""
    return 0.5 * ((real - 1).square().mean() + fake.square().mean())


def least_squares_generator(real: Tensor, fake: Tensor) -> Tensor:
    """½E(D(G(z)) − 1)² (Mao et al. 2017, eq. 2 with c = 1)."""
    return 0.5 * (fake - 1).square().mean()


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E softplus(−(D(x) − D(G(z)))) over pairs (Jolicoeur-Martineau 2018, RSGAN; Huang et al. 2024, eq. 2)."""
    return F.softplus(fake - real).mean()


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """E softplus(−(D(G(z)) − D(x))) over the same pairs."""
    return F.softplus(real - fake).mean()


OBJECTIVES = {
    "minmax":         Objective(minmax_discriminator, minmax_generator),
    "non-saturating": Objective(minmax_discriminator, non_saturating_generator),
    "hinge":          Objective(hinge_discriminator, critic_generator),
    "wasserstein":    Objective(wasserstein_discriminator, critic_generator),
    "least-squares":  Objective(least_squares_discriminator, least_squares_generator),
    "relativistic":   Objective(relativistic_discriminator, relativistic_generator, needs_real=True),
}  # fmt: skip


def gradient_norms(logits: Tensor, pictures: Tensor) -> Tensor:
    """|∂D/∂x|² of each sample, float32 [B], exact and differentiable in D's parameters.

    pictures must require a gradient and logits [B] must have been computed from them, sample by sample.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), pictures, create_graph=True)
    return gradient.float().square().flatten(1).sum(1)


def r1(logits: Tensor, real: Tensor) -> Tensor:
    """½E|∇D(x)|² on real pictures (Mescheder et al. 2018, eq. 9); multiply by γ."""
    return 0.5 * gradient_norms(logits, real).mean()


def r2(logits: Tensor, fake: Tensor) -> Tensor:
    """½E|∇D(G(z))|² on fakes (Mescheder et al. 2018, eq. 10); multiply by γ."""
    return 0.5 * gradient_norms(logits, fake).mean()


def r1_r2(logits: Tensor, pictures: Tensor) -> Tensor:
    """R1 + R2 in one pass (Huang et al. 2024, section 2): a batch that holds real pictures, then as many fakes."""
    return gradient_norms(logits, pictures).mean()


def wgan_gp(
    discriminator: Callable[..., Tensor], real: Tensor, fake: Tensor, labels: Tensor | None, mix: Tensor
) -> Tensor:
    """E(|∇D(x̂)| − 1)² at x̂ = mix·x + (1 − mix)·G(z), mix [B] in [0, 1]; multiply by λ = 10.

    Gulrajani et al. 2017, eq. 3.
    """
    between = torch.lerp(fake.detach(), real.detach(), mix.view(-1, *[1] * (real.dim() - 1))).requires_grad_()
    norms = gradient_norms(discriminator(between, labels), between)
    return ((norms + 1e-12).sqrt() - 1).square().mean()
