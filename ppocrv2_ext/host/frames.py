"""Frames that follow the width of the image in training, ``Architecture.frames_by_width``.

The backbones of PP-OCRv3 to v6 average the last feature map to 40 frames in training, whatever the width of the image,
and by a factor of 8 pixels in evaluation (``ppocr/modeling/backbones/rec_lcnetv3.py``, ``rec_lcnetv4.py``). So
PaddleOCR trains them at 320 pixels and no other width: a longer line is squeezed, a short word is mostly padding.
"""

from __future__ import annotations

from typing import Any

from paddle import nn


def follow_width(backbone: nn.Layer) -> None:
    """Let ``backbone`` make the frames in training that it makes in evaluation.

    While it runs, its own flag ``training`` is off. Its sublayers keep theirs, so dropout and BatchNorm train. A
    backbone that pools in the same way in both modes is unchanged.
    """
    modes = []

    def leave_training(layer: nn.Layer, _: Any) -> None:
        modes.append(layer.training)
        layer.training = False

    def return_to_mode(layer: nn.Layer, *_: Any) -> None:
        layer.training = modes.pop()

    backbone.register_forward_pre_hook(leave_training)
    backbone.register_forward_post_hook(return_to_mode)
