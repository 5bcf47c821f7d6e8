"""Gives the fast convolutions to the layers of a model."""

from __future__ import annotations

import types
from collections.abc import Callable

import paddle
from paddle import Tensor, nn

from .dense import dense_conv2d, dense_conv2d_transpose
from .depthwise import depthwise_conv2d
from .memory import can_use, can_view, has_numba

LEAST_CHANNELS = 8  # with fewer, a product of matrices is no faster than Paddle's operators


def speed_up(model: nn.Layer) -> int:
    """Let the convolutions of ``model`` run the fast functions where they can, else Paddle's operators.

    Their parameters, the names of these, the state dict, the type of the layers and an exported graph stay as they are.

    Returns:
        The number of layers that changed: 0 where Paddle's device is not the CPU.
    """
    if paddle.get_device() != "cpu":
        return 0
    count = 0
    for layer in model.sublayers(include_self=True):
        forward = _choose(layer)
        if forward is not None:
            layer.forward = types.MethodType(forward, layer)
            count += 1
    return count


def _choose(layer: nn.Layer) -> Callable[[nn.Layer, Tensor], Tensor] | None:
    """The forward pass for ``layer``; None for its own."""
    if type(layer) is nn.Conv2D and _is_plain(layer) and layer._padding_mode == "zeros":
        if layer._groups == layer._in_channels == layer._out_channels > 1 and has_numba():
            return _depthwise
        pads_less_than_window = all(pad < window for pad, window in zip(layer._updated_padding, layer._kernel_size))
        if _is_dense(layer) and list(layer._stride) == [1, 1] and pads_less_than_window:
            return _dense
    if type(layer) is nn.Conv2DTranspose and _is_plain(layer) and _is_dense(layer):
        has_disjoint_windows = list(layer._stride) == list(layer._kernel_size)
        is_unpadded = list(layer._updated_padding) == [0, 0] and layer.output_padding in (0, [0, 0])
        if has_disjoint_windows and is_unpadded:
            return _dense_transpose
    return None


def _is_plain(layer: nn.Layer) -> bool:
    return (
        layer._dilation == [1, 1]
        and layer._data_format == "NCHW"
        and layer._padding_algorithm == "EXPLICIT"
        and len(layer._updated_padding) == 2  # four are not symmetric
    )


def _is_dense(layer: nn.Layer) -> bool:
    return (
        layer._groups == 1
        and list(layer._kernel_size) != [1, 1]
        and min(layer._in_channels, layer._out_channels) >= LEAST_CHANNELS
    )


@paddle.jit.not_to_static
def _depthwise(layer: nn.Conv2D, x: Tensor) -> Tensor:
    if not (can_use(x, layer.weight) and _fits(layer, x)):
        return type(layer).forward(layer, x)
    out = depthwise_conv2d(x, layer.weight, tuple(layer._stride), tuple(layer._updated_padding))
    return out if layer.bias is None else out + layer.bias.reshape([1, -1, 1, 1])


@paddle.jit.not_to_static
def _dense(layer: nn.Conv2D, x: Tensor) -> Tensor:
    if not (can_view(x, *layer.parameters()) and _fits(layer, x)):
        return type(layer).forward(layer, x)
    return dense_conv2d(x, layer.weight, layer.bias, tuple(layer._updated_padding))


@paddle.jit.not_to_static
def _dense_transpose(layer: nn.Conv2DTranspose, x: Tensor, output_size: object = None) -> Tensor:
    if output_size is not None or not (can_view(x, *layer.parameters()) and _fits(layer, x)):
        return type(layer).forward(layer, x, output_size)
    return dense_conv2d_transpose(x, layer.weight, layer.bias)


def _fits(layer: nn.Layer, x: Tensor) -> bool:
    """Whether ``x`` has the shape that ``layer`` takes. Paddle's operator reports what is wrong with it."""
    if x.ndim != 4 or x.shape[1] != layer._in_channels:
        return False
    padded = [side + 2 * pad for side, pad in zip(x.shape[2:], layer._updated_padding)]
    return isinstance(layer, nn.Conv2DTranspose) or all(s >= window for s, window in zip(padded, layer._kernel_size))
