"""Frames that follow the width of the image in training, ``Architecture.frames_by_width``.

The backbones of PP-OCRv3 to v6 average the last feature map to 40 frames in training, whatever the width of the image,
and to a frame for every 8 pixels in evaluation (``ppocr/modeling/backbones/rec_lcnetv3.py``, ``rec_lcnetv4.py``). So
PaddleOCR trains them at 320 pixels and no other width: a longer line is squeezed, a short word is mostly padding.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

from paddle import nn

from ...errors import UserError


def follow_width(network: nn.Layer, section: Mapping[str, Any], where: str = "Architecture") -> None:
    """Let the backbone of a recognizer make the frames in training that it makes in evaluation.

    While the backbone runs, its own flag ``training`` is off. Its sublayers keep theirs, so dropout and BatchNorm
    train. A backbone that pools in the same way in both modes is unchanged. A second call changes nothing.

    Args:
        network: it is changed in place.
        section: of the config, ``Architecture`` or one of its ``Models``.
        where: the key of that section, for the message.
    Raises:
        UserError: the network is no recognizer, or has no backbone.
    """
    if section.get("model_type") != "rec" or not hasattr(network, "backbone"):
        raise UserError(
            f"{where}.frames_by_width is for recognizers with a backbone, and this network is not one; leave it out."
        )
    network.backbone.forward = types.MethodType(_run_outside_training, network.backbone)


def _run_outside_training(backbone: nn.Layer, *inputs: Any, **options: Any) -> Any:
    # A method and no closure: the deep copy of a network gets one of its own. Paddle translates it when it exports.
    mode = backbone.training
    backbone.training = False
    try:
        features = type(backbone).forward(backbone, *inputs, **options)
    finally:
        backbone.training = mode
    return features
