"""What a run is: frozen dataclasses stored as JSON beside the weights."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from attngan.errors import AttnGANError

FORMAT_VERSION = 1


class NetworkConfig:
    """Shape of a task's generator and discriminator."""

    task: ClassVar[str]  #: a key of CONFIGS
    names: ClassVar[str] = "class_names"  #: the field of RunConfig that `class_names` in config.json is for

    def check_training(self, training: Any) -> None:
        """AttnGANError if a network of this shape can't be trained so."""

    def sees_features(self, training: Any) -> bool:
        """Whether training looks through the frozen network of `attngan.networks.perception`."""
        return False


@dataclass(frozen=True)
class ImageNetworkConfig(NetworkConfig):
    """Shape of a picture generator and of its discriminator."""

    task: ClassVar[str] = "image"

    resolution: int  #: side in pixels, a power of two from 16 to 256
    channels: int  #: 1 grey, 3 RGB, 4 RGB with premultiplied alpha
    classes: int  #: number of classes, 0 = unconditional
    z_dim: int  #: length of the noise vector, even
    widths: tuple[int, ...]  #: channels of each stage, from 4² up to the resolution
    blocks: int  #: residual blocks a stage
    attention: tuple[int, ...]  #: resolutions with self-attention, in both networks
    heads: int  #: attention heads; divides the width of each stage with attention
    #: of pictures, or of a frozen network's features of them
    discriminator: Literal["convolutional", "projected"] = "convolutional"
    codes: int = 0  #: values of z that are a training picture's own (attngan.networks.latent_codes); 0 = none

    def __post_init__(self) -> None:
        if self.channels not in (1, 3, 4):
            raise AttnGANError(f"channels {self.channels}", "", "use 1 (grey), 3 (RGB) or 4 (RGB and alpha)")
        if self.discriminator not in ("convolutional", "projected"):
            raise AttnGANError(f"discriminator {self.discriminator}", remedy="use convolutional or projected")
        if not 0 <= self.codes <= self.z_dim or (self.codes and self.discriminator != "projected"):
            raise AttnGANError(
                f"codes {self.codes}", "", f"use 0, or up to {self.z_dim} with a projected discriminator"
            )
        _check_stages(self)

    def sees_features(self, training: ImageTraining) -> bool:
        return self.discriminator == "projected"

    def check_training(self, training: ImageTraining) -> None:
        _check_penalty(self, training)
        if bool(self.codes) != bool(training.perceptual or training.pixels):
            raise AttnGANError(
                f"codes {self.codes}, perceptual {training.perceptual}, pixels {training.pixels}",
                "a drawing is compared with the picture whose code it was drawn from",
                "use none of them, or codes with a weight",
            )


@dataclass(frozen=True)
class TextToImageConfig(NetworkConfig):
    """Shape of a generator that draws what words say, of its discriminator and of the text encoder of both."""

    task: ClassVar[str] = "text-to-image"
    names: ClassVar[str] = "style_names"

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
    #: "matched": it learns before, from matching words and pictures (DAMSM), and reads frozen; "learned": it begins by
    #: predicting what pictures look like, and goes on learning in both networks
    text: Literal["matched", "learned"] = "matched"
    normalised: bool = False  #: whether the generator's blocks are group-normalised
    #: of pictures, or of a frozen network's features of them
    discriminator: Literal["convolutional", "projected"] = "convolutional"
    attentive_heads: bool = False  #: whether the places that a projected discriminator sees attend to words

    def __post_init__(self) -> None:
        if self.channels not in (3, 4):
            raise AttnGANError(f"channels {self.channels}", "", "use 3 (RGB) or 4 (RGB and alpha)")
        _check_stages(self)
        if not 4 <= self.base <= self.resolution or self.base.bit_count() != 1:
            raise AttnGANError(f"base {self.base}", "", f"use a power of two from 4 to {self.resolution}")
        if self.text_dim % self.text_heads:
            raise AttnGANError(f"text_heads {self.text_heads}", f"does not divide text_dim {self.text_dim}")

    def sees_features(self, training: TextToImageTraining) -> bool:
        return self.discriminator == "projected" or self.text == "learned" or training.perceptual > 0

    def check_training(self, training: TextToImageTraining) -> None:
        """AttnGANError unless it grows from `base` to `resolution`, from where a frozen network sees something."""
        _check_penalty(self, training)
        smallest = self.base if training.grow else self.resolution
        if self.sees_features(training) and smallest < 16:
            raise AttnGANError(f"base {self.base}", "too small for perceptual features", "use 16 or more")
        if training.grow and self.base << len(training.grow) != self.resolution:
            raise AttnGANError(
                f"grow {training.grow}",
                f"does not lead to the resolution {self.resolution}²",
                "use one share a doubling, or none",
            )


@dataclass(frozen=True)
class TextConfig(NetworkConfig):
    """Shape of a generator of sentences, and of its discriminator."""

    task: ClassVar[str] = "text"

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


def _check_penalty(network: NetworkConfig, training: TrainingConfig) -> None:
    """AttnGANError for a penalty that is not there where a frozen network takes part."""
    if network.sees_features(training) and training.penalty in ("r2", "wgan-gp"):
        raise AttnGANError(
            f"penalty {training.penalty}", "a frozen network takes part in training", "use r1, r1+r2 or none"
        )


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


#: Every augmentation there is, in the order in which they are applied.
AUGMENT = ("flip", "rotate", "translation", "scale", "color", "cutout")


@dataclass(frozen=True)
class TrainingConfig:
    """How any run is trained against its discriminator. Pairs are (first, last) values over the run."""

    images: int  #: real samples shown in all: pictures, or sentences
    batch: int = 32
    learning_rate: tuple[float, float] = (4e-4, 5e-5)  #: of Adam with β1 = 0, on a cosine
    beta2: tuple[float, float] = (0.9, 0.99)  #: of Adam, on a cosine
    gamma: tuple[float, float] = (1.0, 0.1)  #: weight of R1 + R2 (γ/2 multiplies both), geometric on a cosine
    penalty_every: int = 4  #: steps between penalties, each then multiplied by this number
    objective: str = "relativistic"  #: a name in attngan.losses.OBJECTIVES
    penalty: Literal["r1+r2", "r1", "r2", "wgan-gp", "none"] = "r1+r2"
    holdout: int = 0  #: samples that training never shows: overfitting and KID are measured on them
    #: the number that was asked for, if one was: whole groups can be fewer, and what joins makes it more
    holdout_asked: int | None = None
    kid_samples: int = 500  #: samples made for each KID on the way
    patience: int = 0  #: collapsed evaluations in a row after which training stops; 0 = never
    mismatched: float = 0.0  #: weight of real samples under other samples' conditions, which D is to refuse
    generator_rate: float = 1.0  #: times the learning rate is the generator's, where it has learnt before
    warm_up: float = 0.0  #: share of the run in which that rises from 0, while D learns
    precision: Literal["fp32", "bf16"] = "fp32"  #: of convolutions and matrix products; weights are always fp32
    ema_half_life: int = 4000  #: in samples; shorter while fewer than twenty times as many have been seen
    beta1: float = 0.0  #: of the generator's Adam; D's is 0
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.gamma) <= 0 or min(self.learning_rate) <= 0:
            raise AttnGANError(f"gamma {self.gamma}, learning_rate {self.learning_rate}", "both must be above 0")

    def adversarial_weight(self, seen: int) -> float:
        """Of what D says in the generator's loss, after `seen` samples; 0 while D is not there."""
        return 1.0


@dataclass(frozen=True)
class ImageTraining(TrainingConfig):
    """How a generator of pictures is trained."""

    augment: tuple[str, ...] = ()  #: keys of attngan.augment.AUGMENTATIONS
    augment_probability: tuple[float, float] = (0.0, 0.0)  #: on a cosine, where it is not adapted
    overfitting_target: float = 0.0  #: of adaptive augmentation (attngan.training.adaptive); 0 = not adapted
    perceptual: float = 0.0  #: weight of the distance between a drawing and its picture in a frozen network's features
    pixels: float = 0.0  #: weight of the distance between their pixels
    adversarial: float = 1.0  #: weight of what D says in the generator's loss
    adversarial_from: float = 0.0  #: share of the run after which D comes in
    fit: Literal["crop", "pad", "stretch"] = "crop"  #: how pictures that are not square become so
    #: values that are black and white, and opaque where alpha has as few bits, in pictures of more than 8 bits a
    #: channel, of integers and of floats; () = none
    integers: tuple[float, ...] = ()
    floats: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.overfitting_target < 1:
            raise AttnGANError(f"overfitting_target {self.overfitting_target}", remedy="use 0 (not adapted) to 1")
        if not (self.perceptual or self.pixels) and self.adversarial_from:
            raise AttnGANError(f"adversarial_from {self.adversarial_from}", "nothing else is learnt from before")

    def adversarial_weight(self, seen: int) -> float:
        return self.adversarial if seen >= self.adversarial_from * self.images else 0.0


@dataclass(frozen=True)
class TextToImageTraining(ImageTraining):
    """How a generator from words is trained: first words are matched with pictures, then resolution doubles."""

    grow: tuple[float, ...] = ()  #: shares of the run after which the resolution doubles
    matching_images: int = 0  #: shown to the text encoder before anything is drawn
    matching_batch: int = 32
    matching_learning_rate: float = 1e-3  #: of Adam, on a cosine to 0
    matching_unknown: float = 0.05  #: share of words shown as the unknown one, so that it means something
    balanced: bool = False  #: whether pictures whose words are all common are shown less often

    def __post_init__(self) -> None:
        super().__post_init__()
        if list(self.grow) != sorted(self.grow) or not all(0 < share < 1 for share in self.grow):
            raise AttnGANError(f"grow {self.grow}", remedy="use rising shares of the run between 0 and 1")


@dataclass(frozen=True)
class TextTraining(TrainingConfig):
    """How a generator of sentences is trained: first by likelihood, then against a discriminator."""

    likelihood_images: int = 0  #: sentences shown before D comes in, to learn their likelihood
    temperature: tuple[float, float] = (1.0, 1.0)  #: of the Gumbel softmax against D, geometric in sentences
    without_keywords: float = 0.0  #: share of sentences that are shown without key words
    likelihood_batch: int = 64
    likelihood_learning_rate: float = 2e-3  #: of AdamW, after a linear rise on a cosine to 0
    likelihood_weight_decay: float = 0.1
    likelihood_warm_up: float = 0.05  #: share of the plan in which the learning rate rises
    likelihood_patience: int = 6  #: measurements in a row without a better one, after which it stops


#: Network and training of each task, by the name that a run's config.json and a bundle have for it.
CONFIGS: dict[str, tuple[type[Any], type[TrainingConfig]]] = {
    "image": (ImageNetworkConfig, ImageTraining),
    "text-to-image": (TextToImageConfig, TextToImageTraining),
    "text": (TextConfig, TextTraining),
}

# config.json of format 1 has these settings whatever the task: what is none of its own stands there so.
_EVERY_TASK: dict[str, Any] = {
    "augment": (), "augment_probability": (0.0, 0.0), "overfitting_target": 0.0, "grow": (), "matching_images": 0,
    "likelihood_images": 0, "temperature": (1.0, 1.0), "without_keywords": 0.0,
}  # fmt: skip


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run folder's config.json holds. Its `class_names` are the styles of a run that has some."""

    preset: str
    network: Any  #: of CONFIGS
    training: Any  #: of CONFIGS
    class_names: tuple[str, ...] = ()
    license: str = ""  #: of the weights; empty = as the data's owner says
    source: str = ""  #: what the weights were trained on
    style_names: tuple[str, ...] = ()
    format_version: int = field(default=FORMAT_VERSION)

    def __post_init__(self) -> None:
        self.network.check_training(self.training)

    @property
    def task(self) -> str:
        """A key of CONFIGS."""
        return str(self.network.task)

    @property
    def saw_efficientnet(self) -> bool:
        """Whether training looks through EfficientNet-Lite0, so that figures in its features judge nothing here."""
        return bool(self.network.sees_features(self.training))

    def to_json(self) -> str:
        fields = dataclasses.asdict(self)
        styles = fields.pop("style_names")
        fields["class_names"] = fields["class_names"] or styles
        fields["training"] = _EVERY_TASK | fields["training"]
        fields["task"] = self.task
        return json.dumps(fields, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str | Path) -> RunConfig:
        """Raises AttnGANError naming `where` if the text is not a config that this version reads."""
        try:
            fields = json.loads(text)
            version = fields["format_version"]
            if version != FORMAT_VERSION:
                raise AttnGANError(
                    f"{where}", f"format_version {version!r}, this attngan reads {FORMAT_VERSION}", "update attngan"
                )
            network_config, training_config = CONFIGS[fields.pop("task", "image")]
            network = network_config(**_tuples(fields.pop("network")))
            training = training_config(**_own(_tuples(fields.pop("training")), training_config))
            fields[network.names] = fields.pop("class_names", ())
            return cls(network=network, training=training, **_tuples(fields))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise AttnGANError(
                f"{where}", f"not an attngan config ({error})", "restore it or start a new run"
            ) from None


def _own(settings: dict[str, Any], training: type[TrainingConfig]) -> dict[str, Any]:
    """The settings without those of other tasks that say nothing."""
    known = {entry.name for entry in dataclasses.fields(training)}
    silent = _EVERY_TASK | {"projected": 1.0}  # weight of a discriminator that is gone
    return {name: value for name, value in settings.items() if name in known or silent.get(name, ...) != value}


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
