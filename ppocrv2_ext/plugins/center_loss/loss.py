"""CTC with center loss: frames of a character gather around its center (Wen et al., ECCV 2016; arXiv:2109.03144, 3.2).

Shape legend: B lines, T frames, C classes, D features before the last layer. Class 0, the blank, has no center.
The centers are running class means, state of the network like BatchNorm's statistics, not parameters.
"""

import paddle
from paddle import nn

from ...config.numbers import non_negative, number
from ...errors import UserError, did_you_mean
from ...registry import LOSSES
from ..ctc.alignment import align
from ..ctc.frames import in_float32
from ..ctc.losses import ctc_losses, mean_where
from ..terms import output_of, weighted_sum
from .head import CenterHeadOutput


def center_loss(features, assignments, centers, counts, blank=0):
    """Mean squared distance between the features of characters and the centers of their classes.

    .. math:: L = 1/N sum_i |x_i - c_(y_i)|^2,  over the N frames that are not blank and whose class has a center

    The published loss is the sum, N times this; PaddleOCR's divides the sum over all frames, blanks too, by B T.

    Args:
        features: (B, T, D) or (N, D), of any float type; the only argument that receives gradient.
        assignments: (B, T) or (N,) integers, the class of each frame. centers: (C, D).
        counts: (C,) frames that each center is the mean of; a class with 0 pulls nothing.
    Returns:
        Scalar >= 0, in squared units of the features, per frame, summed over D; 0 if no frame is pulled.
    """
    if centers.ndim != 2 or centers.shape[1] != features.shape[-1]:
        raise ValueError(f"`centers` must be (C, D) with D={features.shape[-1]}, got {tuple(centers.shape)}.")
    x, y = features.reshape([-1, features.shape[-1]]), assignments.flatten()
    # `square`, since Paddle's power is 100 times slower on a CPU.
    distances = (in_float32(x) - centers.gather(y).detach()).square().sum(axis=1)
    return mean_where(distances, (y != blank) & (counts.gather(y) > 0))


def relative_center_loss(features, assignments, centers, counts, blank=0):
    """:func:`center_loss` as a share of the distance that frames keep from the middle of all centers.

    .. math:: L = sum_i |x_i - c_(y_i)|^2 / sum_i |x_i - m|^2,  over the same frames,  m = the mean center

    A network lowers the other by making all its features small, which tells no characters apart and hinders CTC. Here
    that changes nothing, and a weight means the same for features of any scale.

    Args:
        As :func:`center_loss`.
    Returns:
        Scalar >= 0 without unit: 0 iff every frame is at its center; 1 for a single center, which pulls nothing;
        0 if no frame is pulled.
    """
    seen = (counts > 0).astype(centers.dtype)
    middle = (centers * seen.unsqueeze(1)).sum(axis=0, keepdim=True) / seen.sum().clip(min=1)
    apart = center_loss(features, assignments, middle.expand(centers.shape), counts, blank)
    return center_loss(features, assignments, centers, counts, blank) / apart.clip(min=1e-12)


@paddle.no_grad()
def class_sums(features, assignments, num_classes, blank=0):
    """(C, D) sums of the features of each class and (C,) numbers of frames, both float32; the blank's are 0.

    Args:
        features: (B, T, D) or (N, D). assignments: (B, T) or (N,) integers.
    """
    x, y = in_float32(features.reshape([-1, features.shape[-1]])), assignments.flatten()
    kept = (y != blank).unsqueeze(1)
    # One column more counts, so that several processes need one exchange.
    together = paddle.concat([paddle.where(kept, x, paddle.zeros_like(x)), kept.astype(x.dtype)], axis=1)
    totals = paddle.zeros([num_classes, together.shape[1]], x.dtype).index_add(y, 0, together)
    return totals[:, :-1], totals[:, -1]


@paddle.no_grad()
def update_centers(centers, counts, sums, frames, momentum=0.9):
    """Move the centers, in place, towards the means of a batch; the same on every process of a distributed run.

    .. math:: c <- c + r (sum / n - c),  r = max(1 - momentum, n / (N + n)),  N <- N + n

    The first batches are averaged evenly, so that no center starts from one batch alone; later ones as momentum says.

    Args:
        centers: (C, D) float32. counts: (C,) integers, N.
        sums, frames: (C, D), (C,) of :func:`class_sums`; summed over all processes here. Classes with 0 stay.
        momentum: In [0, 1]: 0 is the last batch's mean, 1 the mean of all frames seen.
    """
    if paddle.distributed.is_initialized() and paddle.distributed.get_world_size() > 1:
        together = paddle.concat([sums, frames.unsqueeze(1)], axis=1)
        paddle.distributed.all_reduce(together)
        sums, frames = together[:, :-1], together[:, -1]
    new = frames / (counts.astype(frames.dtype) + frames).clip(min=1)
    rate = paddle.where(frames > 0, new.clip(min=1 - momentum), paddle.zeros_like(new)).unsqueeze(1)
    centers.add_(rate * (sums / frames.clip(min=1).unsqueeze(1) - centers))
    counts.add_(frames.astype(counts.dtype))


@paddle.no_grad()
def read_classes(logits, labels, lengths):
    """(B, T) classes that the network reads, as published; labels and lengths are unused."""
    return logits.argmax(axis=-1)


ASSIGNMENTS = {"alignment": align, "argmax": read_classes}
DISTANCES = {"squared": center_loss, "relative": relative_center_loss}


@LOSSES.register
class CTCCenterLoss(nn.Layer):
    """CTC and center loss of one network with a :class:`~.center_head.CenterCTCHead`; a call moves the centers.

    .. math:: L = ctc_weight CTC + center_weight center

    CTC in nats per line, center as its ``distance`` says; logged unweighted as ctc and center (with
    ``network`` as ctc_<network>, ...). A weight of 0 leaves a term out, and the centers where they are.
    A character is drawn to its center from the second batch on that has it.
    The centers belong to the head, since PaddleOCR saves the model and no loss.

    Args:
        ctc_weight: >= 0; 0 beside :class:`~.udml.UDMLLoss`, which has CTC terms of its own.
        center_weight: gamma, >= 0. Published 0.05 and 0.25, for a mean over all frames, blanks included.
            For the relative distance 2 is a good start.
        distance: "squared", in squared feature units (published), or "relative", :func:`relative_center_loss`.
        assignment: Which class each frame belongs to: "alignment" (of the label) or "argmax" (published).
        momentum: In [0, 1], of :func:`update_centers`.
        network: A name in ``Architecture.Models``; None if there is only one network.
    """

    def __init__(
        self,
        ctc_weight=1.0,
        center_weight=0.05,
        assignment="alignment",
        momentum=0.9,
        network=None,
        distance="squared",
    ):
        super().__init__()
        self.ctc_weight = non_negative(ctc_weight, "ctc_weight")
        self.center_weight = non_negative(center_weight, "center_weight")
        if not (ctc_weight or center_weight):
            raise ValueError("one of `ctc_weight`, `center_weight` must be above 0.")
        if assignment not in ASSIGNMENTS:
            raise ValueError(f"there is no `assignment` {assignment!r}{did_you_mean(assignment, ASSIGNMENTS)}")
        self.assign = ASSIGNMENTS[assignment]
        if distance not in DISTANCES:
            raise ValueError(f"there is no `distance` {distance!r}{did_you_mean(distance, DISTANCES)}")
        self.distance = DISTANCES[distance]
        self.momentum, self.network = number(momentum, "momentum", 0, 1), network

    def forward(self, predicts, batch):
        """predicts: what the model returned in training; batch: [images, labels (B, L), lengths (B,)].

        Returns:
            {"loss": scalar, each term, "infeasible": lines of the batch whose label is too long for the frames}
        """
        head = output_of(predicts, self.network)
        if not isinstance(head, CenterHeadOutput):
            raise UserError("CTCCenterLoss needs the features and centers of a CenterCTCHead; set `Head.name` to it.")
        if head.centers.dtype != paddle.float32:
            raise UserError(f"the centers must be float32, got {head.centers.dtype}; set `Global.amp_level: O1`.")
        suffix = f"_{self.network}" if self.network else ""
        terms, counts = {}, {}
        if self.ctc_weight:
            losses, fits = ctc_losses(head.logits, batch[1], batch[2])
            terms[f"ctc{suffix}"] = self.ctc_weight, mean_where(losses, fits)
            counts["infeasible"] = (~fits).astype("float32").sum()
        if self.center_weight:
            classes = self.assign(head.logits.detach(), batch[1], batch[2])
            value = self.distance(head.features, classes, head.centers, head.counts)
            terms[f"center{suffix}"] = self.center_weight, value
        report = {**weighted_sum(terms), **counts}
        if self.center_weight:  # after the check for NaN, which would stay in the centers for good
            sums = class_sums(head.features, classes, len(head.counts))
            update_centers(head.centers, head.counts, *sums, momentum=self.momentum)
        return report
