"""LCNet under the name and keywords of ``ppocr/modeling/backbones/rec_mv1_enhance.py``."""

from paddle import nn

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.lcnet import DepthwiseSeparable, LCNet


class MobileNetV1Enhance(LCNet):
    """:class:`LCNet` at twice the ``scale``: this name counts widths from 32 channels, the paper from 16.

    Args:
        in_channels: Channels of the image.
        scale: Width; a multiple of 0.25, where stock and the paper round alike. 0.5 is the PP-OCRv2 recognizer.
        last_conv_stride: Stride of the last block, an int or (height, width).
        last_pool_type: "max" or "avg".
        last_pool_kernel_size: Window and stride of the "avg" pool, [3, 2]. Stock's "max" pool is 2 x 2 whatever is set.
    """

    def __init__(self, in_channels=3, scale=0.5, last_conv_stride=1, last_pool_type="max", last_pool_kernel_size=None):
        if not isinstance(scale, (int, float)) or scale <= 0 or scale % 0.25:
            raise UserError(
                f"backbone 'MobileNetV1Enhance': `scale` must be a multiple of 0.25, got {scale!r};"
                " for other widths use the backbone 'LCNet', whose scale is twice this one."
            )
        if last_pool_type not in ("max", "avg"):
            raise UserError(f"backbone 'MobileNetV1Enhance': `last_pool_type` is max or avg, got {last_pool_type!r}.")
        if last_pool_type == "max" and last_pool_kernel_size not in (None, 2, [2, 2], (2, 2)):
            raise UserError(
                "backbone 'MobileNetV1Enhance': `last_pool_kernel_size` only has an effect on"
                " `last_pool_type: avg`, the max-pool is 2 x 2; remove it, or use `last_pool` of the backbone 'LCNet'."
            )
        super().__init__(in_channels=in_channels, scale=2 * scale)
        if last_conv_stride not in (1, [1, 1], (1, 1)):
            width, last = self.out_channels, len(self.block_list) - 1
            self.block_list.add_sublayer(str(last), DepthwiseSeparable(width, width, 5, last_conv_stride, se=True))
        if last_pool_type == "avg":
            window = last_pool_kernel_size or [3, 2]
            self.pool = nn.AvgPool2D(window, stride=window)
