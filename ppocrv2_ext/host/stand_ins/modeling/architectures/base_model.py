"""Backbone, neck and head in a row; stands in for ``ppocr/modeling/architectures/base_model.py``."""

from paddle import nn

from ppocrv2_ext.errors import UserError

from ..backbones import build_backbone
from ..heads import build_head
from ..necks import build_neck


class BaseModel(nn.Layer):
    """The network of one ``Architecture`` section.

    Args:
        config: Mapping with ``model_type`` (rec, det or cls) and the sections ``Backbone``, ``Neck``, ``Head``, each of
            which may be missing; ``in_channels`` of the image, 3; ``return_all_feats``, false. Other keys are ignored,
            since PaddleOCR's tools leave some here.
    """

    def __init__(self, config):
        super().__init__()
        if "model_type" not in config:
            raise UserError("`Architecture` needs `model_type`: one of rec, det, cls.")
        if config.get("Transform") is not None:
            raise UserError(
                "`Architecture.Transform` must be empty on the paddleocr wheel, which ships none;"
                " PP-OCRv2 does not use one."
            )
        channels = config.get("in_channels", 3)
        self.backbone = self.neck = self.head = None
        if config.get("Backbone") is not None:
            self.backbone = build_backbone({**config["Backbone"], "in_channels": channels}, config["model_type"])
            channels = self.backbone.out_channels
        if config.get("Neck") is not None:
            self.neck = build_neck({**config["Neck"], "in_channels": channels})
            channels = self.neck.out_channels
        if config.get("Head") is not None:
            self.head = build_head({**config["Head"], "in_channels": channels})
        self.return_all_feats = config.get("return_all_feats", False)

    def forward(self, x, data=None):
        """x: (B, in_channels, H, W) images; data: labels, for heads that want them in training.

        Returns:
            What the last part returns; with ``return_all_feats`` a dict, in training of every part's output under
            backbone_out, neck_out and head_out (a part that returns a dict adds its own keys instead).
        """
        outputs, last = {}, "backbone_out"
        if self.backbone is not None:
            x = self.backbone(x)
        outputs.update(x if isinstance(x, dict) else {"backbone_out": x})
        if self.neck is not None:
            x, last = self.neck(x), "neck_out"
            outputs.update(x if isinstance(x, dict) else {"neck_out": x})
        if self.head is not None:
            x, last = self.head(x, targets=data), "head_out"
            outputs.update(x if isinstance(x, dict) else {"head_out": x})
        if not self.return_all_feats:
            return x
        if self.training:
            return outputs
        return x if isinstance(x, dict) else {last: x}
