"""BatchNorm with hardswish as loops over float32 planes, compiled on the first call.

Shape legend: B batch, C channels, H height, W width. All arrays are C-contiguous.
"""

from __future__ import annotations

import numpy as np

from .compilation import HALF, ONE, ZERO, compiled

THREE, SIX, SIXTH, THIRD = (np.float32(number) for number in (3, 6, 1 / 6, 1 / 3))


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
