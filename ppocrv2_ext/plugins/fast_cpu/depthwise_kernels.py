"""Depthwise convolution as loops over float32 planes, compiled on the first call.

Shape legend: B batch, C channels, (H, W) of the input, (R, Q) of the output, (K, L) of the window. All arrays are
C-contiguous. Pairs are (height, width).

A padded plane is stored as one line of memory for each remainder of (row, column) modulo the stride: (stride, stride,
rows x columns). For one weight of the window, the inputs of all outputs of a plane then lie next to each other in the
order of the outputs. So the inner loop is one long sum of products for every stride, which compiles to vector
instructions. A line has a few columns more than the output; what they hold is not read, and their gradient is 0.
"""

from __future__ import annotations

import numpy as np

from .compilation import compiled


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
