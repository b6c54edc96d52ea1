"""Sentences in both networks: one word at a time and all at once, key words, ends, gradients of two orders."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refuses

from attngan.attention import MultiHeadAttention
from attngan.config import TextConfig
from attngan.networks.decoding import DeployedTextGenerator, Sampling, choose, near_ties, readable
from attngan.networks.text import TextDiscriminator, TextGenerator, gumbel
from attngan.trainer import Settings, Trainer
from attngan_runtime.tokenizers.sentences import END
from attngan_runtime.tokenizers.word_level import PADDING, UNKNOWN

CONFIG = TextConfig(vocabulary=20, length=10, keywords=4, width=16, layers=2, heads=4, readouts=3)


def randomise(network, scale=0.4):
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=scale)
    return network.double().eval()


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Networks this small gain nothing from threads, which stall each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def generator():
    return randomise(TextGenerator(CONFIG))


@pytest.fixture(scope="module")
def discriminator():
    return randomise(TextDiscriminator(CONFIG))


TOKENS = torch.tensor([[5, 6, 7, 8, 2, 0, 0], [3, 3, 2, 0, 0, 0, 0], [9, 4, 11, 12, 13, 14, 2]])
KEYWORDS = torch.tensor([[5, 8, 0, 0], [0, 0, 0, 0], [4, 14, 9, 11]])


def one_hots(tokens, vocabulary=20):
    return F.one_hot(tokens, vocabulary).double()


@pytest.mark.parametrize("crosses", [True, False])
def test_one_word_at_a_time_is_as_likely_as_all_at_once(crosses):
    generator = randomise(TextGenerator(replace(CONFIG, cross_attention=crosses)))
    together = generator.likelihood(TOKENS, KEYWORDS)
    memory, cache = generator.encode_keywords(KEYWORDS), generator.empty_cache(3, 10)
    before = generator.embedding(torch.full((3,), END))
    for place in range(7):
        scores, cache = generator.step(before, torch.tensor(place), cache, memory)
        torch.testing.assert_close(scores.log_softmax(-1), together[:, place], rtol=1e-9, atol=1e-9)
        before = generator.embedding(TOKENS[:, place])
    torch.testing.assert_close(together.exp().sum(-1), torch.ones(3, 7).double())
    assert (together[:, :, PADDING] == float("-inf")).all()


def test_a_word_depends_on_those_before_it_alone(generator):
    changed = TOKENS.clone()
    changed[:, 4] = 15
    one, other = generator.likelihood(TOKENS, KEYWORDS), generator.likelihood(changed, KEYWORDS)
    torch.testing.assert_close(one[:, :5], other[:, :5])
    assert (one[:, 5:] - other[:, 5:]).nan_to_num().abs().amax((1, 2)).min() > 1e-3


@pytest.mark.parametrize("crosses", [True, False])
def test_key_words_count_and_their_order_and_padding_do_not(crosses):
    generator = randomise(TextGenerator(replace(CONFIG, cross_attention=crosses)))
    base = generator.likelihood(TOKENS, KEYWORDS)
    turned = generator.likelihood(TOKENS, KEYWORDS[:, [2, 0, 3, 1]])
    torch.testing.assert_close(turned, base, rtol=1e-9, atol=1e-9)
    fewer = generator.likelihood(TOKENS, torch.where(KEYWORDS == 8, 0, KEYWORDS))
    assert (fewer[0] - base[0]).nan_to_num().abs().max() > 1e-3
    torch.testing.assert_close(fewer[1:], base[1:])


def test_rows_do_not_touch_one_another(generator):
    alone = torch.cat([generator.likelihood(TOKENS[i : i + 1], KEYWORDS[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(alone, generator.likelihood(TOKENS, KEYWORDS), rtol=1e-9, atol=1e-9)


def test_without_key_words_nothing_is_taken_from_them(generator):
    """Not even the output projection's bias: as if there were no cross-attention at all."""
    plain = randomise(TextGenerator(CONFIG))
    for block in plain.blocks:
        for parameter in block.cross_attention.parameters():
            torch.nn.init.zeros_(parameter)
    torch.testing.assert_close(
        generator.likelihood(TOKENS[1:2], KEYWORDS[1:2]), plain.likelihood(TOKENS[1:2], KEYWORDS[1:2])
    )


def test_shares_of_key_words(generator):
    shares = generator.keyword_attention(TOKENS, KEYWORDS)
    assert shares.shape == (3, 7, 4)
    torch.testing.assert_close(shares.sum(2), torch.tensor([1.0, 0.0, 1.0]).double()[:, None].expand(3, 7))
    assert (shares[0, :, 2:] == 0).all()


def test_surprise_is_the_likelihood_of_the_tokens(generator):
    surprise, scores = generator.token_nll(TOKENS, KEYWORDS), generator.likelihood(TOKENS, KEYWORDS)
    for row in range(3):
        for place in range(7):
            token = int(TOKENS[row, place])
            assert surprise[row, place].item() == pytest.approx(-scores[row, place, token].item() if token else 0.0)


def test_forward_writes_what_gumbel_numbers_choose(generator):
    noise = gumbel(7, (3, 10, 20)).double()
    sentences = generator(noise, KEYWORDS)
    tokens = sentences.argmax(-1)
    torch.testing.assert_close(sentences.detach(), one_hots(tokens))
    scores = generator.likelihood(tokens, KEYWORDS)
    chosen = (scores + noise).argmax(-1)
    for row in tokens.tolist():
        assert END not in row or set(row[row.index(END) + 1 :]) <= {PADDING}
    assert torch.equal(tokens, torch.where(tokens == PADDING, PADDING, chosen))
    assert (tokens == PADDING).any() and (tokens[:, 0] != PADDING).all()


def test_gumbel_numbers_are_of_the_seed_and_standard():
    numbers = gumbel(1, (100, 1000))
    assert torch.equal(numbers, gumbel(1, (100, 1000))) and not torch.equal(numbers, gumbel(2, (100, 1000)))
    assert float(numbers.mean()) == pytest.approx(0.5772, abs=0.02)
    assert float(numbers.var()) == pytest.approx(torch.pi**2 / 6, abs=0.03)


def test_the_gradient_is_that_of_the_softmax(generator):
    """Of the last word, whose choice changes nothing before it."""
    generator.temperature = 0.7
    noise, weights = gumbel(3, (3, 4, 20)).double(), torch.randn(3, 20).double()
    hard = torch.autograd.grad((generator(noise, KEYWORDS)[:, 3] * weights).sum(), generator.bias)[0]
    tokens = generator(noise, KEYWORDS).argmax(-1).detach()
    before = F.one_hot(tokens, 20).double()
    ended = (tokens[:, :3] == END).any(1)
    memory, cache = generator.encode_keywords(KEYWORDS), generator.empty_cache(3, 4)
    word = generator.embedding.weight[END].expand(3, -1)
    for place in range(4):
        scores, cache = generator.step(word, torch.tensor(place), cache, memory)
        soft = ((scores + noise[:, place]) / 0.7).softmax(-1)
        word = (
            before[:, place] + torch.where(ended[:, None], 0, 1) * (soft - soft.detach())
        ) @ generator.embedding.weight
    soft = torch.where(ended[:, None], soft.detach(), soft)
    wanted = torch.autograd.grad((soft * weights).sum(), generator.bias)[0]
    generator.temperature = 1.0
    torch.testing.assert_close(hard, wanted, rtol=1e-7, atol=1e-9)


def test_the_discriminator_reads_up_to_the_end(discriminator):
    longer = torch.cat([TOKENS, torch.zeros(3, 3, dtype=torch.int64)], 1)
    logits = discriminator(one_hots(TOKENS), KEYWORDS)
    torch.testing.assert_close(discriminator(one_hots(longer), KEYWORDS), logits)
    after = one_hots(TOKENS).clone()
    after[1, 4] = one_hots(torch.tensor(9))
    torch.testing.assert_close(discriminator(after, KEYWORDS), logits)
    changed = one_hots(TOKENS).clone()
    changed[:, 1] = one_hots(torch.tensor(17))
    assert (discriminator(changed, KEYWORDS) - logits).abs().min() > 1e-4


def test_the_discriminator_looks_for_key_words(discriminator):
    logits = discriminator(one_hots(TOKENS), KEYWORDS)
    torch.testing.assert_close(discriminator(one_hots(TOKENS), KEYWORDS[:, [3, 1, 0, 2]]), logits)
    other = discriminator(one_hots(TOKENS), torch.where(KEYWORDS == 5, 16, KEYWORDS))
    assert (other[0] - logits[0]).abs().item() > 1e-4
    torch.testing.assert_close(other[1:], logits[1:])


def test_a_sentence_is_read_once_for_all_its_key_words(discriminator):
    sentences, others = one_hots(TOKENS), KEYWORDS.roll(1, 0)
    features = discriminator.features(sentences)
    for keywords in (KEYWORDS, others):
        torch.testing.assert_close(discriminator.judge(features, keywords), discriminator(sentences, keywords))


def test_the_generators_learning_rate_is_a_share_of_the_discriminators(generator):
    trainer = Trainer(TextGenerator(CONFIG), TextDiscriminator(CONFIG))
    noise = gumbel(0, (3, 7, 20)), gumbel(1, (3, 7, 20))
    before = [parameter.detach().clone() for parameter in trainer.generator.parameters()]
    real = one_hots(TOKENS).float()
    for rate, moved in ((0.0, False), (0.5, True)):
        settings = Settings(1e-3, gamma=0.0, mismatched=1.0, generator_rate=rate)
        figures = trainer.step(real, noise, KEYWORDS, settings)
        assert {"loss_d", "loss_g", "mismatched"} <= figures.keys() and "penalty" not in figures
        same = [torch.equal(one, other) for one, other in zip(before, trainer.generator.parameters(), strict=True)]
        assert all(same) is not moved
    assert trainer.optimizer_g.param_groups[0]["lr"] == 5e-4 and trainer.optimizer_d.param_groups[0]["lr"] == 1e-3


@pytest.mark.parametrize("role", ["generator", "discriminator"])
def test_gradients_of_two_orders_are_exact(role, discriminator, generator):
    """Against differences: R1 + R2 by D's weights, and the likelihood by G's."""
    if role == "discriminator":
        seen = one_hots(TOKENS).requires_grad_()

        def value():  # R1 + R2 as attngan.losses has it, but in float64 to the end
            (slope,) = torch.autograd.grad(discriminator(seen, KEYWORDS).sum(), seen, create_graph=True)
            return slope.square().sum()

        network = discriminator
    else:
        network = generator

        def value():
            return generator.token_nll(TOKENS, KEYWORDS).sum()

    for name, parameter in list(network.named_parameters())[::5]:
        (slope,) = torch.autograd.grad(value(), parameter, allow_unused=True)
        if slope is None:
            continue
        direction = torch.randn_like(parameter)
        with torch.no_grad():
            parameter.add_(1e-6 * direction)
        up = float(value())
        with torch.no_grad():
            parameter.sub_(2e-6 * direction)
        down = float(value())
        with torch.no_grad():
            parameter.add_(1e-6 * direction)
        assert float((slope * direction).sum()) == pytest.approx((up - down) / 2e-6, rel=2e-4, abs=2e-6), name


def test_attend_is_forward_in_two_parts():
    layer = MultiHeadAttention(16, 4).double()
    x, mask = torch.randn(2, 5, 16).double(), torch.tensor([[True] * 5, [True, True, False, False, True]])
    whole, _ = layer(x, x, x, key_padding_mask=~mask)
    parts = layer.attend(layer.project(x, 0), layer.project(x, 1), layer.project(x, 2), mask[:, None])
    torch.testing.assert_close(parts, whole)


# Choosing words


def sampling(temperature=1.0, top_k=0, top_p=1.0, batch=1):
    return Sampling(
        torch.full((batch,), temperature).double(), torch.full((batch,), top_k), torch.full((batch,), top_p).double()
    )


def by_hand(scores, chance, temperature, top_k, top_p):
    """One sentence's word in plain Python."""
    shares = [2.718281828459045 ** (float(score) / temperature) for score in scores]
    shares = [share / sum(shares) for share in shares]
    order = sorted(range(len(shares)), key=lambda word: -shares[word])
    kept, held = set(), 0.0
    for word in order:
        if held >= top_p or (top_k and len(kept) >= top_k):
            break
        kept.add(word)
        held += shares[word]
    reached, total = 0.0, sum(shares[word] for word in kept)
    for word in range(len(shares)):
        reached += shares[word] if word in kept else 0.0
        if reached > chance * total and word in kept:
            return word
    return max(kept)


@given(
    st.lists(st.floats(-8, 8), min_size=3, max_size=12, unique=True), st.floats(0, 0.999), st.floats(0.3, 3),
    st.integers(0, 12), st.floats(0.05, 1.0),
)  # fmt: skip
@settings(max_examples=300)
def test_choice_is_that_of_plain_python(scores, chance, temperature, top_k, top_p):
    top_k = min(top_k, len(scores))
    row = torch.tensor([scores]).double().log_softmax(1)
    asked, number = sampling(temperature, top_k, top_p), torch.tensor([chance]).double()
    token, score = choose(row, number, asked)
    assert float(score) == float(row[0, token])
    if not near_ties(row, number, asked):
        assert int(token) == by_hand(row[0], chance, temperature, top_k, top_p)


def test_choice_has_its_probabilities():
    row = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).double().log().expand(20_000, 4)
    chance = (torch.arange(20_000).double() + 0.5) / 20_000
    for asked, wanted in [
        (sampling(batch=20_000), [0.5, 0.3, 0.15, 0.05]),
        (sampling(top_k=2, batch=20_000), [0.625, 0.375, 0, 0]),
        (sampling(top_p=0.9, batch=20_000), [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]),
        (sampling(top_k=1, batch=20_000), [1, 0, 0, 0]),
        (sampling(temperature=0.5, batch=20_000), [0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365]),
    ]:
        token, _ = choose(row, chance, asked)
        assert torch.bincount(token, minlength=4).div(20_000).tolist() == pytest.approx(wanted, abs=1e-3)


def test_top_p_of_1_leaves_out_no_word_and_rows_have_their_own_count():
    """In float32 the largest of these shares reach 1 before the rarest are added."""
    row = torch.randn(1, 2000, generator=torch.Generator().manual_seed(18)).mul(3).log_softmax(1)
    row = row.sort(1).values.expand(4, -1)  # the rarest words come first
    chance, top_k = torch.full((4,), 1e-12), torch.tensor([0, 0, 3, 5000])
    token, _ = choose(row, chance, Sampling(torch.ones(4), top_k, torch.tensor([1.0, 0.5, 1.0, 1.0])))
    held = row.exp().flip(1).cumsum(1)[0]
    assert token.tolist() == [0, 1999 - int((held < 0.5).sum()), 1997, 0]


@pytest.mark.parametrize(
    ("scores", "chance", "asked", "tie"),
    [
        ([1.0, 1.00005, -3.0], 0.4, {"top_k": 1}, True),
        ([1.0, 1.01, -3.0], 0.4, {"top_k": 1}, False),
        ([0.0, 0.0, 0.0, 0.0], 0.25, {}, True),
        ([0.0, 0.0, 0.0, 0.0], 0.26, {}, False),
        ([0.0, 0.0, 0.0, 0.0], 0.26, {"top_p": 0.5}, True),
        ([2.0, 1.0, 0.0, -1.0], 0.1, {"top_p": 0.5}, False),
    ],
)
def test_near_ties_are_seen(scores, chance, asked, tie):
    row = torch.tensor([scores]).double().log_softmax(1)
    assert bool(near_ties(row, torch.tensor([chance]).double(), sampling(**asked))) is tie


def test_no_sentence_has_unknown_words_or_is_empty():
    scores = torch.zeros(1, 6)
    first, later = readable(scores, torch.tensor(0)), readable(scores, torch.tensor(3))
    assert first[0, [UNKNOWN, END]].tolist() == [float("-inf")] * 2
    assert later[0, UNKNOWN] == float("-inf") and later[0, END] > -2
    torch.testing.assert_close(first.exp().sum(), torch.tensor(1.0))
    whole = readable(torch.zeros(1, 2, 6), torch.arange(2)[:, None])
    assert whole[0, :, END].tolist() == [float("-inf"), pytest.approx(-1.609, abs=1e-3)]


# Whole sentences


@pytest.fixture(scope="module")
def deployed():
    return DeployedTextGenerator(randomise(TextGenerator(CONFIG), 0.25).float())


def asked(batch, temperature=1.0, top_k=0, top_p=1.0):
    keywords = KEYWORDS.repeat(-(-batch // 3), 1)[:batch]
    alike = (torch.full((batch,), temperature), torch.full((batch,), top_k), torch.full((batch,), top_p))
    return keywords, (keywords > 0).long(), torch.arange(batch), *alike


def test_sentences_have_the_probabilities_they_say(deployed):
    tokens, scores = deployed(*asked(12))
    likelihood = readable(
        deployed.generator.likelihood(tokens, asked(12)[0]), torch.arange(10)[:, None]
    ).gather(2, tokens[:, :, None])[:, :, 0]  # fmt: skip
    torch.testing.assert_close(scores, torch.where(tokens == PADDING, 0.0, likelihood), rtol=1e-5, atol=1e-5)
    assert not (tokens == UNKNOWN).any() and (tokens[:, 0] > END).all()


def test_each_sentence_depends_on_its_own_inputs_alone(deployed):
    inputs = asked(6, temperature=1.3, top_p=0.9)
    together, _ = deployed(*inputs)
    for row in range(6):
        alone, _ = deployed(*(value[row : row + 1] for value in inputs))
        assert torch.equal(alone[0], together[row])


def test_seeds_and_key_words_change_sentences_and_greed_ignores_seeds(deployed):
    keywords, mask, seeds, *rest = asked(6)
    tokens, _ = deployed(keywords, mask, seeds, *rest)
    assert len({tuple(row) for row in tokens.tolist()}) > 4
    greedy = [deployed(*(v if i != 2 else s for i, v in enumerate(asked(6, top_k=1))))[0] for s in (seeds, seeds + 99)]
    assert torch.equal(*greedy)
    others = deployed(keywords.roll(1, 0), mask.roll(1, 0), seeds, *rest)[0]
    assert not torch.equal(tokens, others)


def test_the_loop_in_the_graph_is_the_same(deployed):
    inputs = asked(5, temperature=0.8)
    looped = DeployedTextGenerator(deployed.generator, in_graph=True)
    program = torch.export.export(looped, inputs, strict=False).module()
    for one, other in zip(program(*inputs), deployed(*inputs), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 3}, "heads 3: does not divide the width 16"),
        ({"length": 7}, "length 7: use an even number"),
        ({"keywords": 0}, "keywords 0"),
        ({"dropout": 1.0}, "dropout 1.0"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(changes, message):
    with refuses(message):
        replace(CONFIG, **changes)
