"""Attention maps: whole rows of the layer's own weights, seen from the right place, and drawn where they belong."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attngan.attention import SelfAttention2d
from attngan.config import ImageNetworkConfig, RunConfig
from attngan.generators.image import TorchImageGenerator
from attngan.networks.image import DeployedImageGenerator, ImageGenerator
from attngan.presets import preset
from attngan.visualization.attention_maps import attention_maps, token_of, weights_from
from attngan.visualization.attention_sheet import attention_sheet
from attngan.visualization.tiles import overlay_heat


def generator(attention=(8, 16), channels=3, classes=()):
    torch.manual_seed(0)
    config = ImageNetworkConfig(16, channels, len(classes), 16, (8, 8, 8), 1, attention, 2)
    network = DeployedImageGenerator(ImageGenerator(config)).eval().requires_grad_(False)
    run = RunConfig("tiny", config, preset("tiny")[1], classes)
    return TorchImageGenerator(SimpleNamespace(name="pets", config=run, load_deployed=lambda: network))


def looking_at(row, column):
    """A generator whose layer at 8² attends, from everywhere, to one cell of the 4² that its basis is drawn on."""
    made = generator(attention=(8,))
    inner = made.network.generator
    inner.mixture.weight.zero_()
    inner.mixture.bias.fill_(1)
    inner.basis.zero_()
    inner.basis[0, 0, row, column] = 1  # what is looked for
    inner.basis[0, 1] = 1  # there everywhere
    for stage in inner.stages:
        stage.blocks[0].second.bias.zero_()  # blocks then change nothing
    layer = inner.stages[1].attention.attention
    layer.in_proj_weight.zero_()
    for head in (0, 4):
        layer.in_proj_weight[head, 1] = 1  # every query is +1 …
        layer.in_proj_weight[8 + head, 0] = 20  # … keys are +1 at the place, −1 elsewhere
        layer.in_proj_weight[8 + head, 1] = -6
    layer.in_proj_bias.zero_()
    layer.temperature_logit.fill_(20)
    return made


def test_every_map_sums_to_one_on_the_grid_of_its_layer():
    pictures, found = attention_maps(generator(classes=("a", "b")), [1, 2, 3], [0, 1, 1], 1.0, (3, 12))
    assert pictures.shape == (3, 16, 16, 3)
    assert [maps.weights.shape for maps in found] == [(3, 2, 8, 8), (3, 2, 16, 16)]
    assert [maps.token for maps in found] == [(6, 1), (12, 3)]
    for maps in found:
        np.testing.assert_allclose(maps.weights.sum((2, 3)), 1, rtol=1e-5)


def test_pictures_are_those_without_looking_and_no_hook_stays():
    made = generator()
    pictures, _ = attention_maps(made, list(range(70)), None, 0.7, (0, 0))
    np.testing.assert_array_equal(pictures, made.sample(list(range(70)), None, 0.7))
    assert not any(module._forward_pre_hooks for module in made.network.modules())


@pytest.mark.parametrize("token", [(0, 0), (0, 4), (2, 3), (3, 4)])
def test_one_row_is_the_row_of_all_weights(token):
    torch.manual_seed(0)
    layer, x = SelfAttention2d(8, 2), torch.randn(3, 8, 4, 5)
    expected = layer.weights(x)[:, :, token[0] * 5 + token[1]].unflatten(-1, (4, 5))
    torch.testing.assert_close(weights_from(layer, x, token), expected)


def test_corners_of_the_picture_are_corners_of_the_grid():
    assert token_of((0, 0), 32, 16) == (0, 0)
    assert token_of((31, 0), 32, 16) == (0, 15)
    assert token_of((0, 31), 32, 16) == (15, 0)
    assert token_of((31, 31), 32, 8) == (7, 7)
    assert token_of((5, 2), 32, 32) == (2, 5)


@given(st.sampled_from([16, 64, 256]), st.sampled_from([4, 8, 16]), st.data())
def test_a_pixel_lies_in_its_cell(side, resolution, data):
    x, y = data.draw(st.integers(0, side - 1)), data.draw(st.integers(0, side - 1))
    row, column = token_of((x, y), side, resolution)
    cell = side // resolution
    assert row * cell <= y < (row + 1) * cell and column * cell <= x < (column + 1) * cell


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 3), (1, 2), (3, 1)])
def test_a_generator_that_looks_at_one_place_lights_that_place(row, column):
    made = looking_at(row, column)
    _, (maps,) = attention_maps(made, [0, 1], None, 1.0, (15, 15))
    inside = maps.weights[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
    assert (inside.sum((2, 3)) > 0.2).all() and (inside > 100 / 64 * maps.weights.min()).all()

    sheet = np.asarray(attention_sheet(made, [0, 1], [], 1.0, (15, 15)).convert("RGB")).astype(int)
    for top, left in ((18, 162), (18, 324), (198, 162), (198, 324)):  # two seeds, two heads
        tile = sheet[top : top + 160, left : left + 160].sum(-1)
        cells = tile[:140, :140].reshape(7, 20, 7, 20).mean((1, 3))  # the mark is in the cell at the corner
        lit = np.argwhere(cells > 0.9 * cells.max())
        assert {tuple(place) for place in lit} >= {(min(2 * row + 1, 6), min(2 * column + 1, 6))}
        assert (abs(lit - (2 * row + 0.5, 2 * column + 0.5)) <= 1.5).all()


def test_the_chosen_point_is_marked_on_the_picture_and_on_every_map():
    made = generator(attention=(8, 16))
    sheet = np.asarray(attention_sheet(made, [4], [], 1.0, (4, 9)))
    marked = np.argwhere((sheet == (0, 200, 255)).all(-1)) - (18, 0)
    for tile, (x, y, size) in enumerate([(4, 9, 10), (2, 4, 20), (2, 4, 20), (4, 9, 10), (4, 9, 10)]):
        mine = marked[marked[:, 1] // 162 == tile] - (0, tile * 162)
        assert mine.min(0).tolist() == [y * size - 1, x * size - 1]
        assert mine.max(0).tolist() == [(y + 1) * size, (x + 1) * size]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sheets_of_every_kind_of_picture(channels):
    made = generator(attention=(8,), channels=channels, classes=("a cat", "a dog with a name that is too long to fit"))
    assert attention_sheet(made, [0, 1, 2], [0, 1], 1.0, (0, 0)).size == (3 * 162 - 2, 6 * 180 - 2)


def test_heat_is_brightest_where_the_weight_is():
    weights = np.full((4, 4), 0.01, np.float32)
    weights[1, 2] = 0.85
    brightness = overlay_heat(np.full((32, 32, 3), 200, np.uint8), weights).astype(int).sum(-1)
    assert (brightness[8:16, 16:24] > 600).all()
    brightness[8:16, 16:24] = 0
    assert brightness.max() < 300
