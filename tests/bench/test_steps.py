"""The exact values that contenders are held to, against plain autograd; and the finite difference against its limit."""

import attention_steps as steps
import pytest
import torch
from attention_cases import Shape

from attngan_kernels import attention

SHAPES = [Shape(2, 3, 7, 5, 4, 6), Shape(2, 2, 9, 9, 8, 8, causal=True)]


def written_out(shape):
    return lambda q, k, v: attention(q, k, v, is_causal=shape.causal, backend="reference")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("budget", [1, 1e9])  # head by head, and all at once
def test_exact_values_are_those_of_autograd(shape, budget):
    data = steps.make_data(shape, torch.float64, "cpu")
    exact = steps.exact_values(data, shape.causal, budget)
    for name, step in steps.STEPS.items():
        assert steps.largest_error(step(written_out(shape), data)(), exact[name]) < 1e-12, name


def test_finite_difference_tends_to_the_exact_slope(monkeypatch):
    data = steps.make_data(SHAPES[0], torch.float64, "cpu")
    exact = steps.exact_values(data, False, 1e9)["finite_difference"]
    errors = []
    for epsilon in (1e-2, 1e-4):
        monkeypatch.setattr(steps, "EPSILON", epsilon)
        errors.append(steps.largest_error(steps.finite_difference(written_out(SHAPES[0]), data)(), exact))
    assert errors[1] < 1e-3 and errors[1] == pytest.approx(errors[0] / 100, rel=0.5)


def test_the_check_shrinks_where_float64_maps_do_not_fit():
    long = Shape(1, 8, 16384, 16384, 64, 64)
    assert steps.shrink(long, 32 * 2**30) == long
    assert steps.shrink(long, 4 * 2**30).N_q == 4096


def test_errors():
    one = torch.ones(3, dtype=torch.float64)
    assert steps.largest_error([one, 1.5 * one], [one, one]) == pytest.approx(0.5)
    assert steps.largest_error([torch.full((3,), float("nan"))], [one]) == float("inf")
    assert steps.largest_error([torch.ones(4)], [one]) == float("inf")
