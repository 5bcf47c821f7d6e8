"""The losses of maps and their gradients as loops over float32 pixels, compiled on the first call.

Shape legend: B batch, H height, W width. All arrays are C-contiguous. A row is added up in float32, rows in float64.
What a map is compared with needs no gradient: a label, a mask.
"""

from __future__ import annotations

import math

import numpy as np

from ..fast_cpu.compilation import HALF, ONE, ZERO, compiled, inlined
from . import epsilons

TWO = np.float32(2)
STOCK_EPS = np.float32(epsilons.STOCK_EPS)
# The logarithm of Cephes for float32: the polynomial is of m - 1, where x = m 2^e and m is in [1/sqrt 2, sqrt 2).
MANTISSA, ONE_BITS, EXPONENT_SHIFT, EXPONENT_BIAS = (np.int32(bits) for bits in (0x7FFFFF, 0x3F800000, 23, 127))
# A bucket holds the float32 numbers that share their first 16 bits; those in [0, 1] fill so many.
BUCKET_SHIFT, BUCKETS = np.int32(16), (0x3F800000 >> 16) + 1
SMALL_PRODUCT = 1e-280  # times a float32 it is still a normal float64
SQRT_TWO, LOG_TWO_HIGH, LOG_TWO_LOW = (np.float32(number) for number in (2**0.5, 0.693359375, -2.12194440e-4))
P0, P1, P2, P3, P4, P5, P6, P7, P8 = (
    np.float32(number)
    for number in (
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    )
)


@inlined
def _log(x):
    """Natural logarithm of a normal float32 > 0. A call of the C library would keep the loop from vector instructions.

    What is no such number gives a number without meaning.
    """
    bits = np.float32(x).view(np.int32)
    exponent = np.float32(np.int32(bits >> EXPONENT_SHIFT) - EXPONENT_BIAS)
    m = np.int32((bits & MANTISSA) | ONE_BITS).view(np.float32)
    is_large = m > SQRT_TWO
    m = m * HALF if is_large else m
    exponent = exponent + ONE if is_large else exponent
    f = m - ONE
    square = f * f
    y = ((((((((P0 * f + P1) * f + P2) * f + P3) * f + P4) * f + P5) * f + P6) * f + P7) * f + P8) * f * square
    return f + (y + LOG_TWO_LOW * exponent - HALF * square) + LOG_TWO_HIGH * exponent


@inlined
def _clamp(x, smallest):
    """The larger of the two. ``max`` would keep a loop from vector instructions."""
    return x if x > smallest else smallest


@inlined
def _is_one(condition):
    """1 or 0. A quotient times this number is a vector instruction; a quotient behind a condition is none."""
    return ONE if condition else ZERO


@inlined
def _subtract(p, gt):
    """1 - gt - p of a label of 0 or 1. In one formula the sum could be regrouped, and a small p be rounded away."""
    return -p if gt > HALF else ONE - p


@inlined
def _find_bucket(argument):
    """The bucket, in 0..BUCKETS - 1, of a background pixel: the harder the pixel, the higher, or the same."""
    hardness = _clamp(ONE - argument, ZERO)
    return np.int32(np.float32(hardness).view(np.int32) >> BUCKET_SHIFT)


@compiled
def count_hardness(
    first: int,
    last: int,
    p: np.ndarray,
    gt: np.ndarray,
    mask: np.ndarray,
    smallest: float,
    sums: np.ndarray,
    counts: np.ndarray,
) -> None:
    """First pass of balanced BCE over images ``first`` to ``last`` of (B, N) maps.

    Args:
        smallest: what the arguments of the logarithm are clamped to.
        sums: (B, 3), receives the number of text pixels, their nats, and 0 or NaN where a probability is no number.
        counts: (B, BUCKETS) zeros, to which the background pixels are added.
    """
    for b in range(first, last):
        maps, texts, masks, count = p[b], gt[b], mask[b], counts[b]
        text_count, nats, product, broken = 0, 0.0, 1.0, ZERO
        for i in range(len(maps)):
            argument = _clamp(abs(_subtract(maps[i], texts[i])), smallest)
            broken += ZERO * maps[i]
            if texts[i] * masks[i] > HALF:
                text_count += 1
                product *= argument  # one logarithm for many pixels
                if product < SMALL_PRODUCT:
                    nats -= math.log(product)
                    product = 1.0
            elif (ONE - texts[i]) * masks[i] > HALF:
                count[_find_bucket(argument)] += 1
        sums[b, 0], sums[b, 1], sums[b, 2] = text_count, nats - math.log(product), broken


@compiled
def collect_hard(
    first: int,
    last: int,
    p: np.ndarray,
    gt: np.ndarray,
    mask: np.ndarray,
    smallest: float,
    bucket: int,
    starts: np.ndarray,
    nats: np.ndarray,
    arguments: np.ndarray,
) -> None:
    """Second pass of balanced BCE over images ``first`` to ``last`` of (B, N) maps.

    Args:
        bucket: the pixels of higher buckets are all selected.
        starts: (B,), where the pixels of the bucket itself begin in ``arguments``.
        nats: (B,), receives the nats of the pixels of higher buckets.
        arguments: (K,), receives the arguments of the pixels of the bucket, image by image.
    """
    for b in range(first, last):
        maps, texts, masks, position = p[b], gt[b], mask[b], starts[b]
        total, product = 0.0, 1.0
        for i in range(len(maps)):
            argument = _clamp(abs(_subtract(maps[i], texts[i])), smallest)
            found = _find_bucket(argument)
            if found >= bucket and (ONE - texts[i]) * masks[i] > HALF and texts[i] * masks[i] <= HALF:
                if found > bucket:
                    product *= argument
                    if product < SMALL_PRODUCT:
                        total -= math.log(product)
                        product = 1.0
                else:
                    arguments[position] = argument
                    position += 1
        nats[b] = total - math.log(product)


@compiled
def balanced_bce_backward(
    first: int,
    last: int,
    p: np.ndarray,
    gt: np.ndarray,
    mask: np.ndarray,
    smallest: float,
    limit: float,
    share: float,
    scale: float,
    p_grad: np.ndarray,
) -> None:
    """Gradient of balanced BCE for images ``first`` to ``last`` of (B, N) maps.

    A background pixel counts if its argument is below ``limit``, and with the weight ``share`` if it equals ``limit``.
    """
    for b in range(first, last):
        maps, texts, masks, grads = p[b], gt[b], mask[b], p_grad[b]
        for i in range(len(maps)):
            signed = _subtract(maps[i], texts[i])
            size = abs(signed)
            argument = _clamp(size, smallest)
            hard = _is_one(argument < limit) + share * _is_one(argument == limit)
            is_text = _is_one(texts[i] * masks[i] > HALF)
            is_background = _is_one((ONE - texts[i]) * masks[i] > HALF)
            weight = (is_text + is_background * hard) * _is_one(size >= smallest)
            grads[i] = scale * weight * (TWO * _is_one(signed > ZERO) - ONE) / argument


@compiled
def sum_overlap(first: int, last: int, p: np.ndarray, gt: np.ndarray, mask: np.ndarray, sums: np.ndarray) -> None:
    """Sums (B, 3) of dice for images ``first`` to ``last`` of (B, H, W): of p gt, of p and of gt, each times mask."""
    for b in range(first, last):
        overlap, of_p, of_text = 0.0, 0.0, 0.0
        for y in range(p.shape[1]):
            part, part_p, part_text = ZERO, ZERO, ZERO
            for x in range(p.shape[2]):
                text = gt[b, y, x] * mask[b, y, x]
                part += p[b, y, x] * text
                part_p += p[b, y, x] * mask[b, y, x]
                part_text += text
            overlap += part
            of_p += part_p
            of_text += part_text
        sums[b, 0], sums[b, 1], sums[b, 2] = overlap, of_p, of_text


@compiled
def scale_labels(
    first: int, last: int, gt: np.ndarray, mask: np.ndarray, slope: float, offset: float, out: np.ndarray
) -> None:
    """mask (slope gt + offset) for images ``first`` to ``last`` of (B, N): the gradient of dice."""
    for b in range(first, last):
        for i in range(gt.shape[1]):
            out[b, i] = mask[b, i] * (slope * gt[b, i] + offset)


@compiled
def sum_distance(
    first: int, last: int, threshold: np.ndarray, gt: np.ndarray, mask: np.ndarray, sums: np.ndarray
) -> None:
    """Sums (B, 2) of the L1 loss for images ``first`` to ``last`` of (B, H, W): of distance times mask, of the mask."""
    for b in range(first, last):
        distance, weight = 0.0, 0.0
        for y in range(gt.shape[1]):
            part, part_weight = ZERO, ZERO
            for x in range(gt.shape[2]):
                part += abs(threshold[b, y, x] - gt[b, y, x]) * mask[b, y, x]
                part_weight += mask[b, y, x]
            distance += part
            weight += part_weight
        sums[b, 0], sums[b, 1] = distance, weight


@compiled
def distance_backward(
    first: int, last: int, threshold: np.ndarray, gt: np.ndarray, mask: np.ndarray, scale: float, out: np.ndarray
) -> None:
    """Gradient of the L1 loss for images ``first`` to ``last`` of (B, N)."""
    for b in range(first, last):
        for i in range(gt.shape[1]):
            difference = threshold[b, i] - gt[b, i]
            sign = ONE if difference > ZERO else (-ONE if difference < ZERO else ZERO)
            out[b, i] = scale * mask[b, i] * sign


@inlined
def _bernoulli(p, q, smallest):
    """log of the odds ratio, and the four clamped numbers in it. NaN and infinity give NaN."""
    p_clamped, q_clamped = _clamp(p, smallest), _clamp(q, smallest)
    not_p, not_q = _clamp(ONE - p, smallest), _clamp(ONE - q, smallest)
    log_odds = _log(p_clamped * not_q / (q_clamped * not_p)) + ZERO * p + ZERO * q
    return log_odds, p_clamped, q_clamped, not_p, not_q


@compiled
def sum_bernoulli(first: int, last: int, p: np.ndarray, q: np.ndarray, smallest: float, sums: np.ndarray) -> None:
    """Sums (B, 1) of (p - q) log(odds ratio) for images ``first`` to ``last`` of (B, H, W)."""
    for b in range(first, last):
        total = 0.0
        for y in range(p.shape[1]):
            part, ps, qs = ZERO, p[b, y], q[b, y]
            for x in range(len(ps)):
                part += (ps[x] - qs[x]) * _bernoulli(ps[x], qs[x], smallest)[0]
            total += part
        sums[b, 0] = total


@compiled
def bernoulli_backward(
    first: int,
    last: int,
    p: np.ndarray,
    q: np.ndarray,
    smallest: float,
    scale: float,
    p_grad: np.ndarray,
    q_grad: np.ndarray,
) -> None:
    """Both gradients of :func:`sum_bernoulli`, times ``scale``, for images ``first`` to ``last`` of (B, N)."""
    for b in range(first, last):
        ps, qs, p_grads, q_grads = p[b], q[b], p_grad[b], q_grad[b]
        for i in range(len(ps)):
            log_odds, p_clamped, q_clamped, not_p, not_q = _bernoulli(ps[i], qs[i], smallest)
            difference = ps[i] - qs[i]
            p_slope = _is_one(ps[i] >= smallest) / p_clamped + _is_one(ONE - ps[i] >= smallest) / not_p
            q_slope = _is_one(qs[i] >= smallest) / q_clamped + _is_one(ONE - qs[i] >= smallest) / not_q
            p_grads[i] = scale * (log_odds + difference * p_slope)
            q_grads[i] = -scale * (log_odds + difference * q_slope)


@compiled
def sum_stock_mutual(first: int, last: int, p: np.ndarray, q: np.ndarray, sums: np.ndarray) -> None:
    """Sums (B, 1) of PaddleOCR's mutual loss for images ``first`` to ``last`` of (B, H, W)."""
    for b in range(first, last):
        total = 0.0
        for y in range(p.shape[1]):
            part, ps, qs = ZERO, p[b, y], q[b, y]
            for x in range(len(ps)):
                near_p, near_q = ps[x] + STOCK_EPS, qs[x] + STOCK_EPS
                part += ps[x] * _log(near_p / near_q + STOCK_EPS) + ZERO * ps[x]
                part += qs[x] * _log(near_q / near_p + STOCK_EPS) + ZERO * qs[x]
            total += part
        sums[b, 0] = total


@compiled
def stock_mutual_backward(
    first: int, last: int, p: np.ndarray, q: np.ndarray, scale: float, p_grad: np.ndarray, q_grad: np.ndarray
) -> None:
    """Both gradients of :func:`sum_stock_mutual`, times ``scale``, for images ``first`` to ``last`` of (B, N)."""
    for b in range(first, last):
        ps, qs, p_grads, q_grads = p[b], q[b], p_grad[b], q_grad[b]
        for i in range(len(ps)):
            near_p, near_q = ps[i] + STOCK_EPS, qs[i] + STOCK_EPS
            p_to_q, q_to_p = near_p / near_q, near_q / near_p
            # of p log(p_to_q + eps) and of q log(q_to_p + eps), by p_to_q and by q_to_p
            slope_p, slope_q = ps[i] / (p_to_q + STOCK_EPS), qs[i] / (q_to_p + STOCK_EPS)
            p_grads[i] = scale * (_log(p_to_q + STOCK_EPS) + slope_p / near_q - slope_q * q_to_p / near_p)
            q_grads[i] = scale * (_log(q_to_p + STOCK_EPS) + slope_q / near_p - slope_p * p_to_q / near_q)
