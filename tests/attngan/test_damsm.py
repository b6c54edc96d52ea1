"""DAMSM for all pairs at once against its equations written out one pair at a time."""

import math

import torch

from attngan.damsm import damsm_loss, sentence_scores, word_scores


def score_by_hand(words, regions):
    """Equations 7 to 10 of Xu et al. 2018 for the words [L, D] of one caption and the regions [R, D] of one picture."""
    similarity = words @ regions.T
    shares = similarity.exp() / similarity.exp().sum(0)
    relevance = []
    for word in range(len(words)):
        weights = (4.0 * shares[word]).exp()
        context = (weights / weights.sum()) @ regions
        relevance.append(float(context @ words[word] / (context.norm() * words[word].norm())))
    return math.log(sum(math.exp(5.0 * value) for value in relevance)) / 5.0


def drawn():
    torch.manual_seed(0)
    words, regions = torch.randn(3, 4, 5, dtype=torch.float64), torch.randn(2, 6, 5, dtype=torch.float64)
    mask = torch.tensor([[True] * 4, [True, True, False, False], [True, False, False, False]])
    return words, mask, regions


def test_scores_of_all_pairs_are_those_of_each_pair():
    words, mask, regions = drawn()
    found = word_scores(words, mask, regions)
    for caption in range(3):
        for picture in range(2):
            expected = score_by_hand(words[caption][mask[caption]], regions[picture])
            assert math.isclose(float(found[caption, picture]), expected, rel_tol=1e-9)


def test_padding_has_no_say_and_no_gradient():
    words, mask, regions = drawn()
    words.requires_grad_()
    (slope,) = torch.autograd.grad(word_scores(words, mask, regions).sum(), words)
    assert slope.isfinite().all() and not slope[~mask].any() and slope[mask].any()


def test_gradients():
    words, mask, regions = drawn()
    inputs = (words.requires_grad_(), regions.requires_grad_())
    assert torch.autograd.gradcheck(lambda words, regions: word_scores(words, mask, regions), inputs)


def test_sentences_by_cosine():
    sentences, pictures = torch.tensor([[2.0, 0.0]]), torch.tensor([[3.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    torch.testing.assert_close(sentence_scores(sentences, pictures), torch.tensor([[1.0, 0.0, -1.0]]))


def test_the_loss_is_a_softmax_in_both_directions_without_pairs_that_match_as_well():
    scores = torch.tensor([[0.3, 0.1, 0.9], [0.2, 0.4, 0.0], [0.5, -0.1, 0.2]])
    apart = torch.eye(3, dtype=torch.bool)
    logits = 10 * scores
    expected = -(logits.diag() - logits.logsumexp(1)).mean() - (logits.diag() - logits.logsumexp(0)).mean()
    torch.testing.assert_close(damsm_loss(scores, apart), expected)
    twins = apart.clone()
    twins[0, 2] = twins[2, 0] = True
    rows = [logits[0, :2], logits[1], logits[2, 1:]]
    columns = [logits[:2, 0], logits[:, 1], logits[1:, 2]]
    expected = sum(line.logsumexp(0) for line in rows + columns) / 3 - 2 * logits.diag().mean()
    torch.testing.assert_close(damsm_loss(scores, twins), expected)
