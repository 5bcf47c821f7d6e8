"""Characters per position; stands in for ``ppocr/modeling/heads/rec_ctc_head.py``."""

import paddle.nn.functional as F
from paddle import nn

from ppocrv2_ext.plugins.center_loss.head import decayed_linear


class CTCHead(nn.Layer):
    """One linear layer, or two through ``mid_channels``.

    Args:
        in_channels: Features per position.
        out_channels: Number of classes, the CTC blank first.
        fc_decay: L2 decay of these layers, in place of the optimizer's.
        mid_channels: Width between two linear layers; None for a single one.
        return_feats: In training, return (features before the last layer, logits).
    """

    def __init__(self, in_channels, out_channels, fc_decay=0.0004, mid_channels=None, return_feats=False):
        super().__init__()
        self.mid_channels = mid_channels
        if mid_channels is None:
            self.fc = decayed_linear(in_channels, out_channels, fc_decay)
        else:
            self.fc1 = decayed_linear(in_channels, mid_channels, fc_decay)
            self.fc2 = decayed_linear(mid_channels, out_channels, fc_decay)
        self.out_channels = out_channels
        self.return_feats = return_feats

    def forward(self, x, targets=None):
        """x: (B, T, D) -> (B, T, C): logits in training, probabilities in evaluation; targets is unused."""
        if self.mid_channels is None:
            logits = self.fc(x)
        else:
            x = self.fc1(x)
            logits = self.fc2(x)
        if not self.training:
            return F.softmax(logits, axis=2)
        return (x, logits) if self.return_feats else logits
