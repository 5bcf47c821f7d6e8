"""The feature pyramid of the detector; stands in for ``DBFPN`` of ``ppocr/modeling/necks/db_fpn.py``."""

from __future__ import annotations

import paddle
from paddle import ParamAttr, Tensor, nn
from paddle.nn.initializer import KaimingUniform

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.fast_cpu.enlarge import enlarge


def _conv(in_channels: int, out_channels: int, kernel: int) -> nn.Conv2D:
    initial = ParamAttr(initializer=KaimingUniform())
    return nn.Conv2D(in_channels, out_channels, kernel, padding=kernel // 2, weight_attr=initial, bias_attr=False)


class DBFPN(nn.Layer):
    """One feature map at 1/4 of the image from the four of a backbone.

    Each map is added to the next finer one, reduced to a quarter of ``out_channels`` and enlarged to the finest size.
    The four results are concatenated.

    Args:
        in_channels: Widths of the maps at 1/4, 1/8, 1/16, 1/32.
        out_channels: Width of the output, a multiple of 4.
    """

    def __init__(self, in_channels: list[int], out_channels: int):
        super().__init__()
        if not isinstance(in_channels, (list, tuple)) or len(in_channels) != 4:
            raise UserError(f"neck 'DBFPN' merges four feature maps; this backbone gives {in_channels!r}.")
        if out_channels % 4:
            raise UserError(f"neck 'DBFPN': `out_channels` must be a multiple of 4, got {out_channels}.")
        self.out_channels = out_channels
        self.in2_conv, self.in3_conv, self.in4_conv, self.in5_conv = (_conv(c, out_channels, 1) for c in in_channels)
        # p5 first, as in PaddleOCR: under one seed both hosts then draw the same weights.
        self.p5_conv, self.p4_conv, self.p3_conv, self.p2_conv = (
            _conv(out_channels, out_channels // 4, 3) for _ in in_channels
        )

    def forward(self, maps: list[Tensor]) -> Tensor:
        """maps: c2 to c5, (B, C_i, H / 2^i, W / 2^i) -> (B, out_channels, H / 4, W / 4); H and W multiples of 32."""
        c2, c3, c4, c5 = maps
        m5 = self.in5_conv(c5)
        m4 = self.in4_conv(c4) + enlarge(m5, 2)
        m3 = self.in3_conv(c3) + enlarge(m4, 2)
        m2 = self.in2_conv(c2) + enlarge(m3, 2)
        p5, p4, p3 = enlarge(self.p5_conv(m5), 8), enlarge(self.p4_conv(m4), 4), enlarge(self.p3_conv(m3), 2)
        return paddle.concat([p5, p4, p3, self.p2_conv(m2)], axis=1)
