"""``build_backbone``; stands in for ``ppocr/modeling/backbones/__init__.py``."""

from ppocrv2_ext.errors import UserError

from ...component import build_component
from .det_mobilenet_v3 import MobileNetV3 as DetMobileNetV3
from .det_resnet_vd import ResNet_vd
from .rec_mobilenet_v3 import MobileNetV3 as RecMobileNetV3
from .rec_mv1_enhance import MobileNetV1Enhance

__all__ = ["build_backbone"]

# One name means another network for another kind of model, as in stock.
BACKBONES = {
    "rec": {"MobileNetV1Enhance": MobileNetV1Enhance, "MobileNetV3": RecMobileNetV3},
    "cls": {"MobileNetV1Enhance": MobileNetV1Enhance, "MobileNetV3": RecMobileNetV3},
    "det": {"MobileNetV3": DetMobileNetV3, "ResNet_vd": ResNet_vd},
}


def build_backbone(config, model_type):
    """The backbone for a ``model_type`` of rec, cls or det; it has ``out_channels``, for det one per feature map."""
    if model_type not in BACKBONES:
        raise UserError(f"`Architecture.model_type` must be one of {', '.join(BACKBONES)}, got {model_type!r}.")
    return build_component(f"{model_type} backbone", BACKBONES[model_type], config)
