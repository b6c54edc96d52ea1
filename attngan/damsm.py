"""How well words and regions of pictures match: AttnGAN's DAMSM (Xu et al. 2018, section 3.2), for all pairs at once.

Captions are counted by B, pictures by C, words by L, regions by R; vectors have D values.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# γ1: how sharply a word attends to regions; γ2: how much the best matching words count; γ3: of the softmax over pairs.
_REGIONS, _WORDS, _PAIRS = 4.0, 5.0, 10.0


def word_scores(words: Tensor, mask: Tensor, regions: Tensor) -> Tensor:
    """How well each caption's words find regions in each picture, float [B, C] (equations 7 to 10).

    words [B, L, D], mask bool [B, L] (True = a word, at least one a row), regions [C, R, D].
    """
    similarity = torch.einsum("bld,crd->bclr", words, regions)
    absent = ~mask[:, None, :, None]
    shares = similarity.masked_fill(absent, float("-inf")).softmax(2)
    context = torch.einsum("bclr,crd->bcld", (_REGIONS * shares).softmax(3), regions)
    relevance = F.cosine_similarity(context, words[:, None], dim=3)
    return (_WORDS * relevance).masked_fill(~mask[:, None], float("-inf")).logsumexp(2) / _WORDS


def sentence_scores(sentences: Tensor, pictures: Tensor) -> Tensor:
    """Cosine similarities [B, C] of sentences [B, D] and whole pictures [C, D], in place of equation 10."""
    return F.normalize(sentences, dim=1) @ F.normalize(pictures, dim=1).T


def damsm_loss(scores: Tensor, same: Tensor) -> Tensor:
    """−log P(picture | caption) − log P(caption | picture), a scalar (equations 11 to 13).

    scores [B, B], pairs that belong together on the diagonal. same: bool [B, B], pairs that would match as well, such
    as two pictures of one thing; off the diagonal they count as no mistake.
    """
    own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    logits = (_PAIRS * scores).masked_fill(same & ~own, float("-inf"))
    target = torch.arange(len(scores), device=scores.device)
    return F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)
