"""What a run is: frozen dataclasses stored as JSON beside the weights, and the presets."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from attngan.errors import AttnGANError

FORMAT_VERSION = 1


@dataclass(frozen=True)
class ImageNetworkConfig:
    """Shape of a picture generator and of its discriminator."""

    resolution: int  #: side in pixels, a power of two from 16 to 256
    channels: int  #: 1 grey, 3 RGB, 4 RGB with premultiplied alpha
    classes: int  #: number of classes, 0 = unconditional
    z_dim: int  #: length of the noise vector, even
    widths: tuple[int, ...]  #: channels of each stage, from 4² up to the resolution
    blocks: int  #: residual blocks a stage
    attention: tuple[int, ...]  #: resolutions with self-attention, in both networks
    heads: int  #: attention heads; divides the width of each stage with attention

    def __post_init__(self) -> None:
        if self.channels not in (1, 3, 4):
            raise AttnGANError(f"channels {self.channels}", "", "use 1 (grey), 3 (RGB) or 4 (RGB and alpha)")
        _check_stages(self)


@dataclass(frozen=True)
class TextToImageConfig:
    """Shape of a generator that draws what words say, of its discriminator and of the text encoder of both."""

    resolution: int  #: side in pixels, a power of two from 16 to 256
    channels: int  #: 3 RGB, 4 RGB with premultiplied alpha
    styles: int  #: number of styles to choose from; 0 and 1 = there is nothing to choose
    z_dim: int  #: length of the noise vector, even
    widths: tuple[int, ...]  #: channels of each stage, from 4² up to the resolution
    blocks: int  #: residual blocks a stage
    attention: tuple[int, ...]  #: resolutions of the generator at which places attend to words; () for none
    heads: int  #: attention heads; divides the width of each stage with attention
    base: int  #: resolution at which training begins; it doubles at each of TrainingConfig.grow
    vocabulary: int  #: words that are told apart, padding and the unknown word among them
    length: int  #: words of a prompt at most
    text_dim: int  #: length of a word's and of a sentence's vector
    text_layers: int  #: of the text encoder
    text_heads: int  #: divides text_dim

    def __post_init__(self) -> None:
        if self.channels not in (3, 4):
            raise AttnGANError(f"channels {self.channels}", "", "use 3 (RGB) or 4 (RGB and alpha)")
        _check_stages(self)
        if not 4 <= self.base <= self.resolution or self.base.bit_count() != 1:
            raise AttnGANError(f"base {self.base}", "", f"use a power of two from 4 to {self.resolution}")
        if self.text_dim % self.text_heads:
            raise AttnGANError(f"text_heads {self.text_heads}", f"does not divide text_dim {self.text_dim}")


@dataclass(frozen=True)
class TextConfig:
    """Shape of a generator of sentences, and of its discriminator."""

    vocabulary: int  #: words that are told apart, the special ones among them
    length: int  #: tokens of a sentence at most, its end among them; even
    keywords: int  #: key words of a sentence at most
    width: int  #: length of a word's vector
    layers: int  #: of the decoder, and of the discriminator
    heads: int  #: attention heads; divides the width
    readouts: int  #: learned attention read-outs of the discriminator
    dropout: float = 0.0  #: while the generator learns by likelihood
    cross_attention: bool = True  #: False: key words reach the decoder as their mean alone

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise AttnGANError(f"heads {self.heads}", f"does not divide the width {self.width}")
        if self.length % 2 or not 2 <= self.length <= 512:
            raise AttnGANError(f"length {self.length}", "", "use an even number from 2 to 512")
        if self.keywords < 1 or self.readouts < 1 or self.layers < 1:
            raise AttnGANError(
                f"keywords {self.keywords}, readouts {self.readouts}, layers {self.layers}", "", "use 1 or more of each"
            )
        if not 0 <= self.dropout < 1:
            raise AttnGANError(f"dropout {self.dropout}", "", "use 0 to below 1")


def _check_stages(network: ImageNetworkConfig | TextToImageConfig) -> None:
    """AttnGANError unless the stages of a network fit its resolution, its attention and one another."""
    if network.resolution not in (16, 32, 64, 128, 256):
        raise AttnGANError(f"resolution {network.resolution}", "", "use 16, 32, 64, 128 or 256")
    if 4 * 2 ** (len(network.widths) - 1) != network.resolution:
        needed = network.resolution.bit_length() - 2
        raise AttnGANError(f"widths {network.widths}", f"{network.resolution}² needs {needed} of them, from 4² up")
    if network.z_dim % 2:
        raise AttnGANError(f"z_dim {network.z_dim}", "", "use an even number")
    for resolution in network.attention:
        if resolution < 4 or resolution > network.resolution or resolution.bit_count() != 1:
            raise AttnGANError(f"attention {resolution}", "no stage has this resolution")
        width = network.widths[resolution.bit_length() - 3]
        if width % network.heads:
            raise AttnGANError(f"heads {network.heads}", f"does not divide the width {width} at {resolution}²")


@dataclass(frozen=True)
class TrainingConfig:
    """How it is trained. Pairs are (first, last) values over the run."""

    images: int  #: real images shown in all
    batch: int = 32
    learning_rate: tuple[float, float] = (4e-4, 5e-5)  #: of Adam with β1 = 0, on a cosine
    beta2: tuple[float, float] = (0.9, 0.99)  #: of Adam, on a cosine
    gamma: tuple[float, float] = (1.0, 0.1)  #: weight of R1 + R2 (γ/2 multiplies both), geometric on a cosine
    penalty_every: int = 4  #: steps between penalties, each then multiplied by this number
    objective: str = "relativistic"  #: a name in attngan.losses.OBJECTIVES
    penalty: Literal["r1+r2", "r1", "r2", "wgan-gp", "none"] = "r1+r2"
    augment: tuple[str, ...] = ()  #: keys of attngan.augment.AUGMENTATIONS
    augment_probability: tuple[float, float] = (0.0, 0.0)  #: on a cosine, where it is not adapted
    overfitting_target: float = 0.0  #: of adaptive augmentation (attngan.training.adaptive); 0 = not adapted
    holdout: int = 0  #: pictures that training never shows: overfitting and KID are measured on them
    kid_samples: int = 500  #: pictures drawn for each KID on the way
    patience: int = 0  #: collapsed evaluations in a row after which training stops; 0 = never
    grow: tuple[float, ...] = ()  #: shares of the run after which the resolution doubles (text to image)
    matching_images: int = 0  #: shown to the text encoder before anything is drawn (text to image)
    mismatched: float = 0.0  #: weight of real pictures under other pictures' captions, which D is to refuse
    generator_rate: float = 1.0  #: times the learning rate is the generator's, where it has learnt before (text)
    warm_up: float = 0.0  #: share of the run in which that rises from 0, while D learns (text)
    likelihood_images: int = 0  #: sentences shown before D comes in, to learn their likelihood (text)
    temperature: tuple[float, float] = (1.0, 1.0)  #: of the Gumbel softmax against D, geometric in images (text)
    without_keywords: float = 0.0  #: share of sentences that are shown without key words (text)
    precision: Literal["fp32", "bf16"] = "fp32"  #: of convolutions and matrix products; weights are always fp32
    ema_half_life: int = 4000  #: in images; shorter while fewer than twenty times as many have been seen
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.gamma) <= 0 or min(self.learning_rate) <= 0:
            raise AttnGANError(f"gamma {self.gamma}, learning_rate {self.learning_rate}", "both must be above 0")
        if not 0 <= self.overfitting_target < 1:
            raise AttnGANError(f"overfitting_target {self.overfitting_target}", "", "use 0 (not adapted) to 1")
        if list(self.grow) != sorted(self.grow) or not all(0 < share < 1 for share in self.grow):
            raise AttnGANError(f"grow {self.grow}", "", "use rising shares of the run between 0 and 1")


PictureNetworkConfig = ImageNetworkConfig | TextToImageConfig
NetworkConfig = PictureNetworkConfig | TextConfig
#: What there is to train, by the name that a run's config.json and a bundle have for it.
TASKS: dict[str, type[NetworkConfig]] = {
    "image": ImageNetworkConfig, "text-to-image": TextToImageConfig, "text": TextConfig,
}  # fmt: skip


def task_of(network: NetworkConfig) -> str:
    """The key of TASKS for a network."""
    return next(task for task, kind in TASKS.items() if isinstance(network, kind))


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run folder's config.json holds."""

    preset: str
    network: NetworkConfig
    training: TrainingConfig
    class_names: tuple[str, ...] = ()  #: of classes; for text to image of styles
    license: str = ""  #: of the weights; empty = as the data's owner says
    source: str = ""  #: what the weights were trained on
    task: str = "image"  #: a key of TASKS
    format_version: int = field(default=FORMAT_VERSION)

    def __post_init__(self) -> None:
        network, grow = self.network, self.training.grow
        if grow and (not isinstance(network, TextToImageConfig) or network.base << len(grow) != network.resolution):
            raise AttnGANError(
                f"grow {grow}",
                f"does not lead to the resolution {getattr(network, 'resolution', 0)}²",
                "use one share a doubling, or none",
            )

    @property
    def picture_network(self) -> PictureNetworkConfig:
        """The network of a run that draws, whose every kind has a resolution and channels."""
        assert not isinstance(self.network, TextConfig), "a generator of sentences where pictures are drawn"
        return self.network

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str | Path) -> RunConfig:
        """Raises AttnGANError naming `where` if the text is not a config that this version reads."""
        try:
            fields = json.loads(text)
            version = fields["format_version"]
            if version != FORMAT_VERSION:
                raise AttnGANError(
                    where, f"format_version {version!r}, this attngan reads {FORMAT_VERSION}", "update attngan"
                )
            network = TASKS[fields.get("task", "image")](**_tuples(fields.pop("network")))
            training = TrainingConfig(**_tuples(fields.pop("training")))
            return cls(network=network, training=training, **_tuples(fields))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise AttnGANError(where, f"not an attngan config ({error})", "restore it or start a new run") from None


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def differences(old: Any, new: Any, prefix: str = "") -> list[str]:
    """`field: old → new` for every field in which two configs of one class differ."""
    found: list[str] = []
    for entry in dataclasses.fields(old):
        before, after = getattr(old, entry.name), getattr(new, entry.name)
        if dataclasses.is_dataclass(before):
            found += differences(before, after, f"{prefix}{entry.name}.")
        elif before != after:
            found.append(f"{prefix}{entry.name}: {before} → {after}")
    return found


#: Every augmentation there is, in the order in which they are applied.
AUGMENT = ("flip", "rotate", "translation", "scale", "color", "cutout")
#: Where adaptive augmentation holds the overfitting heuristic; see docs/small-data.md for how it was chosen.
OVERFITTING_TARGET = 0.1
#: Of the twenty evaluations of a run, how many in a row must be collapsed before it stops.
PATIENCE = 6


def _preset(
    resolution: int, channels: int, widths: tuple[int, ...], blocks: int, attention: tuple[int, ...], heads: int,
    z_dim: int, images: int, batch: int, gamma: tuple[float, float], adaptive: bool,
) -> tuple[ImageNetworkConfig, TrainingConfig]:  # fmt: skip
    network = ImageNetworkConfig(resolution, channels, 0, z_dim, widths, blocks, attention, heads)
    training = TrainingConfig(
        images,
        batch,
        gamma=gamma,
        augment=AUGMENT if adaptive else (),
        overfitting_target=OVERFITTING_TARGET if adaptive else 0.0,
        patience=PATIENCE if adaptive else 0,
        ema_half_life=max(images // 40, 200),
    )
    return network, training


def _words(
    resolution: int, widths: tuple[int, ...], attention: tuple[int, ...], heads: int, z_dim: int, base: int,
    text: tuple[int, int, int], images: int, batch: int, gamma: tuple[float, float], grow: tuple[float, ...],
    matching_images: int, augment: tuple[float, float],
) -> tuple[TextToImageConfig, TrainingConfig]:  # fmt: skip
    """A preset that draws from words; vocabulary and styles are those of the pictures. text: width, layers, heads.

    Augmentation is not adapted: what D makes of held-out concepts tells how new their words are to it, more than
    whether it knows its pictures by heart.
    """
    network = TextToImageConfig(resolution, 4, 0, z_dim, widths, 1, attention, heads, base, 2, 16, *text)
    training = TrainingConfig(
        images, batch, learning_rate=(4e-4, 1e-4), gamma=gamma, grow=grow, mismatched=1.0,
        matching_images=matching_images, augment=AUGMENT if any(augment) else (), augment_probability=augment,
        kid_samples=250, patience=PATIENCE if any(augment) else 0, ema_half_life=max(images // 40, 200),
        penalty_every=8 if resolution > 16 else 4, precision="bf16" if resolution > 16 else "fp32",
    )  # fmt: skip
    return network, training


def _text(
    width: int, layers: int, heads: int, readouts: int, length: int, dropout: float, likelihood_images: int,
    images: int, batch: int, learning_rate: tuple[float, float], temperature: tuple[float, float],
) -> tuple[TextConfig, TrainingConfig]:  # fmt: skip
    """A preset that writes sentences; its words are those of the training text.

    Likelihood is a good generator already: D learns first, and moves it slowly. On Image COCO a generator's rate of 0.3
    instead of 0.1 gave a KID of 0.4 instead of 0.00 after 28,800 sentences; without mismatched key words, and at the
    full rate, key words were lost within 6,400.
    """
    network = TextConfig(0, length, 5, width, layers, heads, readouts, dropout)
    training = TrainingConfig(
        images, batch, learning_rate=learning_rate, penalty="none", likelihood_images=likelihood_images,
        temperature=temperature, without_keywords=0.25, mismatched=1.0, generator_rate=0.1, warm_up=0.2,
        kid_samples=1000 if dropout else 100, patience=PATIENCE if dropout else 0,
        ema_half_life=max(images // 40, 200),
    )  # fmt: skip
    return network, training


#: γ grows fourfold with each doubling of the resolution, as R3GAN's does (Huang et al. 2024, appendix).
PRESETS: dict[str, tuple[NetworkConfig, TrainingConfig]] = {
    # name               side  ch  widths from 4² up             blocks attention heads  z  images      batch  gamma       adaptive
    "tiny":       _preset(16,  3, (8, 8, 8),                          1, (8,),     2, 16,      2_000, 16, (1.0,  0.1),  False),
    "fashion-32": _preset(32,  1, (112, 64, 48, 32),                  2, (16,),    2, 64,    264_000, 32, (1.0,  0.05), True),
    "image-32":   _preset(32,  3, (192, 128, 96, 64),                 2, (16,),    2, 64,  1_000_000, 32, (0.5,  0.05), True),
    "image-64":   _preset(64,  3, (256, 192, 128, 96, 64),            2, (16, 32), 4, 64,  2_000_000, 32, (2.0,  0.2), True),
    "image-128":  _preset(128, 3, (256, 256, 192, 128, 64, 32),       2, (16, 32), 4, 64,  5_000_000, 32, (8.0,  0.8), True),
    "image-256":  _preset(256, 3, (256, 256, 256, 192, 128, 64, 32),  2, (16, 32), 4, 64, 10_000_000, 32, (32.0, 3.2), True),
    # name              side  widths from 4² up       words at heads  z  from  text          images  batch  gamma       growth at    matching  augmentation
    "tiny-words": _words(16, (8, 8, 8),               (8, 16),  2,   16,   8, (16, 1, 2),     2_000, 16, (1.0, 0.1), (0.5,),          1_280, (0.0, 0.0)),
    "emoji-64":   _words(64, (208, 160, 96, 48, 24),  (16, 32), 4,   64,  16, (128, 2, 4),  190_000, 32, (8.0, 4.0), (0.31, 0.77),  100_000, (0.15, 0.4)),
    # name              width layers heads read-outs length dropout likelihood images batch  learning rate  temperature
    "tiny-text":  _text(32,   1,     2,    2,        24,    0.0,    6_400,     1_280, 16,    (1e-3, 1e-4),  (1.0, 0.1)),
    "captions":   _text(176,  2,     4,    8,        64,    0.25,   240_000,  24_000, 64,    (3e-4, 1e-4),  (1.0, 0.1)),
}  # fmt: skip


def preset(name: str) -> tuple[NetworkConfig, TrainingConfig]:
    """The network (still without classes, styles and words) and training of a preset; AttnGANError if there is none of that name."""
    if name not in PRESETS:
        raise AttnGANError(f"--preset {name}", "no such preset", f"choose {', '.join(PRESETS)}")
    return PRESETS[name]
