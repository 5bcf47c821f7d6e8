"""A CTC head that carries the centers of its classes: state of the network, saved and resumed with it.

Shape legend: B lines, T frames, C classes, D features before the last layer.
"""

import math
from typing import NamedTuple

import paddle
import paddle.nn.functional as F
from paddle import ParamAttr, nn
from paddle.nn.initializer import Uniform
from paddle.regularizer import L2Decay

from ...checkpoints.centers_file import make_empty_centers, read_centers
from ...config.numbers import whole_number
from ...registry import HEADS
from ..ctc.frames import in_float32


def decayed_linear(in_features, out_features, l2_decay):
    """A linear layer as PaddleOCR starts the last ones of a CTC head, with an L2 decay of its own."""
    bound = 1 / math.sqrt(in_features)
    attr = ParamAttr(regularizer=L2Decay(l2_decay), initializer=Uniform(-bound, bound))
    return nn.Linear(in_features, out_features, weight_attr=attr, bias_attr=attr)


class CenterHeadOutput(NamedTuple):
    """What :class:`CenterCTCHead` returns in training. A tuple that ends in the logits is what PaddleOCR's CTC loss and
    decoder expect, and unlike a dict its AMP loop hands it on uncopied: the loss updates the centers themselves."""

    features: paddle.Tensor  # (B, T, D)
    centers: paddle.Tensor  # (C, D), the head's own buffer
    counts: paddle.Tensor  # (C,), the head's own buffer
    logits: paddle.Tensor  # (B, T, C)


@HEADS.register
class CenterCTCHead(nn.Layer):
    """PaddleOCR's CTCHead, with its parameter names, that carries the centers of its classes.

    The buffers ``centers`` and ``center_counts`` are in the state dict, and in no exported model.

    Args:
        in_channels: Features per frame.
        out_channels: Number of classes, the blank first.
        fc_decay: L2 decay of these layers, in place of the optimizer's.
        mid_channels: Width between two linear layers, then the D of the centers; None for a single layer.
        centers: A file that ``ppocrv2 centers`` wrote, to start from; None to start without centers. A checkpoint that
            training goes on from has its own, which win; weights it starts from (``pretrained``) leave these be.
    """

    def __init__(self, in_channels, out_channels, fc_decay=0.0004, mid_channels=None, centers=None):
        super().__init__()
        if mid_channels is None:
            self.fc = decayed_linear(in_channels, out_channels, fc_decay)
        else:
            self.fc1 = decayed_linear(in_channels, whole_number(mid_channels, "mid_channels"), fc_decay)
            self.fc2 = decayed_linear(mid_channels, out_channels, fc_decay)
        self.mid_channels, self.out_channels = mid_channels, out_channels
        if centers is not None and not isinstance(centers, str):
            raise ValueError(f"`centers` must be the path of a file, got {centers!r}.")
        shape = (out_channels, mid_channels or in_channels)
        start = make_empty_centers(*shape) if centers is None else read_centers(centers, shape)
        self.register_buffer("centers", paddle.to_tensor(start.centers))
        self.register_buffer("center_counts", paddle.to_tensor(start.counts))
        # Names in the state dict that the config has given: no `pretrained` file replaces them.
        self.keep_on_load = () if centers is None else ("centers", "center_counts")

    def forward(self, x, targets=None):
        """x: (B, T, in_channels) -> :class:`CenterHeadOutput` in training, (B, T, C) probabilities in evaluation."""
        features = x if self.mid_channels is None else self.fc1(x)
        logits = (self.fc if self.mid_channels is None else self.fc2)(features)
        if not self.training:
            return F.softmax(logits, axis=2)
        return CenterHeadOutput(in_float32(features), self.centers, self.center_counts, in_float32(logits))
