"""What the tests of the fast kernels share: when they run, and how a kernel is compared with Paddle's operators."""

import numpy as np
import paddle
import pytest

from ppocrv2_ext.plugins.fast_cpu.memory import has_numba

needs_numba = pytest.mark.skipif(not has_numba(), reason="numba is not installed")


def run_with_gradients(function, *inputs):
    """Output and all gradients of ``function(*inputs)`` under a gradient that differs at every position."""
    inputs = [each.detach() for each in inputs]
    for each in inputs:
        each.stop_gradient = False
    out = function(*inputs)
    (out * paddle.cos(paddle.arange(out.size, dtype="float32").reshape(out.shape))).sum().backward()
    return [each.numpy() for each in (out, *(tensor.grad for tensor in inputs))]


def assert_near(ours, theirs, tolerance=1e-5):
    """Arrays are equal up to the rounding of float32, also where large numbers add up to a small one."""
    for mine, other in zip(ours, theirs):
        np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance * max(1, np.abs(other).max()))
