"""Class means of a trained network over a whole set of lines, from which centers can start.

Shape legend: B lines, T frames, C classes, L >= 1 the longest label, D features before the last layer. Class 0 is the
blank. Published in PaddleOCR, enhanced_ctc_loss.en.md, section 3.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np
import paddle
from paddle import Tensor, nn

from ...errors import UserError
from ..ctc.alignment import align, is_feasible
from ..ctc.frames import length_mask, to_float32
from .loss import class_sums

Rule = Callable[[Tensor, Tensor, Tensor], "tuple[Tensor, Tensor]"]
Tensors = TypeVar("Tensors", bound="Iterable[Tensor]")


def assign_by_alignment(logits: Tensor, labels: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Give each frame the class that it has on the most likely path of the label.

    Args:
        logits: (B, T, C).
        labels: (B, L) classes in 1..C-1, padded.
        lengths: (B,) integers in 0..L.
    Returns:
        (B, T) classes, 0 for blank, and (B,) booleans: the line has enough frames for its label. The other lines are
        all blank.
    """
    return align(logits, labels, lengths), is_feasible(labels, lengths, logits.shape[1])


def assign_by_argmax(logits: Tensor, labels: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Give each frame its most likely class, if the whole line is read correctly. This is the published rule.

    Args:
        logits, labels, lengths: as in :func:`assign_by_alignment`.
    Returns:
        (B, T) classes, 0 for blank, and (B,) booleans: the line is read correctly. The other lines are all blank.
    """
    path = logits.argmax(axis=-1)
    begins = (path != 0) & (path != path.roll(1, axis=1))
    begins[:, 0] = path[:, 0] != 0
    # A frame that begins the n-th character must begin the label's n-th, and there must be as many as in the label.
    nth = begins.astype("int64").cumsum(axis=1)
    expected = paddle.take_along_axis(labels.astype("int64"), (nth - 1).clip(min=0, max=labels.shape[1] - 1), 1)
    is_correct = ((expected == path) | ~begins).all(axis=1) & (nth[:, -1] == lengths.astype("int64"))
    return path * is_correct.unsqueeze(1).astype(path.dtype), is_correct


RULES: dict[str, Rule] = {"alignment": assign_by_alignment, "argmax": assign_by_argmax}


class Totals(NamedTuple):
    """Sums over lines. Those of several processes can be added up."""

    frames: Tensor  # (C, D + 2) float64: of each class, the sum of features, of their squares, and the frames
    label_counts: Tensor  # (C,) int64: how often the labels have each class; the blank's entry means nothing
    lines: Tensor  # (2,) int64: how many lines gave frames, and how many did not


class ClassMeans(NamedTuple):
    """The result of :func:`class_means`, as arrays."""

    centers: np.ndarray  # (C, D) float32, 0 for classes without frames
    counts: np.ndarray  # (C,) int64 frames
    spreads: np.ndarray  # (C,) float64: root mean square distance of a class's frames to its center
    label_counts: np.ndarray  # (C,) int64: how often the labels have each class, 0 for the blank
    used_lines: int  # lines that gave frames
    unused_lines: int  # lines that did not


def last_layer(network: nn.Layer, classes: int) -> nn.Linear:
    """The linear layer with ``classes`` outputs, of which a network must have exactly one. Its inputs are the features.

    Raises:
        UserError: the network has no such layer, or several.
    """
    linear = [layer for layer in network.sublayers() if isinstance(layer, nn.Linear)]
    candidates = [layer for layer in linear if layer.weight.shape[1] == classes]
    if len(candidates) != 1:
        raise UserError(
            f"centers need a network with one linear layer of {classes} classes at its end, this one has"
            f" {len(candidates)}; use CTCHead or CenterCTCHead."
        )
    return candidates[0]


@contextlib.contextmanager
def _record_calls(layer: nn.Layer) -> Iterator[dict[str, Tensor]]:
    """A dict that holds the ``features`` and the ``logits`` of the latest call of a linear layer, in float32.

    In evaluation a network returns only probabilities. A hook works for the heads of PaddleOCR as well as for ours.
    """
    call: dict[str, Tensor] = {}
    hook = layer.register_forward_post_hook(
        lambda _, inputs, output: call.update(features=to_float32(inputs[0]), logits=to_float32(output))
    )
    try:
        yield call
    finally:
        hook.remove()


@paddle.no_grad()
def gather(
    network: nn.Layer,
    batches: Iterable[tuple[Tensor, Tensor, Tensor]],
    classes: int,
    rule: Rule = assign_by_alignment,
) -> Totals:
    """Run a network over all lines and add up the features of each class.

    The network is put into evaluation mode; its weights and buffers stay as they are.

    Args:
        network: images -> anything, with a :func:`last_layer` of ``classes`` outputs.
        batches: (images, labels (B, L), lengths (B,)) each.
        classes: C.
        rule: one of :data:`RULES`; which frames belong to which class.
    Raises:
        UserError: the network has no such layer, or several.
    """
    layer = last_layer(network, classes)
    network.eval()
    frames = paddle.zeros([classes, layer.weight.shape[0] + 2], "float64")
    label_counts, lines = paddle.zeros([classes], "int64"), paddle.zeros([2], "int64")
    with _record_calls(layer) as call:
        for images, labels, lengths in batches:
            network(images)
            assignments, is_used = rule(call["logits"], labels, lengths)
            features = call["features"]
            squares = features.square().sum(axis=-1, keepdim=True)
            sums, counts = class_sums(paddle.concat([features, squares], axis=-1), assignments, classes)
            frames += paddle.concat([sums, counts.unsqueeze(1)], axis=1).astype("float64")
            present = labels.astype("int64") * length_mask(lengths, labels.shape[1]).astype("int64")
            label_counts += paddle.bincount(present.flatten(), minlength=classes)
            lines += paddle.stack([is_used, ~is_used]).astype("int64").sum(axis=1)
    return Totals(frames, label_counts, lines)


def sum_over_processes(totals: Tensors) -> Tensors:
    """Add up each tensor over the processes of a distributed run, in place. A single process changes nothing."""
    if paddle.distributed.is_initialized() and paddle.distributed.get_world_size() > 1:
        for tensor in totals:
            paddle.distributed.all_reduce(tensor)
    return totals


def class_means(totals: Totals) -> ClassMeans:
    """The mean of each class, and how far its frames are spread, from sums over all lines."""
    frames, label_counts, (used, unused) = (tensor.numpy() for tensor in totals)
    counts = frames[:, -1]
    centers, squares = np.split(frames[:, :-1] / counts.clip(min=1)[:, None], [-1], axis=1)
    # E|x|^2 - |E x|^2, which rounding may leave below 0.
    spreads = np.sqrt((squares[:, 0] - (centers**2).sum(axis=1)).clip(min=0))
    label_counts[0] = 0
    centers, counts = centers.astype("float32"), counts.astype("int64")
    return ClassMeans(centers, counts, spreads, label_counts, int(used), int(unused))
