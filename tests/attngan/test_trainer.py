"""The algorithm: whose parameters move, what the penalty is, and that it learns."""

import importlib.util
from pathlib import Path

import pytest
import torch
from torch import nn

from attngan.ema import Ema
from attngan.losses import OBJECTIVES
from attngan.trainer import Settings, Trainer


class Critic(nn.Module):
    """D(x) = w·x, whose squared gradient is |w|² everywhere."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.3, -0.4]))

    def forward(self, x, labels=None):
        return x @ self.weight


class Shift(nn.Module):
    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.zeros(2))

    def forward(self, z, labels=None):
        return z[:, :2] + self.place


def batch(count=8):
    torch.manual_seed(0)
    return torch.randn(count, 2) + 3, (torch.randn(count, 2), torch.randn(count, 2))


@pytest.mark.parametrize(("penalty", "expected"), [("r1+r2", 0.25), ("r1", 0.125), ("r2", 0.125), ("wgan-gp", 0.25)])
def test_penalty_of_a_linear_critic(penalty, expected):
    real, z = batch()
    figures = Trainer(Shift(), Critic(), penalty=penalty).step(real, z)
    assert figures["penalty"] == pytest.approx(expected, rel=1e-5)  # |w|² = ¼; (|w| − 1)² = ¼ as well


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_step_moves_its_own_network_towards_its_aim(objective):
    real, z = batch()
    trainer = Trainer(Shift(), Critic(), objective)
    before = trainer.discriminator.weight.clone()
    trainer.discriminator_step(real, z[0], None, Settings(gamma=0.0), lambda x: x)
    assert torch.equal(trainer.generator.place, torch.zeros(2))
    assert not torch.equal(trainer.discriminator.weight, before)
    weight = trainer.discriminator.weight.clone()
    score = trainer.discriminator(trainer.generator(z[1])).mean()
    trainer.generator_step(real, z[1], None, lambda x: x)
    assert torch.equal(trainer.discriminator.weight, weight)
    assert trainer.discriminator.weight.requires_grad
    assert trainer.discriminator(trainer.generator(z[1])).mean() > score


def test_lazy_penalty_falls_on_every_nth_step_and_weighs_n_times():
    real, z = batch()
    trainer = Trainer(Shift(), Critic())
    seen = ["penalty" in trainer.step(real, z, settings=Settings(penalty_every=3)) for _ in range(7)]
    assert seen == [True, False, False, True, False, False, True]
    gradients = []
    for every in (1, 3):
        trainer = Trainer(Shift(), Critic())
        trainer.discriminator_step(real, z[0], None, Settings(penalty_every=every), lambda x: x)
        gradients.append(trainer.discriminator.weight.grad)
    plain = Trainer(Shift(), Critic())
    plain.discriminator_step(real, z[0], None, Settings(gamma=0.0), lambda x: x)
    base = plain.discriminator.weight.grad
    torch.testing.assert_close(gradients[1] - base, 3 * (gradients[0] - base))


def test_settings_reach_both_optimisers():
    real, z = batch()
    trainer = Trainer(Shift(), Critic())
    trainer.step(real, z, settings=Settings(learning_rate=0.123, beta2=0.5))
    for optimizer in (trainer.optimizer_g, trainer.optimizer_d):
        assert optimizer.param_groups[0]["lr"] == 0.123
        assert optimizer.param_groups[0]["betas"] == (0.0, 0.5)


def test_the_example_covers_all_eight_modes():
    path = Path(__file__).parents[2] / "examples" / "own_networks.py"
    spec = importlib.util.spec_from_file_location("own_networks", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    torch.manual_seed(0)
    points = example.train()(torch.randn(1000, 8)).detach()
    angle = torch.atan2(points[:, 1], points[:, 0]) / (torch.pi / 4)
    counts = torch.bincount(angle.round().long() % 8, minlength=8)
    assert counts.min() > 50, counts
    assert float((points.norm(dim=1) - 1).abs().mean()) < 0.2


def test_ema_follows_quickly_at_first_and_by_its_half_life_later():
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    ema = Ema(network, half_life=100)
    nn.init.ones_(network.weight)
    ema.update(network, images_seen=32, batch=32)
    assert float(ema.network.weight) > 0.99
    nn.init.zeros_(ema.network.weight)
    ema.update(network, images_seen=10_000, batch=100)
    assert float(ema.network.weight) == pytest.approx(0.5)


class Judge(nn.Module):
    """Logits that depend on picture and label, with a count of how many pictures were looked at."""

    def __init__(self):
        super().__init__()
        self.see, self.say = nn.Linear(2, 3), nn.Embedding(4, 3)
        self.looked = 0

    def features(self, x):
        self.looked += len(x)
        return self.see(x)

    def judge(self, features, labels):
        return (features * self.say(labels)).sum(1)

    def forward(self, x, labels):
        return self.judge(self.features(x), labels)


def test_mismatched_pairs_are_judged_as_their_loss_says_and_looked_at_once():
    real, z = batch(4)
    labels = torch.arange(4)
    torch.manual_seed(1)
    trainer, discriminator = Trainer(Shift(), Judge()), Judge()
    discriminator.load_state_dict(trainer.discriminator.state_dict())
    fake = trainer.generator(z[0]).detach()
    loss = OBJECTIVES["relativistic"].discriminator(discriminator(real, labels), discriminator(fake, labels))
    wrong = discriminator(real, labels.roll(1, 0))
    loss = loss + 0.7 * OBJECTIVES["relativistic"].discriminator(discriminator(real, labels), wrong)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.0, 0.99))
    loss.backward()
    optimizer.step()
    figures = trainer.discriminator_step(real, z[0], labels, Settings(gamma=0.0, mismatched=0.7), lambda x: x)
    assert figures["mismatched"] == pytest.approx(wrong.mean().item())
    assert trainer.discriminator.looked == 8
    for found, expected in zip(trainer.discriminator.parameters(), discriminator.parameters(), strict=True):
        torch.testing.assert_close(found, expected)


def test_what_is_frozen_in_d_stays_frozen():
    real, z = batch(4)
    trainer = Trainer(Shift(), Judge())
    trainer.discriminator.say.requires_grad_(False)
    before = trainer.discriminator.say.weight.clone()
    for _ in range(2):
        trainer.step(real, z, torch.arange(4), Settings(mismatched=1.0))
    assert torch.equal(trainer.discriminator.say.weight, before)
    assert [p.requires_grad for p in trainer.discriminator.parameters()] == [True, True, False]


def test_gradients_can_be_changed_between_the_backward_pass_and_the_step():
    """As several processes will sum theirs: each gradient of either network is handed over once a step."""
    real, z = batch()
    plain, summed, seen = Trainer(Shift(), Critic()), Trainer(Shift(), Critic()), []

    def add_up(gradients):
        seen.append([gradient.clone() for gradient in gradients])
        for gradient in gradients:
            gradient.mul_(-1)

    summed.reduce = add_up
    plain.step(real, z)
    summed.step(real, z)
    assert [len(gradients) for gradients in seen] == [1, 1]
    start = torch.tensor([0.3, -0.4])
    torch.testing.assert_close(summed.discriminator.weight - start, start - plain.discriminator.weight)


def test_a_gradient_that_its_sum_makes_infinite_moves_nothing():
    real, z = batch()
    trainer = Trainer(Shift(), Critic())
    trainer.reduce = lambda gradients: [gradient.fill_(torch.inf) for gradient in gradients]
    assert "skipped" in trainer.step(real, z)
    assert torch.equal(trainer.discriminator.weight, torch.tensor([0.3, -0.4]))
