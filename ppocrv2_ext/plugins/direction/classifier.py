"""Is this way up or the other? A classifier of direction that looks at a picture both ways and compares.

logits(x) = s(x) - s(x turned by 180 degrees), with s from one LCNet. What does not depend on the direction, such as
light, colour and blur, cancels, and a picture and the same picture turned always get opposite answers: every sample
teaches as much as the pair would. A picture takes twice the time.
"""

import paddle
import paddle.nn.functional as F
from paddle import nn

from ...registry import BACKBONES, HEADS
from ..lcnet import LCNet, LCNetClsHead


def turned(x):
    """The pictures [B, C, H, W] turned by 180 degrees.

    By indices out of a running sum: of flip, negative steps and arange, none survives every paddle2onnx in a graph of
    any width.
    """
    for axis, line in ((2, x[0, 0, :, 0]), (3, x[0, 0, 0, :])):
        ones = paddle.ones_like(line)
        x = paddle.gather(x, (ones.sum() - ones.cumsum()).astype("int64"), axis=axis)
    return x


@BACKBONES.register
class BothWaysLCNet(LCNet):
    """:class:`LCNet`, with its arguments, on the pictures and on the same pictures turned."""

    def forward(self, x):
        """x: [B, in_channels, H, W] -> [2 B, out_channels, H', W'], the turned ones last."""
        return LCNet.forward(self, paddle.concat([x, turned(x)]))  # Paddle 2.6 cannot export a bare super()


@HEADS.register
class BothWaysClsHead(LCNetClsHead):
    """:class:`LCNetClsHead`, with its arguments, for two opposite directions, on top of :class:`BothWaysLCNet`.

    Raises:
        ValueError: ``class_dim`` is not 2.
    """

    def __init__(self, in_channels, class_dim=2, hidden_channels=1280, dropout=0.2):
        if class_dim != 2:
            raise ValueError(f"BothWaysClsHead tells two directions apart; `class_dim` must be 2, got {class_dim!r}.")
        super().__init__(in_channels, class_dim, hidden_channels, dropout)
        self.fc = nn.Linear(hidden_channels, class_dim, bias_attr=False)  # a bias would cancel

    def forward(self, x, targets=None):
        """x: [2 B, C, H, W] -> [B, 2], logits in training and probabilities in evaluation; targets is unused."""
        both = self.logits(x).reshape([2, -1, 2])  # paddle2onnx cannot split a batch of any size
        logits = both[0] - both[1]  # as given, turned
        return logits if self.training else F.softmax(logits, axis=1)
