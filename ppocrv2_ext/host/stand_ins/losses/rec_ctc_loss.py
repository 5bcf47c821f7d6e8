"""CTC over a line's positions (Graves et al., 2006); stands in for ``ppocr/losses/rec_ctc_loss.py``."""

import paddle
import paddle.nn.functional as F
from paddle import nn


class CTCLoss(nn.Layer):
    """Negative log-likelihood of the label, nats per line, mean over the batch; class 0 is the blank.

    Args:
        use_focal_loss: Multiply each line's loss by (1 - p)^2, p its label's probability.
    """

    def __init__(self, use_focal_loss=False):
        super().__init__()
        self.use_focal_loss = use_focal_loss

    def forward(self, predicts, batch):
        """predicts: (B, T, C) logits, or a tuple that ends in them; batch: [images, labels (B, L), lengths (B,)]."""
        logits = predicts[-1] if isinstance(predicts, (list, tuple)) else predicts
        lines, positions = logits.shape[:2]
        # On the host: the CTC kernel reads the lengths there, and a device tensor would make it wait.
        input_lengths = paddle.to_tensor([positions] * lines, dtype="int64", place=paddle.CPUPlace())
        loss = F.ctc_loss(
            logits.transpose([1, 0, 2]),
            batch[1].astype("int32"),
            input_lengths,
            batch[2].astype("int64"),
            blank=0,
            reduction="none",
        )
        if self.use_focal_loss:
            loss = loss * (1 - paddle.exp(-loss)) ** 2
        return {"loss": loss.mean()}
