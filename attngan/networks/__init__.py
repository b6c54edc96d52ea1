"""Generators and discriminators, one file a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from attngan.config import ImageNetworkConfig, NetworkConfig, TextToImageConfig
from attngan.networks.decoding import DeployedTextGenerator
from attngan.networks.image import DeployedImageGenerator, ImageDiscriminator, ImageGenerator
from attngan.networks.projected import ProjectedClassDiscriminator, ProjectedWordDiscriminator
from attngan.networks.text import TextDiscriminator, TextGenerator
from attngan.networks.text_to_image import DeployedTextToImageGenerator, TextToImageDiscriminator, TextToImageGenerator


@dataclass(frozen=True)
class Networks:
    """What makes the networks of a task."""

    generator: Callable[..., nn.Module]  #: config → G, of noise and conditions
    discriminator: Callable[..., nn.Module]  #: config → D, of samples and conditions
    #: G → the generator as it is used; each has from_seed(seed, condition, truncation or temperature)
    deployed: Callable[..., nn.Module]


def _discriminator_of_words(config: TextToImageConfig) -> nn.Module:
    return (ProjectedWordDiscriminator if config.discriminator == "projected" else TextToImageDiscriminator)(config)


def _discriminator_of_pictures(config: ImageNetworkConfig) -> nn.Module:
    return (ProjectedClassDiscriminator if config.discriminator == "projected" else ImageDiscriminator)(config)


NETWORKS: dict[str, Networks] = {
    "image": Networks(ImageGenerator, _discriminator_of_pictures, DeployedImageGenerator),
    "text-to-image": Networks(TextToImageGenerator, _discriminator_of_words, DeployedTextToImageGenerator),
    "text": Networks(TextGenerator, TextDiscriminator, DeployedTextGenerator),
}


def build_generator(config: NetworkConfig) -> nn.Module:
    """Untrained, with the weights of torch's current random state."""
    return NETWORKS[config.task].generator(config)


def build_discriminator(config: NetworkConfig) -> nn.Module:
    """Untrained, with the weights of torch's current random state."""
    return NETWORKS[config.task].discriminator(config)


def deploy(generator: nn.Module) -> nn.Module:
    """The generator as it is used: sampled, measured and exported."""
    return NETWORKS[str(generator.config.task)].deployed(generator)  # type: ignore[union-attr]
