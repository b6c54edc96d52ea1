"""Augmentation: what it changes, that it is differentiable twice, and that it depends on its seeds alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attngan.augment import AUGMENTATIONS, augment

SEEDS = torch.arange(64)
ALL = tuple(AUGMENTATIONS)


def pictures(count=64, channels=3, size=16):
    torch.manual_seed(0)
    return torch.rand(count, channels, size, size) * 2 - 1


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_each_changes_its_share_of_the_pictures(name, channels):
    x = pictures(channels=channels)
    changed = (augment(x, SEEDS, (name,), 0.5) != x).flatten(1).any(1).float().mean()
    assert 0.1 < float(changed) < 0.8
    assert torch.equal(augment(x, SEEDS, (name,), 0.0), x)


def test_color_leaves_alpha_alone():
    x = pictures(channels=4)
    assert torch.equal(augment(x, SEEDS, ("color",), 1.0)[:, 3], x[:, 3])


def test_translation_moves_whole_pictures():
    x = torch.zeros(64, 1, 16, 16)
    x[:, :, 8, 8] = 1
    moved = augment(x, SEEDS, ("translation",), 1.0)
    assert torch.equal(moved.flatten(1).sum(1), torch.ones(64))
    rows, columns = (moved[:, 0] == 1).nonzero()[:, 1], (moved[:, 0] == 1).nonzero()[:, 2]
    assert set((rows - 8).tolist()) == set((columns - 8).tolist()) == {-2, -1, 0, 1, 2}


def test_rotate_makes_each_of_the_four_turns():
    x = pictures(1).expand(64, -1, -1, -1)
    turned = augment(x, SEEDS, ("rotate",), 1.0)
    turns = [x[0].rot90(count, (1, 2)) for count in range(4)]
    found = [next(k for k in range(4) if torch.equal(picture, turns[k])) for picture in turned]
    assert all(found.count(k) > 5 for k in range(4))


@given(st.floats(0, 1))
@settings(max_examples=20)
def test_scale_enlarges_about_the_centre(amount):
    """A ramp from −1 to 1 becomes steeper or flatter by the factor, and the middle stays."""
    x = torch.linspace(-1, 1, 16).expand(1, 1, 16, 16).double()
    scaled = AUGMENTATIONS["scale"](x, torch.tensor([[amount, 0, 0]], dtype=torch.float64))
    factor = 2 ** (amount - 0.5)
    assert 0.7 < factor < 1.42
    torch.testing.assert_close(scaled, (x / factor).clamp(-1, 1))
    torch.testing.assert_close(
        scaled.transpose(2, 3), AUGMENTATIONS["scale"](x.transpose(2, 3), torch.tensor([[amount, 0, 0]]).double())
    )


def test_cutout_clears_at_most_a_quarter():
    cleared = (augment(torch.ones(64, 1, 16, 16), SEEDS, ("cutout",), 1.0) == 0).float().mean((1, 2, 3))
    assert float(cleared.max()) == pytest.approx(0.25)
    assert float(cleared.min()) > 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
@settings(max_examples=20)
def test_a_picture_is_changed_by_its_own_seed_alone(seed, others):
    x = pictures(others + 1)
    seeds = torch.tensor([seed, *range(others)])
    together = augment(x, seeds, ALL, 0.7)
    torch.testing.assert_close(together[:1], augment(x[:1], seeds[:1], ALL, 0.7))


def test_second_derivative_of_a_function_behind_augmentation():
    x = pictures(3, 3, 8).double().requires_grad_()

    def curved(x):
        return augment(x, SEEDS[:3], ALL, 1.0).pow(3).sum()

    assert torch.autograd.gradgradcheck(curved, x[:1].detach().requires_grad_())
