"""Loss of the DB detector, in stock's form; stands in for ``ppocr/losses/det_db_loss.py`` and ``det_basic_loss.py``.

Shapes: every map is (B, H, W); predictions in [0, 1], masks 1 where a pixel counts. All values have no unit.
"""

import paddle
import paddle.nn.functional as F
from paddle import nn

from ppocrv2_ext.errors import UserError, did_you_mean


def dice_loss(pred, gt, mask, eps=1e-6):
    """1 - 2 |pred gt| / (|pred| + |gt|) over the pixels of ``mask``; in [0, 1], 0 for a perfect binary map."""
    intersection = (pred * gt * mask).sum()
    return 1 - 2 * intersection / ((pred * mask).sum() + (gt * mask).sum() + eps)


def masked_l1(pred, gt, mask, eps=1e-6):
    """Mean of |pred - gt| over the pixels of ``mask``; 0 if there is none."""
    return ((pred - gt).abs() * mask).sum() / (mask.sum() + eps)


def hard_negative_mean(loss, gt, mask, negative_ratio=3, eps=1e-6):
    """Mean of a per-pixel ``loss`` over the text pixels and the worst ``negative_ratio`` times as many others.

    0 if there is no text. gt: 1 on text, else 0.
    """
    positive = gt * mask
    negative = (1 - gt) * mask
    positive_count = int(positive.sum())
    negative_count = min(int(negative.sum()), int(positive_count * negative_ratio))
    total = (positive * loss).sum()
    if negative_count > 0:
        total = total + paddle.topk((negative * loss).flatten(), negative_count, sorted=False)[0].sum()
    return total / (positive_count + negative_count + eps)


def dice_where_text(pred, gt, mask, eps=1e-6):
    """:func:`dice_loss`, 0 if the batch shows no text.

    What is left of :func:`hard_negative_mean` around Dice: that is one number, so no pixel is harder than another.
    """
    text_pixels = (gt * mask).sum()
    return dice_loss(pred, gt, mask, eps) * (text_pixels / (text_pixels + eps))


class DBLoss(nn.Layer):
    """``alpha`` * probability term + ``beta`` * L1 of the threshold + Dice of the binary map.

    Args:
        balance_loss: Restrict the probability term to text pixels and the worst others; for Dice, to batches with text.
        main_loss_type: The probability term: "DiceLoss", or "BCELoss" in nats per pixel.
        alpha, beta: Weights of the probability and the threshold term.
        ohem_ratio: Worst other pixels per text pixel; "BCELoss" with ``balance_loss`` only.
        eps: Keeps the threshold's and the binary map's term from dividing by 0.
    """

    def __init__(self, balance_loss=True, main_loss_type="DiceLoss", alpha=5, beta=10, ohem_ratio=3, eps=1e-6):
        super().__init__()
        if main_loss_type not in ("DiceLoss", "BCELoss"):
            hint = did_you_mean(main_loss_type, ("DiceLoss", "BCELoss"))
            raise UserError(f"loss 'DBLoss' has no `main_loss_type` {main_loss_type!r} in this PaddleOCR{hint}")
        self.balance_loss = balance_loss
        self.main_loss_type = main_loss_type
        self.alpha = alpha
        self.beta = beta
        self.ohem_ratio = ohem_ratio
        self.eps = eps

    def _probability_term(self, pred, gt, mask):
        if self.main_loss_type == "DiceLoss":
            return dice_where_text(pred, gt, mask) if self.balance_loss else dice_loss(pred, gt, mask)
        loss = F.binary_cross_entropy(pred, gt, reduction="none")
        if self.balance_loss:
            return hard_negative_mean(loss, gt, mask, self.ohem_ratio)
        return (loss * mask).sum() / (mask.sum() + 1e-6)

    def forward(self, predicts, labels):
        """predicts: {"maps": (B, 3, H, W)}; labels: [images, threshold map, its mask, shrink map, its mask]."""
        probability, threshold, binary = predicts["maps"].unbind(1)
        threshold_map, threshold_mask, shrink_map, shrink_mask = labels[1:]
        terms = {
            "loss_shrink_maps": self.alpha * self._probability_term(probability, shrink_map, shrink_mask),
            "loss_threshold_maps": self.beta * masked_l1(threshold, threshold_map, threshold_mask, self.eps),
            "loss_binary_maps": dice_loss(binary, shrink_map, shrink_mask, self.eps),
        }
        return {"loss": sum(terms.values()), **terms}
