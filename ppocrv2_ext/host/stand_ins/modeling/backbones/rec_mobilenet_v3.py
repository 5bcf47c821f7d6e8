"""MobileNetV3 for text lines and their direction; stands in for ``ppocr/modeling/backbones/rec_mobilenet_v3.py``."""

from __future__ import annotations

from collections.abc import Sequence

from paddle import Tensor, nn

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.lcnet import make_divisible

from .mobilenet_v3 import STEM_CHANNELS, ConvNorm, InvertedResidual, rows_and_width

LARGE_STRIDE, SMALL_STRIDE = (2, 2, 2), (2, 2, 2, 2)  # vertical, one per `line_stage`


class MobileNetV3(nn.Layer):
    """One feature map, (B, in_channels, H, W) -> (B, out_channels, h, W / 4).

    h is H / 32 with the default strides. A recognizer needs h = 1, so its lines are 32 pixels high.

    Args:
        in_channels: Channels of the image.
        model_name: "large" or "small".
        scale: Width: 0.35, 0.5, 0.75, 1.0 or 1.25.
        small_stride: Vertical strides of the four stages of "small", [2, 2, 2, 2] by default.
    """

    def __init__(
        self,
        in_channels: int = 3,
        model_name: str = "small",
        scale: float = 0.5,
        small_stride: Sequence[int] | None = None,
    ):
        super().__init__()
        rows, last_width = rows_and_width(model_name, scale)
        small_stride = small_stride or SMALL_STRIDE
        if len(small_stride) != 4:
            raise UserError(f"backbone 'MobileNetV3': `small_stride` must list four strides, got {small_stride!r}.")
        strides: Sequence[int] = small_stride if model_name == "small" else LARGE_STRIDE
        channels = make_divisible(STEM_CHANNELS * scale)
        self.conv1 = ConvNorm(in_channels, channels, 3, stride=2, activation="hardswish")
        self.blocks = nn.Sequential()
        for i, row in enumerate(rows):
            stride = 1 if row.line_stage is None else (strides[row.line_stage], 1)
            block = InvertedResidual(channels, row, scale, stride, row.se)
            self.blocks.add_sublayer(str(i), block)
            channels = block.out_channels
        self.out_channels = make_divisible(last_width * scale)
        self.conv2 = ConvNorm(channels, self.out_channels, activation="hardswish")
        self.pool = nn.MaxPool2D(2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.conv2(self.blocks(self.conv1(x))))
