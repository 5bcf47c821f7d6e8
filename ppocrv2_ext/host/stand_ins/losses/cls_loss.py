"""Cross-entropy of a line's direction; stands in for ``ppocr/losses/cls_loss.py``."""

import paddle.nn.functional as F
from paddle import nn


class ClsLoss(nn.Layer):
    """Cross-entropy, nats per line, mean over the batch."""

    def forward(self, predicts, batch):
        """predicts: (B, C) logits; batch: [images, labels (B,), ...]."""
        return {"loss": F.cross_entropy(predicts, batch[1].astype("int64"))}
