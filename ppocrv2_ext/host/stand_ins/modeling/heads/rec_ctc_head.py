"""Classes of the frames of a text line; stands in for ``ppocr/modeling/heads/rec_ctc_head.py``.

Shapes: B lines, T frames, C classes.
"""

from __future__ import annotations

import paddle.nn.functional as F
from paddle import Tensor, nn

from ppocrv2_ext.plugins.center_loss.head import linear_with_decay


class CTCHead(nn.Layer):
    """One linear layer, or two with ``mid_channels`` between them.

    Args:
        in_channels: Features per frame.
        out_channels: Number of classes, the CTC blank first.
        fc_decay: L2 decay of these layers, in place of the optimizer's.
        mid_channels: Width between two linear layers; None for a single one.
    """

    def __init__(self, in_channels: int, out_channels: int, fc_decay: float = 0.0004, mid_channels: int | None = None):
        super().__init__()
        self.mid_channels = mid_channels
        if mid_channels is None:
            self.fc = linear_with_decay(in_channels, out_channels, fc_decay)
        else:
            self.fc1 = linear_with_decay(in_channels, mid_channels, fc_decay)
            self.fc2 = linear_with_decay(mid_channels, out_channels, fc_decay)
        self.out_channels = out_channels

    def forward(self, x: Tensor, targets: object = None) -> Tensor:
        """x: (B, T, in_channels) -> (B, T, C): logits in training, probabilities in evaluation; targets is unused."""
        logits = self.fc(x) if self.mid_channels is None else self.fc2(self.fc1(x))
        return logits if self.training else F.softmax(logits, axis=2)
