"""What `attngan train --preset` knows: networks and their training, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from attngan.config import (
    AUGMENT,
    ImageNetworkConfig,
    ImageTraining,
    NetworkConfig,
    TextConfig,
    TextToImageConfig,
    TextToImageTraining,
    TextTraining,
    TrainingConfig,
)
from attngan.errors import AttnGANError

#: Where adaptive augmentation holds the overfitting heuristic; see docs/small-data.md for how it was chosen.
OVERFITTING_TARGET = 0.1
#: Of the twenty evaluations of a run, how many in a row must be collapsed before it stops.
PATIENCE = 6


def _preset(
    resolution: int, channels: int, widths: tuple[int, ...], blocks: int, attention: tuple[int, ...], heads: int,
    z_dim: int, images: int, batch: int, gamma: tuple[float, float], adaptive: bool,
) -> tuple[ImageNetworkConfig, ImageTraining]:  # fmt: skip
    network = ImageNetworkConfig(resolution, channels, 0, z_dim, widths, blocks, attention, heads)
    training = ImageTraining(
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
) -> tuple[TextToImageConfig, TextToImageTraining]:  # fmt: skip
    """A preset that draws from words; vocabulary and styles are those of the pictures. text: width, layers, heads.

    Augmentation is not adapted: what D makes of held-out concepts tells how new their words are to it, more than
    whether it knows its pictures by heart.
    """
    network = TextToImageConfig(resolution, 4, 0, z_dim, widths, 1, attention, heads, base, 2, 16, *text)
    training = TextToImageTraining(
        images, batch, learning_rate=(4e-4, 1e-4), gamma=gamma, grow=grow, mismatched=1.0,
        matching_images=matching_images, augment=AUGMENT if any(augment) else (), augment_probability=augment,
        kid_samples=250, patience=PATIENCE if any(augment) else 0, ema_half_life=max(images // 40, 200),
        penalty_every=8 if resolution > 16 else 4, precision="bf16" if resolution > 16 else "fp32",
    )  # fmt: skip
    return network, training


#: Training that a frozen network leads and judges (attngan.perceptual_trainer), for machines without a GPU.
_LED: dict[str, Any] = {
    "learning_rate": (3e-4, 3e-5), "generator_rate": 3.0, "beta1": 0.5, "beta2": (0.99, 0.99), "objective": "hinge",
    "penalty": "none", "mismatched": 1.0, "augment": ("warp",), "augment_probability": (0.8, 0.8), "precision": "bf16",
    "perceptual": 1.0, "pixels": 2.0, "kid_samples": 250,
}  # fmt: skip


def _coded(
    resolution: int, widths: tuple[int, ...], attention: tuple[int, ...], images: int
) -> tuple[ImageNetworkConfig, ImageTraining]:
    """A preset for machines without a GPU: half of what G draws in training begins at a training picture's code."""
    network = ImageNetworkConfig(
        resolution, 3, 0, 64, widths, 2, attention, 2, discriminator="projected", codes=32
    )  # fmt: skip
    return network, ImageTraining(images, adversarial=0.1, adversarial_from=0.04, patience=PATIENCE, **_LED)


def _captioned(
    widths: tuple[int, ...], attention: tuple[int, ...], heads: int, base: int, text: tuple[int, int, int],
    images: int, batch: int, grow: tuple[float, ...], adversarial_from: float, matching_images: int,
) -> tuple[TextToImageConfig, TextToImageTraining]:  # fmt: skip
    """A preset for machines without a GPU: a frozen network leads G, then judges it (attngan.perceptual_trainer)."""
    network = TextToImageConfig(
        2 ** (len(widths) + 1), 4, 0, 64, widths, 1, attention, heads, base, 2, 16, *text,
        text="learned", normalised=True, discriminator="projected", attentive_heads=True,
    )  # fmt: skip
    training = TextToImageTraining(
        images, batch, ema_half_life=min(max(images // 40, 200), 4000), grow=grow, matching_images=matching_images,
        matching_batch=64, matching_learning_rate=2e-3, adversarial=0.03, adversarial_from=adversarial_from,
        balanced=True, **_LED,
    )  # fmt: skip
    return network, training


def _text(
    width: int, layers: int, heads: int, readouts: int, length: int, dropout: float, likelihood_images: int,
    images: int, batch: int, learning_rate: tuple[float, float], temperature: tuple[float, float],
) -> tuple[TextConfig, TextTraining]:  # fmt: skip
    """A preset that writes sentences; its words are those of the training text.

    Likelihood is a good generator already: D learns first, and moves it slowly. On Image COCO a generator's rate of 0.3
    instead of 0.1 gave a KID of 0.4 instead of 0.00 after 28,800 sentences; without mismatched key words, and at the
    full rate, key words were lost within 6,400.
    """
    network = TextConfig(0, length, 5, width, layers, heads, readouts, dropout)
    training = TextTraining(
        images, batch, learning_rate=learning_rate, penalty="none", likelihood_images=likelihood_images,
        temperature=temperature, without_keywords=0.25, mismatched=1.0, generator_rate=0.1, warm_up=0.2,
        kid_samples=1000 if dropout else 100, patience=PATIENCE if dropout else 0,
        ema_half_life=max(images // 40, 200),
    )  # fmt: skip
    return network, training


#: γ of pictures grows fourfold with each doubling of the resolution, from R3GAN's at 32² and 64² (Huang et al. 2024: in
#: its configurations 0.5 → 0.05 for ImageNet-32, 2 → 0.2 for FFHQ-64). Its own grows otherwise: 1 → 0.1 for ImageNet-64,
#: 150 → 15 for FFHQ-256.
PRESETS: dict[str, tuple[NetworkConfig, TrainingConfig]] = {
    # name               side  ch  widths from 4² up             blocks attention heads  z  images      batch  gamma       adaptive
    "tiny":       _preset(16,  3, (8, 8, 8),                          1, (8,),     2, 16,      2_000, 16, (1.0,  0.1),  False),
    "fashion-32": _preset(32,  1, (112, 64, 48, 32),                  2, (16,),    2, 64,    264_000, 32, (1.0,  0.05), True),
    "cpu-32":     _coded(32,     (112, 64, 48, 32),                      (16,),       300_000),
    "cpu-64":     _coded(64,     (128, 112, 64, 48, 32),                 (16,),       300_000),
    "image-32":   _preset(32,  3, (192, 128, 96, 64),                 2, (16,),    2, 64,  1_000_000, 32, (0.5,  0.05), True),
    "image-64":   _preset(64,  3, (256, 192, 128, 96, 64),            2, (16, 32), 4, 64,  2_000_000, 32, (2.0,  0.2), True),
    "image-128":  _preset(128, 3, (256, 256, 192, 128, 64, 32),       2, (16, 32), 4, 64,  5_000_000, 32, (8.0,  0.8), True),
    "image-256":  _preset(256, 3, (256, 256, 256, 192, 128, 64, 32),  2, (16, 32), 4, 64, 10_000_000, 32, (32.0, 3.2), True),
    # name              side  widths from 4² up       words at heads  z  from  text          images  batch  gamma       growth at    matching  augmentation
    "tiny-words": _words(16, (8, 8, 8),               (8, 16),  2,   16,   8, (16, 1, 2),     2_000, 16, (1.0, 0.1), (0.5,),          1_280, (0.0, 0.0)),
    "emoji-64":   _captioned((128, 192, 160, 72, 32), (16, 32), 2, 32, (160, 1, 4), 400_000, 32, (0.125,), 0.04, 150_000),
    # name              width layers heads read-outs length dropout likelihood images batch  learning rate  temperature
    "tiny-text":  _text(32,   1,     2,    2,        24,    0.0,    6_400,     1_280, 16,    (1e-3, 1e-4),  (1.0, 0.1)),
    "captions":   _text(176,  2,     4,    8,        64,    0.25,   240_000,  24_000, 64,    (3e-4, 1e-4),  (1.0, 0.1)),
}  # fmt: skip


def preset(name: str) -> tuple[NetworkConfig, TrainingConfig]:
    """The network (still without classes, styles and words) and training of a preset; AttnGANError if there is none of that name."""
    if name not in PRESETS:
        raise AttnGANError(f"--preset {name}", "no such preset", f"choose {', '.join(PRESETS)}")
    return PRESETS[name]


_PICTURES = f"{'name':12} {'draws':>14} {'size':>5} {'channels':>8} {'attention at':>13} {'images':>11}  augmentation"
_SENTENCES = (
    "Sentences, about key words or anything; sentences shown by likelihood, then against a discriminator:\n"
    f"{'name':12} {'words at most':>13} {'key words':>9} {'likelihood':>10} {'discriminator':>17}"
)


def _picture_row(draws: str, name: str, network: Any, training: Any) -> str:
    attention, size = ", ".join(map(str, network.attention)), f"{network.resolution}²"
    first, last = training.augment_probability
    fixed = f"{first:g}" if first == last else f"{first:g} to {last:g}"
    augmentation = "adaptive" if training.overfitting_target else fixed if last else "none"
    shape = f"{draws:>14} {size:>5} {network.channels:>8} {attention:>13}"
    return f"{name:12} {shape} {training.images:>11,}  {augmentation}"


def _sentence_row(name: str, network: Any, training: Any) -> str:
    shown = f"{training.likelihood_images:>10,} {training.images:>17,}"
    return f"{name:12} {network.length - 1:>13} {network.keywords:>9} {shown}"


#: Of each task the head of the table in which `attngan presets` lists it, and its row.
TABLES: dict[str, tuple[str, Callable[[str, Any, Any], str]]] = {
    "image": (_PICTURES, partial(_picture_row, "pictures")),
    "text-to-image": (_PICTURES, partial(_picture_row, "what words say")),
    "text": (_SENTENCES, _sentence_row),
}


def _work_of_stages(network: Any) -> float:
    """Of the convolutions. On a CPU a step that a frozen network leads takes 0.3 of one with R1 + R2, in fp32."""
    stages = float(network.blocks * sum(width**2 * 16 * 4**stage for stage, width in enumerate(network.widths)))
    return stages * (0.3 if network.discriminator == "projected" else 1.0)


#: Of each task the work that one sample is, in multiply-adds up to a factor of the task's own: presets compare by it.
WORK: dict[str, Callable[[Any], float]] = {
    "image": _work_of_stages,
    "text-to-image": _work_of_stages,
    "text": lambda network: float(network.layers * network.width**2 * network.length),
}
