"""PP-LCNet (Cui et al., arXiv:2109.15099) as a table, for text lines and for classification.

Widths are those of the paper: x1.0 is the PP-OCRv2 recognizer, which PaddleOCR calls ``MobileNetV1Enhance`` at scale
0.5. Both have the same parameter names, so a checkpoint fits either.
Shape legend: B batch, C channels, H height, W width.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional, Union

import paddle.nn.functional as F
from paddle import ParamAttr, Tensor, nn
from paddle.nn.initializer import KaimingNormal
from paddle.regularizer import L2Decay

from ..arguments import positive, share, whole_number
from ..registry import BACKBONES, HEADS
from .fast_cpu.norm import norm_hardswish

IntPair = Union[int, Sequence[int]]  # an int, or (height, width)


class Block(NamedTuple):
    """A depthwise ``kernel`` x ``kernel`` convolution, squeeze-and-excitation if ``se``, and a 1 x 1 convolution."""

    kernel: int
    channels: int  # after the 1 x 1 convolution, at scale 1.0
    down: bool = False  # has the next of the four strides; the other blocks have stride 1
    se: bool = False


STEM_CHANNELS = 16  # the stem halves both sides
BLOCKS = (
    #     kernel channels                  32 x 320 line   224 x 224 photograph
    Block(3, 32),  #                       16 x 160        112
    Block(3, 64, down=True),  #            16 x 160        56
    Block(3, 64),
    Block(3, 128, down=True),  #           8 x 160         28
    Block(3, 128),
    Block(3, 256, down=True),  #           4 x 160         14
    *[Block(5, 256)] * 5,
    Block(5, 512, down=True, se=True),  #  2 x 160         7
    Block(5, 512, se=True),
)
# (height, width) of the four down-sampling blocks. A line keeps its width: one position is one CTC frame.
RECOGNITION_STRIDES = ((1, 1), (2, 1), (2, 1), (2, 1))


def make_divisible(channels: float) -> int:
    """The multiple of 8 nearest to ``channels``, but never more than 10 % below it (rule of MobileNet v2)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _to_pair(value: IntPair, argument: str) -> tuple:
    """(height, width) from one positive int or from two."""
    pair = (value, value) if isinstance(value, int) else value
    if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and all(type(n) is int and n > 0 for n in pair)):
        raise ValueError(f"`{argument}` must be a positive int or a (height, width) pair of them, got {value!r}.")
    return tuple(pair)


def _make_blocks(scale: float, channels: Optional[Sequence[int]]) -> list:
    """The rows of :data:`BLOCKS` with the channels of one network."""
    if channels is None:
        return [block._replace(channels=make_divisible(block.channels * scale)) for block in BLOCKS]
    if not isinstance(channels, (list, tuple)) or not 1 <= len(channels) <= len(BLOCKS):
        raise ValueError(f"`channels` must list the widths of the first 1 to {len(BLOCKS)} blocks, got {channels!r}.")
    widths = [whole_number(width, f"channels[{i}]") for i, width in enumerate(channels)]
    return [block._replace(channels=width) for block, width in zip(BLOCKS, widths)]


def _make_strides(strides: Optional[Sequence[IntPair]], stages: int) -> list:
    """A (height, width) pair for each down-sampling block; None stands for :data:`RECOGNITION_STRIDES`."""
    strides = RECOGNITION_STRIDES[:stages] if strides is None else strides
    if not isinstance(strides, (list, tuple)) or len(strides) != stages:
        raise ValueError(
            f"`strides` must list the stride of the {stages} down-sampling stages, got {strides!r};"
            " [[1, 1], [2, 1], [2, 1], [2, 1]] is for text lines, [2, 2, 2, 2] for classification."
        )
    return [_to_pair(stride, f"strides[{i}]") for i, stride in enumerate(strides)]


class ConvNorm(nn.Layer):
    """A convolution with padding ``kernel // 2``, BatchNorm and hardswish."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: IntPair = 1, groups: int = 1) -> None:
        super().__init__()
        self._conv = nn.Conv2D(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=kernel // 2,
            groups=groups,
            weight_attr=ParamAttr(initializer=KaimingNormal()),
            bias_attr=False,
        )
        # PaddleOCR has nn.BatchNorm here. It computes the same, but `Global.use_sync_bn` only converts the 2D class.
        self._batch_norm = nn.BatchNorm2D(
            out_channels,
            weight_attr=ParamAttr(regularizer=L2Decay(0.0)),
            bias_attr=ParamAttr(regularizer=L2Decay(0.0)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, in_channels, H, W] -> [B, out_channels, ceil(H / stride), ceil(W / stride)] for an odd kernel."""
        return norm_hardswish(self._conv(x), self._batch_norm)


class SqueezeExcite(nn.Layer):
    """Scales each channel by a gate in [0, 1] that is computed from the means of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2D(channels, channels // 4, 1)
        self.conv2 = nn.Conv2D(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, C, H, W] -> the same shape."""
        gate = F.relu(self.conv1(F.adaptive_avg_pool2d(x, 1)))  # [B, C / 4, 1, 1]
        return x * F.hardsigmoid(self.conv2(gate))


class DepthwiseSeparable(nn.Layer):
    """One block of the network, a row of :data:`BLOCKS`."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: IntPair, se: bool) -> None:
        super().__init__()
        self._depthwise_conv = ConvNorm(in_channels, in_channels, kernel, stride, groups=in_channels)
        self._se = SqueezeExcite(in_channels) if se else None
        self._pointwise_conv = ConvNorm(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, in_channels, H, W] -> [B, out_channels, H', W'], smaller by the stride."""
        x = self._depthwise_conv(x)
        return self._pointwise_conv(x if self._se is None else self._se(x))


@BACKBONES.register
class LCNet(nn.Layer):
    """PP-LCNet without its classifier.

    Args:
        in_channels: channels of the image.
        scale: factor of all widths, > 0, in the paper 0.25 to 2.5. :func:`make_divisible` rounds the products.
        strides: stride of each down-sampling stage, an int or (height, width). The whole network has four. None is
            for text lines.
        last_pool: window and stride of a max-pool at the end, an int or (height, width); None for no pool. The default
            gives a line of 32 pixels height 1 and a quarter of its width. Classification needs None.
        channels: width of each block, in place of the table's; ``scale`` then sets only the width of the stem. With
            fewer than 13 the network ends early. Blocks as wide as those of another network can start from its weights.
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        in_channels: int = 3,
        scale: float = 1.0,
        strides: Optional[Sequence[IntPair]] = None,
        last_pool: Optional[IntPair] = (2, 2),
        channels: Optional[Sequence[int]] = None,
    ) -> None:
        super().__init__()
        blocks = _make_blocks(positive(scale, "scale"), channels)
        down_strides = iter(_make_strides(strides, sum(block.down for block in blocks)))
        width = make_divisible(STEM_CHANNELS * scale)
        self.conv1 = ConvNorm(whole_number(in_channels, "in_channels"), width, kernel=3, stride=2)
        self.block_list = nn.Sequential()
        for i, block in enumerate(blocks):
            stride = next(down_strides) if block.down else 1
            layer = DepthwiseSeparable(width, block.channels, block.kernel, stride, block.se)
            self.block_list.add_sublayer(str(i), layer)
            width = block.channels
        self.pool = None if last_pool is None else nn.MaxPool2D(_to_pair(last_pool, "last_pool"))
        self.out_channels = width

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, in_channels, H, W] -> [B, out_channels, H', W']; [B, 3, 32, 320] -> [B, 512, 1, 80] by default."""
        x = self.block_list(self.conv1(x))
        return x if self.pool is None else self.pool(x)


@HEADS.register
class LCNetClsHead(nn.Layer):
    """The paper's classifier: global average, a wide 1 x 1 convolution, hardswish, dropout, linear.

    PaddleClas multiplies by ``1 - dropout`` in inference, where this head divides by it in training. So multiply the
    ``fc.weight`` of a PaddleClas checkpoint by ``1 - dropout`` to use it here.

    Args:
        in_channels: ``out_channels`` of the backbone.
        class_dim: number of classes.
        hidden_channels: width of the 1 x 1 convolution.
        dropout: share of the hidden channels that is dropped in training, in [0, 1).
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, in_channels: int, class_dim: int = 2, hidden_channels: int = 1280, dropout: float = 0.2) -> None:
        super().__init__()
        self.last_conv = nn.Conv2D(in_channels, whole_number(hidden_channels, "hidden_channels"), 1, bias_attr=False)
        self.dropout = nn.Dropout(share(dropout, "dropout"))
        self.fc = nn.Linear(hidden_channels, whole_number(class_dim, "class_dim"))

    def logits(self, x: Tensor) -> Tensor:
        """x: [B, in_channels, H, W] -> [B, class_dim], the scores before softmax."""
        hidden = F.hardswish(self.last_conv(F.adaptive_avg_pool2d(x, 1)))  # [B, hidden, 1, 1]
        return self.fc(self.dropout(hidden.flatten(1)))

    def forward(self, x: Tensor, targets: Any = None) -> Tensor:
        """Classify.

        Args:
            x: [B, in_channels, H, W].
            targets: unused; PaddleOCR passes it.
        Returns:
            [B, class_dim], logits in training and probabilities in evaluation.
        """
        logits = self.logits(x)
        return logits if self.training else F.softmax(logits, axis=1)
