"""ResNet-vd (He et al., arXiv:1812.01187): the teacher, and the backbone of PaddleOCR's larger detectors.

Stands in for ``ppocr/modeling/backbones/det_resnet_vd.py``.
"""

from __future__ import annotations

import paddle.nn.functional as F
from paddle import Tensor, nn

from ppocrv2_ext.errors import UserError


class ConvNorm(nn.Layer):
    """A convolution that pads to keep the size, and BatchNorm.

    Args:
        relu: Apply ReLU at the end.
        halve: Halve the map first, by the mean of 2 x 2 pixels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        relu: bool = False,
        halve: bool = False,
    ):
        super().__init__()
        self.pool = nn.AvgPool2D(2, stride=2, ceil_mode=True) if halve else None
        self._conv = nn.Conv2D(
            in_channels, out_channels, kernel, stride=stride, padding=(kernel - 1) // 2, bias_attr=False
        )
        self._batch_norm = nn.BatchNorm(out_channels)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        if self.pool is not None:
            x = self.pool(x)
        x = self._batch_norm(self._conv(x))
        return F.relu(x) if self.relu else x


class BasicBlock(nn.Layer):
    """Two 3 x 3 convolutions and a shortcut; ``project`` gives the shortcut a convolution of its own."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int, project: bool):
        super().__init__()
        self.conv0 = ConvNorm(in_channels, channels, 3, stride, relu=True)
        self.conv1 = ConvNorm(channels, channels, 3)
        # This is the "vd": the shortcut halves the map by a mean, so that no pixel is dropped.
        self.short = ConvNorm(in_channels, channels, 1, halve=stride == 2) if project else None

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.short is None else self.short(x)
        return F.relu(shortcut + self.conv1(self.conv0(x)))


class BottleneckBlock(nn.Layer):
    """1 x 1, 3 x 3 and 1 x 1 convolutions and a shortcut; ``project`` as in :class:`BasicBlock`."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int, project: bool):
        super().__init__()
        self.conv0 = ConvNorm(in_channels, channels, 1, relu=True)
        self.conv1 = ConvNorm(channels, channels, 3, stride, relu=True)
        self.conv2 = ConvNorm(channels, channels * 4, 1)
        self.short = ConvNorm(in_channels, channels * 4, 1, halve=stride == 2) if project else None

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.short is None else self.short(x)
        return F.relu(shortcut + self.conv2(self.conv1(self.conv0(x))))


STAGE_CHANNELS = (64, 128, 256, 512)
LAYERS: dict[int, tuple[type[BasicBlock] | type[BottleneckBlock], tuple[int, ...]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),  # block, blocks per stage
    50: (BottleneckBlock, (3, 4, 6, 3)),
}


class ResNet_vd(nn.Layer):  # noqa: N801  (PaddleOCR's name)
    """Four feature maps, at 1/4, 1/8, 1/16 and 1/32 of the image; ``out_channels`` lists their widths.

    Args:
        in_channels: Channels of the image.
        layers: 18 or 50.
    """

    def __init__(self, in_channels: int = 3, layers: int = 50):
        super().__init__()
        if layers not in LAYERS:
            raise UserError(f"backbone 'ResNet_vd': `layers` must be 18 or 50 on the paddleocr wheel, got {layers!r}.")
        block, depths = LAYERS[layers]
        self.conv1_1 = ConvNorm(in_channels, 32, 3, stride=2, relu=True)
        self.conv1_2 = ConvNorm(32, 32, 3, relu=True)
        self.conv1_3 = ConvNorm(32, 64, 3, relu=True)
        self.pool2d_max = nn.MaxPool2D(3, stride=2, padding=1)
        self.stages, self.out_channels, channels = [], [], 64
        for stage, (depth, width) in enumerate(zip(depths, STAGE_CHANNELS)):
            names = [f"bb_{stage}_{i}" for i in range(depth)]
            for i, name in enumerate(names):
                stride = 2 if i == 0 and stage > 0 else 1
                self.add_sublayer(name, block(channels, width, stride, project=i == 0))
                channels = width * block.expansion
            self.stages.append(names)
            self.out_channels.append(channels)

    def forward(self, x: Tensor) -> list[Tensor]:
        """x: (B, in_channels, H, W) -> four maps (B, out_channels[i], H / 4 / 2^i, W / 4 / 2^i)."""
        x = self.pool2d_max(self.conv1_3(self.conv1_2(self.conv1_1(x))))
        maps = []
        for names in self.stages:
            for name in names:
                x = getattr(self, name)(x)
            maps.append(x)
        return maps
