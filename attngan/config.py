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
        if self.resolution not in (16, 32, 64, 128, 256):
            raise AttnGANError(f"resolution {self.resolution}: use 16, 32, 64, 128 or 256")
        if self.channels not in (1, 3, 4):
            raise AttnGANError(f"channels {self.channels}: use 1 (grey), 3 (RGB) or 4 (RGB and alpha)")
        if 4 * 2 ** (len(self.widths) - 1) != self.resolution:
            raise AttnGANError(
                f"widths {self.widths}: {self.resolution}² needs {self.resolution.bit_length() - 2} of them, from 4² up"
            )
        if self.z_dim % 2:
            raise AttnGANError(f"z_dim {self.z_dim}: use an even number")
        for resolution in self.attention:
            if resolution < 4 or resolution > self.resolution or resolution.bit_count() != 1:
                raise AttnGANError(f"attention {resolution}: no stage has this resolution")
            width = self.widths[resolution.bit_length() - 3]
            if width % self.heads:
                raise AttnGANError(f"heads {self.heads}: does not divide the width {width} at {resolution}²")


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
    penalty: Literal["r1+r2", "r1", "r2", "wgan-gp"] = "r1+r2"
    augment: tuple[str, ...] = ()  #: keys of attngan.augment.AUGMENTATIONS
    augment_probability: tuple[float, float] = (0.0, 0.0)  #: on a cosine, where it is not adapted
    overfitting_target: float = 0.0  #: of adaptive augmentation (attngan.training.adaptive); 0 = not adapted
    holdout: int = 0  #: pictures that training never shows: overfitting and KID are measured on them
    kid_samples: int = 500  #: pictures drawn for each KID on the way
    patience: int = 0  #: collapsed evaluations in a row after which training stops; 0 = never
    ema_half_life: int = 4000  #: in images; shorter while fewer than twenty times as many have been seen
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.gamma) <= 0 or min(self.learning_rate) <= 0:
            raise AttnGANError(f"gamma {self.gamma}, learning_rate {self.learning_rate}: both must be above 0")
        if not 0 <= self.overfitting_target < 1:
            raise AttnGANError(f"overfitting_target {self.overfitting_target}: use 0 (not adapted) to 1")


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run folder's config.json holds."""

    preset: str
    network: ImageNetworkConfig
    training: TrainingConfig
    class_names: tuple[str, ...] = ()
    license: str = ""  #: of the weights; empty = as the data's owner says
    source: str = ""  #: what the weights were trained on
    task: str = "image"
    format_version: int = field(default=FORMAT_VERSION)

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
                    f"{where}: format_version {version!r}, this attngan reads {FORMAT_VERSION}; update attngan"
                )
            network = ImageNetworkConfig(**_tuples(fields.pop("network")))
            training = TrainingConfig(**_tuples(fields.pop("training")))
            return cls(network=network, training=training, **_tuples(fields))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise AttnGANError(f"{where}: not an attngan config ({error}); restore it or start a new run") from None


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


#: γ grows fourfold with each doubling of the resolution, as R3GAN's does (Huang et al. 2024, appendix).
PRESETS = {
    # name               side  ch  widths from 4² up             blocks attention heads  z  images      batch  gamma       adaptive
    "tiny":       _preset(16,  3, (8, 8, 8),                          1, (8,),     2, 16,      2_000, 16, (1.0,  0.1),  False),
    "fashion-32": _preset(32,  1, (112, 64, 48, 32),                  2, (16,),    2, 64,    264_000, 32, (1.0,  0.05), True),
    "image-32":   _preset(32,  3, (192, 128, 96, 64),                 2, (16,),    2, 64,  1_000_000, 32, (0.5,  0.05), True),
    "image-64":   _preset(64,  3, (256, 192, 128, 96, 64),            2, (16, 32), 4, 64,  2_000_000, 32, (2.0,  0.2), True),
    "image-128":  _preset(128, 3, (256, 256, 192, 128, 64, 32),       2, (16, 32), 4, 64,  5_000_000, 32, (8.0,  0.8), True),
    "image-256":  _preset(256, 3, (256, 256, 256, 192, 128, 64, 32),  2, (16, 32), 4, 64, 10_000_000, 32, (32.0, 3.2), True),
}  # fmt: skip


def preset(name: str) -> tuple[ImageNetworkConfig, TrainingConfig]:
    """The network (still without classes) and training of a preset; AttnGANError if there is none of that name."""
    if name not in PRESETS:
        raise AttnGANError(f"--preset {name}: no such preset; choose {', '.join(PRESETS)}")
    return PRESETS[name]
