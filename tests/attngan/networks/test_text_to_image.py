"""Words in both networks: masks, padding, empty prompts, growth without a jump, derivatives."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refuses

from attngan.attention import WordAttention
from attngan.config import TextToImageConfig
from attngan.losses import r1_r2
from attngan.networks.text_encoder import TextEncoder
from attngan.networks.text_to_image import DeployedTextToImageGenerator, TextToImageDiscriminator, TextToImageGenerator
from attngan.random import normals

CONFIG = TextToImageConfig(32, 4, 2, 8, (8, 8, 8, 8), 1, (8, 16), 2, 8, 20, 6, 16, 2, 4)


def randomise(network):
    """Gives every parameter a value, since many start at zero on purpose."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def condition(*rows, style=0):
    """int64 [B, 7] of lists of tokens."""
    found = np.zeros((len(rows), 1 + CONFIG.length), np.int64)
    for place, row in enumerate(rows):
        found[place, 0], found[place, 1 : 1 + len(row)] = style, row
    return torch.from_numpy(found)


@pytest.fixture(scope="module")
def generator():
    return randomise(TextToImageGenerator(CONFIG)).eval()


@pytest.fixture(scope="module")
def discriminator():
    return randomise(TextToImageDiscriminator(CONFIG)).eval()


def attention_by_hand(layer, x, words, mask):
    """One place and one head at a time, in float64."""
    heads, sequence, keys = layer.attention.num_heads, x.flatten(2).transpose(1, 2), layer.words(words)
    weight, bias = layer.attention.in_proj_weight, layer.attention.in_proj_bias
    q, k, v = (source @ weight[part].T + bias[part] for source, part in zip(
        (sequence, keys, keys), torch.arange(3 * x.shape[1]).chunk(3), strict=True))  # fmt: skip
    temperature = 4 * layer.attention.temperature_logit.sigmoid()
    out, shares = torch.zeros_like(q), torch.zeros(len(x), mask.shape[1], q.shape[1], dtype=x.dtype)
    for b in range(len(x)):
        for n in range(q.shape[1]):
            for h, part in enumerate(torch.arange(x.shape[1]).chunk(heads)):
                one = q[b, n, part]
                scores = torch.stack([
                    temperature[h] * one @ key / ((one @ one + 1e-6) * (key @ key + 1e-6)).sqrt()
                    for key in k[b][:, part]
                ])  # fmt: skip
                weights = torch.zeros_like(scores)
                weights[mask[b]] = scores[mask[b]].softmax(0)
                out[b, n, part] = weights @ v[b][:, part]
                shares[b, :, n] += weights / heads
    projected = layer.attention.out_proj(out) * mask.any(1)[:, None, None]
    return x + projected.transpose(1, 2).reshape(x.shape), shares.unflatten(2, x.shape[2:])


def test_word_attention_is_what_its_equation_says_with_its_gradients():
    layer = randomise(WordAttention(4, 6, 2)).double()
    x = torch.randn(3, 4, 2, 3, dtype=torch.float64, requires_grad=True)
    words = torch.randn(3, 5, 6, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True] * 5, [True, True, False, False, False], [False] * 5])
    expected, shares = attention_by_hand(layer, x, words, mask)
    torch.testing.assert_close(layer(x, words, mask), expected)
    torch.testing.assert_close(layer.weights(x, words, mask), shares)
    inputs = (x, words, *layer.parameters())
    push = torch.randn_like(expected)
    for found, wanted in zip(
        torch.autograd.grad(layer(x, words, mask), inputs, push), torch.autograd.grad(expected, inputs, push),
        strict=True,
    ):  # fmt: skip
        torch.testing.assert_close(found, wanted)


def test_word_attention_begins_as_nothing_and_can_be_differentiated_twice():
    layer = WordAttention(4, 6, 2).double()
    x, words = torch.randn(2, 4, 2, 2, dtype=torch.float64), torch.randn(2, 3, 6, dtype=torch.float64)
    mask = torch.tensor([[True, True, False], [False] * 3])
    assert torch.equal(layer(x, words, mask), x)
    randomise(layer)
    assert torch.autograd.gradgradcheck(
        lambda x, words: layer(x, words, mask), (x.requires_grad_(), words.requires_grad_())
    )


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(2, 19), min_size=1, max_size=6), st.integers(2, 19), st.integers(0, 5))
def test_a_word_behind_the_mask_says_nothing(tokens, other, place):
    encoder = randomise(TextEncoder(CONFIG)).double()
    row = condition(tokens)[:, 1:]
    mask = row > 0
    words, sentence = encoder(row, mask)
    changed = row.clone()
    if place >= len(tokens):
        changed[0, place] = other
    again, same = encoder(changed, mask)
    torch.testing.assert_close(again, words)
    torch.testing.assert_close(same, sentence)
    short, of_short = encoder(row[:, : len(tokens)], mask[:, : len(tokens)])
    torch.testing.assert_close(short, words[:, : len(tokens)])
    torch.testing.assert_close(of_short, sentence)


def test_order_matters_and_no_words_are_a_sentence_of_zeros():
    encoder = randomise(TextEncoder(CONFIG))
    rows = condition([3, 4], [4, 3], [])[:, 1:]
    words, sentence = encoder(rows, rows > 0)
    assert (sentence[0] - sentence[1]).abs().max() > 1e-3
    assert not words[2].any() and not sentence[2].any()


def test_words_and_styles_reach_the_picture_and_its_score(generator, discriminator):
    z = torch.randn(1, 8).expand(4, -1)
    rows = torch.cat([condition([3, 4], [3, 5], []), condition([3, 4], style=1)])
    pictures = generator(z, rows)
    picture = torch.randn(1, 4, 32, 32).expand(4, -1, -1, -1)
    logits = discriminator(picture, rows)
    for other in (1, 2, 3):
        assert (pictures[0] - pictures[other]).abs().max() > 1e-3
        assert (logits[0] - logits[other]).abs() > 1e-4


def test_word_attention_looks_at_words_and_not_at_the_sentence_alone(generator):
    """With its values' projection at zero, the words are left with the sentence only."""
    silent = TextToImageGenerator(CONFIG)
    silent.load_state_dict(generator.state_dict())
    for stage in silent.stages:
        if stage.attention is not None:
            torch.nn.init.zeros_(stage.attention.attention.out_proj.weight)
    z, row = torch.randn(1, 8), condition([3, 4, 5])
    assert (generator(z, row) - silent(z, row)).abs().max() > 1e-3


@pytest.mark.parametrize("side", [8, 16])
def test_growth_changes_nothing_at_first(side):
    generator, discriminator = TextToImageGenerator(CONFIG), TextToImageDiscriminator(CONFIG)
    for network in (generator, discriminator):  # as after training at this side: what is above still has its beginning
        for stage in network.stages:
            if stage.resolution <= side:
                randomise(stage)
                if stage.resolution > CONFIG.base and network is discriminator:
                    torch.nn.init.normal_(stage.narrow.weight)
    z, rows = torch.randn(2, 8), condition([3, 4], [5])
    generator.resolution = side
    small = generator(z, rows)
    assert small.shape == (2, 4, side, side)
    generator.resolution = 2 * side
    large = generator(z, rows)
    doubled = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(large, doubled)
    picture = torch.randn(2, 4, 2 * side, 2 * side)
    pooled = torch.nn.functional.avg_pool2d(picture, 2)
    torch.testing.assert_close(discriminator(picture, rows), discriminator(pooled, rows))


@pytest.mark.parametrize("side", [8, 16, 32])
def test_every_parameter_in_use_learns_and_penalties_reach_them(side, generator, discriminator):
    drawing, judging = TextToImageGenerator(CONFIG), TextToImageDiscriminator(CONFIG)
    randomise(drawing), randomise(judging)
    drawing.resolution = side
    rows = condition([3, 4], [5, 6, 7])
    judging(drawing(torch.randn(2, 8), rows), rows).sum().backward()
    at_rest = ["text.", *(f"stages.{i}." for i, stage in enumerate(drawing.stages) if stage.resolution > side)]
    for name, parameter in drawing.named_parameters():
        moved = parameter.grad is not None and bool(parameter.grad.any())
        assert moved != any(name.startswith(part) for part in at_rest), name
    judging.zero_grad()
    picture = torch.randn(2, 4, side, side, requires_grad=True)
    r1_r2(judging(picture, rows), picture).backward()
    assert judging.expected[2].weight.grad.abs().max() > 0


def test_gradient_of_the_penalty_is_exact(discriminator):
    judging = TextToImageDiscriminator(CONFIG).double()
    randomise(judging)
    picture = torch.randn(2, 4, 8, 8, dtype=torch.float64, requires_grad=True)
    rows = condition([3, 4], [5])

    def penalty(weight):
        logits = torch.func.functional_call(judging, {"pool.weight": weight}, (picture, rows))
        (gradient,) = torch.autograd.grad(logits.sum(), picture, create_graph=True)
        return gradient.square().sum()

    weight = judging.pool.weight.detach().requires_grad_()
    (slope,) = torch.autograd.grad(penalty(weight), weight)
    step = torch.randn_like(weight)
    with torch.no_grad():
        weight.requires_grad_(False)
    numeric = (penalty(weight + 1e-5 * step) - penalty(weight - 1e-5 * step)) / 2e-5
    torch.testing.assert_close((slope * step).sum(), numeric.detach(), rtol=1e-5, atol=1e-7)


def test_what_is_deployed(generator):
    deployed = DeployedTextToImageGenerator(generator)
    rows = torch.cat([condition([3, 4], []), condition([5], style=1)])
    tokens, mask, style = rows[:, 1:], (rows[:, 1:] > 0).long(), rows[:, 0]
    seeds, truncation = torch.tensor([0, 1, 2**32 - 1]), torch.tensor([1.0, 0.5, 0.0])
    pictures = deployed(tokens, mask, seeds, style, truncation)
    assert pictures.shape == (3, 4, 32, 32) and pictures.abs().max() <= 1
    assert torch.equal(deployed.from_seed(seeds, rows, truncation), pictures)
    z = normals(seeds, 8)
    assert torch.equal(deployed.from_z(tokens, mask, z, style, truncation), pictures)
    torch.testing.assert_close(generator(z * truncation[:, None], rows).clamp(-1, 1), pictures)
    drawn, looked = deployed.with_attention(tokens, mask, z, style, truncation)
    assert torch.equal(drawn, pictures) and looked.shape == (3, 6, 16, 16)
    torch.testing.assert_close(looked.sum(1)[[0, 2]], torch.ones(2, 16, 16))
    assert not looked[1].any() and not looked[0, 2:].any() and not looked[2, 1:].any()


def test_a_smaller_generator_is_deployed_at_full_size(generator):
    small = TextToImageGenerator(CONFIG)
    small.resolution = 8
    one = (torch.tensor([3]), condition([3]), torch.ones(1))
    assert DeployedTextToImageGenerator(small).from_seed(*one).shape == (1, 4, 32, 32)


@pytest.mark.parametrize("changes", [
    {"channels": 1}, {"base": 64}, {"base": 12}, {"text_heads": 3}, {"heads": 3}, {"attention": (64,)}, {"z_dim": 7},
    {"widths": (8, 8)},
])  # fmt: skip
def test_bad_shapes_are_named(changes):
    with refuses(next(iter(changes)).split("_")[0]):
        replace(CONFIG, **changes)
