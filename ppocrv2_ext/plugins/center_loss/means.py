"""Class means of a trained network over a whole set of lines: what centers can start from.

Shape legend: B lines, T frames, C classes, L >= 1 the longest label, D features before the last layer; 0 is the blank.
Published: PaddleOCR, enhanced_ctc_loss.en.md, section 3.
"""

import contextlib
from typing import NamedTuple

import numpy as np
import paddle
from paddle import nn

from ...errors import UserError
from ..ctc.alignment import align, feasible
from ..ctc.frames import in_float32, within
from .loss import class_sums


def aligned(logits, labels, lengths):
    """Frames by the most likely path of the label.

    Returns:
        (B, T) classes, 0 for blank, and (B,) booleans: the lines whose label fits their frames; the others are blank.
    """
    return align(logits, labels, lengths), feasible(labels, lengths, logits.shape[1])


def read_right(logits, labels, lengths):
    """Frames by what is read, of the lines that are read fully right, as published.

    Returns:
        (B, T) classes, 0 for blank, and (B,) booleans: the lines read right; the others are blank.
    """
    path = logits.argmax(axis=-1)
    begins = (path != 0) & (path != path.roll(1, axis=1))
    begins[:, 0] = path[:, 0] != 0
    # A frame that begins the n-th character must begin the label's n-th, and there must be as many as in the label.
    nth = begins.astype("int64").cumsum(axis=1)
    expected = paddle.take_along_axis(labels.astype("int64"), (nth - 1).clip(min=0, max=labels.shape[1] - 1), 1)
    right = ((expected == path) | ~begins).all(axis=1) & (nth[:, -1] == lengths.astype("int64"))
    return path * right.unsqueeze(1).astype(path.dtype), right


RULES = {"alignment": aligned, "argmax": read_right}


class Totals(NamedTuple):
    """Sums over lines; those of several processes add up."""

    frames: paddle.Tensor  # (C, D + 2) float64: of each class, sum of features, of their squares, number of frames
    labelled: paddle.Tensor  # (C,) int64: how often the labels have each class; the blank's means nothing
    lines: paddle.Tensor  # (2,) int64: lines that gave frames, lines that did not


class ClassMeans(NamedTuple):
    """What :func:`class_means` makes of :class:`Totals`; arrays."""

    centers: np.ndarray  # (C, D) float32, 0 for classes without frames
    counts: np.ndarray  # (C,) int64 frames
    spreads: np.ndarray  # (C,) float64: root mean square distance of a class's frames to its center
    labelled: np.ndarray  # (C,) int64: how often the labels have each class, the blank's 0
    used: int  # lines that gave frames
    unused: int  # lines that did not


def last_layer(network, classes):
    """The only linear layer of a network with so many outputs; what goes into it are the features."""
    linear = [layer for layer in network.sublayers() if isinstance(layer, nn.Linear)]
    found = [layer for layer in linear if layer.weight.shape[1] == classes]
    if len(found) != 1:
        raise UserError(
            f"centers need a network with one linear layer of {classes} classes at its end, this one has {len(found)};"
            " use CTCHead or CenterCTCHead."
        )
    return found[0]


@contextlib.contextmanager
def _watched(layer):
    """A dict that holds the ``features`` and ``logits`` of the latest call of a layer: in evaluation a network returns
    probabilities alone, and whose network it is does not matter here."""
    seen = {}
    hook = layer.register_forward_post_hook(
        lambda _, inputs, output: seen.update(features=in_float32(inputs[0]), logits=in_float32(output))
    )
    try:
        yield seen
    finally:
        hook.remove()


@paddle.no_grad()
def gather(network, batches, classes, rule=aligned):
    """:class:`Totals` of the lines in ``batches``; the network is put into evaluation mode and stays as it is.

    Args:
        network: images -> anything, with a :func:`last_layer` of ``classes`` outputs.
        batches: of (images, labels (B, L), lengths (B,)).
        rule: one of :data:`RULES`.
    """
    layer = last_layer(network, classes)
    network.eval()
    frames = paddle.zeros([classes, layer.weight.shape[0] + 2], "float64")
    labelled, lines = paddle.zeros([classes], "int64"), paddle.zeros([2], "int64")
    with _watched(layer) as seen:
        for images, labels, lengths in batches:
            network(images)
            assigned, used = rule(seen["logits"], labels, lengths)
            features = seen["features"]
            squares = features.square().sum(axis=-1, keepdim=True)
            sums, counts = class_sums(paddle.concat([features, squares], axis=-1), assigned, classes)
            frames += paddle.concat([sums, counts.unsqueeze(1)], axis=1).astype("float64")
            present = labels.astype("int64") * within(lengths, labels.shape[1]).astype("int64")
            labelled += paddle.bincount(present.flatten(), minlength=classes)
            lines += paddle.stack([used, ~used]).astype("int64").sum(axis=1)
    return Totals(frames, labelled, lines)


def over_processes(totals):
    """Tensors summed over the processes of a distributed run; of a single process as they are."""
    if paddle.distributed.is_initialized() and paddle.distributed.get_world_size() > 1:
        for tensor in totals:
            paddle.distributed.all_reduce(tensor)
    return totals


def class_means(totals):
    """The :class:`ClassMeans` of :class:`Totals`."""
    frames, labelled, (used, unused) = (tensor.numpy() for tensor in totals)
    counts = frames[:, -1]
    centers, squares = np.split(frames[:, :-1] / counts.clip(min=1)[:, None], [-1], axis=1)
    # E|x|^2 - |E x|^2, which rounding may leave below 0.
    spreads = np.sqrt((squares[:, 0] - (centers**2).sum(axis=1)).clip(min=0))
    labelled[0] = 0
    return ClassMeans(centers.astype("float32"), counts.astype("int64"), spreads, labelled, int(used), int(unused))
