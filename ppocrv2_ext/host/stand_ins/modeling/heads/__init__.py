"""``build_head``; stands in for ``ppocr/modeling/heads/__init__.py``."""

from paddle import nn

from ...component import build_component
from .cls_head import ClsHead
from .det_db_head import DBHead
from .rec_ctc_head import CTCHead

__all__ = ["build_head"]

HEADS = {"ClsHead": ClsHead, "CTCHead": CTCHead, "DBHead": DBHead}


def build_head(config: dict) -> nn.Layer:
    """Build the head of a network from the ``Head`` section with ``in_channels`` added."""
    return build_component("head", HEADS, config)
