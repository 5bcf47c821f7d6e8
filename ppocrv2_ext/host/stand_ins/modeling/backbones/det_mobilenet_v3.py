"""MobileNetV3 for detection; stands in for ``ppocr/modeling/backbones/det_mobilenet_v3.py``."""

from __future__ import annotations

from paddle import Tensor, nn

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.lcnet import make_divisible

from .mobilenet_v3 import STEM_CHANNELS, ConvNorm, InvertedResidual, rows_and_width


class MobileNetV3(nn.Layer):
    """Four feature maps, at 1/4, 1/8, 1/16 and 1/32 of the image; ``out_channels`` lists their widths.

    Args:
        in_channels: Channels of the image.
        model_name: "large", the one that PaddleOCR's detectors use.
        scale: Width: 0.35, 0.5, 0.75, 1.0 or 1.25.
        disable_se: Leave squeeze-and-excitation out, as the PP-OCRv2 detector does.
    """

    def __init__(self, in_channels: int = 3, model_name: str = "large", scale: float = 0.5, disable_se: bool = False):
        super().__init__()
        if model_name != "large":
            raise UserError(
                "backbone 'MobileNetV3': `model_name` of a detector must be large on the paddleocr wheel,"
                f" got {model_name!r}."
            )
        rows, last_width = rows_and_width(model_name, scale)
        channels = make_divisible(STEM_CHANNELS * scale)
        self.conv = ConvNorm(in_channels, channels, 3, stride=2, activation="hardswish")
        # A stage ends before a row that halves the map. The first such row is part of the first stage.
        stage_ends = [i for i, row in enumerate(rows) if row.stride == 2][1:]
        self.out_channels, blocks = [], []
        for i, row in enumerate(rows):
            if i in stage_ends:
                self._add_stage(blocks, channels)
                blocks = []
            blocks.append(InvertedResidual(channels, row, scale, row.stride, row.se and not disable_se))
            channels = blocks[-1].out_channels
        width = make_divisible(last_width * scale)
        self._add_stage([*blocks, ConvNorm(channels, width, activation="hardswish")], width)

    def _add_stage(self, blocks: list[nn.Layer], out_channels: int) -> None:
        self.add_sublayer(f"stage{len(self.out_channels)}", nn.Sequential(*blocks))
        self.out_channels.append(out_channels)

    def forward(self, x: Tensor) -> list[Tensor]:
        """x: (B, in_channels, H, W) -> four maps (B, out_channels[i], H / 4 / 2^i, W / 4 / 2^i)."""
        x = self.stage0(self.conv(x))
        maps = [x]
        for stage in (self.stage1, self.stage2, self.stage3):
            x = stage(x)
            maps.append(x)
        return maps
