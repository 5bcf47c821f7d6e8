"""Enlarging by repeated pixels against Paddle's interpolation."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from ppocrv2_ext.plugins.fast_cpu import enlarge as module
from ppocrv2_ext.plugins.fast_cpu.enlarge import enlarge
from ppocrv2_ext.plugins.fast_cpu.memory import paddle_only


def _run(function, x, factor):
    x = x.detach()
    x.stop_gradient = False
    out = function(x, factor)
    (out * paddle.cos(paddle.arange(out.size, dtype="float32").reshape(out.shape))).sum().backward()
    return out.numpy(), x.grad.numpy()


def _paddles(x, factor):
    return F.interpolate(x, scale_factor=factor, mode="nearest")


def test_a_pixel_becomes_a_square_of_itself():
    assert enlarge(paddle.to_tensor([[[[1.0, 2.0]]]]), 2).tolist() == [[[[1, 1, 2, 2], [1, 1, 2, 2]]]]


def test_output_and_gradient_equal_paddles():
    rng = np.random.default_rng(7)
    for _ in range(500):
        shape, factor = [int(n) for n in rng.integers(1, 8, 4)], int(rng.choice([1, 2, 3, 4, 8]))
        x = paddle.to_tensor(rng.standard_normal(shape, dtype=np.float32))
        (ours, our_grad), (theirs, their_grad) = _run(enlarge, x, factor), _run(_paddles, x, factor)
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_allclose(our_grad, their_grad, atol=1e-5 * factor)


def test_tensors_and_gradients_that_are_not_contiguous_give_the_same():
    x = paddle.randn([2, 5, 6, 3])

    def of(function):
        return _run(lambda x, n: function(x.transpose([0, 3, 1, 2]), n).transpose([0, 2, 3, 1]), x, 2)

    for mine, other in zip(of(enlarge), of(_paddles)):
        np.testing.assert_allclose(mine, other, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_paddles_operator_runs_where_the_fast_way_cannot(dtype, monkeypatch):
    monkeypatch.setattr(module, "_Enlarge", None)  # it would raise
    with paddle_only():
        assert enlarge(paddle.ones([1, 1, 2, 2], dtype), 2).dtype == getattr(paddle, dtype)
    assert enlarge(paddle.ones([1, 1, 2, 2], "float64"), 2).shape == [1, 1, 4, 4]
