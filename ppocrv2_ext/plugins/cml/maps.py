"""What the maps of a detector are compared with: labels, another student (DML), a teacher's dilated text.

Pure functions. Sources: DB, Liao et al., arXiv:1911.08947; collaborative mutual learning, PP-OCRv2, arXiv:2109.03144.

Shape legend: B batch, H height, W width. A map is (B, H, W) and holds probabilities or thresholds in [0, 1]. A label of
text and a mask hold 0 and 1. Half precision is computed in float32. Every loss is one number for the whole batch. A
batch that is repeated n times has the same loss, and each of its pixels gets 1 / n of the gradient.

The formulas here are the reference. They use Paddle's operators and run on every device. On a CPU the loops of
:mod:`~.cpu_maps` compute the same, several times faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor

from ..fast_cpu.memory import can_view
from . import cpu_maps
from .epsilons import MIN_PROBABILITY, STOCK_EPS


def _to_float32(*maps: Tensor) -> list[Tensor]:
    return [m.astype("float32") for m in maps]


def _clamp(p: Tensor) -> Tensor:
    # Without `max`, clip would hide infinity.
    return p.clip(min=MIN_PROBABILITY, max=math.inf)


def _weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean; 0 if all weights are 0."""
    return (values * weights).sum() / weights.sum().clip(min=1e-6)


def hardest_weights(values: Tensor, count: float | Tensor) -> Tensor:
    """Weights that select the ``count`` largest values. Their sum is ``count``.

    Values that are equal to the smallest selected one share what is left of ``count``. So neither the order of pixels
    nor a repeated batch changes the selection.

    Args:
        values: of any shape, not NaN. No gradient flows through the selection.
        count: real number in (0, number of values], as a number or a scalar.
    Returns:
        Weights in [0, 1], in the shape of ``values``.
    """
    values = values.detach()
    # Selection takes a number. On another device the host would have to wait for it, so that a sort is quicker there.
    find_smallest = smallest_by_selection if can_view(values) else smallest_by_sort
    smallest = find_smallest(values.flatten(), count)
    above, ties = values > smallest, values == smallest
    share = (count - above.sum().astype("float64")) / ties.sum().astype("float64")
    return above.astype("float32") + ties.astype("float32") * share.astype("float32")


def smallest_by_selection(values: Tensor, count: float | Tensor) -> Tensor:
    """The smallest of the ``count`` largest of (N,) values; ``count`` is rounded up."""
    position = values.shape[0] - math.ceil(float(count))
    return paddle.to_tensor(np.partition(values.numpy(), position)[position])


def smallest_by_sort(values: Tensor, count: float | Tensor) -> Tensor:
    """:func:`smallest_by_selection` of a ``count`` that stays on its device."""
    index = paddle.to_tensor(count, dtype="float64").ceil().astype("int64") - 1
    return paddle.sort(values, descending=True).gather(index.reshape([1])).squeeze()


def balanced_bce(p: Tensor, gt: Tensor, mask: Tensor, ohem_ratio: float = 3.0) -> Tensor:
    """Binary cross-entropy over all text pixels and the hardest background pixels (OHEM). DB's L_s.

    As in DB, the hardest pixels are selected in the whole batch, so an image without text also teaches.

    Args:
        p, gt, mask: (B, H, W) probability, label, mask.
        ohem_ratio: background pixels per text pixel, > 0. A fraction of a pixel counts as a fraction.
    Returns:
        Scalar >= 0, mean in nats per selected pixel. 0 if no image has text.
    """
    p, gt, mask = _to_float32(p, gt, mask)
    if cpu_maps.can_compare(p, gt, mask):
        return cpu_maps.balanced_bce(p, gt, mask, ohem_ratio)
    argument = _clamp((1 - gt - p).abs())  # p where gt is 1, 1 - p where it is 0
    text, background = gt * mask > 0.5, (1 - gt) * mask > 0.5
    text_count, background_count = (pixels.sum().astype("float64") for pixels in (text, background))
    hard_count = paddle.minimum(background_count, ohem_ratio * text_count)
    hardness = paddle.where(background, -argument, paddle.full_like(argument, -math.inf))
    # Without text no pixel is hard. Then a part of one pixel is selected, and its weight set to 0.
    hard = hardest_weights(hardness, hard_count.clip(min=1e-6)) * (hard_count > 0).astype("float32")
    weights = text.astype("float32") + hard
    return (-paddle.log(argument) * weights).sum() / (text_count + hard_count).clip(min=1).astype("float32")


def dice_loss(p: Tensor, gt: Tensor, mask: Tensor) -> Tensor:
    """1 - 2 |p gt| / (|p| + |gt|) over the pixels of ``mask`` in the whole batch.

    Args:
        p, gt, mask: (B, H, W) probability or binary map, label, mask.
    Returns:
        Scalar in [0, 1]. 0 iff p equals gt in the mask, or if the batch has no text: then every p overlaps equally,
        and the gradient is 0.
    """
    p, gt, mask = _to_float32(p, gt, mask)
    if cpu_maps.can_compare(p, gt, mask):
        return cpu_maps.dice_loss(p, gt, mask)
    text = (gt * mask).sum()
    overlap = 2 * (p * gt * mask).sum() / ((p * mask).sum() + text).clip(min=1e-6)
    return (1 - overlap) * (text > 0).astype("float32")


def bce_dice(p: Tensor, gt: Tensor, mask: Tensor, ohem_ratio: float = 3.0) -> Tensor:
    """:func:`balanced_bce` + :func:`dice_loss`, with their arguments. Scalar >= 0.

    In a short training neither is enough alone. Dice makes the map confident, but the few pixels between two words
    count for little in it. BCE with OHEM separates the words, but leaves the map unsure.
    """
    return balanced_bce(p, gt, mask, ohem_ratio) + dice_loss(p, gt, mask)


def masked_l1(threshold: Tensor, gt: Tensor, mask: Tensor) -> Tensor:
    """Mean of |threshold - gt| over the pixels of ``mask``. DB's L_t, as a mean instead of a sum.

    Args:
        threshold, gt, mask: (B, H, W) threshold map, its label, its mask.
    Returns:
        Scalar in [0, 1]; 0 if the mask is empty.
    """
    threshold, gt, mask = _to_float32(threshold, gt, mask)
    if cpu_maps.can_compare(threshold, gt, mask):
        return cpu_maps.masked_l1(threshold, gt, mask)
    return _weighted_mean((threshold - gt).abs(), mask)


def db_loss(
    maps: Sequence[Tensor],
    labels: Sequence[Tensor],
    probability_loss: Callable[..., Tensor] = balanced_bce,
    alpha: float = 5.0,
    beta: float = 10.0,
) -> Tensor:
    """alpha l_p + l_b + beta l_t of one network against the labels. Scalar >= 0, without unit.

    DB's code and PaddleOCR's configs put the weights in these places. The papers put alpha on another term and write
    l_p + a l_b + b l_t. Their loss is a times this one, with alpha = 1 / a and beta = b / a. DB's own choice, a = 1
    and b = 10, is alpha = 1 and beta = 10 here.

    Args:
        maps: probability, threshold and binary map, each (B, H, W).
        labels: (threshold label, its mask, text label, its mask), each (B, H, W).
        probability_loss: l_p. :func:`balanced_bce` as published, :func:`dice_loss` as in PaddleOCR's DBLoss, or their
            sum :func:`bce_dice`.
        alpha: weight of l_p, on the probability map.
        beta: weight of l_t, the L1 of the threshold map.
    """
    probability, threshold, binary = maps
    threshold_gt, threshold_mask, text, mask = labels
    l_p, l_b = probability_loss(probability, text, mask), dice_loss(binary, text, mask)
    return alpha * l_p + l_b + beta * masked_l1(threshold, threshold_gt, threshold_mask)


def distillation_loss(
    maps: Sequence[Tensor],
    text: Tensor,
    mask: Tensor,
    probability_loss: Callable[..., Tensor] = balanced_bce,
    gamma: float = 5.0,
) -> Tensor:
    """gamma l_p + l_b of one student against the teacher's text. Scalar >= 0, without unit.

    Args:
        maps: probability, threshold and binary map of the student, each (B, H, W). The threshold map is not used.
        text: (B, H, W) of :func:`teacher_text`.
        mask: (B, H, W), the mask of the text label, so that ignored text is ignored here too.
        probability_loss: as in :func:`db_loss`.
        gamma: weight of l_p, on the probability map.
    """
    probability, _, binary = maps
    return gamma * probability_loss(probability, text, mask) + dice_loss(binary, text, mask)


def bernoulli_kl(p: Tensor, q: Tensor) -> Tensor:
    """Symmetric KL divergence between two probability maps (Zhang et al., CVPR 2018).

    .. math:: 1/2 (KL(p | q) + KL(q | p)) = 1/2 (p - q) (logit p - logit q),  text and background both counted

    Args:
        p, q: (B, H, W), clamped inside the logarithms. Both receive gradient.
    Returns:
        Scalar >= 0, mean over all pixels in nats per pixel. 0 iff the maps are equal.
    """
    p, q = _to_float32(p, q)
    if cpu_maps.can_compare_both(p, q):
        return cpu_maps.bernoulli_kl(p, q)
    odds_ratio = _clamp(p) * _clamp(1 - q) / (_clamp(q) * _clamp(1 - p))  # in [2^-50, 2^50]
    return 0.5 * ((p - q) * paddle.log(odds_ratio)).mean()


def stock_mutual(p: Tensor, q: Tensor) -> Tensor:
    """PaddleOCR's DMLLoss on maps: the terms of :func:`bernoulli_kl` in log p and log q, without those in log (1 - p).

    Where both maps are sure of text it hardly sees a difference. Known difference: PaddleOCR leaves one number per
    image, which multiplies the gradient by B; this is the mean of those numbers.

    Args:
        p, q: (B, H, W). Both receive gradient.
    Returns:
        Scalar, mean over all pixels.
    """
    p, q = _to_float32(p, q)
    if cpu_maps.can_compare_both(p, q):
        return cpu_maps.stock_mutual(p, q)
    eps = STOCK_EPS
    p_to_q = p * paddle.log((p + eps) / (q + eps) + eps)
    q_to_p = q * paddle.log((q + eps) / (p + eps) + eps)
    return 0.5 * (p_to_q + q_to_p).mean()


def dilate(text: Tensor, size: int) -> Tensor:
    """Largest value in a ``size`` x ``size`` window, bit-equal to ``cv2.dilate`` with ones.

    It runs on the device of the map. An even window reaches one pixel further to the left and to the top, so text grows
    to the right and to the bottom.

    Args:
        text: (B, H, W), values >= 0.
        size: side of the window in pixels, >= 1. 1 changes nothing.
    """
    before = size // 2
    after = size - 1 - before
    padded = F.pad(text.unsqueeze(1), [before, after, before, after])  # left, right, top, bottom
    return F.max_pool2d(padded, size, stride=1).squeeze(1)


def teacher_text(p: Tensor, threshold: float = 0.3, dilation: int = 2) -> Tensor:
    """The pixels that a teacher considers text, dilated.

    Args:
        p: (B, H, W) probability map of the teacher.
        threshold: a pixel is text if p > threshold.
        dilation: ``size`` of :func:`dilate`.
    Returns:
        (B, H, W) of 0 and 1, without gradient.
    """
    p = p.detach().astype("float32")
    if can_view(p):
        return cpu_maps.teacher_text(p, threshold, dilation)
    return dilate((p > threshold).astype("float32"), dilation)


MAIN_LOSSES: dict[str, Callable[..., Tensor]] = {"bce": balanced_bce, "dice": dice_loss, "bce+dice": bce_dice}
MUTUAL_LOSSES = {"bernoulli": bernoulli_kl, "stock": stock_mutual}
