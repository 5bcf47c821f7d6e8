"""Enlarging a map by a whole factor in place of Paddle's interpolation, which is slow on a CPU. It needs NumPy alone.

Shape legend: B batch, C channels, (H, W) of the map, n the factor.
"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor
from paddle.autograd import PyLayer

from .memory import can_view, view


class _Enlarge(PyLayer):
    @staticmethod
    def forward(ctx, x, factor):
        x = x.contiguous()
        height, width = x.shape[2:]
        out = paddle.empty([*x.shape[:2], factor * height, factor * width])
        cells = view(out).reshape(-1, height, factor, factor * width)
        cells[:] = np.repeat(view(x).reshape(-1, height, 1, width), factor, axis=3)
        ctx.factor, ctx.shape = factor, x.shape
        return out

    @staticmethod
    def backward(ctx, out_grad):
        out_grad = out_grad.contiguous()
        x_grad = paddle.empty(ctx.shape)
        height, width = ctx.shape[2:]
        of_rows = view(out_grad).reshape(-1, height, ctx.factor, ctx.factor * width).sum(axis=2)
        total = view(x_grad).reshape(-1, height, width)
        total[:] = of_rows[..., :: ctx.factor]
        for j in range(1, ctx.factor):  # `sum` over so few neighbours would be slow
            total += of_rows[..., j :: ctx.factor]
        return x_grad


@paddle.jit.not_to_static
def enlarge(x: Tensor, factor: int) -> Tensor:
    """Repeat each pixel ``factor`` times in both directions, as ``F.interpolate(x, None, factor, "nearest")`` does.

    Args:
        x: (B, C, H, W).
        factor: n >= 1.
    Returns:
        (B, C, n H, n W). It has no second derivative.
    """
    if can_view(x):
        return _Enlarge.apply(x, factor)
    return F.interpolate(x, scale_factor=factor, mode="nearest")
