"""Threefry against its published vectors, and the distributions drawn from it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attngan.random import derive, normals, threefry2x32, uniforms

WORDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [  # Random123's known-answer tests, threefry2x32, 20 rounds
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_known_answers(counter, key, expected):
    def word(value):
        return torch.tensor([value])

    out = threefry2x32((word(key[0]), word(key[1])), (word(counter[0]), word(counter[1])))
    assert tuple(int(x) for x in out) == expected


@given(st.lists(WORDS, min_size=1, max_size=5), st.integers(1, 9))
def test_a_sample_depends_on_its_own_seed_alone(seeds, pairs):
    together = normals(torch.tensor(seeds), 2 * pairs)
    for index, seed in enumerate(seeds):
        assert torch.equal(together[index : index + 1], normals(torch.tensor([seed]), 2 * pairs))


@given(WORDS)
def test_uniforms_lie_in_the_half_open_interval_and_normals_are_finite(seed):
    drawn = uniforms(torch.tensor([seed]), 33)
    assert drawn.shape == (1, 33)
    assert float(drawn.min()) >= 0 and float(drawn.max()) < 1
    assert torch.isfinite(normals(torch.tensor([seed]), 64)).all()


def test_moments_of_normals():
    drawn = normals(torch.arange(4000), 64).double()
    n = drawn.numel()
    assert abs(float(drawn.mean())) < 4 / n**0.5
    assert abs(float(drawn.var()) - 1) < 4 * (2 / n) ** 0.5
    assert abs(float((drawn**4).mean()) - 3) < 4 * (96 / n) ** 0.5
    correlation = torch.corrcoef(drawn.T) - torch.eye(64)
    assert float(correlation.abs().max()) < 6 / 4000**0.5


def test_derive_separates_streams_steps_and_samples():
    seeds = derive(7, torch.arange(3)[:, None], torch.arange(200)[None, :])
    assert seeds.unique().numel() == 600
    assert int(derive(7, 1, 5)) == int(derive(7, torch.tensor(1), torch.tensor([5]))[0])
    assert int(derive(7, 1, 5)) != int(derive(8, 1, 5))


def test_odd_counts_of_normals_are_refused():
    with pytest.raises(ValueError, match="even"):
        normals(torch.tensor([1]), 3)
