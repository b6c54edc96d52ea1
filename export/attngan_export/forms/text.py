"""A generator of sentences in the form in which it is exported: the loop over its words is part of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from attngan.networks.decoding import DeployedTextGenerator, Sampling, near_ties, readable
from attngan.random import derive, uniforms
from attngan_export.forms.base import DRAWS, GOLDEN_BATCH, Entry, GeneratorForm, draw_seeds, golden_entry
from attngan_export.forms.text_script import script_loop
from attngan_runtime.bundle.spec import TASKS
from attngan_runtime.errors import AttnGANError
from attngan_runtime.tokenizers.sentences import SENTENCE_SPECIAL
from attngan_runtime.tokenizers.word_level import PADDING

GREEDY = 1000  #: inputs whose most probable words are compared, token for token
_GREEDY_BATCH = 50
_GOLDEN_DRAWS = 20
_WORDS = 1000  # draws of key words begin here, away from those of seeds
_TEMPERATURES, _TOP_KS, _TOP_PS = (1.0, 0.7, 1.3), (0, 1, 5, 50), (1.0, 0.9, 1.0, 0.5, 1.0)


@dataclass(frozen=True)
class TextForm(GeneratorForm):
    """module(keywords, mask int64 [B, K], seed int64 [B], temperature, top_k, top_p [B]) → tokens int64 [B, L] and
    log_probability float32 [B, L].
    """

    seeds_alone = "writes sentences, each word by a number from its seed"
    # A rare word's log-probability is about −10, where the values of pictures are below 1.
    slack = 10.0
    # A word is 300 small operations, between which threads wait for each other: where another program had one of two
    # cores, sentences took four to fifteen times as long with two threads as with one.
    threads = 1

    @property
    def module(self) -> nn.Module:
        return self.network.eval()

    @property
    def graph(self) -> nn.Module:
        return DeployedTextGenerator(self.network.generator, in_graph=True).eval()

    def script(self) -> torch.jit.ScriptModule:
        return script_loop(self.network, self.example)

    @property
    def names(self) -> tuple[str, ...]:
        return TASKS["text"].inputs

    @property
    def parts(self) -> Entry:
        return {"words": self.config.keywords, "vocabulary": self.config.vocabulary, "length": self.config.length}

    @property
    def trials(self) -> list[tuple[int, int]]:
        greedy = [(_GREEDY_BATCH, DRAWS + draw) for draw in range(GREEDY // _GREEDY_BATCH)]
        return super().trials + greedy

    def sample(self, batch: int, draw: int = 0) -> dict[str, Tensor]:
        """As many key words as there can be down to none, in turn; from draw `DRAWS` on always the likeliest word."""
        index = torch.arange(batch)
        turn, greedy = index + draw, draw >= DRAWS

        def choose(values: tuple[float, ...], likeliest: float) -> Tensor:
            return torch.tensor((likeliest,) if greedy else values)[turn % (1 if greedy else len(values))]

        values = self.conditions(index, draw) | {"seed": draw_seeds(index, draw)}
        values["temperature"], values["top_p"] = choose(_TEMPERATURES, 1.0), choose(_TOP_PS, 1.0)
        values["top_k"] = choose(_TOP_KS, 1).clamp_max(self.config.vocabulary)
        return {name: values[name] for name in self.names}

    def conditions(self, index: Tensor, draw: int) -> dict[str, Tensor]:
        """What the sentences `index` int64 [B] of a sample are to be about."""
        config = self.config
        count = config.keywords - (index + draw) % (config.keywords + 1)
        place, first = torch.arange(config.keywords)[None], len(SENTENCE_SPECIAL)
        words = first + derive(_WORDS + draw, index[:, None], place) % (config.vocabulary - first)
        mask = place < count[:, None]
        return {"keywords": torch.where(mask, words, PADDING), "mask": mask.long()}

    def note(self, inputs: Mapping[str, Any]) -> str:
        return f"{', '.join(map(str, inputs['mask'].sum(1).tolist()))} key words"

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

    @torch.no_grad()
    def golden(self, name: str) -> Entry:
        """The first sentences in which no token is a near tie, that another machine may decide otherwise: every token.

        Raises AttnGANError naming the generator if it has no such sentences.
        """
        for draw in range(_GOLDEN_DRAWS):
            inputs = self.sample(GOLDEN_BATCH, draw)
            outputs = self.run(inputs)
            if not self.ties(inputs, outputs).any():
                rows = zip(self.outputs, outputs, strict=True)
                return golden_entry(inputs, {output: values.tolist() for output, values in rows})
        raise AttnGANError(
            name,
            "every sentence has words that are as probable as others within 1e-4, so other machines would write others",
            "train it for longer",
        )
