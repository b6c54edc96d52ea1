"""The algorithm alone: a discriminator step, a generator step, the penalties.

Nothing here knows of files, devices, progress bars or presets. G and D are any modules with
`G(z, labels) -> pictures` and `D(pictures, labels) -> logits [B]`. Labels say what each picture is of: a tensor with
a row a picture, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from attngan.losses import OBJECTIVES, Objective, r1, r1_r2, r2, wgan_gp

Augment = Callable[[Tensor], Tensor]
Reduce = Callable[[Sequence[Tensor]], None]
Penalty = Literal["r1+r2", "r1", "r2", "wgan-gp", "none"]


@dataclass(frozen=True)
class Settings:
    """What the schedule sets before a step; the defaults suit a first experiment."""

    learning_rate: float = 2e-4
    beta2: float = 0.99
    gamma: float = 1.0
    penalty_every: int = 1
    mismatched: float = 0.0
    generator_rate: float = 1.0  #: times the learning rate is the generator's
    beta1: float = 0.0  #: of the generator's Adam; D's is 0
    adversarial: float = 1.0  #: see `attngan.perceptual_trainer`


class Trainer:
    """Alternating training of V(D, G): one discriminator step, one generator step, on the same real pictures.

    objective: a name in `attngan.losses.OBJECTIVES`, or an Objective of your own. Penalty "wgan-gp" takes its mixing
    numbers from z, which must then be standard normal.
    The penalty is exact, taken with respect to what D itself sees (augmentation stays outside), on every
    `penalty_every`-th step and then multiplied by it (lazy regularisation: Karras et al. 2020, section 3.1).
    With Settings.mismatched D also learns, with this weight, to refuse real pictures under their neighbours' labels
    (Reed et al. 2016, GAN-CLS, algorithm 1). D then has to be judge(features(pictures), labels).
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: str | Objective = "relativistic",
        penalty: Penalty = "r1+r2",
    ) -> None:
        self.generator, self.discriminator, self.penalty = generator, discriminator, penalty
        self.objective = OBJECTIVES[objective] if isinstance(objective, str) else objective
        self.optimizer_g = _adam(generator.parameters())
        self.optimizer_d = _adam(discriminator.parameters())
        self.steps = 0
        self.reduce: Reduce | None = None  #: see `descend`

    def step(
        self,
        real: Tensor,
        z: tuple[Tensor, Tensor],
        labels: Tensor | None = None,
        settings: Settings | None = None,
        augment: Augment = lambda pictures: pictures,
    ) -> dict[str, float]:
        """One D step with z[0] and one G step with z[1]; real [B, C, H, W] in [−1, 1].

        Fakes are drawn with the labels of the real pictures that they are paired with.
        Returns the losses, the mean logits and, on penalty steps, the penalty before its weight.
        A loss or a gradient that is not finite moves neither its network nor what comes after it in the step: then
        the figures have a "skipped" as well, 1.
        """
        settings = settings or Settings()
        self.tune(settings)
        figures = self.discriminator_step(real, z[0], labels, settings, augment)
        if "skipped" not in figures:
            figures |= self.generator_step(real, z[1], labels, augment)
        self.steps += 1
        return {name: value.item() for name, value in figures.items()}

    def tune(self, settings: Settings) -> None:
        """Sets both optimisers."""
        both = (self.optimizer_g, settings.generator_rate, settings.beta1), (self.optimizer_d, 1.0, 0.0)
        for optimizer, rate, beta1 in both:
            for group in optimizer.param_groups:
                group["lr"], group["betas"] = settings.learning_rate * rate, (beta1, settings.beta2)

    @torch.no_grad()
    def mean_logit(self, pictures: Tensor, labels: Tensor | None, augment: Augment) -> float:
        """D's mean logit of pictures that it is not trained on."""
        return float(self.discriminator(augment(pictures), labels).mean())

    def discriminator_step(
        self, real: Tensor, z: Tensor, labels: Tensor | None, settings: Settings, augment: Augment
    ) -> dict[str, Tensor]:
        """Moves D to tell real from fake."""
        with torch.no_grad():
            fake = self.generator(z, labels)
            seen = augment(torch.cat([real, fake.to(real.dtype)]))
        penalise = self._penalises(settings)
        seen = seen.detach().requires_grad_(penalise)
        logits, wrong_logits = self._logits(seen, labels, settings.mismatched > 0)
        real_logits, fake_logits = logits.chunk(2)
        loss = self.objective.discriminator(real_logits, fake_logits)
        figures = {
            "loss_d": loss.detach(),
            "real": real_logits.mean().detach(),
            "fake": fake_logits.mean().detach(),
        }
        if wrong_logits is not None:
            figures["mismatched"] = wrong_logits.mean().detach()
            loss = loss + settings.mismatched * self.objective.discriminator(real_logits, wrong_logits)
        if penalise:
            penalty = self._penalty(logits, seen, z, labels)
            figures["penalty"] = penalty.detach()
            loss = loss + settings.gamma * settings.penalty_every * penalty
        return figures | descend(self.optimizer_d, loss, reduce=self.reduce)

    def _penalises(self, settings: Settings) -> bool:
        """Whether this step has a penalty."""
        return self.penalty != "none" and settings.gamma > 0 and self.steps % settings.penalty_every == 0

    def _logits(self, seen: Tensor, labels: Tensor | None, mismatched: bool) -> tuple[Tensor, Tensor | None]:
        """Logits of real pictures and fakes, and of the real ones under other labels; each is looked at once."""
        if labels is None or not mismatched:
            return self.discriminator(seen, None if labels is None else torch.cat([labels, labels])), None
        features: Tensor = self.discriminator.features(seen)  # type: ignore[operator]
        real, _ = features.chunk(2)
        every = torch.cat([labels, labels, labels.roll(1, 0)])
        logits: Tensor = self.discriminator.judge(torch.cat([features, real]), every)  # type: ignore[operator]
        return logits[: len(seen)], logits[len(seen) :]

    def _penalty(self, logits: Tensor, seen: Tensor, z: Tensor, labels: Tensor | None) -> Tensor:
        if self.penalty == "r1+r2":
            return r1_r2(logits, seen)
        real, fake = seen.chunk(2)
        if self.penalty == "wgan-gp":
            # Φ of a normal number is uniform; the neighbour's z, since the mix may not depend on the fake itself.
            mix = torch.special.ndtr(z.flatten(1)[:, 0].roll(1))
            return wgan_gp(self.discriminator, real, fake, labels, mix)
        # Half of the batch has cotangent zero, which leaves the gradient of the other half.
        half, norm = (0, r1) if self.penalty == "r1" else (1, r2)
        return norm(logits.chunk(2)[half], seen) * 2

    def generator_step(self, real: Tensor, z: Tensor, labels: Tensor | None, augment: Augment) -> dict[str, Tensor]:
        """Moves G to make D take its pictures for real; D's parameters collect no gradient."""
        with frozen(self.discriminator):
            fake = augment(self.generator(z, labels))
            fake_logits = self.discriminator(fake, labels)
            real_logits = fake_logits.detach()
            if self.objective.needs_real:
                with torch.no_grad():
                    real_logits = self.discriminator(augment(real), labels)
            loss = self.objective.generator(real_logits, fake_logits)
            return {"loss_g": loss.detach()} | descend(self.optimizer_g, loss, reduce=self.reduce)


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Its parameters collect no gradient meanwhile."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def _adam(parameters: Iterable[nn.Parameter]) -> torch.optim.Adam:
    """Adam without momentum (Karras et al. 2018, section A.1)."""
    return torch.optim.Adam(parameters, lr=2e-4, betas=(0.0, 0.99), eps=1e-8)


def descend(
    optimizer: torch.optim.Optimizer, loss: Tensor, *, max_norm: float | None = None, reduce: Reduce | None = None
) -> dict[str, Tensor]:
    """One step down, or none and {"skipped": 1} if the loss or the gradient's norm is not finite.

    max_norm: longer gradients are cut to this norm. reduce: between the backward pass and the step, changes the
    gradients in place, such as by their sum over several processes.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    gradients = [p.grad for p in parameters if p.grad is not None]
    if reduce:
        reduce(gradients)
    norm = torch.nn.utils.get_total_norm(gradients)
    if not torch.isfinite(loss) & torch.isfinite(norm):
        return {"skipped": torch.ones(())}
    if max_norm is not None:
        torch.nn.utils.clip_grads_with_norm_(parameters, max_norm, norm)
    optimizer.step()
    return {}
