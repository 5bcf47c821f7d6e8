"""MobileNetV3 (Howard et al., ICCV 2019): its rows as tables, and the block one row describes.

The detector and the text-line network differ in their strides; both columns stand beside the rows.
Stands in for the blocks of ``ppocr/modeling/backbones/det_mobilenet_v3.py``. B batch, C channels, H height, W width.
"""

from typing import NamedTuple

import paddle.nn.functional as F
from paddle import nn

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.lcnet import make_divisible


class Row(NamedTuple):
    """1 x 1 to ``expansion``, depthwise ``kernel``, perhaps squeeze-and-excitation, 1 x 1 to ``channels``."""

    kernel: int
    expansion: int  # at scale 1.0, as is ``channels``
    channels: int
    se: bool
    activation: str
    stride: int = 1  # detection: both sides
    line_stage: int = None  # text lines: index into the four configured strides; other rows have stride 1


STEM_CHANNELS = 16
LARGE = (
    Row(3, 16, 16, False, "relu", 1, 0),
    Row(3, 64, 24, False, "relu", 2, 1),
    Row(3, 72, 24, False, "relu"),
    Row(5, 72, 40, True, "relu", 2, 2),
    Row(5, 120, 40, True, "relu"),
    Row(5, 120, 40, True, "relu"),
    Row(3, 240, 80, False, "hardswish", 2),
    Row(3, 200, 80, False, "hardswish"),
    Row(3, 184, 80, False, "hardswish"),
    Row(3, 184, 80, False, "hardswish"),
    Row(3, 480, 112, True, "hardswish"),
    Row(3, 672, 112, True, "hardswish"),
    Row(5, 672, 160, True, "hardswish", 2, 3),
    Row(5, 960, 160, True, "hardswish"),
    Row(5, 960, 160, True, "hardswish"),
)
SMALL = (
    Row(3, 16, 16, True, "relu", 2, 0),
    Row(3, 72, 24, False, "relu", 2, 1),
    Row(3, 88, 24, False, "relu"),
    Row(5, 96, 40, True, "hardswish", 2, 2),
    Row(5, 240, 40, True, "hardswish"),
    Row(5, 240, 40, True, "hardswish"),
    Row(5, 120, 48, True, "hardswish"),
    Row(5, 144, 48, True, "hardswish"),
    Row(5, 288, 96, True, "hardswish", 2, 3),
    Row(5, 576, 96, True, "hardswish"),
    Row(5, 576, 96, True, "hardswish"),
)
MODELS = {"large": (LARGE, 960), "small": (SMALL, 576)}  # rows, and the width of the last 1 x 1 convolution
SCALES = (0.35, 0.5, 0.75, 1.0, 1.25)
ACTIVATIONS = {"relu": F.relu, "hardswish": F.hardswish, None: lambda x: x}


def rows_and_width(model_name, scale):
    """(rows, width of the last convolution at scale 1.0) of "large" or "small"; refuses scales that stock refuses."""
    if scale not in SCALES:
        raise UserError(f"backbone 'MobileNetV3': `scale` must be one of {', '.join(map(str, SCALES))}, got {scale!r}.")
    if model_name not in MODELS:
        raise UserError(f"backbone 'MobileNetV3': `model_name` must be large or small, got {model_name!r}.")
    return MODELS[model_name]


class ConvNorm(nn.Layer):
    """Convolution that pads to keep the size, BatchNorm, activation."""

    def __init__(self, in_channels, out_channels, kernel=1, stride=1, groups=1, activation=None):
        super().__init__()
        self.conv = nn.Conv2D(
            in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, groups=groups, bias_attr=False
        )
        # Not BatchNorm2D: the names of its variables, which are the keys of a .pdopt, would differ from stock's.
        self.bn = nn.BatchNorm(out_channels)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x):
        return self.activation(self.bn(self.conv(x)))


class SqueezeExcite(nn.Layer):
    """Scales each channel by a gate in [0, 1]; the hard sigmoid's slope is stock's 0.2, not the paper's 1/6."""

    def __init__(self, channels, reduction=4):
        super().__init__()
        self.conv1 = nn.Conv2D(channels, channels // reduction, 1)
        self.conv2 = nn.Conv2D(channels // reduction, channels, 1)

    def forward(self, x):
        gate = F.relu(self.conv1(F.adaptive_avg_pool2d(x, 1)))  # [B, C / 4, 1, 1]
        return x * F.hardsigmoid(self.conv2(gate), slope=0.2, offset=0.5)


class InvertedResidual(nn.Layer):
    """One :class:`Row` at a scale; ``stride`` is an int or (height, width)."""

    def __init__(self, in_channels, row, scale, stride, se):
        super().__init__()
        mid_channels, self.out_channels = make_divisible(row.expansion * scale), make_divisible(row.channels * scale)
        self.expand_conv = ConvNorm(in_channels, mid_channels, activation=row.activation)
        self.bottleneck_conv = ConvNorm(
            mid_channels, mid_channels, row.kernel, stride, groups=mid_channels, activation=row.activation
        )
        self.mid_se = SqueezeExcite(mid_channels) if se else None
        self.linear_conv = ConvNorm(mid_channels, self.out_channels)
        self.adds_input = stride == 1 and in_channels == self.out_channels

    def forward(self, x):
        y = self.bottleneck_conv(self.expand_conv(x))
        if self.mid_se is not None:
            y = self.mid_se(y)
        y = self.linear_conv(y)
        return x + y if self.adds_input else y
