"""Is a line this way up or the other? A classifier that looks at a picture both ways and compares.

logits(x) = s(x) - s(x turned by 180 degrees), where s are the scores of one LCNet. Whatever does not depend on the
direction, such as light, colour and blur, cancels. A picture and the same picture turned always get opposite answers,
so one sample teaches as much as the pair would. Each picture takes twice the time.
"""

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ...registry import BACKBONES, HEADS
from ..lcnet import LCNet, LCNetClsHead


def rotate_180(x: Tensor) -> Tensor:
    """The pictures [B, C, H, W], each turned by 180 degrees.

    The indices come from a running sum. With flip, negative steps or arange, some version of paddle2onnx cannot
    convert a graph whose width is free.
    """
    for axis, line in ((2, x[0, 0, :, 0]), (3, x[0, 0, 0, :])):
        ones = paddle.ones_like(line)
        x = paddle.gather(x, (ones.sum() - ones.cumsum()).astype("int64"), axis=axis)
    return x


@BACKBONES.register
class BothWaysLCNet(LCNet):
    """:class:`LCNet`, with its arguments, on the pictures and on the same pictures turned by 180 degrees."""

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, in_channels, H, W] -> [2 B, out_channels, H', W'], first the pictures, then the turned ones."""
        return LCNet.forward(self, paddle.concat([x, rotate_180(x)]))  # Paddle 2.6 cannot export a bare super()


@HEADS.register
class BothWaysClsHead(LCNetClsHead):
    """:class:`LCNetClsHead`, with its arguments, for two opposite directions. It needs :class:`BothWaysLCNet` below it.

    Raises:
        ValueError: ``class_dim`` is not 2, or another argument is out of range.
    """

    def __init__(self, in_channels: int, class_dim: int = 2, hidden_channels: int = 1280, dropout: float = 0.2) -> None:
        if class_dim != 2:
            raise ValueError(f"BothWaysClsHead tells two directions apart; `class_dim` must be 2, got {class_dim!r}.")
        super().__init__(in_channels, class_dim, hidden_channels, dropout)
        self.fc = nn.Linear(hidden_channels, class_dim, bias_attr=False)  # a bias would cancel

    def forward(self, x: Tensor, targets: Any = None) -> Tensor:
        """Compare both ways.

        Args:
            x: [2 B, in_channels, H, W], first the pictures, then the turned ones.
            targets: unused; PaddleOCR passes it.
        Returns:
            [B, 2], logits in training and probabilities in evaluation.
        """
        both = self.logits(x).reshape([2, -1, 2])  # paddle2onnx cannot split a batch of any size
        logits = both[0] - both[1]  # of the pictures, of the turned ones
        return logits if self.training else F.softmax(logits, axis=1)
