"""Differentiable binarization (Liao et al., AAAI 2020); stands in for ``ppocr/modeling/heads/det_db_head.py``."""

from __future__ import annotations

import math

import paddle
import paddle.nn.functional as F
from paddle import ParamAttr, Tensor, nn
from paddle.nn.initializer import Constant, KaimingUniform, Uniform


def _batch_norm(channels: int) -> nn.BatchNorm:
    attrs = {"param_attr": ParamAttr(initializer=Constant(1.0)), "bias_attr": ParamAttr(initializer=Constant(1e-4))}
    return nn.BatchNorm(channels, **attrs)


def _double_size(in_channels: int, out_channels: int) -> nn.Conv2DTranspose:
    bound = 1 / math.sqrt(in_channels)
    return nn.Conv2DTranspose(
        in_channels,
        out_channels,
        kernel_size=2,
        stride=2,
        weight_attr=ParamAttr(initializer=KaimingUniform()),
        bias_attr=ParamAttr(initializer=Uniform(-bound, bound)),
    )


class MapHead(nn.Layer):
    """(B, C, H / 4, W / 4) features -> (B, 1, H, W) map with values in [0, 1]."""

    def __init__(self, in_channels: int):
        super().__init__()
        channels = in_channels // 4
        self.conv1 = nn.Conv2D(in_channels, channels, 3, padding=1, bias_attr=False)
        self.conv_bn1 = _batch_norm(channels)
        self.conv2 = _double_size(channels, channels)
        self.conv_bn2 = _batch_norm(channels)
        self.conv3 = _double_size(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv_bn1(self.conv1(x)))
        x = F.relu(self.conv_bn2(self.conv2(x)))
        return F.sigmoid(self.conv3(x))


class DBHead(nn.Layer):
    """A map of the probability of text, one of a threshold, and the binary map of one over the other.

    Args:
        in_channels: Channels of the features.
        k: Steepness of the step from 0 to 1: binary = 1 / (1 + exp(-k (probability - threshold))).
    """

    def __init__(self, in_channels: int, k: float = 50):
        super().__init__()
        self.k = k
        self.binarize = MapHead(in_channels)
        self.thresh = MapHead(in_channels)

    def forward(self, x: Tensor, targets: object = None) -> dict[str, Tensor]:
        """x: (B, C, H / 4, W / 4); targets is unused.

        Returns:
            {"maps": (B, 3, H, W) probability, threshold, binary}; in evaluation only the first, (B, 1, H, W).
        """
        probability = self.binarize(x)
        if not self.training:
            return {"maps": probability}
        threshold = self.thresh(x)
        # PaddleOCR spells the sigmoid out; its exp overflows in half precision.
        binary = F.sigmoid(self.k * (probability - threshold))
        return {"maps": paddle.concat([probability, threshold, binary], axis=1)}
