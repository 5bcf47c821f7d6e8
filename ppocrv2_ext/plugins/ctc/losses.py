"""CTC over text lines, with labels that fit no path counted instead of trained as zero; Focal-CTC and ACE beside it.

Shape legend: B lines, T frames, C classes, class 0 the blank, L >= 1 the longest label.
CTC: Graves et al., 2006. Focal-CTC, A-CTC: PaddleOCR, enhanced_ctc_loss.en.md. ACE: Xie et al., arXiv:1904.08364.
"""

import math

import paddle
import paddle.nn.functional as F
from paddle import nn

from ...config.numbers import non_negative, positive
from ...errors import UserError
from ...registry import LOSSES
from ..terms import logits_of, output_of, weighted_sum
from .alignment import feasible
from .frames import gather_classes, in_float32, log_softmax, within


def ctc_losses(logits, labels, lengths):
    """Negative log-likelihood of each label, summed over the paths that CTC reads as it.

    Args:
        logits: (B, T, C), of any float type; computed in float32 at least.
        labels: (B, L) classes in 1..C-1, padded. lengths: (B,) integers in 0..L.
    Returns:
        (B,) nats per line, >= 0, and (B,) booleans, :func:`~.alignment.feasible`. Where the label fits no path the
        value is that of an empty label and means nothing. Paddle's kernel bounds each frame's share near 87 nats.
    """
    logits, lengths = in_float32(logits), lengths.astype("int64")
    lines, frames, classes = logits.shape
    _check_labels(labels, lengths, classes)
    fits = feasible(labels, lengths, frames)
    lengths = paddle.where(fits, lengths, paddle.zeros_like(lengths))
    if not bool((lengths > 0).any()):  # Paddle's kernel ends the process when every label is empty
        return -log_softmax(logits)[:, :, 0].sum(axis=1), fits
    # On the host: the kernel reads the lengths there, and a device tensor would make it wait.
    frames = paddle.to_tensor([frames] * lines, dtype="int64", place=paddle.CPUPlace())
    losses = F.ctc_loss(logits.transpose([1, 0, 2]), labels.astype("int32"), frames, lengths, reduction="none")
    return losses.reshape([lines]), fits


def mean_where(values, chosen):
    """Mean of (B,) values over the chosen ones, (B,) booleans; 0, with a gradient of 0, if there are none."""
    values = paddle.where(chosen, values, paddle.zeros_like(values))
    return values.sum() / chosen.astype(values.dtype).sum().clip(min=1)


def ctc_loss(logits, labels, lengths):
    """:func:`ctc_losses`, nats per line, averaged over the lines whose label is feasible; 0 if there are none."""
    return mean_where(*ctc_losses(logits, labels, lengths))


def focal_ctc(logits, labels, lengths, gamma=2.0, alpha=1.0):
    """CTC that looks away from lines read well already.

    .. math:: L = alpha (1 - p)^gamma (-log p),  p = the probability of the label

    Args:
        logits, labels, lengths: as in :func:`ctc_losses`.
        gamma: >= 0; 0 is plain CTC, the published value is 2.
        alpha: > 0, published 1 (0.25 is Focal loss's own).
    Returns:
        Scalar >= 0, nats per line, averaged over the lines whose label is feasible.
    """
    losses, fits = ctc_losses(logits, labels, lengths)
    # The bound keeps a power below 1 differentiable at p = 1, and rounding below 0 out of it.
    missing = (-paddle.expm1(-losses)).clip(min=1e-30)
    return mean_where(alpha * missing**gamma * losses, fits)


def ace_loss(logits, labels, lengths):
    """Aggregation cross-entropy: do the frames together hold every character as often as the label?

    .. math:: L = -sum_k N_k / T log(mean_t p_tk),  N_k = how often the label has k, N_blank = T - its length

    Args:
        logits, labels, lengths: as in :func:`ctc_losses`.
    Returns:
        Scalar >= the entropy of N / T, nats per frame, averaged over the lines with length <= T; 0 if there are none.
    """
    frames, classes = logits.shape[1:]
    lengths = lengths.astype("int64")
    _check_labels(labels, lengths, classes)
    targets = paddle.concat([paddle.zeros_like(labels[:, :1]), labels], axis=1).astype("int64")  # (B, 1 + L)
    chosen = gather_classes(log_softmax(in_float32(logits)), targets)
    log_means = paddle.logsumexp(chosen, axis=1) - math.log(frames)  # (B, 1 + L)
    present = within(lengths, labels.shape[1]).astype("int64")
    counts = paddle.concat([(frames - lengths).unsqueeze(1), present], axis=1).astype(log_means.dtype)
    return mean_where(-(counts * log_means).sum(axis=1) / frames, lengths <= frames)


@LOSSES.register
class FeasibleCTCLoss(nn.Layer):
    """:func:`ctc_loss` of one network; ``infeasible`` in the log counts the lines of a batch with too long a label.

    Args:
        network: its name in ``Architecture.Models``; None if there is only one.
    """

    def __init__(self, network=None):
        super().__init__()
        self.network = network

    def forward(self, predicts, batch):
        """predicts: (B, T, C) logits, alone, last in a tuple or by key; batch: [images, labels (B, L), lengths (B,)]"""
        losses, fits = ctc_losses(logits_of(output_of(predicts, self.network)), batch[1], batch[2])
        report = weighted_sum({"ctc": (1.0, mean_where(losses, fits))})
        return {**report, "infeasible": (~fits).astype("float32").sum()}


@LOSSES.register
class FocalCTCLoss(nn.Layer):
    """:func:`focal_ctc` of one network, in the place of CTC.

    Args:
        gamma: >= 0; 0 is plain CTC.
        alpha: > 0.
        network: its name in ``Architecture.Models``; None if there is only one.
    """

    def __init__(self, gamma=2.0, alpha=1.0, network=None):
        super().__init__()
        self.gamma, self.alpha, self.network = non_negative(gamma, "gamma"), positive(alpha, "alpha"), network

    def forward(self, predicts, batch):
        """As :class:`FeasibleCTCLoss`."""
        logits = logits_of(output_of(predicts, self.network))
        return weighted_sum({"focal_ctc": (1.0, focal_ctc(logits, batch[1], batch[2], self.gamma, self.alpha))})


@LOSSES.register
class AggregationCrossEntropyLoss(nn.Layer):
    """:func:`ace_loss` of one network, beside CTC; the published weight is 0.1.

    Args:
        network: its name in ``Architecture.Models``; None if there is only one.
    """

    def __init__(self, network=None):
        super().__init__()
        self.network = network

    def forward(self, predicts, batch):
        """As :class:`FeasibleCTCLoss`."""
        return weighted_sum({"ace": (1.0, ace_loss(logits_of(output_of(predicts, self.network)), batch[1], batch[2]))})


def _check_labels(labels, lengths, classes):
    wrong = within(lengths, labels.shape[1]) & ((labels < 1) | (labels >= classes))
    if bool(wrong.any()):
        raise UserError(
            f"labels must be classes 1 to {classes - 1} of the head, got {int(labels[wrong][0])};"
            " the labels were made with another dictionary than the model."
        )
