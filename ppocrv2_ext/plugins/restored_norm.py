"""BatchNorm behind the convolutions of a merged network, so that it trains as it did before it was merged.

The published files of PP-OCRv4 to v6 have every BatchNorm merged into the convolution before it. Such a network
computes the same and trains slowly, since nothing keeps the scale of its maps. A BatchNorm that is put back starts as
the identity: first with mean 0 and variance 1, then with the statistics of real images, and the scale and shift that
undo them. From there it trains as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paddle
from paddle import nn

STATE = ("norm.weight", "norm.bias", "norm._mean", "norm._variance")  # what a convolution with BatchNorm has besides


def restore_norm(network: nn.Layer, parts: Sequence[str], image_shape: Sequence[int]) -> int:
    """Put a BatchNorm behind every convolution with a bias whose map has more than one pixel, in place.

    The convolutions of a squeeze-and-excitation block have one pixel, and never had a BatchNorm. The output of the
    network stays the same up to rounding. A file of weights that lacks the new tensors still loads.

    Args:
        parts: names of sublayers in which convolutions are looked for, such as ``backbone``.
        image_shape: (C, H, W) of an image that the network takes.
    Returns:
        The number of these convolutions.
    """
    layers = [layer for part in parts for layer in getattr(network, part).sublayers(include_self=True)]
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2D) and layer.bias is not None]
    merged = _select_with_maps(convolutions, network, paddle.zeros([1, *image_shape]))
    for convolution in merged:
        _add_norm(convolution)
    return len(merged)


def _select_with_maps(convolutions: Sequence[nn.Conv2D], network: nn.Layer, images: paddle.Tensor) -> list[nn.Conv2D]:
    """The convolutions whose output has more than one pixel, in the order in which the network runs them."""
    found: dict[int, nn.Conv2D] = {}

    def add(layer: nn.Conv2D, _: Any, output: paddle.Tensor) -> None:
        if output.shape[2] * output.shape[3] > 1:
            found[id(layer)] = layer

    hooks = [layer.register_forward_post_hook(add) for layer in convolutions]
    run_in_evaluation(network, images)
    for hook in hooks:
        hook.remove()
    return list(found.values())


def run_in_evaluation(network: nn.Layer, images: paddle.Tensor) -> None:
    """Run a network on (B, C, H, W) images in evaluation mode, without gradients, for hooks. It keeps its mode."""
    training = network.training
    network.eval()
    with paddle.no_grad():
        network(images)
    if training:
        network.train()


def _add_norm(convolution: nn.Conv2D) -> None:
    norm = nn.BatchNorm2D(convolution.weight.shape[0])
    norm.weight.set_value(paddle.full_like(norm.weight, (1 + norm._epsilon) ** 0.5))  # so that it is the identity
    norm.training = convolution.training
    convolution.norm = norm
    convolution.fill_on_load = STATE
    convolution.register_forward_post_hook(lambda layer, _, output: layer.norm(output))


def list_restored(network: nn.Layer) -> list[nn.Layer]:
    """The BatchNorm layers that :func:`restore_norm` added."""
    return [layer.norm for layer in network.sublayers() if getattr(layer, "fill_on_load", None) == STATE]


def measure_norm(network: nn.Layer, images: paddle.Tensor, norms: Sequence[nn.Layer] | None = None) -> None:
    """Give the restored BatchNorm layers the statistics of ``images``. What the network computes stays the same.

    They are computed in float32, also where the network runs in mixed precision.

    .. math:: w' = w s' / s,  b' = b + w (m' - m) / s,  with mean m and deviation s = sqrt(variance + epsilon)

    Args:
        images: (B, C, H, W), as the network gets them in training.
        norms: those of :func:`list_restored` to measure; None for all of them.
    """

    def measure(norm: nn.Layer, inputs: tuple) -> None:
        with paddle.amp.auto_cast(enable=False):
            set_statistics(norm, inputs[0].astype("float32"))

    def set_statistics(norm: nn.Layer, x: paddle.Tensor) -> None:
        mean, variance = x.mean([0, 2, 3]), x.var([0, 2, 3], unbiased=False)
        scale = norm.weight / (norm._variance + norm._epsilon).sqrt()
        shift = norm.bias - scale * norm._mean
        norm.weight.set_value(scale * (variance + norm._epsilon).sqrt())
        norm.bias.set_value(shift + scale * mean)
        norm._mean.set_value(mean)
        norm._variance.set_value(variance)

    hooks = [norm.register_forward_pre_hook(measure) for norm in (list_restored(network) if norms is None else norms)]
    run_in_evaluation(network, images)
    for hook in hooks:
        hook.remove()
