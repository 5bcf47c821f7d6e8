"""What the detector's maps are compared with: labels, each other (DML), a teacher's dilated map. Pure functions.

Sources: DB, Liao et al., arXiv:1911.08947; collaborative mutual learning, PP-OCRv2, arXiv:2109.03144.
Shapes: B batch, H height, W width. A map is (B, H, W): a probability or a threshold in [0, 1], or a label or mask of 0
and 1. Half precision is computed in float32. Every loss is one number for the whole batch; a batch repeated n times has
the same loss, and each of its pixels 1/n of the gradient.
"""

import math

import paddle
import paddle.nn.functional as F

# Inside logarithms a probability is at least this, half the gap below 1 in float32. So of those near 1 only 1 itself is
# clamped: a sure mistake costs 17.3 nats, without gradient, which its sigmoid has lost anyway.
SMALLEST = 2.0**-25


def _float32(*maps):
    return [m.astype("float32") for m in maps]


def _clamped(p):
    # Without `max`, clip would hide infinity.
    return p.clip(min=SMALLEST, max=math.inf)


def _mean(values, weights):
    """Weighted mean; 0 if no weight is left."""
    return (values * weights).sum() / weights.sum().clip(min=1e-6)


def hardest(values, count):
    """Weights, of the shape of ``values``, that pick the ``count`` largest; their sum is ``count``.

    Equal values at the border share what is left between them, so that neither the order of pixels nor a repeated
    batch changes what is picked.

    Args:
        values: Not NaN; no gradient flows.
        count: Real number in (0, number of values].
    """
    values = values.detach()
    border = paddle.topk(values.flatten(), math.ceil(count), sorted=False)[0].min()
    above, ties = values > border, values == border
    share = (count - above.sum().astype("float64")) / ties.sum().astype("float64")
    return above.astype("float32") + ties.astype("float32") * share.astype("float32")


def balanced_bce(p, gt, mask, ohem_ratio=3.0):
    """Binary cross-entropy over text and the hardest other pixels (OHEM), mean in nats per chosen pixel. DB's L_s.

    Pixels are chosen in the whole batch, as DB does it, so an image without text still teaches; 0 if no image has text.

    Args:
        p, gt, mask: (B, H, W) probability, label, mask.
        ohem_ratio: Other pixels per text pixel, > 0; a fraction of a pixel counts as such.
    """
    p, gt, mask = _float32(p, gt, mask)
    loss = -paddle.log(_clamped((1 - gt - p).abs()))  # of p where gt is 1, of 1 - p where it is 0
    text, other = gt * mask > 0.5, (1 - gt) * mask > 0.5
    text_count, other_count = paddle.stack([text.sum(), other.sum()]).tolist()
    kept = min(other_count, ohem_ratio * text_count)
    weights = text.astype("float32")
    if kept > 0:
        weights = weights + hardest(paddle.where(other, loss, paddle.full_like(loss, -1.0)), kept)
    return (loss * weights).sum() / max(text_count + kept, 1)


def dice_loss(p, gt, mask):
    """1 - 2 |p gt| / (|p| + |gt|) over the pixels of ``mask``; in [0, 1], 0 iff p is gt there.

    Over the whole batch. 0 if there is no text: then no p overlaps better than another (its gradient is 0 either way).

    Args:
        p, gt, mask: (B, H, W) probability or binary map, label, mask.
    """
    p, gt, mask = _float32(p, gt, mask)
    text = (gt * mask).sum()
    overlap = 2 * (p * gt * mask).sum() / ((p * mask).sum() + text).clip(min=1e-6)
    return (1 - overlap) * (text > 0).astype("float32")


def bce_dice(p, gt, mask, ohem_ratio=3.0):
    """:func:`balanced_bce` + :func:`dice_loss`, >= 0; arguments as there.

    On short trainings either alone falls short: dice makes the map sure of itself and counts the few pixels that part
    two words for little, BCE with OHEM parts them and leaves the map unsure.
    """
    return balanced_bce(p, gt, mask, ohem_ratio) + dice_loss(p, gt, mask)


def masked_l1(threshold, gt, mask):
    """Mean of |threshold - gt| over the pixels of ``mask``, in [0, 1]; 0 if there are none. DB's L_t, as a mean.

    Args:
        threshold, gt, mask: (B, H, W) threshold map, its label, its mask.
    """
    threshold, gt, mask = _float32(threshold, gt, mask)
    return _mean((threshold - gt).abs(), mask)


def db_loss(maps, labels, probability_loss=balanced_bce, alpha=5.0, beta=10.0):
    """alpha l_p + l_b + beta l_t of one network against the labels, no unit.

    The weights stand where DB's code and PaddleOCR's configs have them. The papers write l_p + a l_b + b l_t: DB's
    a = 1, b = 10 is alpha 1, beta 10; for another a take a times the loss at alpha 1 / a, beta b / a.

    Args:
        maps: (B, 3, H, W) probability, threshold, binary map.
        labels: (threshold label, its mask, text label, its mask), each (B, H, W).
        probability_loss: l_p: :func:`balanced_bce` as published, :func:`dice_loss` as PaddleOCR's DBLoss has it, or
            their sum :func:`bce_dice`.
        alpha: Weight of the probability map's term.
        beta: Weight of the threshold map's L1.
    """
    probability, threshold, binary = maps.astype("float32").unbind(1)
    threshold_gt, threshold_mask, text, mask = labels
    l_p, l_b = probability_loss(probability, text, mask), dice_loss(binary, text, mask)
    return alpha * l_p + l_b + beta * masked_l1(threshold, threshold_gt, threshold_mask)


def distillation_loss(maps, text, mask, probability_loss=balanced_bce, gamma=5.0):
    """gamma l_p + l_b of one student against the teacher's text, no unit.

    Args:
        maps: (B, 3, H, W) of the student; its threshold map takes no part.
        text: (B, H, W) of :func:`dilated_text`.
        mask: (B, H, W), the mask of the text label, so that ignored text is ignored here too.
        probability_loss: As in :func:`db_loss`.
        gamma: Weight of the probability map's term.
    """
    probability, _, binary = maps.astype("float32").unbind(1)
    return gamma * probability_loss(probability, text, mask) + dice_loss(binary, text, mask)


def bernoulli_kl(p, q):
    """Symmetric KL divergence between two probability maps, mean over all pixels, nats per pixel. Zhang et al., 2018.

    .. math:: 1/2 (KL(p | q) + KL(q | p)) = 1/2 (p - q) (logit p - logit q), both outcomes counted

    Args:
        p, q: (B, H, W), clamped inside the logarithms. Both receive gradient.
    Returns:
        Scalar >= 0; 0 iff the maps are equal.
    """
    p, q = _float32(p, q)
    odds_ratio = _clamped(p) * _clamped(1 - q) / (_clamped(q) * _clamped(1 - p))  # in [2^-50, 2^50]
    return 0.5 * ((p - q) * paddle.log(odds_ratio)).mean()


def stock_mutual(p, q):
    """PaddleOCR's DMLLoss on maps: of :func:`bernoulli_kl` the terms in log p and log q, not those in log (1 - p).

    So it hardly sees a difference where both are sure of text. Known difference: PaddleOCR leaves one number per image,
    which multiplies the gradient by B; this is their mean.

    Args:
        p, q: (B, H, W). Both receive gradient.
    """
    p, q = _float32(p, q)
    eps = 1e-5  # twice, as there: against 0 / 0 and against log 0
    forth = p * paddle.log((p + eps) / (q + eps) + eps)
    back = q * paddle.log((q + eps) / (p + eps) + eps)
    return 0.5 * (forth + back).mean()


def dilate(text, size):
    """Largest value in a ``size`` x ``size`` window, bit-equal to ``cv2.dilate`` with ones; on the maps' own device.

    An even window reaches one pixel further to the left and to the top, so text grows to the right and the bottom.

    Args:
        text: (B, H, W), values >= 0.
        size: Side of the window in pixels, >= 1; 1 changes nothing.
    """
    before = size // 2
    after = size - 1 - before
    padded = F.pad(text.unsqueeze(1), [before, after, before, after])  # left, right, top, bottom
    return F.max_pool2d(padded, size, stride=1).squeeze(1)


def dilated_text(p, threshold=0.3, dilation=2):
    """What a teacher takes for text, dilated: (B, H, W) of 0 and 1, without gradient.

    Args:
        p: (B, H, W) probability map of the teacher.
        threshold: Text is p > threshold.
        dilation: ``size`` of :func:`dilate`.
    """
    return dilate((p.detach().astype("float32") > threshold).astype("float32"), dilation)


MAIN_LOSSES = {"bce": balanced_bce, "dice": dice_loss, "bce+dice": bce_dice}
MUTUAL_LOSSES = {"bernoulli": bernoulli_kl, "stock": stock_mutual}
