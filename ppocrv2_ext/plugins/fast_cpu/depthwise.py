"""Depthwise convolution in place of Paddle's, which is ten times slower on a CPU.

Shape legend: B batch, C channels, (H, W) of the input, (R, Q) of the output, (K, L) of the window.
"""

from __future__ import annotations

import types

import paddle
from paddle import Tensor, nn
from paddle.autograd import PyLayer

from .memory import can_use, has_numba, run_in_parts, view


class _Depthwise(PyLayer):
    @staticmethod
    def forward(ctx, x, weight, stride, padding):
        from .kernels import convolve

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
        from .kernels import convolve_backward

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


def speed_up(model: nn.Layer) -> int:
    """Let every depthwise ``nn.Conv2D`` of ``model`` run :func:`depthwise_conv2d` where it can, else Paddle's operator.

    Its parameters, their names, the state dict, the type of the layers and an exported graph stay as they are.

    Returns:
        The number of layers that changed: 0 without numba, and where Paddle's device is not the CPU.
    """
    if not has_numba() or paddle.get_device() != "cpu":
        return 0
    layers = [layer for layer in model.sublayers(include_self=True) if _is_depthwise(layer)]
    for layer in layers:
        layer.forward = types.MethodType(_forward, layer)
    return len(layers)


def _is_depthwise(layer: nn.Layer) -> bool:
    return (
        type(layer) is nn.Conv2D
        and layer._groups == layer._in_channels == layer._out_channels > 1
        and layer._dilation == [1, 1]
        and layer._data_format == "NCHW"
        and layer._padding_mode == "zeros"
        and layer._padding_algorithm == "EXPLICIT"
        and len(layer._updated_padding) == 2  # four are not symmetric
    )


@paddle.jit.not_to_static
def _forward(layer: nn.Conv2D, x: Tensor) -> Tensor:
    """The forward pass of ``layer``, for one that :func:`_is_depthwise`."""
    if not (can_use(x, layer.weight) and _fits(layer, x)):
        return type(layer).forward(layer, x)
    out = depthwise_conv2d(x, layer.weight, tuple(layer._stride), tuple(layer._updated_padding))
    return out if layer.bias is None else out + layer.bias.reshape([1, -1, 1, 1])


def _fits(layer: nn.Conv2D, x: Tensor) -> bool:
    """Whether ``x`` has the shape that ``layer`` takes. Paddle's operator reports what is wrong with it."""
    if x.ndim != 4 or x.shape[1] != layer._in_channels:
        return False
    padded = [side + 2 * pad for side, pad in zip(x.shape[2:], layer._updated_padding)]
    return all(side >= window for side, window in zip(padded, layer._kernel_size))
