"""The discriminator of a frozen network's maps."""

from dataclasses import replace

import pytest
import torch

from attngan.networks import build_discriminator
from attngan.networks.perception import WIDTHS
from attngan.presets import preset


@pytest.fixture(scope="module")
def config():
    return replace(preset("emoji-64")[0], vocabulary=20, styles=2, text_dim=16, text_heads=2)


def maps_of(batch, side=32):
    torch.manual_seed(1)
    return [torch.randn(batch, width, side >> place, side >> place) for place, width in enumerate(WIDTHS)]


def condition_of(*rows):
    return torch.tensor([[0, *row, *[0] * (4 - len(row))] for row in rows])


def settled(config):
    """D whose attention says something and whose spectral norms no longer move."""
    torch.manual_seed(0)
    discriminator = build_discriminator(config)
    for head in discriminator.heads:
        if head.attention is not None:
            torch.nn.init.normal_(head.attention.attention.out_proj.weight, std=0.1)
    return discriminator.eval()


@pytest.mark.parametrize("side", [32, 48])
def test_every_head_says_something_of_every_place(config, side):
    logits = settled(config)(maps_of(2, side), condition_of([5, 6], [7]))
    sides = [side // 8, side // 8, side // 8, side // 8, side // 16]
    assert [tuple(part.shape) for part in logits] == [(2, n * n) for n in sides]


def test_words_change_places_differently(config):
    """With attention to words a place's logit depends on which word it is about; without, all move by one vector."""
    maps, said, other = maps_of(1), condition_of([5, 6]), condition_of([5, 9])
    for attentive in (True, False):
        discriminator = settled(replace(config, attentive_heads=attentive))
        for part in discriminator.heads:
            torch.nn.init.zeros_(part.expected[2].weight)  # leaves the attention alone to tell words apart
        a, b = discriminator(maps, said)[0], discriminator(maps, other)[0]
        assert torch.equal(a, b) != attentive


def test_judging_what_was_seen_is_the_same_as_looking(config):
    discriminator, maps, condition = settled(config), maps_of(3), condition_of([5], [6, 7], [8, 9, 10])
    seen = discriminator.features(maps)
    for part, other in zip(discriminator(maps, condition), discriminator.judge(seen, condition), strict=True):
        assert torch.equal(part, other)


def test_pictures_of_a_batch_do_not_see_one_another(config):
    discriminator, maps, condition = settled(config), maps_of(3), condition_of([5], [6, 7], [8])
    alone = discriminator([x[1:2] for x in maps], condition[1:2])
    for part, other in zip(discriminator(maps, condition), alone, strict=True):
        torch.testing.assert_close(part[1:2], other, atol=1e-5, rtol=1e-4)


def test_mixing_is_fixed_and_in_the_checkpoint(config):
    discriminator = build_discriminator(config)
    names = {name for name, _ in discriminator.mixing.named_buffers()}
    assert names and not list(discriminator.mixing.parameters())
    assert {f"mixing.{name}" for name in names} <= set(discriminator.state_dict())


def test_the_exact_penalty_reaches_every_head(config):
    """R1 through spectral norm, group norm and attention: a second derivative for each parameter that sees maps."""
    discriminator = settled(config).train()
    maps = [x.requires_grad_() for x in maps_of(2)]
    total = sum(part.mean() for part in discriminator(maps, condition_of([5, 6], [7])))
    gradients = torch.autograd.grad(total, maps, create_graph=True)
    sum(gradient.square().sum() for gradient in gradients).backward()
    for name, parameter in discriminator.heads.named_parameters():
        if "layers.0" in name and "original" in name:
            assert parameter.grad is not None and parameter.grad.abs().max() > 0
