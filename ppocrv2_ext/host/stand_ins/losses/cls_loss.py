"""Cross-entropy of the direction of a text line; stands in for ``ppocr/losses/cls_loss.py``."""

from __future__ import annotations

import paddle.nn.functional as F
from paddle import Tensor, nn


class ClsLoss(nn.Layer):
    """Cross-entropy in nats per line, averaged over the batch."""

    def __init__(self):  # without it, a config could set the options of nn.Layer
        super().__init__()

    def forward(self, predicts: Tensor, batch: list[Tensor]) -> dict[str, Tensor]:
        """predicts: (B, C) logits; batch: [images, labels (B,), ...]."""
        return {"loss": F.cross_entropy(predicts, batch[1].astype("int64"))}
