"""Configs survive JSON, and damaged ones are named."""

import dataclasses

import pytest
from refusals import refuses

from attngan.config import RunConfig, differences
from attngan.presets import PRESETS, preset


@pytest.mark.parametrize("name", PRESETS)
def test_json_round_trip(name):
    network, training = preset(name)
    config = RunConfig(name, network, training, **{network.names: ("a", "b")})
    assert RunConfig.from_json(config.to_json(), "here") == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not an attngan config"),
        ("[]", "not an attngan config"),
        ("{}", "not an attngan config"),
        ('{"format_version": 99}', "format_version 99.*update attngan"),
        ('{"format_version": 1, "preset": "x"}', "not an attngan config"),
    ],
)
def test_what_is_no_config_is_named(text, message):
    with refuses(f"config.json: {message}"):
        RunConfig.from_json(text, "run/config.json")


def test_differences_name_the_fields():
    network, training = preset("tiny")
    old = RunConfig("tiny", network, training)
    new = dataclasses.replace(old, training=dataclasses.replace(training, seed=3))
    assert differences(old, new) == ["training.seed: 0 → 3"]
    assert differences(old, old) == []
