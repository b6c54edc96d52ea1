"""Small fixed arithmetic, to 1e-6: what formulas, random numbers, networks and figures give for given numbers.

arithmetic.json holds what they gave; `kept.py` says how to rewrite it. Networks compute in float64 here, so that
another machine's rounding is no difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import astuple, fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

# What is not public, by the names that it has below.
from attngan.attention import MultiHeadAttention, SelfAttention2d, WordAttention
from attngan.augment import AUGMENTATIONS, augment
from attngan.damsm import damsm_loss, sentence_scores, word_scores
from attngan.data import CaptionedDataset, Captions, ImageDataset, TextDataset
from attngan.data.conditioning import Conditions
from attngan.data.keywords import content_words, draw_content_words
from attngan.data.sampler import Sampler
from attngan.data.split import usual_holdout
from attngan.data.tokenizer import build_tokenizer
from attngan.data.transforms import on_white, premultiply
from attngan.ema import Ema
from attngan.losses import OBJECTIVES, gradient_norms, r1, r1_r2, r2, wgan_gp
from attngan.metrics.bleu import References
from attngan.metrics.closeness import share_closer
from attngan.metrics.diversity import distinct
from attngan.metrics.fid import fid
from attngan.metrics.keyword_coverage import coverage
from attngan.metrics.kid import kid
from attngan.metrics.precision_recall import density_and_coverage, precision_and_recall
from attngan.metrics.retrieval import retrieval
from attngan.metrics.sentence_distance import kernel_distance as sentence_kid
from attngan.networks import build_discriminator, build_generator
from attngan.networks.decoding import Sampling, choose
from attngan.networks.regions import RegionEncoder
from attngan.networks.text import gumbel
from attngan.networks.text_encoder import TextEncoder
from attngan.presets import PRESETS
from attngan.random import derive, normals, threefry2x32, uniforms
from attngan.trainer import Settings, Trainer
from attngan.training.adaptive import AdaptiveAugmentation
from attngan.training.schedule import between, schedule
from attngan_kernels import attention, attention_jvp, attention_weights
from attngan_runtime.generators.pixels import to_uint8
from attngan_runtime.tokenizers.prompts import Tokenizer
from tests.interface.kept import kept_json


def waves(*shape: int, step: float = 0.7) -> Tensor:
    """float64 of this shape: sines, −1 to 1."""
    return torch.sin(torch.arange(math.prod(shape), dtype=torch.float64) * step).reshape(shape)


def filled(network: nn.Module) -> nn.Module:
    """The network in float64, with waves added to its parameters: some begin at 0, and what they weigh doesn't show."""
    network.double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * waves(*parameter.shape, step=1.3)
    return network


def some(values: Tensor, every: int = 1) -> list[float]:
    """Mean, standard deviation, and one value in `every`, up to eight of them."""
    flat = values.detach().double().flatten()
    return [float(flat.mean()), float(flat.std()), *flat[::every][:8].tolist()]


def numbers(found: Any) -> Any:
    """Nested lists and dicts of numbers and strings, with nine digits."""
    if is_dataclass(found) and not isinstance(found, type):
        return {entry.name: numbers(getattr(found, entry.name)) for entry in fields(found)}
    if isinstance(found, dict):
        return {str(key): numbers(value) for key, value in found.items()}
    if isinstance(found, Tensor | np.ndarray):
        return numbers(found.tolist())
    if isinstance(found, list | tuple):
        return [numbers(value) for value in found]
    return float(f"{found:.9g}") if isinstance(found, float) else found


# Losses


def objectives() -> Any:
    real, fake = torch.tensor([0.3, -1.2, 2.0, 0.5]).double(), torch.tensor([-0.4, 0.9, -2.5, 1.5]).double()
    return {
        name: (float(one.discriminator(real, fake)), float(one.generator(real, fake)), one.needs_real)
        for name, one in OBJECTIVES.items()
    }


def cubes(pictures: Tensor, labels: Tensor | None = None) -> Tensor:
    """A discriminator with derivatives of two orders."""
    return (pictures**3 + 0.5 * pictures).flatten(1).sum(1)


def penalties() -> Any:
    pictures = waves(4, 3, 4, 4).requires_grad_()
    (real, fake), mix = pictures.detach().chunk(2), torch.tensor([0.25, 0.75]).double()
    found = {one.__name__: one(cubes(pictures), pictures).detach() for one in (gradient_norms, r1, r2, r1_r2)}
    return found | {"wgan_gp": wgan_gp(cubes, real, fake, None, mix).detach()}


class Toy(nn.Module):
    """G(z, labels) → pictures [B, 1, 2, 2] or D(pictures, labels) → logits [B], by three numbers."""

    def __init__(self, draws: bool) -> None:
        super().__init__()
        self.weight, self.draws = nn.Parameter(torch.tensor([0.8, -0.3, 0.2]).double()), draws

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        a, b, c = self.weight
        if self.draws:
            return (a * x + b * x**2 + c * labels[:, None])[:, :, None, None].expand(-1, -1, 2, 2)
        return self.judge(self.features(x), labels)

    def features(self, x: Tensor) -> Tensor:
        return torch.tanh(self.weight[0] * x).flatten(1).sum(1, keepdim=True)

    def judge(self, features: Tensor, labels: Tensor) -> Tensor:
        return self.weight[1] * features[:, 0] ** 2 + self.weight[2] * labels * features[:, 0]


def trainer_steps() -> Any:
    """Five steps with each penalty and two objectives: the last figures, and where the weights stand then."""
    found = {}
    for penalty in ("r1+r2", "r1", "r2", "wgan-gp"):
        for objective, mismatched in (("relativistic", 1.0), ("hinge", 0.0)):
            trainer = Trainer(Toy(True), Toy(False), objective, penalty)  # type: ignore[arg-type]
            settings = Settings(learning_rate=0.05, beta2=0.9, gamma=0.5, penalty_every=2, mismatched=mismatched,
                                generator_rate=0.5)  # fmt: skip
            for step in range(5):
                z = waves(8, 1, step=0.9 + step)
                figures = trainer.step(waves(4, 1, 2, 2, step=1.1 + step), (z[:4], z[4:]), waves(4, step=2.0), settings)
            weights = trainer.generator.weight, trainer.discriminator.weight
            found[f"{objective} {penalty}"] = [figures, *(weight.detach() for weight in weights)]
    return found


def matching() -> Any:
    words, regions, mask = waves(3, 4, 5), waves(3, 6, 5, step=0.4), torch.tensor([4, 2, 1])[:, None] > torch.arange(4)
    scores, wholes = word_scores(words, mask, regions), sentence_scores(words[:, 0], regions[:, 0])
    same = torch.eye(3, dtype=torch.bool)
    same[0, 1] = True
    return {
        "words": scores, "sentences": wholes, "loss": [float(damsm_loss(one, same)) for one in (scores, wholes)]
    }  # fmt: skip


# Random numbers, and what follows from them


def random_numbers() -> Any:
    words = torch.tensor([0, 1, 2**32 - 1]), torch.tensor([0, 2**31, 243])
    seeds = torch.tensor([0, 1, 2**32 - 1])
    return {
        "threefry": threefry2x32(words, (words[1], words[0])), "derive": [int(derive(7)), int(derive(7, 1, 2, 2**40))],
        "derive rows": derive(2**32 - 1, 3, torch.arange(4)), "uniforms": uniforms(seeds, 5),
        "normals": normals(seeds, 6), "gumbel": gumbel(5, (2, 3)),
        "largest": normals(torch.tensor([4166419]), 2),  # of a uniform that is 0
    }  # fmt: skip


def augmentations() -> Any:
    pictures, seeds = waves(3, 4, 8, 8, step=0.37), torch.tensor([0, 5, 2**32 - 1])
    every = tuple(AUGMENTATIONS)
    found = {name: some(augment(pictures, seeds, (name,), 1.0), 37) for name in every}
    found["most of them, half of the time"] = some(augment(pictures, seeds, every, 0.5), 37)
    amounts = torch.tensor([[0.1, 0.6, 0.9], [0.7, 0.2, 0.4], [0.5, 0.5, 0.0]]).double()
    return found | {f"{name} by amounts": some(change(pictures, amounts), 37) for name, change in AUGMENTATIONS.items()}


def order() -> Any:
    return Sampler(7, 10).indices(3, 25), Sampler(2**32 - 1, 3).indices(0, 7)


def captions_of(count: int) -> Captions:
    concepts = [f"thing {place // 2}" for place in range(count)]
    texts = [(f"a red thing, number {place}", "something") for place in range(count)]
    return Captions(texts, [("red", "small thing") for _ in range(count)], concepts)


def held_out() -> Any:
    images, classes = np.arange(30, dtype=np.uint8).reshape(30, 1, 1, 1), np.arange(30) % 3
    lines = TextDataset([f"sentence {place % 20}" for place in range(30)])
    sets = {
        "pictures": ImageDataset(images), "classes": ImageDataset(images, classes, ["a", "b", "c"]), "sentences": lines,
        "captions": CaptionedDataset(
            images=images, captions=captions_of(30), styles=classes, style_names=["a", "b", "c"]
        ),
    }  # fmt: skip
    return {name: [usual_holdout(data), *(data.split(7, seed)[1] for seed in (0, 1))] for name, data in sets.items()}


def key_words() -> Any:
    content = torch.tensor([[3, 5, 7, 9, 11, 13], [4, 6, 0, 0, 0, 0], [8, 0, 0, 0, 0, 0]]).repeat(4, 1)
    found = draw_content_words(content, torch.arange(12), 5, 0.25)
    return content_words(
        ["the", "dog", "and", "the", "cat", "run", "to", "the", "red", "house", ",", "2", "of", "them"]
    ), found


def conditions() -> Any:
    captions = captions_of(6)
    pictures = CaptionedDataset(
        images=np.zeros((6, 1, 1, 1), np.uint8), captions=captions, styles=np.arange(6) % 2, style_names=["a", "b"]
    )
    made = Conditions(pictures, Tokenizer.from_json(build_tokenizer(captions.all_texts(), 8), "here"))
    places = np.tile(np.arange(6), 4)
    return made.main(places[:6]), made.draw(places, np.arange(24)), made.draw(places, np.arange(24), always=True)


def chosen_words() -> Any:
    scores = (3 * waves(6, 7, step=1.9)).log_softmax(1)
    sampling = Sampling(torch.tensor([1.0, 0.5, 2.0] * 2).double(), torch.tensor([0, 3, 0, 1, 0, 5]),
                        torch.tensor([1.0, 1.0, 0.7, 1.0, 0.2, 0.9]).double())  # fmt: skip
    return choose(scores, torch.tensor([0.1, 0.5, 0.9, 0.99, 0.3, 0.7]).double(), sampling)


# Schedules and averages


def averages() -> Any:
    network = nn.Linear(2, 2).double()
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    ema = Ema(network, 100)
    for step in range(3):
        with torch.no_grad():
            network.weight += waves(2, 2) + step
        ema.update(network, 16 * (step + 1) + 1000 * (step == 2), 16)
    return ema.network.weight.detach(), ema.network.bias.detach()


def schedules() -> Any:
    plans = {name: plan for name, (_, plan) in PRESETS.items()}
    plans["wasserstein"] = replace(plans["tiny"], penalty="wgan-gp", gamma=(10.0, 10.0), penalty_every=1)
    found = {}
    for name, plan in plans.items():
        moments = [(seen, 1.0) for seen in (0, plan.images // 7, plan.images // 2, plan.images, 2 * plan.images)]
        augment = getattr(plan, "augment_probability", (0.0, 0.0))
        found[name] = [
            [*astuple(schedule(plan, seen, side)), between(augment, plan, seen)]
            for seen, side in (*moments, (plan.images // 3, 0.5))
        ]
    return found


def adaptive() -> Any:
    plan = replace(PRESETS["tiny"][1], images=100_000, overfitting_target=0.1)
    state, found = AdaptiveAugmentation(), []
    for step in range(12):
        state.update(1.0 + 0.1 * step, 0.9 if step % 4 else math.nan, -1.0, 512, plan)
        found.append([state.probability, state.held_out_gap, state.generated_gap, state.overfitting])
    state.update(1.0, 3.0, -1.0, 4096, plan)
    return [*found, [state.probability, state.held_out_gap, state.generated_gap, state.overfitting]]


# Networks


def images_of_networks() -> Any:
    labels = torch.tensor([0, 2, 1])
    network = replace(PRESETS["tiny"][0], classes=3)
    found = {}
    for name, config, what in (("classes", network, labels), ("unconditional", replace(network, classes=0), None)):
        torch.manual_seed(0)
        generator, discriminator = build_generator(config).double(), build_discriminator(config).double()
        z, pictures = waves(3, config.z_dim), waves(3, config.channels, 16, 16)
        begun = some(generator(z, what), 97), some(discriminator(pictures, what))
        found[name] = [*begun, some(filled(generator)(z, what), 97), some(filled(discriminator)(pictures, what))]
    return found


def words_of_networks() -> Any:
    config = replace(PRESETS["tiny-words"][0], styles=2, vocabulary=12)
    condition = torch.zeros(3, 1 + config.length, dtype=torch.int64)
    condition[:, 0], condition[0, 1:4], condition[1, 1:3] = torch.tensor([0, 1, 1]), torch.tensor([2, 5, 11]), 7
    torch.manual_seed(0)
    networks = [build_generator(config), build_discriminator(config), TextEncoder(config), RegionEncoder(config)]
    z, tokens = waves(3, config.z_dim), condition[:2, 1:]
    found: dict[str, Any] = {}
    for name, change in (("begun", nn.Module.double), ("filled", filled)):
        generator, discriminator, text, regions = (change(network) for network in networks)
        for side in (8, 16):
            generator.resolution = side
            pictures = waves(3, config.channels, side, side)
            found[f"{name} {side}"] = some(generator(z, condition), 97), some(discriminator(pictures, condition))
        found[f"{name} text"] = [some(part, 13) for part in text(tokens, tokens > 0)]
        found[f"{name} regions"] = [some(part, 97) for part in regions(waves(2, config.channels, 32, 32))]
    return found


def text_of_networks() -> Any:
    config = replace(PRESETS["tiny-text"][0], vocabulary=13, length=8)
    keywords, tokens = torch.tensor([[4, 7, 0], [0, 0, 0], [12, 5, 6]]), torch.tensor([[5, 4, 2], [3, 2, 0], [9, 9, 9]])
    sentences = nn.functional.one_hot(tokens, 13).double()
    found = {}
    for crosses in (True, False):
        torch.manual_seed(0)
        parts = replace(config, cross_attention=crosses)
        networks = build_generator(parts).eval(), build_discriminator(parts)
        for name, change in (("begun", nn.Module.double), ("filled", filled)):
            generator, discriminator = (change(network) for network in networks)
            written = generator(3 * waves(3, 8, 13, step=1.7), keywords)
            found[f"{name} {crosses}"] = {
                "written": written.argmax(2), "likelihood": some(generator.likelihood(tokens, keywords)[..., 1:], 7),
                "surprise": generator.token_nll(tokens, keywords).detach(),
                "logits": some(discriminator(sentences, keywords)),
            }  # fmt: skip
    return found


def attention_layers() -> Any:
    torch.manual_seed(0)
    x, words, mask = waves(2, 5, 8), waves(2, 4, 6, step=0.9), torch.tensor([[True, True, False, False], [False] * 4])
    found: dict[str, Any] = {}
    for similarity in ("dot", "cosine", "l2"):
        layer = filled(MultiHeadAttention(8, 2, similarity=similarity))  # type: ignore[arg-type]
        out, weights = layer(x, x, x, need_weights=True, is_causal=True)
        found[similarity] = some(out, 11), some(weights, 5), some(layer(x, words @ waves(6, 8), x[:, :4], ~mask)[0], 11)
    places, picture = filled(SelfAttention2d(8, 2)), waves(2, 8, 3, 3)
    found["places"] = some(places(picture), 17), some(places.weights(picture), 17)
    layer = filled(WordAttention(8, 6, 2))
    return found | {"words": [some(layer(picture, words, mask), 17), some(layer.weights(picture, words, mask), 5)]}


def kernels() -> Any:
    q, k, v = waves(2, 2, 3, 4), waves(2, 2, 5, 4, step=0.9), waves(2, 2, 5, 6, step=1.1)
    bias, mask = waves(2, 1, 5, step=1.7), torch.tensor([True, True, True, False, True])[None, None]
    found = {}
    for similarity in ("dot", "l2"):
        for backend in ("reference", "blockwise", "sdpa"):
            both = {"key_bias": bias, "key_mask": mask, "similarity": similarity}
            outs = attention(q, k, v, backend=backend, **both), attention(q, k, v, is_causal=True, backend=backend)  # type: ignore[arg-type]
            found[f"{similarity} {backend}"] = [some(out, 11) for out in outs]
        along = attention_jvp((q, k, v), (k[:, :, :3], waves(2, 2, 5, 4), v), similarity=similarity)  # type: ignore[arg-type]
        found[f"{similarity} jvp"] = [some(out, 11) for out in along]
        weights = attention_weights(q, k, key_mask=mask, scale=0.7, similarity=similarity)  # type: ignore[arg-type]
        found[f"{similarity} weights"] = [some(weights, 7)]
    return found


# Figures


def features(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(seed / 4, 1, (count, 6)).astype(np.float32)


def closer(fake: np.ndarray, real: np.ndarray, quantile: float) -> Any:
    found = share_closer(np.abs(fake[:, 0]), np.abs(real[:, 0]), quantile)
    return {"share": found.value, "error": found.error, "without_copies": found.without_copies}


def figures_of_features() -> Any:
    real, fake = features(40, 0), features(30, 1)
    return {
        "kid": [kid(real, fake), kid(real, real[:20], subsets=10, subset_size=8, seed=3)], "fid": fid(real, fake),
        "precision, recall": [precision_and_recall(real, fake), precision_and_recall(real, fake, 1)],
        "density, coverage": [density_and_coverage(real, fake), density_and_coverage(real, fake, 2)],
        "closer": [closer(fake, real, quantile) for quantile in (0.5, 0.05)],
        "sentences": sentence_kid(*(x / np.linalg.norm(x, axis=1, keepdims=True) for x in (real, fake))),
    }  # fmt: skip


def figures_of_sentences() -> Any:
    texts = ["a dog runs on a beach", "a cat sleeps on a red chair", "the dog sleeps", "a red dog runs", "a cat"]
    words = [text.split() for text in texts]
    references = References(words[:4])
    asked = [["dog", "beach"], ["cat"], [], ["dog", "red"], ["dog"]]
    return references.bleu(words[1:]), references.self_bleu(), distinct(words), coverage(words, asked)


def figures_of_words() -> Any:
    scores = waves(12, 12, step=2.3).numpy() + np.eye(12)
    return retrieval(scores, scores.T, np.arange(12) // 2, np.arange(12) % 7)


def pixels() -> Any:
    straight = np.array([[[[255, 100, 0, 255], [200, 100, 50, 128], [7, 8, 9, 0]]]], np.uint8)
    premultiplied = premultiply(straight)
    drawn = premultiplied.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
    grey = np.array([-1.2, -1.0, -0.003, 0.0, 0.004, 1.0, 3.0], np.float32).reshape(1, 1, 1, 7)
    return premultiplied, to_uint8(drawn), on_white(premultiplied), to_uint8(grey)


CASES: tuple[Callable[[], Any], ...] = (
    objectives, penalties, trainer_steps, matching, random_numbers, augmentations, order, held_out, key_words,
    conditions, chosen_words, averages, schedules, adaptive, images_of_networks, words_of_networks, text_of_networks,
    attention_layers, kernels, figures_of_features, figures_of_sentences, figures_of_words, pixels,
)  # fmt: skip


def unequal(kept: Any, found: Any, where: str) -> list[str]:
    """The places at which two nests of numbers differ by more than 1e-6 of the larger of 1 and the number."""
    if isinstance(kept, dict) and isinstance(found, dict) and kept.keys() == found.keys():
        return [line for key in kept for line in unequal(kept[key], found[key], f"{where} {key}")]
    if isinstance(kept, list) and isinstance(found, list) and len(kept) == len(found):
        pairs = enumerate(zip(kept, found, strict=True))
        return [line for place, pair in pairs for line in unequal(*pair, f"{where} [{place}]")]
    numeric = isinstance(kept, int | float) and isinstance(found, int | float)
    same = found == pytest.approx(kept, rel=1e-6, abs=1e-6) if numeric else kept == found
    return [] if same else [f"{where}: {kept} → {found}"]


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    return dict(kept_json("arithmetic.json", lambda: {case.__name__: numbers(case()) for case in CASES}))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_arithmetic(case: Callable[[], Any], kept: dict[str, Any]) -> None:
    assert unequal(kept[case.__name__], numbers(case()), case.__name__) == []
