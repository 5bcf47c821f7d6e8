"""Depthwise convolution, and BatchNorm with hardswish, as loops over float32 planes, compiled on the first call.

Shape legend: B batch, C channels, (H, W) of the input, (R, Q) of the output, (K, L) of the window. All arrays are
C-contiguous. Pairs are (height, width).

A padded plane is stored as one line of memory for each remainder of (row, column) modulo the stride: (stride, stride,
rows x columns). For one weight of the window, the inputs of all outputs of a plane then lie next to each other in the
order of the outputs. So the inner loop is one long sum of products for every stride, which compiles to vector
instructions. A line has a few columns more than the output; what they hold is not read, and their gradient is 0.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

# Sums may be regrouped, as vector instructions do it; NaN and infinity keep their meaning.
FAST_MATH = {"contract", "reassoc", "nsz", "arcp"}
# A plain number would be a float64, and make the arithmetic beside it four times slower.
ZERO, HALF, ONE, THREE, SIX = (np.float32(number) for number in (0, 0.5, 1, 3, 6))
SIXTH, THIRD = np.float32(1 / 6), np.float32(1 / 3)


def compiled(kernel: Callable[..., Any], fastmath: Any = FAST_MATH, forceinline: bool = False) -> Callable[..., Any]:
    """``kernel`` compiled, without the interpreter lock; kept on disk if a folder for it can be written."""
    options = {"nogil": True, "fastmath": fastmath, "forceinline": forceinline}
    # Python raises on a division by 0; the check would keep a loop from vector instructions.
    compile_kernel = functools.partial(numba.njit, error_model="numpy", **options)
    try:
        return compile_kernel(cache=True)(kernel)
    except RuntimeError:  # neither the folder of the package nor the user's cache can be written
        return compile_kernel()(kernel)


def inlined(part: Callable[..., Any]) -> Callable[..., Any]:
    """A part of a kernel, compiled into each loop that calls it, so that the loop becomes vector instructions."""
    return compiled(part, forceinline=True)


def compiled_as_written(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """``kernel`` compiled with every sum in the order of its code, where the last bit decides."""
    return compiled(kernel, fastmath=False)


@compiled
def _make_padded(weight, stride, out):
    """Zeros for one padded plane, and the columns of its lines."""
    rows, columns = out.shape[2] + weight.shape[1], out.shape[3] + weight.shape[2]
    return np.zeros((stride[0], stride[1], rows * columns), np.float32), columns


@compiled
def _find_row(padded, y, remainder, stride, padding, columns):
    """Where row ``y`` of the plane lies: its pixels x = first, first + stride, ... from the start of the result."""
    row = y + padding[0]
    first = (remainder - padding[1]) % stride[1]
    start = row // stride[0] * columns + (first + padding[1]) // stride[1]
    return first, padded[row % stride[0], remainder, start:]


@compiled
def _pad(plane, padded, stride, padding, columns):
    """Write ``plane`` (H, W) into ``padded``, whose border stays as it is."""
    height, width = plane.shape
    for y in range(height):
        for remainder in range(stride[1]):
            first, target = _find_row(padded, y, remainder, stride, padding, columns)
            source = plane[y]
            if stride[1] == 1:  # apart, as this loop compiles to vector instructions
                for i in range(width):
                    target[i] = source[i]
            else:
                for i in range((width - first + stride[1] - 1) // stride[1]):
                    target[i] = source[first + i * stride[1]]


@compiled
def _unpad(padded, plane, stride, padding, columns):
    """Read ``plane`` (H, W) back from ``padded``."""
    height, width = plane.shape
    for y in range(height):
        for remainder in range(stride[1]):
            first, source = _find_row(padded, y, remainder, stride, padding, columns)
            target = plane[y]
            if stride[1] == 1:
                for i in range(width):
                    target[i] = source[i]
            else:
                for i in range((width - first + stride[1] - 1) // stride[1]):
                    target[first + i * stride[1]] = source[i]


@compiled
def convolve(
    first: int,
    last: int,
    x: np.ndarray,
    weight: np.ndarray,
    stride: tuple[int, int],
    padding: tuple[int, int],
    out: np.ndarray,
) -> None:
    """Depthwise convolution of channels ``first`` to ``last``: x (B, C, H, W), weight (C, K, L) -> out (B, C, R, Q)."""
    rows, width = out.shape[2:]
    padded, columns = _make_padded(weight, stride, out)
    sums = np.zeros((rows, columns), np.float32)
    line = sums.reshape(rows * columns)
    for c in range(first, last):
        for b in range(len(x)):
            _pad(x[b, c], padded, stride, padding, columns)
            line[:] = 0
            for k in range(weight.shape[1]):
                for j in range(weight.shape[2]):
                    start = k // stride[0] * columns + j // stride[1]
                    source = padded[k % stride[0], j % stride[1], start : start + len(line)]
                    factor = weight[c, k, j]
                    for i in range(len(line)):
                        line[i] += factor * source[i]
            for r in range(rows):
                source, target = sums[r], out[b, c, r]
                for q in range(width):
                    target[q] = source[q]


@compiled
def convolve_backward(
    first: int,
    last: int,
    x: np.ndarray,
    weight: np.ndarray,
    stride: tuple[int, int],
    padding: tuple[int, int],
    out_grad: np.ndarray,
    x_grad: np.ndarray,
    weight_grad: np.ndarray,
) -> None:
    """Both gradients of :func:`convolve` for channels ``first`` to ``last``; the last two arrays are overwritten.

    One channel adds up its batch in order, so the result does not depend on the number of threads.
    """
    rows, width = out_grad.shape[2:]
    padded, columns = _make_padded(weight, stride, out_grad)
    padded_grad = np.zeros_like(padded)
    grads = np.zeros((rows, columns), np.float32)
    line = grads.reshape(rows * columns)
    for c in range(first, last):
        weight_grad[c] = 0
        for b in range(len(x)):
            _pad(x[b, c], padded, stride, padding, columns)
            padded_grad[:] = 0
            for r in range(rows):
                source, target = out_grad[b, c, r], grads[r]
                for q in range(width):
                    target[q] = source[q]
            for k in range(weight.shape[1]):
                for j in range(weight.shape[2]):
                    start = k // stride[0] * columns + j // stride[1]
                    source = padded[k % stride[0], j % stride[1], start : start + len(line)]
                    target = padded_grad[k % stride[0], j % stride[1], start : start + len(line)]
                    factor = weight[c, k, j]
                    total = np.float32(0)
                    for i in range(len(line)):
                        total += line[i] * source[i]
                        target[i] += line[i] * factor
                    weight_grad[c, k, j] += total
            _unpad(padded_grad, x_grad[b, c], stride, padding, columns)


@compiled
def norm_hardswish(
    first: int,
    last: int,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    epsilon: float,
    momentum: float,
    statistics: np.ndarray,
    out: np.ndarray,
) -> None:
    """BatchNorm and hardswish of channels ``first`` to ``last``: x (B, C, H, W) -> out, of the same shape.

    ``mean`` and ``variance`` are the running ones. With a ``momentum`` of 1 the kernel normalizes with them. Otherwise
    it normalizes with those of the batch, and moves the running ones towards them. ``statistics`` (2, C) receives what
    it normalized with: the mean and 1 / sqrt(variance + epsilon).
    """
    count = x.size // x.shape[1]
    for c in range(first, last):
        if momentum == 1:
            used_mean, used_variance = np.float64(mean[c]), np.float64(variance[c])
        else:
            total = 0.0
            for b in range(len(x)):
                part = np.float32(0)
                plane = x[b, c].ravel()
                for i in range(len(plane)):
                    part += plane[i]
                total += part
            used_mean, total = total / count, 0.0
            center = np.float32(used_mean)
            for b in range(len(x)):
                part = np.float32(0)
                plane = x[b, c].ravel()
                for i in range(len(plane)):
                    part += (plane[i] - center) * (plane[i] - center)
                total += part
            used_variance = total / count
            mean[c] = momentum * mean[c] + (1 - momentum) * used_mean
            variance[c] = momentum * variance[c] + (1 - momentum) * used_variance
        statistics[0, c] = used_mean
        statistics[1, c] = 1 / np.sqrt(used_variance + epsilon)
        scale = weight[c] * statistics[1, c]
        shift = bias[c] - scale * statistics[0, c]
        for b in range(len(x)):
            source, target = x[b, c].ravel(), out[b, c].ravel()
            for i in range(len(source)):
                value = scale * source[i] + shift
                target[i] = value * min(max(value + THREE, ZERO), SIX) * SIXTH


@compiled
def _slope(value):
    """Derivative of hardswish. At -3 and 3 it is Paddle's: 0 and 1."""
    inner = value * THIRD + HALF
    return ZERO if value <= -THREE else (ONE if value >= THREE else inner)


@compiled
def norm_hardswish_backward(
    first: int,
    last: int,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    statistics: np.ndarray,
    is_frozen: bool,
    out_grad: np.ndarray,
    x_grad: np.ndarray,
    weight_grad: np.ndarray,
    bias_grad: np.ndarray,
) -> None:
    """Gradients of :func:`norm_hardswish` for channels ``first`` to ``last``; the last three arrays are overwritten."""
    count = x.size // x.shape[1]
    for c in range(first, last):
        mean, factor = statistics[0, c], statistics[1, c]
        scale = weight[c] * factor
        shift = bias[c] - scale * mean
        total, total_scaled = 0.0, 0.0
        for b in range(len(x)):
            source, grad, target = x[b, c].ravel(), out_grad[b, c].ravel(), x_grad[b, c].ravel()
            part, part_scaled = np.float32(0), np.float32(0)
            for i in range(len(source)):
                passed = grad[i] * _slope(scale * source[i] + shift)
                part += passed
                part_scaled += passed * (source[i] - mean)
                target[i] = passed * scale
            total += part
            total_scaled += part_scaled
        weight_grad[c] = total_scaled * factor
        bias_grad[c] = total
        if not is_frozen:
            # The mean and the variance of the batch depend on each of its values.
            slope = np.float32(scale * factor * factor * total_scaled / count)
            offset = np.float32(scale * total / count)
            for b in range(len(x)):
                source, target = x[b, c].ravel(), x_grad[b, c].ravel()
                for i in range(len(source)):
                    target[i] -= offset + slope * (source[i] - mean)
