"""Depthwise convolution as loops over float32 planes, compiled by numba on the first call.

Shape legend: B batch, C channels, (H, W) of the input, (R, Q) of the output, (K, L) of the window. All arrays are
C-contiguous. Pairs are (height, width).

A padded plane is stored as one line of memory for each remainder of (row, column) modulo the stride: (stride, stride,
rows x columns). For one weight of the window, the inputs of all outputs of a plane then lie next to each other in the
order of the outputs. So the inner loop is one long sum of products for every stride, which compiles to vector
instructions. A line has a few columns more than the output; what they hold is not read, and their gradient is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

# Sums may be regrouped, as vector instructions do it; NaN and infinity keep their meaning.
FAST_MATH = {"contract", "reassoc", "nsz", "arcp"}


def compiled(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """``kernel`` compiled, without the interpreter lock; kept on disk if a folder for it can be written."""
    try:
        return numba.njit(nogil=True, fastmath=FAST_MATH, cache=True)(kernel)
    except RuntimeError:  # neither the folder of the package nor the user's cache can be written
        return numba.njit(nogil=True, fastmath=FAST_MATH)(kernel)


@compiled
def _make_padded(weight, stride, out):
    """Zeros for one padded plane, and the columns of its lines."""
    rows, columns = out.shape[2] + weight.shape[1], out.shape[3] + weight.shape[2]
    return np.zeros((stride[0], stride[1], rows * columns), np.float32), columns


@compiled
def _pad(plane, padded, stride, padding, columns):
    """Write ``plane`` (H, W) into ``padded``, whose border stays as it is."""
    for y in range(plane.shape[0]):
        row = y + padding[0]
        for remainder in range(stride[1]):
            first = (remainder - padding[1]) % stride[1]
            start = row // stride[0] * columns + (first + padding[1]) // stride[1]
            source = plane[y, first :: stride[1]]
            target = padded[row % stride[0], remainder, start : start + len(source)]
            for i in range(len(source)):
                target[i] = source[i]


@compiled
def _unpad(padded, plane, stride, padding, columns):
    """Read ``plane`` (H, W) back from ``padded``."""
    for y in range(plane.shape[0]):
        row = y + padding[0]
        for remainder in range(stride[1]):
            first = (remainder - padding[1]) % stride[1]
            start = row // stride[0] * columns + (first + padding[1]) // stride[1]
            target = plane[y, first :: stride[1]]
            source = padded[row % stride[0], remainder, start : start + len(target)]
            for i in range(len(target)):
                target[i] = source[i]


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
                for q in range(width):
                    out[b, c, r, q] = sums[r, q]


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
                for q in range(width):
                    grads[r, q] = out_grad[b, c, r, q]
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
