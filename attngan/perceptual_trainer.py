"""Training that is led by a frozen network: the generator learns its picture for each condition, then to deceive D.

Nothing but a discriminator tells G what to draw in the usual game, which takes millions of pictures. Where each
condition has its picture, the distance between that and the drawing in features of a frozen network (Zhang et al.
2018, LPIPS; Johnson et al. 2016) teaches G layout and colour within minutes; D at a low weight then makes it crisp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from attngan.losses import Objective
from attngan.networks.perception import on_background
from attngan.trainer import Augment, Penalty, Settings, Trainer, descend, frozen

Figures = dict[str, Tensor]
Seen = Tensor | list[Tensor]  # what D looks at: pictures, or a frozen network's maps of them

_LONGEST = 5.0  # norm of G's gradient


class PerceptualTrainer(Trainer):
    """One D step and one G step on the same fakes, whose features are taken once.

    perception: frozen, RGB pictures [B, 3, r, r] in [−1, 1] → list of feature maps. G's loss is `perceptual` times
    the mean L1 distance of these maps, plus `pixels` times that of the pixels in [0, 1], plus Settings.adversarial
    times what D says of the fakes; at adversarial = 0 D rests. Augmentation does the same to a picture and its fake.
    discriminator: features(seen) and judge(features, labels) → logits [B] or, of several heads, a list of [B, P].
    With an attribute `sees_features`, it sees the maps; else the pictures.
    The penalty, R1 or R1 + R2, is exact with respect to what D sees.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, perception: nn.Module,
        objective: str | Objective = "hinge", penalty: Penalty = "r1", *, perceptual: float = 1.0, pixels: float = 2.0,
    ) -> None:  # fmt: skip
        super().__init__(generator, discriminator, objective, penalty)
        self.perception, self.perceptual, self.pixels = perception, perceptual, pixels
        self.sees_features = getattr(discriminator, "sees_features", False)

    def step(
        self,
        real: Tensor,
        z: tuple[Tensor, Tensor],
        labels: Tensor | None = None,
        settings: Settings | None = None,
        augment: Augment = lambda pictures: pictures,
    ) -> dict[str, float]:
        """As `Trainer.step`; fakes are drawn with z[0], and z[1] chooses backgrounds."""
        settings = settings or Settings()
        self.tune(settings)
        fake = self.generator(z[0], labels)
        real, shown = augment(real), augment(fake)
        with torch.no_grad():
            real_maps = self.perception(_on_some_background(real, z[1]))
        fake_maps = self.perception(_on_some_background(shown, z[1]))
        real_seen, fake_seen = (real_maps, fake_maps) if self.sees_features else (real, shown)
        figures: Figures = {}
        if settings.adversarial:
            figures = self._discriminator_step(real_seen, fake_seen, labels, settings)
        if "skipped" not in figures:
            loss = self.perceptual * _distance(real_maps, fake_maps)
            figures["distance"] = loss.detach()
            loss = loss + self.pixels * 0.5 * (shown - real).abs().mean()
            if settings.adversarial:
                adversarial = self._deceive(real_seen, fake_seen, labels)
                figures["loss_g"] = adversarial.detach()
                loss = loss + settings.adversarial * adversarial
            figures |= descend(self.optimizer_g, loss, max_norm=_LONGEST, reduce=self.reduce)
        self.steps += 1
        return {name: value.item() for name, value in figures.items()}

    @torch.no_grad()
    def mean_logit(self, pictures: Tensor, labels: Tensor | None, augment: Augment) -> float:
        """D's mean logit of pictures that it is not trained on, on white."""
        seen = augment(pictures)
        if self.sees_features:
            seen = self.perception(on_background(seen, torch.ones_like(seen[:, :3, 0, 0])))
        return float(_mean(_listed(self.discriminator(seen, labels))))

    def _discriminator_step(self, real: Seen, fake: Seen, labels: Tensor | None, settings: Settings) -> Figures:
        penalise = settings.gamma > 0 and self.steps % settings.penalty_every == 0
        seen = _each(lambda some, others: torch.cat([some, others]).detach().requires_grad_(penalise), real, fake)
        logits = self._logits_of(seen, labels, settings.mismatched > 0)
        compare = self.objective.discriminator
        loss = torch.stack([compare(some, others) for some, others, *_ in logits]).mean()
        figures = {"loss_d": loss.detach(), "real": _mean(part[0] for part in logits)}
        figures["fake"] = _mean(part[1] for part in logits)
        if len(logits[0]) > 2:
            figures["mismatched"] = _mean(part[2] for part in logits)
            wrong = torch.stack([compare(some, others) for some, _, others in logits]).mean()
            loss = loss + settings.mismatched * wrong
        if penalise:
            penalty = self._gradient_penalty(logits, _listed(seen))
            figures["penalty"] = penalty.detach()
            loss = loss + settings.gamma * settings.penalty_every * penalty
        return figures | descend(self.optimizer_d, loss, reduce=self.reduce)

    def _logits_of(self, seen: Seen, labels: Tensor | None, mismatched: bool) -> list[tuple[Tensor, ...]]:
        """Of each head the logits [B, …] of real pictures, of fakes and, if asked, of real ones under other labels."""
        features: Seen = self.discriminator.features(seen)  # type: ignore[operator]
        count, conditions = len(_listed(seen)[0]) // 2, None
        if labels is not None:
            conditions = torch.cat([labels, labels])
            if mismatched:
                conditions = torch.cat([conditions, labels.roll(1, 0)])
                features = _each(lambda x: torch.cat([x, x[:count]]), features)
        return [logits.split(count) for logits in _listed(self.discriminator.judge(features, conditions))]  # type: ignore[operator]

    def _gradient_penalty(self, logits: list[tuple[Tensor, ...]], seen: list[Tensor]) -> Tensor:
        """½E|∇D|² of real pictures or, with R2, of both, in the gradient with respect to all that D sees of one."""
        parts = 1 if self.penalty == "r1" else 2
        said = [half.reshape(len(half), -1).mean(1).sum() for head in logits for half in head[:parts]]  # over places
        gradients = torch.autograd.grad(torch.stack(said).sum() / len(logits), seen, create_graph=True)
        count = len(seen[0]) // 2 * parts
        return 0.5 * parts * torch.stack([_squared_norm(gradient[:count]).mean() for gradient in gradients]).sum()

    def _deceive(self, real: Seen, fake: Seen, labels: Tensor | None) -> Tensor:
        """G's side of the game; D's parameters collect no gradient."""
        with frozen(self.discriminator):
            fakes = _listed(self.discriminator(fake, labels))
            reals = [logits.detach() for logits in fakes]
            if self.objective.needs_real:
                with torch.no_grad():
                    reals = _listed(self.discriminator(real, labels))
            pairs = zip(reals, fakes, strict=True)
            return torch.stack([self.objective.generator(some, others) for some, others in pairs]).mean()


def _on_some_background(pictures: Tensor, noise: Tensor) -> Tensor:
    """Every other one on white, the rest on colours that standard normal noise [B, 3 or more] chooses."""
    colours = 2 * torch.special.ndtr(noise[:, :3]) - 1
    white = torch.arange(len(noise), device=noise.device)[:, None] % 2 == 0
    return on_background(pictures, torch.where(white, torch.ones_like(colours), colours))


def _distance(some: list[Tensor], others: list[Tensor]) -> Tensor:
    """Mean over the maps of their mean absolute difference."""
    return torch.stack([(a.float() - b.float()).abs().mean() for a, b in zip(some, others, strict=True)]).mean()


def _each(function: Callable[..., Tensor], *seen: Seen) -> Seen:
    if isinstance(seen[0], list):
        return [function(*maps) for maps in zip(*seen, strict=True)]
    return function(*seen)


def _listed(seen: Seen) -> list[Tensor]:
    return seen if isinstance(seen, list) else [seen]


def _mean(logits: Iterable[Tensor]) -> Tensor:
    """Over heads, then over places and pictures."""
    return torch.stack([head.detach().mean() for head in logits]).mean()


def _squared_norm(gradient: Tensor) -> Tensor:
    return gradient.float().square().flatten(1).sum(1)
