"""Samples of generators of pictures."""

import pytest
import torch

from attngan.generators import open_generator
from attngan_export.forms.image import ImageForm


@pytest.mark.parametrize("noise", ["seed", "z"])
def test_samples_cover_edges_classes_and_truncations(run_by_class, noise):
    form = ImageForm(open_generator(str(run_by_class)).network, noise)
    drawn = [form.sample(8, draw) for draw in range(3)]
    assert all(tuple(sample) == form.names for sample in drawn)
    assert not torch.equal(drawn[0][noise], drawn[1][noise])
    assert set(drawn[0]["class"].tolist()) == {0, 1, 2}
    assert {0.0, 1.0} <= set(drawn[0]["truncation"].tolist())
