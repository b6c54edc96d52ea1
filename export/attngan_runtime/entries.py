"""What a sidecar says of each input and output of a graph."""

from __future__ import annotations

from typing import Any

MAX_SEED = 2**32 - 1

# What no generator exceeds: bounds on what a bundle can make a program allocate before anything of it was drawn.
MOST_KEYWORDS = 1024  #: of a sentence
MOST_WORDS = 4096  #: of a prompt, tokens of a sentence; whole pages take 1,000
LARGEST_VOCABULARY = 2**20  #: words; whole languages have fewer
MOST_LETTERS = 1000  #: of a word: a sentence of 4,096 such words is 4 MB, and without a bound it is 100 GB
LONGEST_NAME = 255  #: letters of the name of a class or style; a folder can't have a longer one
LARGEST_Z = 2**16  #: numbers; 512 are usual, StyleGAN2's for each of 18 layers apart make 9,216
MOST_PIXELS = 2**24  #: of a picture: 4096 × 4096, which is 256 MiB in float32 with four channels
MOST_VALUES = 2**26  #: of the golden pictures, or of one prompt's maps, together: 256 MiB in float32

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 5


def tokens_input(length: int, size: int) -> dict[str, Any]:
    """int64 [B, L], 0 … V−1: the words of each prompt as `tokenizer.json` numbers them, 0 where there is none."""
    return {"name": "tokens", "dtype": "int64", "shape": ["batch", length], "minimum": 0, "maximum": size - 1}


def keywords_input(count: int, size: int) -> dict[str, Any]:
    """int64 [B, K], 0 … V−1: key words of each sentence as `tokenizer.json` numbers them, 0 where there is none."""
    return {"name": "keywords", "dtype": "int64", "shape": ["batch", count], "minimum": 0, "maximum": size - 1}


def mask_input(length: int) -> dict[str, Any]:
    """int64 [B, L] or [B, K]: 1 = a word, 0 = padding."""
    return {"name": "mask", "dtype": "int64", "shape": ["batch", length], "minimum": 0, "maximum": 1}


def seed_input() -> dict[str, Any]:
    """int64 [B], 0 … 2³²−1: safe in JavaScript numbers, and no negatives."""
    return {"name": "seed", "dtype": "int64", "shape": ["batch"], "minimum": 0, "maximum": MAX_SEED}


def z_input(z_dim: int) -> dict[str, Any]:
    """float32 [B, z_dim], standard normals, in place of `seed`."""
    return {"name": "z", "dtype": "float32", "shape": ["batch", z_dim]}


def class_input(classes: list[str]) -> dict[str, Any]:
    """int64 [B], 0 … K−1; only for generators that have classes."""
    last = len(classes) - 1
    return {
        "name": "class", "dtype": "int64", "shape": ["batch"], "minimum": 0, "maximum": last, "classes": classes
    }  # fmt: skip


def style_input(styles: list[str]) -> dict[str, Any]:
    """int64 [B], 0 … K−1; only for generators from words that have two styles or more."""
    last = len(styles) - 1
    return {
        "name": "style", "dtype": "int64", "shape": ["batch"], "minimum": 0, "maximum": last, "default": 0,
        "styles": styles,
    }  # fmt: skip


def truncation_input() -> dict[str, Any]:
    """float32 [B], 0 … 2: multiplies z, 1 changes nothing."""
    return {
        "name": "truncation", "dtype": "float32", "shape": ["batch"], "minimum": 0, "maximum": 2, "default": 1
    }  # fmt: skip


def temperature_input() -> dict[str, Any]:
    """float32 [B], 0.05 … 5: divides the logits, 1 changes nothing."""
    return {
        "name": "temperature", "dtype": "float32", "shape": ["batch"], "minimum": LOWEST_TEMPERATURE,
        "maximum": HIGHEST_TEMPERATURE, "default": 1,
    }  # fmt: skip


def top_k_input(size: int) -> dict[str, Any]:
    """int64 [B], 0 … V: only the so many likeliest tokens are drawn from; 0 = all of them."""
    return {"name": "top_k", "dtype": "int64", "shape": ["batch"], "minimum": 0, "maximum": size, "default": 0}


def top_p_input() -> dict[str, Any]:
    """float32 [B], above 0 … 1: only the likeliest tokens that have this much probability together; 1 = all of them."""
    return {
        "name": "top_p", "dtype": "float32", "shape": ["batch"], "exclusiveMinimum": 0, "maximum": 1, "default": 1
    }  # fmt: skip


def attention_output(length: int, height: int, width: int) -> dict[str, Any]:
    """float32 [B, L, H, W]: at every place the share of each word; they sum to 1, or to 0 without words."""
    return {
        "name": "attention", "dtype": "float32", "shape": ["batch", length, height, width], "minimum": 0, "maximum": 1
    }  # fmt: skip


def tokens_output(length: int, size: int) -> dict[str, Any]:
    """int64 [B, L], 0 … V−1: the tokens of each sentence, 2 where it ends within L, then 0."""
    return tokens_input(length, size)


def log_probability_output(length: int) -> dict[str, Any]:
    """float32 [B, L], at most 0: natural logarithm of each token's probability under the model itself, then 0."""
    return {"name": "log_probability", "dtype": "float32", "shape": ["batch", length], "maximum": 0}
