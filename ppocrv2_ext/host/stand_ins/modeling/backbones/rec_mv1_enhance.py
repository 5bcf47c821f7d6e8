"""LCNet under PaddleOCR's name for it; stands in for ``ppocr/modeling/backbones/rec_mv1_enhance.py``."""

from __future__ import annotations

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.lcnet import LCNet


class MobileNetV1Enhance(LCNet):
    """:class:`LCNet` at twice the ``scale``: PaddleOCR counts widths from 32 channels, the paper from 16.

    Args:
        in_channels: Channels of the image.
        scale: Width, a multiple of 0.25: at other widths PaddleOCR rounds differently from the paper. 0.5 is the
            PP-OCRv2 recognizer.
    """

    def __init__(self, in_channels: int = 3, scale: float = 0.5):
        if not isinstance(scale, (int, float)) or scale <= 0 or scale % 0.25:
            raise UserError(
                f"backbone 'MobileNetV1Enhance': `scale` must be a multiple of 0.25, got {scale!r};"
                " for other widths use the backbone 'LCNet', whose scale is twice this one."
            )
        super().__init__(in_channels=in_channels, scale=2 * scale)
