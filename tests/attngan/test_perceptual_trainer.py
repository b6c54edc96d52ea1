"""Training led by a frozen network."""

import pytest
import torch
from torch import nn

from attngan.networks.latent_codes import LatentCodes
from attngan.perceptual_trainer import PerceptualTrainer
from attngan.trainer import Settings


class Painter(nn.Module):
    """One picture a label, whatever the noise."""

    def __init__(self, labels=3):
        super().__init__()
        self.pictures = nn.Embedding(labels, 3 * 8 * 8)
        nn.init.normal_(self.pictures.weight, std=0.1)

    def forward(self, z, labels):
        return self.pictures(labels).view(-1, 3, 8, 8) + 0 * z[:, :1, None, None]


class Eyes(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3, 2)])
        self.requires_grad_(False)

    def forward(self, pictures):
        first = self.layers[0](pictures)
        return [first, self.layers[1](first.tanh())]


class Heads(nn.Module):
    """A head a map."""

    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleList([nn.Conv2d(4, 1, 1), nn.Conv2d(5, 1, 1)])
        self.labels = nn.Embedding(3, 1)

    def features(self, maps):
        return [torch.tanh(head(x)) for head, x in zip(self.heads, maps, strict=True)]

    def judge(self, features, labels):
        return [x.flatten(1) + self.labels(labels) for x in features]

    def forward(self, maps, labels):
        return self.judge(self.features(maps), labels)


class Pixels(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.labels = nn.Conv2d(3, 4, 3), nn.Embedding(3, 4)

    def features(self, pictures):
        return self.layer(pictures).tanh().mean((2, 3))

    def judge(self, features, labels):
        return (features * (1 + self.labels(labels))).sum(1)

    def forward(self, pictures, labels):
        return self.judge(self.features(pictures), labels)


def trainer_of(network, objective, penalty, **weights):
    sees_features = isinstance(network, Heads)
    return PerceptualTrainer(Painter(), network, Eyes(), objective, penalty, sees_features=sees_features, **weights)


def trained(judge, steps, settings, *, perceptual=1.0, pixels=2.0, objective="hinge", penalty="r1"):
    torch.manual_seed(0)
    trainer = trainer_of(judge(), objective, penalty, perceptual=perceptual, pixels=pixels)
    real, labels = torch.rand(6, 3, 8, 8) * 2 - 1, torch.arange(6) % 3
    real = real[:3].repeat(2, 1, 1, 1)
    before = {name: value.clone() for name, value in trainer.discriminator.state_dict().items()}
    for step in range(steps):
        z = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(step))
        figures = trainer.step(real, (z[0], z[1]), labels, settings)
    moved = any(not torch.equal(value, before[name]) for name, value in trainer.discriminator.state_dict().items())
    return trainer, real[:3], figures, moved


@pytest.mark.parametrize("judge", [Heads, Pixels])
def test_without_an_adversary_the_picture_of_each_label_is_learnt_and_d_rests(judge):
    settings = Settings(learning_rate=3e-2, adversarial=0.0)
    trainer, real, figures, moved = trained(judge, 300, settings)
    with torch.no_grad():
        drawn = trainer.generator(torch.zeros(3, 4), torch.arange(3))
    assert (drawn - real).abs().mean() < 0.05
    assert not moved and "loss_d" not in figures and "loss_g" not in figures
    assert trainer.steps == 300


def test_features_alone_lead_as_well():
    trainer, real, *_ = trained(Heads, 300, Settings(learning_rate=3e-2, adversarial=0.0), pixels=0.0)
    with torch.no_grad():
        drawn = trainer.generator(torch.zeros(3, 4), torch.arange(3))
        far = [(a - b).abs().mean() for a, b in zip(trainer.perception(drawn), trainer.perception(real), strict=True)]
    assert max(far) < 0.05


@pytest.mark.parametrize("judge", [Heads, Pixels])
@pytest.mark.parametrize(("objective", "penalty"), [("hinge", "r1"), ("relativistic", "r1+r2")])
def test_with_an_adversary_both_move(judge, objective, penalty):
    settings = Settings(learning_rate=1e-2, gamma=0.1, mismatched=1.0, adversarial=0.1)
    trainer, _, figures, moved = trained(judge, 2, settings, objective=objective, penalty=penalty)
    assert moved and {"loss_d", "loss_g", "real", "fake", "mismatched", "penalty", "distance"} <= set(figures)
    assert all(parameter.requires_grad for parameter in trainer.discriminator.parameters())


@pytest.mark.parametrize("judge", [Heads, Pixels])
@pytest.mark.parametrize("penalty", ["r1", "r1+r2"])
def test_the_penalty_is_the_exact_one(judge, penalty):
    """Against the definition, written out picture by picture in float64."""
    torch.manual_seed(0)
    trainer = trainer_of(judge(), "hinge", penalty)
    for network in (trainer.generator, trainer.discriminator, trainer.perception):
        network.double()
    real, labels = torch.rand(3, 3, 8, 8).double() * 2 - 1, torch.arange(3)
    z = torch.randn(2, 3, 4).double()
    with torch.no_grad():
        fake = trainer.generator(z[0], labels)
    expected = 0.0
    for pictures in (real, fake)[: 1 if penalty == "r1" else 2]:
        for place in range(3):
            seen = (
                trainer.perception(pictures[place : place + 1])
                if trainer.sees_features
                else [pictures[place : place + 1]]
            )
            seen = [x.detach().requires_grad_() for x in seen]
            logits = trainer.discriminator(seen if trainer.sees_features else seen[0], labels[place : place + 1])
            heads = logits if isinstance(logits, list) else [logits]
            said = sum(head.mean() for head in heads) / len(heads)
            expected += 0.5 * sum(float(g.square().sum()) for g in torch.autograd.grad(said, seen)) / 3
    figures = trainer.step(real, (z[0], z[1]), labels, Settings(learning_rate=1e-9, gamma=1.0))
    assert figures["penalty"] == pytest.approx(expected, rel=1e-6)


def test_a_step_that_is_not_finite_moves_nothing():
    trainer, *_ = trained(Heads, 1, Settings(learning_rate=1e-3, adversarial=0.1))
    before = [parameter.clone() for parameter in trainer.generator.parameters()]
    figures = trainer.step(torch.full((6, 3, 8, 8), torch.nan), (torch.randn(6, 4),) * 2, torch.arange(6) % 3,
                           Settings(adversarial=0.1))  # fmt: skip
    assert figures["skipped"]
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.generator.parameters(), strict=True))


def test_a_picture_and_its_fake_are_changed_alike():
    seen = []
    torch.manual_seed(0)
    trainer = PerceptualTrainer(Painter(), Heads(), Eyes())

    def augment(pictures):
        seen.append(len(pictures))
        return pictures

    trainer.step(torch.zeros(3, 3, 8, 8), (torch.randn(3, 4), torch.randn(3, 4)), torch.arange(3),
                 Settings(adversarial=0.0), augment)  # fmt: skip
    assert seen == [3, 3]  # a batch each, so that seeds by place are the same


def test_half_of_a_batch_is_drawn_from_codes_and_compared_the_other_from_noise():
    torch.manual_seed(0)
    codes = LatentCodes(2)
    codes.mean, codes.basis = torch.zeros(9), torch.randn(9, 2)  # 4 + 5 features of these eyes
    codes.share.fill_(1.0)
    generator, given = Painter(), []
    forward = generator.forward
    generator.forward = lambda z, labels: given.append(z) or forward(z, labels)
    trainer = PerceptualTrainer(generator, Heads(), Eyes(), pixels=2.0, perceptual=0.0, codes=codes)
    real, labels, z = torch.rand(6, 3, 8, 8) * 2 - 1, torch.arange(6) % 3, torch.randn(6, 4)
    with torch.no_grad():
        drawn = forward(z, labels)
    figures = trainer.step(real, (z, z), labels, Settings(learning_rate=1e-9, adversarial=0.0))
    expected = torch.cat([codes(trainer.see(real[:3]), z[:3])[:, :2], z[:3, 2:]], 1)
    torch.testing.assert_close(given[0], torch.cat([expected, z[3:]]))
    maps = zip(trainer.perception(drawn[:3]), trainer.perception(real[:3]), strict=True)
    assert figures["distance"] == pytest.approx(float(sum((a - b).abs().mean() for a, b in maps) / 2), rel=1e-5)


def test_a_label_that_the_neighbour_has_too_is_no_mismatch():
    torch.manual_seed(0)
    real, z = torch.rand(4, 3, 8, 8) * 2 - 1, torch.randn(4, 4)
    settings, said = Settings(learning_rate=1e-9, mismatched=1.0), {}
    for labels in ((0, 0, 0, 0), (0, 0, 1, 1), (0, 1, 0, 1)):
        trainer = trainer_of(Heads(), "hinge", "none")
        torch.nn.init.constant_(trainer.discriminator.labels.weight, 0.0)
        with torch.no_grad():
            trainer.discriminator.labels.weight[1] = 100.0
        said[labels] = trainer.step(real, (z, z), torch.tensor(labels), settings).get("mismatched")
    assert said[0, 0, 0, 0] is None
    assert said[0, 0, 1, 1] == pytest.approx(50.0, abs=2)  # the first and the third, under 1 and under 0
    assert said[0, 1, 0, 1] == pytest.approx(50.0, abs=2)
