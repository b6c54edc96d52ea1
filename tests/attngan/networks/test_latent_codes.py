"""Latent codes of training pictures."""

import torch

from attngan.networks.latent_codes import LatentCodes

FEATURES = 512


def features(count):
    """Of few directions, far from standard, and one that never changes."""
    generator = torch.Generator().manual_seed(0)
    found = torch.randn(count, 40, generator=generator) @ torch.randn(40, FEATURES, generator=generator) + 3
    found[:, 7] = 5.0
    return found


def fitted(values, count):
    codes = LatentCodes(values)
    codes.fit(features(count))
    return codes


def test_codes_are_uncorrelated_of_mean_0_and_variance_1():
    codes = fitted(32, 300)
    codes.share.fill_(1.0)
    found = codes(features(300), torch.zeros(300, 32))
    torch.testing.assert_close(found.mean(0), torch.zeros(32), atol=1e-3, rtol=0)
    torch.testing.assert_close(found.T @ found / 300, torch.eye(32), atol=1e-2, rtol=0)


def test_what_they_become_beside_noise_is_of_variance_1_too_and_the_rest_of_z_stays():
    codes, noise = fitted(32, 300), torch.randn(300, 48, generator=torch.Generator().manual_seed(1))
    found = codes(features(300), noise)
    assert torch.equal(found[:, 32:], noise[:, 32:])
    assert abs(float(found[:, :32].var()) - 1) < 0.05
    near = torch.nn.functional.cosine_similarity(found[:, :32], codes(features(300), torch.zeros(300, 48))[:, :32])
    assert 0.9 < float(near.mean()) < 0.99


def test_of_few_pictures_there_are_few_codes_and_the_other_values_are_noise():
    codes, noise = fitted(32, 6), torch.randn(6, 32)
    found = codes(features(6), noise)
    assert codes.fitted and torch.equal(found[:, 5:], noise[:, 5:])
    assert not torch.allclose(found[:, :5], noise[:, :5])


def test_pictures_that_differ_by_roundings_have_none():
    codes, alike = LatentCodes(8), features(1) + 1e-5 * torch.randn(40, FEATURES)
    codes.fit(alike)
    assert not codes.fitted


def test_one_picture_has_no_code():
    codes, noise = fitted(32, 1), torch.randn(1, 32)
    assert torch.equal(codes(features(1), noise), noise)


def test_before_they_are_fitted_all_is_noise():
    codes, noise = LatentCodes(8), torch.randn(4, 16)
    assert not codes.fitted
    assert torch.equal(codes(features(4), noise), noise)
