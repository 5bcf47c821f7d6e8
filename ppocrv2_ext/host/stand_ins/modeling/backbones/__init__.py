"""``build_backbone``; stands in for ``ppocr/modeling/backbones/__init__.py``."""

from __future__ import annotations

from paddle import nn

from ppocrv2_ext.errors import UserError

from ...component import build_component
from .det_mobilenet_v3 import MobileNetV3 as DetMobileNetV3
from .det_resnet_vd import ResNet_vd
from .rec_mobilenet_v3 import MobileNetV3 as RecMobileNetV3
from .rec_mv1_enhance import MobileNetV1Enhance

__all__ = ["build_backbone"]

# As in PaddleOCR, MobileNetV3 is one network for a detector and another for a text line.
BACKBONES: dict[str, dict[str, type[nn.Layer]]] = {
    "rec": {"MobileNetV1Enhance": MobileNetV1Enhance, "MobileNetV3": RecMobileNetV3},
    "cls": {"MobileNetV3": RecMobileNetV3},
    "det": {"MobileNetV3": DetMobileNetV3, "ResNet_vd": ResNet_vd},
}


def build_backbone(config: dict, model_type: str) -> nn.Layer:
    """Build the backbone of a network.

    Its ``out_channels`` is the width of its feature map; for det, a list with the width of each of its maps.

    Args:
        config: The ``Backbone`` section with ``in_channels`` added.
        model_type: rec, cls or det.
    """
    if model_type not in BACKBONES:
        raise UserError(f"`Architecture.model_type` must be one of {', '.join(BACKBONES)}, got {model_type!r}.")
    return build_component(f"{model_type} backbone", BACKBONES[model_type], config)
