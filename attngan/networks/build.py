"""The networks of each task, by its config."""

from __future__ import annotations

from attngan.config import NetworkConfig, TextConfig, TextToImageConfig
from attngan.networks.decoding import DeployedTextGenerator
from attngan.networks.image import DeployedImageGenerator, ImageDiscriminator, ImageGenerator
from attngan.networks.text import TextDiscriminator, TextGenerator
from attngan.networks.text_to_image import DeployedTextToImageGenerator, TextToImageDiscriminator, TextToImageGenerator

PictureGenerator = ImageGenerator | TextToImageGenerator
Generator = PictureGenerator | TextGenerator
Discriminator = ImageDiscriminator | TextToImageDiscriminator | TextDiscriminator
DeployedPictures = DeployedImageGenerator | DeployedTextToImageGenerator
Deployed = DeployedPictures | DeployedTextGenerator


def build_generator(config: NetworkConfig) -> Generator:
    """Untrained, with the weights of torch's current random state."""
    if isinstance(config, TextConfig):
        return TextGenerator(config)
    return TextToImageGenerator(config) if isinstance(config, TextToImageConfig) else ImageGenerator(config)


def build_discriminator(config: NetworkConfig) -> Discriminator:
    """Untrained, with the weights of torch's current random state."""
    if isinstance(config, TextConfig):
        return TextDiscriminator(config)
    return TextToImageDiscriminator(config) if isinstance(config, TextToImageConfig) else ImageDiscriminator(config)


def deploy(generator: Generator) -> Deployed:
    """The generator as it is used; every kind has from_seed(seed, labels, conditions or key words, truncation or
    temperature).
    """
    if isinstance(generator, TextGenerator):
        return DeployedTextGenerator(generator)
    if isinstance(generator, TextToImageGenerator):
        return DeployedTextToImageGenerator(generator)
    return DeployedImageGenerator(generator)
