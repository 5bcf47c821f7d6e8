"""MobileNetV3 for text lines and their direction; stands in for ``ppocr/modeling/backbones/rec_mobilenet_v3.py``."""

from paddle import nn

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.lcnet import make_divisible

from .mobilenet_v3 import STEM_CHANNELS, ConvNorm, InvertedResidual, rows_and_width

LARGE_STRIDE, SMALL_STRIDE = (1, 2, 2, 2), (2, 2, 2, 2)


class MobileNetV3(nn.Layer):
    """One feature map: (B, in_channels, 32, W) -> (B, out_channels, 1, W / 4); text directions are read from 48 lines.

    Args:
        in_channels: Channels of the image.
        model_name: "large" or "small".
        scale: Width: 0.35, 0.5, 0.75, 1.0 or 1.25.
        large_stride, small_stride: Vertical strides of the four stages, the one that ``model_name`` picks; default
            [1, 2, 2, 2] and [2, 2, 2, 2]. The first of ``large_stride`` is horizontal too, as in stock.
        disable_se: Leave squeeze-and-excitation out.
    """

    def __init__(
        self, in_channels=3, model_name="small", scale=0.5, large_stride=None, small_stride=None, disable_se=False
    ):
        super().__init__()
        rows, last_width = rows_and_width(model_name, scale)
        large = model_name == "large"
        strides = large_stride or LARGE_STRIDE if large else small_stride or SMALL_STRIDE
        if len(strides) != 4:
            raise UserError(f"backbone 'MobileNetV3': `{model_name}_stride` must list four strides, got {strides!r}.")
        channels = make_divisible(STEM_CHANNELS * scale)
        self.conv1 = ConvNorm(in_channels, channels, 3, stride=2, activation="hardswish")
        self.blocks = nn.Sequential()
        for i, row in enumerate(rows):
            stride = 1 if row.line_stage is None else (strides[row.line_stage], 1)
            if large and i == 0:
                stride = strides[0]
            block = InvertedResidual(channels, row, scale, stride, row.se and not disable_se)
            self.blocks.add_sublayer(str(i), block)
            channels = block.out_channels
        self.out_channels = make_divisible(last_width * scale)
        self.conv2 = ConvNorm(channels, self.out_channels, activation="hardswish")
        self.pool = nn.MaxPool2D(2, stride=2)

    def forward(self, x):
        return self.pool(self.conv2(self.blocks(self.conv1(x))))
