"""A CTC head that holds the centers of its classes. They belong to the network: they are saved and resumed with it.

Shape legend: B lines, T frames, C classes, D features before the last layer.
"""

import math
from typing import Any, NamedTuple, Optional, Union

import paddle
import paddle.nn.functional as F
from paddle import ParamAttr, Tensor, nn
from paddle.nn.initializer import Uniform
from paddle.regularizer import L2Decay

from ...arguments import whole_number
from ...checkpoints.centers_file import make_empty_centers, read_centers
from ...registry import HEADS
from ..ctc.frames import to_float32


def linear_with_decay(in_features: int, out_features: int, l2_decay: float) -> nn.Linear:
    """A linear layer with its own L2 decay, initialised as PaddleOCR does it in a CTC head (rec_ctc_head.py).

    Weights and biases are uniform in +-1 / sqrt(in_features).
    """
    bound = 1 / math.sqrt(in_features)
    attr = ParamAttr(regularizer=L2Decay(l2_decay), initializer=Uniform(-bound, bound))
    return nn.Linear(in_features, out_features, weight_attr=attr, bias_attr=attr)


def _make_guide(channels: int) -> nn.Sequential:
    """A depthwise convolution over five frames and a pointwise one, (B, channels, T) to the same shape."""
    return nn.Sequential(
        nn.Conv1D(channels, channels, 5, padding=2, groups=channels, bias_attr=False),
        nn.BatchNorm1D(channels),
        nn.Hardswish(),
        nn.Conv1D(channels, channels, 1, bias_attr=False),
        nn.BatchNorm1D(channels),
        nn.Hardswish(),
    )


class CenterHeadOutput(NamedTuple):
    """What :class:`CenterCTCHead` returns in training.

    PaddleOCR's CTC loss and decoder accept a tuple that ends in the logits. A dict would not do: PaddleOCR's
    mixed-precision loop copies the tensors of a dict, and the loss has to update the centers themselves.
    """

    features: Tensor  # (B, T, D)
    centers: Tensor  # (C, D), the head's own buffer
    counts: Tensor  # (C,), the head's own buffer
    logits: Tensor  # (B, T, C)


@HEADS.register
class CenterCTCHead(nn.Layer):
    """PaddleOCR's CTCHead, with the same parameter names, that also holds the centers of its classes.

    The buffers ``centers`` and ``center_counts`` are part of the state dict. An exported model does not hold them.

    Args:
        in_channels: features per frame.
        out_channels: number of classes, the blank first.
        fc_decay: L2 decay of the head's layers, in place of the optimizer's.
        mid_channels: features between two linear layers, and then the D of the centers; None for a single layer.
        centers: path of a file that ``ppocrv2 centers`` wrote; None to start without centers. ``Global.checkpoints``
            resumes a training and replaces these centers by those of the checkpoint. ``Global.pretrained_model`` and
            ``pretrained`` do not replace them.
        use_guide: two convolutions over the frames before the linear layers, as in PaddleOCR's PP-OCRv6.
    Raises:
        ValueError: ``mid_channels`` or ``centers`` has the wrong type.
        UserError: there is no such file of centers, or it has other shapes.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        fc_decay: float = 0.0004,
        mid_channels: Optional[int] = None,
        centers: Optional[str] = None,
        use_guide: bool = False,
    ) -> None:
        super().__init__()
        self.guide_layer = _make_guide(in_channels) if use_guide else None
        if mid_channels is None:
            self.fc = linear_with_decay(in_channels, out_channels, fc_decay)
        else:
            self.fc1 = linear_with_decay(in_channels, whole_number(mid_channels, "mid_channels"), fc_decay)
            self.fc2 = linear_with_decay(mid_channels, out_channels, fc_decay)
        self.mid_channels, self.out_channels = mid_channels, out_channels
        if centers is not None and not isinstance(centers, str):
            raise ValueError(f"`centers` must be the path of a file, got {centers!r}.")
        shape = (out_channels, mid_channels or in_channels)
        start = make_empty_centers(*shape) if centers is None else read_centers(centers, shape)
        self.register_buffer("centers", paddle.to_tensor(start.centers))
        self.register_buffer("center_counts", paddle.to_tensor(start.counts))
        # No pretrained file replaces these names of the state dict: the config has chosen their values.
        self.keep_on_load = () if centers is None else ("centers", "center_counts")

    def forward(self, x: Tensor, targets: Any = None) -> Union[CenterHeadOutput, Tensor]:
        """Read the frames.

        Args:
            x: (B, T, in_channels).
            targets: unused; PaddleOCR passes it.
        Returns:
            :class:`CenterHeadOutput` in float32 in training, (B, T, C) probabilities in evaluation.
        """
        if self.guide_layer is not None:
            x = self.guide_layer(x.transpose([0, 2, 1])).transpose([0, 2, 1])
        features = x if self.mid_channels is None else self.fc1(x)
        logits = (self.fc if self.mid_channels is None else self.fc2)(features)
        if not self.training:
            return F.softmax(logits, axis=2)
        return CenterHeadOutput(to_float32(features), self.centers, self.center_counts, to_float32(logits))
