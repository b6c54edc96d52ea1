"""The networks of each task, by its config."""

from __future__ import annotations

from attngan.config import NetworkConfig, TextToImageConfig
from attngan.networks.image import DeployedImageGenerator, ImageDiscriminator, ImageGenerator
from attngan.networks.text_to_image import (
    DeployedTextToImageGenerator,
    TextToImageDiscriminator,
    TextToImageGenerator,
)

Generator = ImageGenerator | TextToImageGenerator
Discriminator = ImageDiscriminator | TextToImageDiscriminator
Deployed = DeployedImageGenerator | DeployedTextToImageGenerator


def build_generator(config: NetworkConfig) -> Generator:
    """Untrained, with the weights of torch's current random state."""
    return TextToImageGenerator(config) if isinstance(config, TextToImageConfig) else ImageGenerator(config)


def build_discriminator(config: NetworkConfig) -> Discriminator:
    """Untrained, with the weights of torch's current random state."""
    return TextToImageDiscriminator(config) if isinstance(config, TextToImageConfig) else ImageDiscriminator(config)


def deploy(generator: Generator) -> Deployed:
    """The generator as it is sampled; both kinds have from_seed(seed, labels or conditions, truncation)."""
    if isinstance(generator, TextToImageGenerator):
        return DeployedTextToImageGenerator(generator)
    return DeployedImageGenerator(generator)
