"""Backbone, neck and head in a row; stands in for ``ppocr/modeling/architectures/base_model.py``."""

from __future__ import annotations

from paddle import Tensor, nn

from ppocrv2_ext.errors import UserError

from ..backbones import build_backbone
from ..heads import build_head
from ..necks import build_neck


class BaseModel(nn.Layer):
    """One network: a backbone, perhaps a neck, and a head.

    Args:
        config: An ``Architecture`` section, or one of its ``Models``. These keys are read: ``model_type`` (rec,
            det or cls), ``Backbone``, ``Neck`` (optional), ``Head``, ``in_channels`` (of the image, 3 by default) and
            ``return_all_feats`` (false by default). PaddleOCR's tools add keys of their own, which are ignored.
    Raises:
        UserError: ``model_type``, ``Backbone`` or ``Head`` is missing, or ``Transform`` is not empty.
    """

    def __init__(self, config: dict):
        super().__init__()
        if "model_type" not in config:
            raise UserError("`Architecture` needs `model_type`: one of rec, det, cls.")
        for part in ("Backbone", "Head"):
            if not config.get(part):
                raise UserError(f"`Architecture` needs a `{part}`: a mapping with a `name`.")
        if config.get("Transform") is not None:
            raise UserError(
                "`Architecture.Transform` must be empty on the paddleocr wheel, which ships none;"
                " PP-OCRv2 does not use one."
            )
        self.backbone = build_backbone(
            {**config["Backbone"], "in_channels": config.get("in_channels", 3)}, config["model_type"]
        )
        channels, self.neck = self.backbone.out_channels, None
        if config.get("Neck") is not None:
            self.neck = build_neck({**config["Neck"], "in_channels": channels})
            channels = self.neck.out_channels
        self.head = build_head({**config["Head"], "in_channels": channels})
        self.return_all_feats = config.get("return_all_feats", False)

    def forward(self, x: Tensor, data: object = None) -> object:
        """x: (B, in_channels, H, W) images; data: labels, for heads that want them in training.

        Returns:
            The output of the head. With ``return_all_feats`` it is a dict: in training it holds the output of each part
            under backbone_out, neck_out and head_out, in evaluation head_out alone. A head that returns a dict adds the
            keys of that dict instead of head_out.
        """
        x = self.backbone(x)
        outputs = {"backbone_out": x}
        if self.neck is not None:
            x = self.neck(x)
            outputs["neck_out"] = x
        x = self.head(x, targets=data)
        if not self.return_all_feats:
            return x
        last = x if isinstance(x, dict) else {"head_out": x}
        return {**outputs, **last} if self.training else last
