"""Objectives against their printed equations, and penalties against gradients known in closed form."""

import math

import pytest
import torch
from torch import nn

from attngan.losses import OBJECTIVES, r1, r1_r2, r2, wgan_gp


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


REAL, FAKE = [1.5, -0.3], [0.4, -2.0]
PAIRS = list(zip(REAL, FAKE, strict=True))
EXPECTED = {
    "minmax": (
        sum(-math.log(sigmoid(r)) - math.log(1 - sigmoid(f)) for r, f in PAIRS) / 2,
        sum(math.log(1 - sigmoid(f)) for f in FAKE) / 2,
    ),
    "non-saturating": (
        sum(-math.log(sigmoid(r)) - math.log(1 - sigmoid(f)) for r, f in PAIRS) / 2,
        sum(-math.log(sigmoid(f)) for f in FAKE) / 2,
    ),
    "hinge": (sum(max(0, 1 - r) + max(0, 1 + f) for r, f in PAIRS) / 2, -sum(FAKE) / 2),
    "wasserstein": (sum(f - r for r, f in PAIRS) / 2, -sum(FAKE) / 2),
    "least-squares": (
        sum((r - 1) ** 2 + f**2 for r, f in PAIRS) / 4,
        sum((f - 1) ** 2 for f in FAKE) / 4,
    ),
    "relativistic": (
        sum(-math.log(sigmoid(r - f)) for r, f in PAIRS) / 2,
        sum(-math.log(sigmoid(f - r)) for r, f in PAIRS) / 2,
    ),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objective_equals_its_equation(name):
    real, fake = torch.tensor(REAL, dtype=torch.float64), torch.tensor(FAKE, dtype=torch.float64)
    objective = OBJECTIVES[name]
    assert float(objective.discriminator(real, fake)) == pytest.approx(EXPECTED[name][0], rel=1e-12)
    assert float(objective.generator(real, fake)) == pytest.approx(EXPECTED[name][1], rel=1e-12)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_both_players_pull_the_fake_logit_in_opposite_directions(name):
    real = torch.tensor([0.2, 0.1])
    fake = torch.tensor([0.1, -0.2], requires_grad=True)
    (down,) = torch.autograd.grad(OBJECTIVES[name].discriminator(real, fake).sum(), fake)
    (up,) = torch.autograd.grad(OBJECTIVES[name].generator(real, fake).sum(), fake)
    if name == "least-squares":  # its discriminator pulls towards 0, not down
        assert torch.equal(down.sign(), fake.sign())
    else:
        assert (down > 0).all()
    assert (up < 0).all()


def quadratic(x, labels=None):
    """D(x) = ½|x|² + 3, whose gradient is x itself."""
    return 0.5 * x.flatten(1).square().sum(1) + 3


def test_r1_and_r2_are_half_the_mean_squared_gradient():
    x = torch.randn(5, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    expected = 0.5 * x.flatten(1).square().sum(1).mean()
    for penalty in (r1, r2):
        assert float(penalty(quadratic(x), x)) == pytest.approx(float(expected), rel=1e-6)
    both = torch.randn(6, 3, 4, 4, requires_grad=True)
    parts = sum(float(r1(quadratic(half), half)) for half in (h.detach().requires_grad_() for h in both.chunk(2)))
    assert float(r1_r2(quadratic(both), both)) == pytest.approx(parts, rel=1e-6)


def test_wgan_gp_is_zero_for_unit_slope_and_one_for_a_constant():
    real, fake = torch.randn(4, 1, 2, 2), torch.randn(4, 1, 2, 2)
    mix = torch.rand(4)
    slope = nn.Parameter(torch.tensor(0.5))  # four pixels of slope ½ each: gradient norm 1
    assert float(wgan_gp(lambda x, _: slope * x.flatten(1).sum(1), real, fake, None, mix)) == pytest.approx(0, abs=1e-6)
    assert float(wgan_gp(lambda x, _: 0 * x.flatten(1).sum(1), real, fake, None, mix)) == pytest.approx(1, abs=1e-4)


def test_wgan_gp_looks_between_the_two_pictures():
    real, fake = torch.ones(2, 1, 1, 1), torch.zeros(2, 1, 1, 1)
    mix = torch.tensor([0.25, 0.75])
    expected = ((mix - 1) ** 2).mean()  # of `quadratic` the gradient norm at x̂ = mix is mix
    assert float(wgan_gp(quadratic, real, fake, None, mix)) == pytest.approx(float(expected), rel=1e-5)


def test_penalty_moves_the_discriminator():
    weight = nn.Parameter(torch.tensor(2.0))
    x = torch.randn(3, 1, 2, 2, requires_grad=True)
    penalty = r1(weight * quadratic(x), x)
    (gradient,) = torch.autograd.grad(penalty, weight)
    assert float(gradient) == pytest.approx(float(2 * penalty / weight), rel=1e-5)
