"""From floats to pixels."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from attngan_runtime.generators.pixels import to_uint8


@pytest.mark.parametrize("channels", [1, 3])
def test_every_level_comes_back(channels: int) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(channels, 3)
    floats = (levels.astype(np.float32) / 127.5 - 1).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(to_uint8(floats), levels)


def test_values_beyond_the_range_are_cut_off() -> None:
    found = to_uint8(np.array([-5, -1, 0, 1, 5], np.float32).reshape(1, 1, 1, 5))
    assert found.ravel().tolist() == [0, 0, 128, 255, 255]


def test_premultiplied_colour_becomes_straight() -> None:
    straight = np.zeros((1, 3, 3, 4), np.uint8)
    straight[0, ..., :3] = [[[200, 100, 0]]]
    straight[0, ..., 3] = np.array([[255, 128, 64], [32, 200, 100], [90, 250, 2]])
    premultiplied = straight.astype(np.float32) / 255
    premultiplied[..., :3] *= premultiplied[..., 3:]
    found = to_uint8((premultiplied * 2 - 1).transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(found, straight)


def test_what_cannot_be_seen_has_no_colour_and_bright_noise_does_not_overflow() -> None:
    pixel = np.array([0.9, 0.9, 0.9, -1], np.float32).reshape(1, 4, 1, 1)
    assert to_uint8(pixel).ravel().tolist() == [0, 0, 0, 0]
    pixel = np.array([1, 0.5, -1, 0], np.float32).reshape(1, 4, 1, 1)
    assert to_uint8(pixel).ravel().tolist() == [255, 255, 0, 128]


def test_pillow_agrees_about_premultiplied_alpha() -> None:
    rng = np.random.default_rng(0)
    alpha = rng.integers(64, 256, (16, 16, 1))
    raw = np.concatenate([(rng.random((16, 16, 3)) * alpha).round(), alpha], 2).astype(np.uint8)
    pillow = np.asarray(Image.frombytes("RGBa", (16, 16), raw.tobytes()).convert("RGBA")).astype(int)
    ours = to_uint8((raw.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None])[0].astype(int)
    assert np.abs(pillow - ours).max() <= 1  # Pillow rounds down
