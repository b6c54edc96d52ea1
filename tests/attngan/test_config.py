"""Configs survive JSON, and damaged ones are named."""

import dataclasses
import json

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


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "emoji-64"])  # which is newer than they are
def test_a_config_without_the_newer_settings_has_those_that_runs_were_trained_with(name):
    """So that an older run resumes, and a later change of a default is named as one."""
    network, training = preset(name)
    newer = [
        entry.name for entry in dataclasses.fields(training) if entry.name.startswith(("matching_", "likelihood_"))
    ]
    newer = [key for key in newer if not key.endswith("_images")]
    config = RunConfig(name, network, training)
    older = json.loads(config.to_json())
    older["training"] = {key: value for key, value in older["training"].items() if key not in newer}
    assert RunConfig.from_json(json.dumps(older), "here") == config
    for key in newer:
        changed = dataclasses.replace(training, **{key: 2 * getattr(training, key)})
        assert differences(config, dataclasses.replace(config, training=changed))[0].startswith(f"training.{key}: ")
