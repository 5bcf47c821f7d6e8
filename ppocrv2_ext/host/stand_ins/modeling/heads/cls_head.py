"""Classifier of the direction of a text line; stands in for ``ppocr/modeling/heads/cls_head.py``."""

from __future__ import annotations

import math

import paddle.nn.functional as F
from paddle import ParamAttr, Tensor, nn
from paddle.nn.initializer import Uniform


class ClsHead(nn.Layer):
    """Global average pooling and a linear layer.

    Args:
        in_channels: Channels of the feature map.
        class_dim: Number of classes.
    """

    def __init__(self, in_channels: int, class_dim: int):
        super().__init__()
        bound = 1 / math.sqrt(in_channels)
        # PaddleOCR fixes the names of the two variables, so that a process cannot build a second classifier.
        self.fc = nn.Linear(in_channels, class_dim, weight_attr=ParamAttr(initializer=Uniform(-bound, bound)))

    def forward(self, x: Tensor, targets: object = None) -> Tensor:
        """x: (B, C, H, W) -> (B, class_dim): logits in training, probabilities in evaluation; targets is unused."""
        logits = self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))
        return logits if self.training else F.softmax(logits, axis=1)
