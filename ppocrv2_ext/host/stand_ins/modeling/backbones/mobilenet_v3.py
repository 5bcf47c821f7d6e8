"""MobileNetV3 (Howard et al., ICCV 2019): a table per model, and the block that one row describes.

The detector and the networks for text lines differ in their strides, which both stand beside the rows.
Stands in for the blocks of ``ppocr/modeling/backbones/det_mobilenet_v3.py``. B batch, C channels, H height, W width.
"""

from __future__ import annotations

from typing import NamedTuple

import paddle.nn.functional as F
from paddle import Tensor, nn

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.lcnet import make_divisible


class Row(NamedTuple):
    """1 x 1 to ``expansion``, depthwise ``kernel``, squeeze-and-excitation if ``se``, 1 x 1 to ``channels``."""

    kernel: int
    expansion: int  # at scale 1.0, as is ``channels``
    channels: int
    se: bool
    activation: str
    stride: int = 1  # of the detector, both sides
    line_stage: int | None = None  # for text lines: index into the vertical strides; None for stride 1


STEM_CHANNELS = 16
LARGE = (
    Row(3, 16, 16, False, "relu"),
    Row(3, 64, 24, False, "relu", 2, 0),
    Row(3, 72, 24, False, "relu"),
    Row(5, 72, 40, True, "relu", 2, 1),
    Row(5, 120, 40, True, "relu"),
    Row(5, 120, 40, True, "relu"),
    Row(3, 240, 80, False, "hardswish", 2),
    Row(3, 200, 80, False, "hardswish"),
    Row(3, 184, 80, False, "hardswish"),
    Row(3, 184, 80, False, "hardswish"),
    Row(3, 480, 112, True, "hardswish"),
    Row(3, 672, 112, True, "hardswish"),
    Row(5, 672, 160, True, "hardswish", 2, 2),
    Row(5, 960, 160, True, "hardswish"),
    Row(5, 960, 160, True, "hardswish"),
)
SMALL = (  # no detector uses it
    Row(3, 16, 16, True, "relu", line_stage=0),
    Row(3, 72, 24, False, "relu", line_stage=1),
    Row(3, 88, 24, False, "relu"),
    Row(5, 96, 40, True, "hardswish", line_stage=2),
    Row(5, 240, 40, True, "hardswish"),
    Row(5, 240, 40, True, "hardswish"),
    Row(5, 120, 48, True, "hardswish"),
    Row(5, 144, 48, True, "hardswish"),
    Row(5, 288, 96, True, "hardswish", line_stage=3),
    Row(5, 576, 96, True, "hardswish"),
    Row(5, 576, 96, True, "hardswish"),
)
MODELS = {"large": (LARGE, 960), "small": (SMALL, 576)}  # rows, and the width of the last 1 x 1 convolution
SCALES = (0.35, 0.5, 0.75, 1.0, 1.25)
ACTIVATIONS = {"relu": F.relu, "hardswish": F.hardswish, None: lambda x: x}


def rows_and_width(model_name: str, scale: float) -> tuple[tuple[Row, ...], int]:
    """(rows, width of the last convolution at scale 1.0) of the model "large" or "small".

    Raises:
        UserError: there is no such model, or PaddleOCR does not have it at this ``scale``.
    """
    if scale not in SCALES:
        raise UserError(f"backbone 'MobileNetV3': `scale` must be one of {', '.join(map(str, SCALES))}, got {scale!r}.")
    if model_name not in MODELS:
        raise UserError(f"backbone 'MobileNetV3': `model_name` must be large or small, got {model_name!r}.")
    return MODELS[model_name]


class ConvNorm(nn.Layer):
    """A convolution that pads to keep the size, BatchNorm, and an activation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        stride: int | tuple[int, int] = 1,
        groups: int = 1,
        activation: str | None = None,
    ):
        super().__init__()
        self.conv = nn.Conv2D(
            in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, groups=groups, bias_attr=False
        )
        # Not BatchNorm2D: the names of its variables, which are the keys of a .pdopt, would differ from PaddleOCR's.
        self.bn = nn.BatchNorm(out_channels)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.bn(self.conv(x)))


class SqueezeExcite(nn.Layer):
    """Multiply each channel by a gate in [0, 1].

    The slope of the gate's hard sigmoid is PaddleOCR's 0.2, not the paper's 1/6.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2D(channels, channels // 4, 1)
        self.conv2 = nn.Conv2D(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = F.relu(self.conv1(F.adaptive_avg_pool2d(x, 1)))  # [B, C / 4, 1, 1]
        return x * F.hardsigmoid(self.conv2(gate), slope=0.2, offset=0.5)


class InvertedResidual(nn.Layer):
    """One :class:`Row` at a scale; ``stride`` is an int or (height, width)."""

    def __init__(self, in_channels: int, row: Row, scale: float, stride: int | tuple[int, int], se: bool):
        super().__init__()
        mid_channels, self.out_channels = make_divisible(row.expansion * scale), make_divisible(row.channels * scale)
        self.expand_conv = ConvNorm(in_channels, mid_channels, activation=row.activation)
        self.bottleneck_conv = ConvNorm(
            mid_channels, mid_channels, row.kernel, stride, groups=mid_channels, activation=row.activation
        )
        self.mid_se = SqueezeExcite(mid_channels) if se else None
        self.linear_conv = ConvNorm(mid_channels, self.out_channels)
        # As in PaddleOCR, a stride of (1, 1) counts as one that changes the size.
        self.adds_input = stride == 1 and in_channels == self.out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.bottleneck_conv(self.expand_conv(x))
        if self.mid_se is not None:
            y = self.mid_se(y)
        y = self.linear_conv(y)
        return x + y if self.adds_input else y
