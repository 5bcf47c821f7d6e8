"""Loss of the DB detector (Liao et al., AAAI 2020) as PaddleOCR computes it.

Stands in for ``ppocr/losses/det_db_loss.py`` and ``det_basic_loss.py``.
Shapes: every map is (B, H, W). Predictions are in [0, 1]; a mask is 1 where a pixel counts. No value has a unit.
"""

from __future__ import annotations

from paddle import Tensor, nn

from ppocrv2_ext.errors import UserError

EPS = 1e-6  # PaddleOCR's; keeps the divisions finite


def dice_loss(pred: Tensor, gt: Tensor, mask: Tensor) -> Tensor:
    """1 - 2 |pred gt| / (|pred| + |gt|) over the pixels of ``mask``; in [0, 1], 0 for a perfect binary map."""
    intersection = (pred * gt * mask).sum()
    return 1 - 2 * intersection / ((pred * mask).sum() + (gt * mask).sum() + EPS)


def masked_l1(pred: Tensor, gt: Tensor, mask: Tensor) -> Tensor:
    """Mean of |pred - gt| over the pixels of ``mask``; 0 if there is none."""
    return ((pred - gt).abs() * mask).sum() / (mask.sum() + EPS)


def dice_where_text(pred: Tensor, gt: Tensor, mask: Tensor) -> Tensor:
    """:func:`dice_loss`, but 0 if the batch has no text.

    This is PaddleOCR's ``balance_loss``. It weighs the pixels of a loss by how hard they are, but Dice is one number
    for all pixels. What remains is that a batch without text costs nothing.
    """
    text_pixels = (gt * mask).sum()
    return dice_loss(pred, gt, mask) * (text_pixels / (text_pixels + EPS))


class DBLoss(nn.Layer):
    """``alpha`` * Dice of the probability map + ``beta`` * L1 of the threshold map + Dice of the binary map.

    PaddleOCR's configs set the last three options below. Each has one value here, since none of the configs that run on
    the wheel sets another.

    Args:
        alpha: Weight of the probability term.
        beta: Weight of the threshold term.
        balance_loss: True; see :func:`dice_where_text`.
        main_loss_type: "DiceLoss", the probability term.
        ohem_ratio: Hard pixels without text per pixel with text. It has no effect, as in PaddleOCR: Dice is not a loss
            per pixel.
    Raises:
        UserError: ``balance_loss`` or ``main_loss_type`` has another value.
    """

    def __init__(
        self,
        alpha: float = 5,
        beta: float = 10,
        balance_loss: bool = True,
        main_loss_type: str = "DiceLoss",
        ohem_ratio: float = 3,
    ):
        super().__init__()
        for option, value, only in (
            ("balance_loss", balance_loss, True),
            ("main_loss_type", main_loss_type, "DiceLoss"),
        ):
            if value != only:
                raise UserError(
                    f"loss 'DBLoss': `{option}` must be {only!r} on the paddleocr wheel, got {value!r};"
                    " use a clone of PaddleOCR (--paddleocr DIR) for other values."
                )
        self.alpha = alpha
        self.beta = beta

    def forward(self, predicts: dict[str, Tensor], labels: list[Tensor]) -> dict[str, Tensor]:
        """predicts: {"maps": (B, 3, H, W)}; labels: [images, threshold map, its mask, shrink map, its mask].

        Returns:
            ``loss`` and its three terms, weighted: scalars.
        """
        probability, threshold, binary = predicts["maps"].unbind(1)
        threshold_map, threshold_mask, shrink_map, shrink_mask = labels[1:]
        terms = {
            "loss_shrink_maps": self.alpha * dice_where_text(probability, shrink_map, shrink_mask),
            "loss_threshold_maps": self.beta * masked_l1(threshold, threshold_map, threshold_mask),
            "loss_binary_maps": dice_loss(binary, shrink_map, shrink_mask),
        }
        return {"loss": sum(terms.values()), **terms}
