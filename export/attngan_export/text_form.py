"""A generator of sentences in the form in which it is exported: the loop over its words is part of the graph."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attngan.networks.decoding import DeployedTextGenerator, Sampling, near_ties, readable
from attngan.random import derive, uniforms
from attngan_export.form import DRAWS, Form
from attngan_runtime.bundle.spec import MAX_SEED
from attngan_runtime.tokenizers.sentences import SENTENCE_SPECIAL
from attngan_runtime.tokenizers.word_level import PADDING

GREEDY = 1000  #: inputs whose most probable words are compared, token for token
_GREEDY_BATCH = 50
_WORDS = 1000  # draws of key words begin here, away from those of seeds
_TEMPERATURES, _TOP_KS, _TOP_PS = (1.0, 0.7, 1.3), (0, 1, 5, 50), (1.0, 0.9, 1.0, 0.5, 1.0)


@dataclass(frozen=True)
class TextForm(Form):
    """module(keywords, mask int64 [B, K], seed int64 [B], temperature, top_k, top_p [B]) → tokens int64 [B, L] and
    log_probability float32 [B, L].
    """

    network: DeployedTextGenerator

    @property
    def module(self) -> nn.Module:
        return self.network.eval()

    @property
    def graph(self) -> nn.Module:
        return DeployedTextGenerator(self.network.generator, in_graph=True).eval()

    @property
    def z_dim(self) -> int:
        return 0

    @property
    def names(self) -> tuple[str, ...]:
        return ("keywords", "mask", "seed", "temperature", "top_k", "top_p")

    @property
    def outputs(self) -> dict[str, float]:
        """Tokens are equal or not; log-probabilities are compared in nats."""
        return {"tokens": 1.0, "log_probability": 1.0}

    @property
    def slack(self) -> float:
        """A rare word's log-probability is about −10, where the values of pictures are below 1."""
        return 10.0

    @property
    def threads(self) -> int | None:
        """A word is 300 small operations, between which threads wait for each other: where another program had one of
        two cores, sentences took four to fifteen times as long with two threads as with one.
        """
        return 1

    @property
    def trials(self) -> list[tuple[int, int]]:
        greedy = [(_GREEDY_BATCH, DRAWS + draw) for draw in range(GREEDY // _GREEDY_BATCH)]
        return super().trials + greedy

    def sample(self, batch: int, draw: int = 0) -> dict[str, Tensor]:
        """As many key words as there can be down to none, in turn; from draw `DRAWS` on always the likeliest word."""
        index = torch.arange(batch)
        seeds = derive(draw, index)
        if draw == 0:
            edges = torch.tensor([0, MAX_SEED])[:batch]
            seeds[: len(edges)] = edges
        values = self.asked(index, draw) | {"seed": seeds}
        turn = index + draw
        greedy = draw >= DRAWS
        values["temperature"] = torch.tensor((1.0,) if greedy else _TEMPERATURES)[turn % (1 if greedy else 3)]
        top_k = torch.tensor((1,) if greedy else _TOP_KS)[turn % (1 if greedy else 4)]
        values["top_k"] = top_k.clamp_max(self.network.generator.config.vocabulary)
        values["top_p"] = torch.tensor((1.0,) if greedy else _TOP_PS)[turn % (1 if greedy else 5)]
        return {name: values[name] for name in self.names}

    def asked(self, index: Tensor, draw: int) -> dict[str, Tensor]:
        config = self.network.generator.config
        count = config.keywords - (index + draw) % (config.keywords + 1)
        place, first = torch.arange(config.keywords)[None], len(SENTENCE_SPECIAL)
        words = first + derive(_WORDS + draw, index[:, None], place) % (config.vocabulary - first)
        mask = place < count[:, None]
        return {"keywords": torch.where(mask, words, PADDING), "mask": mask.long()}

    @torch.no_grad()
    def ties(self, inputs: dict[str, Tensor], outputs: tuple[Tensor, ...]) -> Tensor:
        """bool [B, L]: the tokens in whose place rounding could have chosen another."""
        generator, tokens = self.network.generator, outputs[0]
        chance = uniforms(inputs["seed"], generator.config.length)
        sampling = Sampling(*(inputs[name] for name in ("temperature", "top_k", "top_p")))
        # What stands after the end counts as a word here, and is never compared.
        scores = readable(generator.likelihood(tokens, inputs["keywords"]), torch.arange(tokens.shape[1])[:, None])
        found = [near_ties(scores[:, place], chance[:, place], sampling) for place in range(tokens.shape[1])]
        return torch.stack(found, 1) & (tokens != PADDING)
