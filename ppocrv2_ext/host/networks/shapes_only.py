"""Build and run a network for its shapes alone, at little cost. The network is thrown away afterwards.

Most of the time to build a large network goes into drawing its initial weights, and most of the time to run it into
convolutions and products of matrices over hundreds of channels. No shape depends on either.
"""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Iterator
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn
from paddle.nn.initializer import Initializer


@contextlib.contextmanager
def zero_weights() -> Iterator[None]:
    """A context in which every new parameter is 0, whatever its initializer. Those of one shape share their memory."""
    initialise = Initializer.__call__

    @functools.cache
    def zeros(shape: tuple[int, ...], dtype: Any) -> Tensor:
        return paddle.zeros(shape, dtype)

    def fill(_: Initializer, parameter: Tensor, block: Any = None) -> Tensor:
        zeros(tuple(parameter.shape), parameter.dtype)._share_underline_tensor_to(parameter)
        return parameter

    Initializer.__call__ = fill
    try:
        yield
    finally:
        Initializer.__call__ = initialise


def compute_shapes_only(network: nn.Layer) -> None:
    """Let the convolutions of ``network`` compute one channel and repeat it, and its dense layers give zeros.

    Every shape stays as it is, and so does every error about one. Layers of other types compute as they did.
    """
    for layer in network.sublayers(include_self=True):
        if type(layer) is nn.Conv2D and layer._padding_mode == "zeros" and layer._data_format == "NCHW":
            layer.forward = types.MethodType(_convolve_one_channel, layer)
        elif type(layer) is nn.Linear:
            layer.forward = types.MethodType(_give_zeros, layer)


def _convolve_one_channel(layer: nn.Conv2D, x: Tensor) -> Tensor:
    if x.ndim != 4 or x.shape[1] != layer._in_channels:
        return type(layer).forward(layer, x)  # it says what is wrong
    weight = layer.weight[:1, :1]
    out = F.conv2d(x[:, :1], weight, None, layer._stride, layer._padding, layer._dilation)
    return out.expand([-1, layer._out_channels, -1, -1])


def _give_zeros(layer: nn.Linear, x: Tensor) -> Tensor:
    if x.shape[-1] != layer.weight.shape[0]:
        return type(layer).forward(layer, x)  # it says what is wrong
    return paddle.zeros([*x.shape[:-1], layer.weight.shape[1]], x.dtype)
