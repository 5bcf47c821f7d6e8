"""The losses of :mod:`~.maps` on a CPU, each in one or two passes over memory.

Each function takes and returns what the one of the same name there does, to rounding.
Shape legend: B batch, H height, W width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import paddle
from paddle import Tensor
from paddle.autograd import PyLayer

from ..fast_cpu.memory import can_use, run_in_parts, view
from .epsilons import MIN_PROBABILITY

SMALLEST = np.float32(MIN_PROBABILITY)  # as the kernels take it


def can_compare(prediction: Tensor, *targets: Tensor) -> bool:
    """Whether the kernels may compare ``prediction`` (B, H, W) with ``targets``, which get no gradient."""
    return (
        can_use(prediction, *targets)
        and prediction.ndim == 3
        and all(target.stop_gradient and target.shape == prediction.shape for target in targets)
    )


def can_compare_both(one: Tensor, other: Tensor) -> bool:
    """Whether the kernels may compare two maps (B, H, W) that both get a gradient."""
    return can_use(one, other) and one.ndim == 3 and one.shape == other.shape


def _rows(*maps: Tensor) -> list[np.ndarray]:
    """The (B, H W) pixels of each (B, H, W) map."""
    return [view(m).reshape(m.shape[0], -1) for m in maps]


def _sum_images(kernel: Callable[..., None], count: int, *maps: Tensor, numbers: tuple = ()) -> list[float]:
    """The ``count`` sums of a kernel over all images; the order of the sum does not depend on the threads."""
    sums = np.empty((maps[0].shape[0], count))
    run_in_parts(kernel, len(sums), *(view(m) for m in maps), *numbers, sums)
    return [float(total) for total in sums.sum(axis=0)]


class _BalancedBCE(PyLayer):
    @staticmethod
    def forward(ctx, p, gt, mask, ohem_ratio):
        from .map_kernels import BUCKETS, count_hardness

        p, gt, mask = (each.contiguous() for each in (p, gt, mask))
        sums, counts = np.empty((p.shape[0], 3)), np.zeros((p.shape[0], BUCKETS), np.int64)
        run_in_parts(count_hardness, len(sums), *_rows(p, gt, mask), SMALLEST, sums, counts)
        text_count, nats, broken = (float(total) for total in sums.sum(axis=0))
        hard_count = min(float(counts.sum()), ohem_ratio * text_count)
        limit, share = np.float32(-1), np.float32(0)  # selects no background pixel
        if hard_count > 0:
            limit, share, hard_nats = _select_hard(_rows(p, gt, mask), counts, hard_count)
            nats += hard_nats
        count = max(text_count + hard_count, 1)
        ctx.save_for_backward(p, gt, mask)
        ctx.numbers, ctx.count = (SMALLEST, limit, share), count
        return paddle.to_tensor(nats / count + broken, dtype="float32")

    @staticmethod
    def backward(ctx, loss_grad):
        from .map_kernels import balanced_bce_backward

        p, gt, mask = ctx.saved_tensor()
        grad = paddle.empty_like(p)
        scale = np.float32(float(loss_grad) / ctx.count)
        run_in_parts(balanced_bce_backward, p.shape[0], *_rows(p, gt, mask), *ctx.numbers, scale, *_rows(grad))
        return grad, None, None


def _select_hard(maps: list[np.ndarray], counts: np.ndarray, hard_count: float) -> tuple[np.float32, np.float32, float]:
    """The hardest background pixels, by a partial selection: only one bucket of them is put in order.

    Args:
        maps: probability, label and mask, each (B, N).
        counts: (B, BUCKETS) background pixels.
        hard_count: how many are wanted, > 0 and at most those there are.
    Returns:
        (limit, share, nats). Pixels with an argument below the limit are selected, those at the limit with the weight
        ``share``.
    """
    from .map_kernels import collect_hard

    harder_or_equal = counts.sum(axis=0)[::-1].cumsum()[::-1]
    bucket = int(np.flatnonzero(harder_or_equal >= math.ceil(hard_count))[-1])
    starts = np.concatenate([[0], counts[:, bucket].cumsum()])
    nats, arguments = np.empty(len(counts)), np.empty(starts[-1], np.float32)
    run_in_parts(collect_hard, len(counts), *maps, SMALLEST, bucket, starts, nats, arguments)
    left = hard_count - (harder_or_equal[bucket] - len(arguments))
    last = math.ceil(left) - 1
    arguments.partition(last)
    limit = arguments[last]
    below = arguments[:last][arguments[:last] < limit]
    share = (left - len(below)) / np.count_nonzero(arguments == limit)
    hard_nats = nats.sum() - np.log(below, dtype=np.float64).sum() - (left - len(below)) * math.log(limit)
    return limit, np.float32(share), float(hard_nats)


class _Dice(PyLayer):
    @staticmethod
    def forward(ctx, p, gt, mask):
        from .map_kernels import sum_overlap

        p, gt, mask = (each.contiguous() for each in (p, gt, mask))
        overlap, of_p, text = _sum_images(sum_overlap, 3, p, gt, mask)
        total = max(of_p + text, 1e-6)
        has_text = 1.0 if text > 0 else 0.0
        ctx.save_for_backward(gt, mask)
        # The derivative of -2 overlap / total by p is mask (slope gt + offset).
        ctx.numbers = -2 * has_text / total, 2 * has_text * overlap / total**2 * (of_p + text >= 1e-6)
        return paddle.to_tensor((1 - 2 * overlap / total) * has_text, dtype="float32")

    @staticmethod
    def backward(ctx, loss_grad):
        from .map_kernels import scale_labels

        gt, mask = ctx.saved_tensor()
        grad = paddle.empty_like(gt)
        numbers = [np.float32(float(loss_grad) * number) for number in ctx.numbers]
        run_in_parts(scale_labels, gt.shape[0], *_rows(gt, mask), *numbers, *_rows(grad))
        return grad, None, None


class _MaskedL1(PyLayer):
    @staticmethod
    def forward(ctx, threshold, gt, mask):
        from .map_kernels import sum_distance

        maps = [each.contiguous() for each in (threshold, gt, mask)]
        distance, weight = _sum_images(sum_distance, 2, *maps)
        ctx.save_for_backward(*maps)
        ctx.weight = max(weight, 1e-6)
        return paddle.to_tensor(distance / ctx.weight, dtype="float32")

    @staticmethod
    def backward(ctx, loss_grad):
        from .map_kernels import distance_backward

        maps = ctx.saved_tensor()
        grad = paddle.empty_like(maps[0])
        scale = np.float32(float(loss_grad) / ctx.weight)
        run_in_parts(distance_backward, grad.shape[0], *_rows(*maps), scale, *_rows(grad))
        return grad, None, None


class _Mutual(PyLayer):
    """Half the mean of the terms that ``kernels`` adds up, and its two gradients."""

    @staticmethod
    def forward(ctx, p, q, kernels, numbers):
        sum_terms, ctx.add_gradients = kernels
        p, q = p.contiguous(), q.contiguous()
        (total,) = _sum_images(sum_terms, 1, p, q, numbers=numbers)
        ctx.save_for_backward(p, q)
        ctx.numbers, ctx.wanted = numbers, [not each.stop_gradient for each in (p, q)]
        return paddle.to_tensor(0.5 * total / p.size, dtype="float32")

    @staticmethod
    def backward(ctx, loss_grad):
        p, q = ctx.saved_tensor()
        grads = paddle.empty_like(p), paddle.empty_like(q)
        scale = np.float32(0.5 * float(loss_grad) / p.size)
        run_in_parts(ctx.add_gradients, p.shape[0], *_rows(p, q), *ctx.numbers, scale, *_rows(*grads))
        return tuple(grad if wanted else None for grad, wanted in zip(grads, ctx.wanted))


def balanced_bce(p: Tensor, gt: Tensor, mask: Tensor, ohem_ratio: float) -> Tensor:
    """Binary cross-entropy with OHEM. The hardest pixels are found by partial selection."""
    return _BalancedBCE.apply(p, gt, mask, ohem_ratio)


def dice_loss(p: Tensor, gt: Tensor, mask: Tensor) -> Tensor:
    """Dice loss over the pixels of ``mask``."""
    return _Dice.apply(p, gt, mask)


def masked_l1(threshold: Tensor, gt: Tensor, mask: Tensor) -> Tensor:
    """Mean of |threshold - gt| over the pixels of ``mask``."""
    return _MaskedL1.apply(threshold, gt, mask)


def bernoulli_kl(p: Tensor, q: Tensor) -> Tensor:
    """Symmetric KL divergence between two probability maps."""
    from . import map_kernels

    kernels = map_kernels.sum_bernoulli, map_kernels.bernoulli_backward
    return _Mutual.apply(p, q, kernels, (SMALLEST,))


def stock_mutual(p: Tensor, q: Tensor) -> Tensor:
    """PaddleOCR's DMLLoss on maps."""
    from . import map_kernels

    return _Mutual.apply(p, q, (map_kernels.sum_stock_mutual, map_kernels.stock_mutual_backward), ())


def teacher_text(p: Tensor, threshold: float, dilation: int) -> Tensor:
    """(B, H, W) of 0 and 1: the pixels above ``threshold``, dilated by OpenCV."""
    p = p.contiguous()  # a name keeps it alive
    text: Any = (view(p) > threshold).astype(np.float32)
    window = np.ones((dilation, dilation), np.uint8)
    return paddle.to_tensor(np.stack([cv2.dilate(image, window).reshape(image.shape) for image in text]))
