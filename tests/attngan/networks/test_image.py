"""Shapes, conditioning, attention in both networks, and what deployment adds."""

from dataclasses import replace

import pytest
import torch
from refusals import refuses

from attngan.attention import SelfAttention2d
from attngan.config import ImageNetworkConfig
from attngan.losses import r1
from attngan.networks.image import DeployedImageGenerator, ImageDiscriminator, ImageGenerator
from attngan.presets import PRESETS, preset


def small(resolution=16, channels=3, classes=0, attention=(8,)):
    widths = (8,) * (resolution.bit_length() - 2)
    return ImageNetworkConfig(resolution, channels, classes, 8, widths, 1, attention, 2)


def randomise(network):
    """Gives every parameter a value, since many start at zero on purpose."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


@pytest.mark.parametrize("resolution", [16, 32, 64, 128, 256])
@pytest.mark.parametrize(("channels", "classes"), [(1, 0), (3, 5), (4, 0)])
def test_every_size_and_channel_count(resolution, channels, classes):
    config = small(resolution, channels, classes, attention=(8, 16))
    labels = torch.tensor([0, 3, 4]) if classes else None
    pictures = ImageGenerator(config)(torch.randn(3, 8), labels)
    assert pictures.shape == (3, channels, resolution, resolution)
    assert ImageDiscriminator(config)(pictures, labels).shape == (3,)


@pytest.mark.parametrize("name", [name for name in PRESETS if isinstance(preset(name)[0], ImageNetworkConfig)])
def test_presets_build_and_attend_where_they_say(name):
    config = preset(name)[0]
    for network in (ImageGenerator(config), ImageDiscriminator(config)):
        attending = sum(isinstance(module, SelfAttention2d) for module in network.modules())
        assert attending == len(config.attention) > 0


def test_the_class_reaches_both_networks():
    config = small(classes=4)
    generator, discriminator = randomise(ImageGenerator(config)), randomise(ImageDiscriminator(config))
    z = torch.randn(1, 8).expand(2, -1)
    labels = torch.tensor([0, 1])
    first, second = generator(z, labels)
    assert (first - second).abs().max() > 1e-3
    same = torch.randn(1, 3, 16, 16).expand(2, -1, -1, -1)
    logits = discriminator(same, labels)
    assert (logits[0] - logits[1]).abs() > 1e-4


def test_every_parameter_of_both_networks_learns():
    config = small(classes=3)
    generator, discriminator = randomise(ImageGenerator(config)), randomise(ImageDiscriminator(config))
    labels = torch.tensor([0, 1, 2])
    discriminator(generator(torch.randn(3, 8), labels), labels).sum().backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            if not name.endswith(("second.bias", "in_proj_bias", "score.bias")):
                assert parameter.grad.abs().max() > 0, name


def test_penalty_reaches_the_attention_of_the_discriminator():
    discriminator = randomise(ImageDiscriminator(small()))
    x = torch.randn(2, 3, 16, 16, requires_grad=True)
    r1(discriminator(x), x).backward()
    gradient = next(m for m in discriminator.modules() if isinstance(m, SelfAttention2d)).attention.in_proj_weight.grad
    assert gradient is not None
    assert (gradient.chunk(3)[0].abs().max() > 0) and (gradient.chunk(3)[2].abs().max() > 0)


def test_one_sample_does_not_touch_another():
    generator = randomise(ImageGenerator(small())).double()
    z = torch.randn(3, 8, dtype=torch.float64)
    torch.testing.assert_close(generator(z)[1:2], generator(z[1:2]))


def test_deployed_generator_clamps_truncates_and_repeats():
    generator = randomise(ImageGenerator(small()))
    with torch.no_grad():
        generator.to_picture.bias.fill_(3.0)
    deployed = DeployedImageGenerator(generator)
    seeds = torch.tensor([0, 2**32 - 1])
    pictures = deployed(seeds, None, torch.ones(2))
    assert float(pictures.max()) <= 1.0
    assert torch.equal(pictures, deployed(seeds, None, torch.ones(2)))
    same = deployed(seeds, None, torch.zeros(2))
    torch.testing.assert_close(same[0], same[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": 48}, "resolution 48"),
        ({"channels": 2}, "channels 2"),
        ({"widths": (8, 8)}, "widths"),
        ({"z_dim": 7}, "z_dim 7"),
        ({"attention": (64,)}, "attention 64"),
        ({"attention": (12,)}, "attention 12"),
        ({"heads": 3}, "heads 3"),
    ],
)
def test_impossible_shapes_are_named(change, message):
    with refuses(message):
        replace(small(), **change)
