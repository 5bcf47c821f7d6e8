"""Enlarging by repeated pixels against Paddle's interpolation."""

import functools

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from fast_kernels import run_with_gradients

from ppocrv2_ext.plugins.fast_cpu import enlarge as module
from ppocrv2_ext.plugins.fast_cpu.enlarge import enlarge
from ppocrv2_ext.plugins.fast_cpu.memory import paddle_only


def _paddles(x, factor):
    return F.interpolate(x, scale_factor=factor, mode="nearest")


def test_a_pixel_becomes_a_square_of_itself():
    assert enlarge(paddle.to_tensor([[[[1.0, 2.0]]]]), 2).tolist() == [[[[1, 1, 2, 2], [1, 1, 2, 2]]]]


def test_output_and_gradient_equal_paddles():
    rng = np.random.default_rng(7)
    for _ in range(500):
        shape, factor = [int(n) for n in rng.integers(1, 8, 4)], int(rng.choice([1, 2, 3, 4, 8]))
        x = paddle.to_tensor(rng.standard_normal(shape, dtype=np.float32))
        ours, our_grad = run_with_gradients(functools.partial(enlarge, factor=factor), x)
        theirs, their_grad = run_with_gradients(functools.partial(_paddles, factor=factor), x)
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_allclose(our_grad, their_grad, atol=1e-5 * factor)


def test_tensors_and_gradients_that_are_not_contiguous_give_the_same():
    x = paddle.randn([2, 5, 6, 3])

    def of(function):
        return run_with_gradients(lambda x: function(x.transpose([0, 3, 1, 2]), 2).transpose([0, 2, 3, 1]), x)

    for mine, other in zip(of(enlarge), of(_paddles)):
        np.testing.assert_allclose(mine, other, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_paddles_operator_runs_where_the_fast_way_cannot(dtype, monkeypatch):
    monkeypatch.setattr(module, "_Enlarge", None)  # it would raise
    with paddle_only():
        assert enlarge(paddle.ones([1, 1, 2, 2], dtype), 2).dtype == getattr(paddle, dtype)
    assert enlarge(paddle.ones([1, 1, 2, 2], "float64"), 2).shape == [1, 1, 4, 4]
