"""Whose features judge a generator: never those that its training looked through, whatever is beside it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from attngan.config import RunConfig
from attngan.evaluation.judges import choose_judges
from attngan.features.extractor import EFFICIENTNET, OPEN_NSFW, load_extractor
from attngan.generators import Source
from attngan.presets import preset


def config(name: str, network: dict[str, Any] | None = None, training: dict[str, Any] | None = None) -> RunConfig:
    shape, plan = preset(name)
    return RunConfig(name, replace(shape, **(network or {})), replace(plan, **(training or {})))


def generator(config: RunConfig | None) -> Any:
    """Of a run, or of a bundle, which has no config."""
    source = Source("x", None, is_bundle=config is None)  # type: ignore[arg-type]
    if config:
        source.__dict__["config"] = config
    return SimpleNamespace(source=source)


SAW = [
    config("emoji-64"),
    config("emoji-64", {"discriminator": "convolutional"}),  # its loss still does
    config("emoji-64", training={"perceptual": 0.0, "pixels": 1.0}),
    config("emoji-64", {"discriminator": "convolutional"}, {"perceptual": 0.0, "pixels": 1.0}),  # its prior does
    config("cpu-32"),
]
DID_NOT = [config("tiny-words"), config("tiny"), config("tiny-text"), None]


@pytest.mark.parametrize("one", SAW)
def test_what_saw_efficientnet_is_judged_by_the_other_alone(one: RunConfig) -> None:
    assert one.saw_efficientnet
    assert choose_judges([generator(one)]) == (OPEN_NSFW,)
    assert choose_judges([generator(config("tiny-words")), generator(one)]) == (OPEN_NSFW,)


@pytest.mark.parametrize("one", DID_NOT)
def test_others_and_bundles_are_judged_by_both(one: RunConfig | None) -> None:
    assert choose_judges([generator(one)]) == (EFFICIENTNET, OPEN_NSFW)


def test_ones_own_features_replace_both() -> None:
    (judge,) = choose_judges([generator(SAW[0])], "tiny_runs:mean_colours")
    assert (judge.name, judge.key) == ("tiny_runs:mean_colours", "")


def test_a_bundle_can_be_judged_by_the_other_alone_if_it_is_named() -> None:
    judge = load_extractor("attngan.features.extractor:OPEN_NSFW")
    assert (judge.name, judge.version) == (OPEN_NSFW.name, OPEN_NSFW.version)  # so that one cache serves both
