"""Depthwise convolution in place of Paddle's, which is several times slower on a CPU.

Shape legend: B batch, C channels, (H, W) of the input, (R, Q) of the output, (K, L) of the window.
"""

from __future__ import annotations

import paddle
from paddle import Tensor
from paddle.autograd import PyLayer

from .memory import run_in_parts, view


class _Depthwise(PyLayer):
    @staticmethod
    def forward(ctx, x, weight, stride, padding):
        from .depthwise_kernels import convolve

        ctx.wanted = not x.stop_gradient, not weight.stop_gradient
        x, weight = x.contiguous(), weight.contiguous()
        size = [
            (side + 2 * pad - window) // step + 1
            for side, pad, window, step in zip(x.shape[2:], padding, weight.shape[2:], stride)
        ]
        out = paddle.empty([*x.shape[:2], *size])
        run_in_parts(convolve, x.shape[1], view(x), view(weight)[:, 0], stride, padding, view(out))
        ctx.save_for_backward(x, weight)
        ctx.geometry = stride, padding
        return out

    @staticmethod
    def backward(ctx, out_grad):
        from .depthwise_kernels import convolve_backward

        x, weight = ctx.saved_tensor()
        out_grad = out_grad.contiguous()
        x_grad, weight_grad = paddle.empty_like(x), paddle.empty_like(weight)
        inputs = view(x), view(weight)[:, 0], *ctx.geometry, view(out_grad)
        run_in_parts(convolve_backward, x.shape[1], *inputs, view(x_grad), view(weight_grad)[:, 0])
        return tuple(grad if wanted else None for grad, wanted in zip((x_grad, weight_grad), ctx.wanted))


def depthwise_conv2d(x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]) -> Tensor:
    """What ``F.conv2d(x, weight, None, stride, padding, groups=C)`` computes, to rounding, and both its gradients.

    Args:
        x: (B, C, H, W), float32, on the CPU; padded, no side is smaller than the window.
        weight: (C, 1, K, L), float32, on the CPU.
        stride, padding: (height, width) in pixels, >= 1 and >= 0.
    Returns:
        (B, C, R, Q). It has no second derivative.
    """
    return _Depthwise.apply(x, weight, stride, padding)
