"""CTC loss over the frames of a text line (Graves et al., ICML 2006); stands in for ``ppocr/losses/rec_ctc_loss.py``.

Shapes: B lines, T frames, C classes, L characters of the longest label.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ppocrv2_ext.plugins.ctc.losses import ctc_losses
from ppocrv2_ext.plugins.fast_cpu.memory import can_view


class CTCLoss(nn.Layer):
    """Negative log-likelihood of the label in nats per line, averaged over the batch; class 0 is the blank."""

    def __init__(self):  # without it, a config could set the options of nn.Layer
        super().__init__()

    def forward(self, predicts: Tensor | tuple[Tensor, ...], batch: list[Tensor]) -> dict[str, Tensor]:
        """predicts: (B, T, C) logits, or a tuple that ends in them, such as the output of CenterCTCHead.

        batch: [images, labels (B, L), lengths (B,), ...].
        """
        logits = predicts[-1] if isinstance(predicts, tuple) else predicts
        if can_view(logits):  # faster on a CPU, and the same: Paddle's kernel gives an infeasible label a loss of 0
            losses, fits = ctc_losses(logits, batch[1], batch[2])
            return {"loss": paddle.where(fits, losses, paddle.zeros_like(losses)).mean()}
        lines, frames = logits.shape[:2]
        # On the host: the CTC kernel reads the lengths there, and a device tensor would make it wait.
        input_lengths = paddle.to_tensor([frames] * lines, dtype="int64", place=paddle.CPUPlace())
        loss = F.ctc_loss(
            logits.transpose([1, 0, 2]),
            batch[1].astype("int32"),
            input_lengths,
            batch[2].astype("int64"),
            blank=0,
            reduction="none",
        )
        return {"loss": loss.mean()}
