"""Training that a frozen network takes part in: as what leads the generator, as what a discriminator looks through.

Nothing but a discriminator tells G what to draw in the usual game, which takes millions of pictures. Where each
condition has its picture, the distance between that and the drawing in features of a frozen network (Johnson et al.
2016; Zhang et al. 2018, LPIPS) teaches G layout and colour within minutes; D at a low weight then makes it crisp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from attngan.networks.latent_codes import LatentCodes
from attngan.networks.perception import on_background, pooled
from attngan.trainer import Augment, Penalty, Settings, Trainer, descend, frozen

Figures = dict[str, Tensor]
Seen = Tensor | list[Tensor]  # what D looks at: pictures, or a frozen network's maps of them
Logits = tuple[Tensor, ...]  # of one head: of real pictures, of fakes and, if asked, of real ones under other labels

_LONGEST = 5.0  # norm of G's gradient


class PerceptualTrainer(Trainer):
    """One D step and one G step on the same fakes, whose features are taken once.

    discriminator: features(seen), judge(features, labels) → logits [B] or, of several heads, a list of [B, P]. What it
    sees are pictures or, with sees_features, their feature maps. perception: frozen, RGB pictures [B, 3, r, r] in
    [−1, 1] → a list of these maps. G's loss is `perceptual` times the mean L1 distance of the maps, plus `pixels` times
    that of the pixels in [0, 1], plus Settings.adversarial times what D says of the fakes; at adversarial = 0 it rests.
    codes: of pictures without captions. The first half of a batch is then drawn from the codes of its pictures, and
    compared with them; the other half is drawn from noise, and what D says is all that leads it.
    Penalties are exact, with respect to what D sees. Augmentation does the same to a picture and its fake.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, perception: nn.Module, objective: str = "hinge",
        penalty: Penalty = "none", *, sees_features: bool = True, perceptual: float = 1.0, pixels: float = 2.0,
        codes: LatentCodes | None = None,
    ) -> None:  # fmt: skip
        super().__init__(generator, discriminator, objective, penalty)
        self.perception, self.sees_features, self.codes = perception, sees_features, codes
        self.perceptual, self.pixels = perceptual, pixels

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
        fake = augment(self.generator(self._coded(z[0], real), labels))
        real = augment(real)
        with torch.no_grad():
            real_maps = self.perception(_on_some_background(real, z[1]))
        fake_maps = self.perception(_on_some_background(fake, z[1]))
        seen: tuple[Seen, Seen] = (real_maps, fake_maps) if self.sees_features else (real, fake)
        figures = self._judge_step(*seen, labels, settings) if settings.adversarial else {}
        if "skipped" not in figures:
            loss = torch.zeros((), device=real.device)
            if self.perceptual or self.pixels:
                led = slice(_half(real) if self.codes else None)
                distance = _distance(real_maps, fake_maps, led)
                figures["distance"] = distance.detach()
                loss = self.perceptual * distance + self.pixels * 0.5 * (fake[led] - real[led]).abs().mean()
            if settings.adversarial:
                deceit = self._deceive(*seen, labels)
                figures["loss_g"] = deceit.detach()
                loss = loss + settings.adversarial * deceit
            figures |= descend(self.optimizer_g, loss, max_norm=_LONGEST, reduce=self.reduce)
        self.steps += 1
        return {name: value.item() for name, value in figures.items()}

    @torch.no_grad()
    def mean_logit(self, pictures: Tensor, labels: Tensor | None, augment: Augment) -> float:
        """D's mean logit of pictures that it is not trained on, on white."""
        shown = augment(pictures)
        return float(_mean(_listed(self.discriminator(self._maps(shown) if self.sees_features else shown, labels))))

    @torch.no_grad()
    def see(self, pictures: Tensor) -> Tensor:
        """Features float [B, 512] of pictures on white."""
        return pooled(self._maps(pictures))

    def _maps(self, pictures: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.perception(on_background(pictures, pictures.new_ones(len(pictures), 3)))
        return maps

    def _coded(self, noise: Tensor, real: Tensor) -> Tensor:
        """The noise of a batch, the first half of it with the codes of the pictures."""
        if self.codes is None:
            return noise
        half = _half(real)
        with torch.autocast(real.device.type, enabled=False):  # small components need more than 8 bits
            return torch.cat([self.codes(self.see(real[:half]), noise[:half]), noise[half:]])

    def _judge_step(self, real: Seen, fake: Seen, labels: Tensor | None, settings: Settings) -> Figures:
        """Moves D to tell real from fake."""
        penalise = self._penalises(settings)
        both = _each(lambda some, others: torch.cat([some, others]).detach().requires_grad_(penalise), real, fake)
        logits = self._logits_of(both, labels, settings.mismatched > 0)
        compare = self.objective.discriminator
        loss = torch.stack([compare(some, others) for some, others, *_ in logits]).mean()
        figures = {"loss_d": loss.detach(), "real": _mean(part[0] for part in logits)}
        figures["fake"] = _mean(part[1] for part in logits)
        if labels is not None and settings.mismatched:
            wrong = (labels != labels.roll(1, 0)).reshape(len(labels), -1).any(1)  # few classes often meet their like
            if wrong.any():
                figures["mismatched"] = _mean(others[wrong] for _, _, others in logits)
                refused = torch.stack([compare(some[wrong], others[wrong]) for some, _, others in logits]).mean()
                loss = loss + settings.mismatched * refused
        if penalise:
            penalty = _penalty_of(logits, _listed(both), real_alone=self.penalty == "r1")
            figures["penalty"] = penalty.detach()
            loss = loss + settings.gamma * settings.penalty_every * penalty
        return figures | descend(self.optimizer_d, loss, reduce=self.reduce)

    def _logits_of(self, seen: Seen, labels: Tensor | None, mismatched: bool) -> list[Logits]:
        """Of each head; every picture is looked at once."""
        features: Seen = self.discriminator.features(seen)  # type: ignore[operator]
        count, conditions = len(_listed(seen)[0]) // 2, None
        if labels is not None:
            conditions = torch.cat([labels, labels])
            if mismatched:
                conditions = torch.cat([conditions, labels.roll(1, 0)])
                features = _each(lambda x: torch.cat([x, x[:count]]), features)
        said = self.discriminator.judge(features, conditions)  # type: ignore[operator]
        return [logits.split(count) for logits in _listed(said)]

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


def _half(batch: Tensor) -> int:
    """Pictures of a batch that are drawn from codes: one at least."""
    return (len(batch) + 1) // 2


def _penalty_of(logits: list[Logits], seen: list[Tensor], real_alone: bool) -> Tensor:
    """½E|∇D|² of real pictures or, with R2, of both, in the gradient with respect to all that D sees of one.

    D is the mean over heads of the mean over a head's places.
    """
    parts = 1 if real_alone else 2
    said = [half.reshape(len(half), -1).mean(1).sum() for head in logits for half in head[:parts]]
    gradients = torch.autograd.grad(torch.stack(said).sum() / len(logits), seen, create_graph=True)
    count = len(seen[0]) // 2 * parts
    return 0.5 * parts * torch.stack([_squared_norm(gradient[:count]).mean() for gradient in gradients]).sum()


def _on_some_background(pictures: Tensor, noise: Tensor) -> Tensor:
    """Every other one on white, the rest on colours that standard normal noise [B, 3 or more] chooses."""
    colours = 2 * torch.special.ndtr(noise[:, :3]) - 1
    white = torch.arange(len(noise), device=noise.device)[:, None] % 2 == 0
    return on_background(pictures, torch.where(white, torch.ones_like(colours), colours))


def _distance(some: list[Tensor], others: list[Tensor], led: slice) -> Tensor:
    """Mean over the maps of the mean absolute difference of those pictures that G is led by."""
    pairs = zip(some, others, strict=True)
    return torch.stack([(a[led].float() - b[led].float()).abs().mean() for a, b in pairs]).mean()


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
