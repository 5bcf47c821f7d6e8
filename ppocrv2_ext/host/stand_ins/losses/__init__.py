"""``build_loss``; stands in for ``ppocr/losses/__init__.py``. Every loss returns a dict whose ``loss`` is a scalar."""

import copy

from paddle import nn

from ..component import build_component
from .cls_loss import ClsLoss
from .combined_loss import CombinedLoss
from .det_db_loss import DBLoss
from .rec_ctc_loss import CTCLoss

__all__ = ["build_loss"]

LOSSES = {"ClsLoss": ClsLoss, "CombinedLoss": CombinedLoss, "CTCLoss": CTCLoss, "DBLoss": DBLoss}


def build_loss(config: dict) -> nn.Layer:
    """Build the loss of the ``Loss`` section; ``config`` is not modified."""
    return build_component("loss", LOSSES, copy.deepcopy(config))
