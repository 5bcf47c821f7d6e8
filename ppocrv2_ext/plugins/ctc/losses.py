"""CTC over text lines that counts infeasible labels instead of training on them; Focal-CTC and ACE beside it.

Shape legend: B lines, T frames, C classes, class 0 the blank, L >= 1 the longest label. A label is infeasible if its
line has too few frames for it (:func:`~.alignment.is_feasible`).
CTC: Graves et al., ICML 2006. Focal-CTC and A-CTC: PaddleOCR, enhanced_ctc_loss.en.md. ACE: Xie et al.,
arXiv:1904.08364.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ...arguments import non_negative, positive
from ...errors import UserError
from ...registry import LOSSES
from ..fast_cpu.memory import can_view
from ..terms import logits_of, on_cpu, output_of, weighted_sum
from . import cpu_loss
from .alignment import is_feasible
from .frames import gather_classes, length_mask, log_softmax, to_float32


def ctc_losses(logits: Tensor, labels: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Negative log-likelihood of each label: minus the log of the summed probability of all paths that CTC reads as it.

    On a CPU :mod:`~.cpu_loss` computes it. Elsewhere Paddle's kernel limits what a single frame can add to about
    87 nats.

    Args:
        logits: (B, T, C) of any float type; half precision is computed in float32.
        labels: (B, L) classes in 1..C-1, padded.
        lengths: (B,) integers in 0..L.
    Returns:
        (B,) nats per line, >= 0, and (B,) booleans, whether each label is feasible. The value of an infeasible label
        means nothing: it is computed as if the label were empty.
    Raises:
        UserError: a label holds a class that the logits do not have. Labels on another device than the CPU are not
            checked, because the host would have to wait for them.
    """
    logits, lengths = to_float32(logits), lengths.astype("int64")
    lines, frames, classes = logits.shape
    _check_labels(labels, lengths, classes)
    fits = is_feasible(labels, lengths, frames)
    lengths = paddle.where(fits, lengths, paddle.zeros_like(lengths))
    if can_view(logits):
        return cpu_loss.ctc_losses(logits, labels, lengths), fits
    # Paddle's kernel ends the process when every label is empty. So one more line has a label; its loss is left out.
    logits = paddle.concat([logits, paddle.zeros_like(logits[:1])])
    labels = paddle.concat([labels, paddle.ones_like(labels[:1])])
    lengths = paddle.concat([lengths, paddle.ones_like(lengths[:1])])
    # In CPU memory: the kernel reads the lengths there, and would wait for a tensor on the GPU.
    frame_counts = paddle.to_tensor([frames] * (lines + 1), dtype="int64", place=paddle.CPUPlace())
    losses = F.ctc_loss(logits.transpose([1, 0, 2]), labels.astype("int32"), frame_counts, lengths, reduction="none")
    return losses.flatten()[:lines], fits


def mean_where(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of (B,) values where ``mask``, (B,) booleans, is true; 0 with a gradient of 0 if it is true nowhere."""
    values = paddle.where(mask, values, paddle.zeros_like(values))
    return values.sum() / mask.astype(values.dtype).sum().clip(min=1)


def ctc_loss(logits: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
    """Mean of :func:`ctc_losses` over the lines with a feasible label, in nats per line; 0 if there are none."""
    return mean_where(*ctc_losses(logits, labels, lengths))


def focal_ctc(logits: Tensor, labels: Tensor, lengths: Tensor, gamma: float = 2.0, alpha: float = 1.0) -> Tensor:
    """CTC in which a line counts for less the better it is read.

    .. math:: L = alpha (1 - p)^gamma (-log p),  p = the probability of the label

    Args:
        logits, labels, lengths: as in :func:`ctc_losses`.
        gamma: >= 0. 0 is plain CTC; the published value is 2.
        alpha: > 0. The published value is 1; 0.25 belongs to Focal loss for object detection.
    Returns:
        Scalar >= 0, in nats per line, averaged over the lines with a feasible label.
    """
    losses, fits = ctc_losses(logits, labels, lengths)
    # At least 1e-30, so that a power below 1 has a gradient at p = 1 and rounding cannot make the base negative.
    one_minus_p = (-paddle.expm1(-losses)).clip(min=1e-30)
    return mean_where(alpha * one_minus_p**gamma * losses, fits)


def ace_loss(logits: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
    """Aggregation cross-entropy: do all frames together hold each character as often as the label does?

    .. math:: L = -sum_k N_k / T log(mean_t p_tk),  N_k = how often the label has k, N_blank = T - its length

    Args:
        logits, labels, lengths: as in :func:`ctc_losses`.
    Returns:
        Scalar, in nats per frame, at least the entropy of N / T. It is averaged over the lines with length <= T; 0 if
        there are none.
    Raises:
        UserError: a label holds a class that the logits do not have.
    """
    frames, classes = logits.shape[1:]
    lengths = lengths.astype("int64")
    _check_labels(labels, lengths, classes)
    targets = paddle.concat([paddle.zeros_like(labels[:, :1]), labels], axis=1).astype("int64")  # (B, 1 + L)
    log_probs = gather_classes(log_softmax(to_float32(logits)), targets)
    log_means = paddle.logsumexp(log_probs, axis=1) - math.log(frames)  # (B, 1 + L)
    present = length_mask(lengths, labels.shape[1]).astype("int64")
    counts = paddle.concat([(frames - lengths).unsqueeze(1), present], axis=1).astype(log_means.dtype)
    return mean_where(-(counts * log_means).sum(axis=1) / frames, lengths <= frames)


@LOSSES.register
class FeasibleCTCLoss(nn.Layer):
    """:func:`ctc_loss` of one network. The log shows as ``infeasible`` how many labels of a batch are too long.

    Args:
        network: its name in ``Architecture.Models``; None for a single network.
    """

    def __init__(self, network: str | None = None) -> None:
        super().__init__()
        self.network = network

    def forward(self, predicts: Any, batch: Sequence[Any]) -> dict[str, Tensor]:
        """The loss of one batch.

        Args:
            predicts: (B, T, C) logits: alone, last in a tuple, or under ``head_out``. {network: any of these} for
                several networks.
            batch: [images, labels (B, L), lengths (B,)].
        Returns:
            {"loss": scalar, the term under its own name for the log, "infeasible": that number of labels}. The
            CombinedLoss of a clone of PaddleOCR multiplies all of it by the weight of this loss; ours leaves the number
            of labels as it is.
        Raises:
            UserError: a network or an output is missing, or a label holds a class that the head does not have.
        """
        losses, fits = ctc_losses(logits_of(output_of(predicts, self.network)), batch[1], batch[2])
        report = weighted_sum({"ctc": (1.0, mean_where(losses, fits))})
        return {**report, "infeasible": (~fits).astype("float32").sum()}


@LOSSES.register
class FocalCTCLoss(nn.Layer):
    """:func:`focal_ctc` of one network, in place of CTC.

    Args:
        gamma: >= 0. 0 is plain CTC.
        alpha: > 0.
        network: its name in ``Architecture.Models``; None for a single network.
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, gamma: float = 2.0, alpha: float = 1.0, network: str | None = None) -> None:
        super().__init__()
        self.gamma, self.alpha, self.network = non_negative(gamma, "gamma"), positive(alpha, "alpha"), network

    def forward(self, predicts: Any, batch: Sequence[Any]) -> dict[str, Tensor]:
        """Takes and returns what :class:`FeasibleCTCLoss` does, without ``infeasible``; the term is ``focal_ctc``."""
        logits = logits_of(output_of(predicts, self.network))
        return weighted_sum({"focal_ctc": (1.0, focal_ctc(logits, batch[1], batch[2], self.gamma, self.alpha))})


@LOSSES.register
class AggregationCrossEntropyLoss(nn.Layer):
    """:func:`ace_loss` of one network, to be added to CTC; the published weight is 0.1.

    Args:
        network: its name in ``Architecture.Models``; None for a single network.
    """

    def __init__(self, network: str | None = None) -> None:
        super().__init__()
        self.network = network

    def forward(self, predicts: Any, batch: Sequence[Any]) -> dict[str, Tensor]:
        """Takes and returns what :class:`FeasibleCTCLoss` does, without ``infeasible``; the term is ``ace``."""
        return weighted_sum({"ace": (1.0, ace_loss(logits_of(output_of(predicts, self.network)), batch[1], batch[2]))})


def _check_labels(labels: Tensor, lengths: Tensor, classes: int) -> None:
    if not on_cpu(labels):
        return
    is_wrong = length_mask(lengths, labels.shape[1]) & ((labels < 1) | (labels >= classes))
    if bool(is_wrong.any()):
        raise UserError(
            f"labels must be classes 1 to {classes - 1} of the head, got {int(labels[is_wrong][0])};"
            " the labels were made with another dictionary than the model."
        )
