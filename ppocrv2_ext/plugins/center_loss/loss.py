"""CTC with center loss: the frames of a character gather around its center (Wen et al., ECCV 2016; arXiv:2109.03144).

Shape legend: B lines, T frames, C classes, D features before the last layer, L the longest label. Class 0, the blank,
has no center. The centers are running class means. They are no parameters but state of the network, like the statistics
of BatchNorm.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import paddle
from paddle import Tensor, nn

from ...arguments import non_negative, number
from ...errors import UserError
from ...registry import LOSSES
from ..ctc.alignment import align
from ..ctc.frames import to_float32
from ..ctc.losses import ctc_losses, mean_where
from ..terms import choose, output_of, weighted_sum
from .head import CenterHeadOutput


def _mean_over_all(values: Tensor, mask: Tensor) -> Tensor:
    """The sum of (N,) values where ``mask``, (N,) booleans, is true, divided by N."""
    return paddle.where(mask, values, paddle.zeros_like(values)).mean()


CENTER_MEANS = {"frames": _mean_over_all, "character_frames": mean_where}


def center_loss(
    features: Tensor,
    assignments: Tensor,
    centers: Tensor,
    counts: Tensor,
    mean_over: str = "character_frames",
) -> Tensor:
    """Mean squared distance between the features of characters and the centers of their classes.

    .. math:: L = 1/N sum_i |x_i - c_(y_i)|^2,  over the frames that are not blank and whose class has a center

    N is the number of these frames, or of all frames. The paper writes the sum, and PaddleOCR's code divides it by B T,
    the number of all frames. A line has several blank frames for each character, so that the mean over the frames of
    characters is larger: 15 times on lines of 320 pixels, 4.4 times on 96.

    Args:
        features: (B, T, D) or (N, D), of any float type. Only this argument receives gradient.
        assignments: (B, T) or (N,) integers, the class of each frame.
        centers: (C, D).
        counts: (C,) integers, the number of frames in each center. Frames of a class with 0 are left out.
        mean_over: a key of :data:`CENTER_MEANS`: "frames", all B T of them, or "character_frames", those of the sum.
    Returns:
        Scalar >= 0, in squared units of the features, per frame, summed over D. 0 if no frame is left.
    Raises:
        ValueError: ``centers`` has another D than the features.
    """
    if centers.ndim != 2 or centers.shape[1] != features.shape[-1]:
        raise ValueError(f"`centers` must be (C, D) with D={features.shape[-1]}, got {tuple(centers.shape)}.")
    x, y = features.reshape([-1, features.shape[-1]]), assignments.flatten()
    # `square`, because Paddle's power is 100 times slower on a CPU.
    distances = (to_float32(x) - centers.gather(y).detach()).square().sum(axis=1)
    return CENTER_MEANS[mean_over](distances, (y != 0) & (counts.gather(y) > 0))


def relative_center_loss(features: Tensor, assignments: Tensor, centers: Tensor, counts: Tensor) -> Tensor:
    """:func:`center_loss` divided by the mean squared distance of the same frames from the mean of all centers.

    .. math:: L = sum_i |x_i - c_(y_i)|^2 / sum_i |x_i - m|^2,  over the same frames,  m = the mean center

    A network can lower :func:`center_loss` by making all its features smaller. Smaller features tell no characters
    apart, and hinder CTC. They do not change this quotient, so a weight means the same for features of any scale.

    Args and Raises are those of :func:`center_loss`.

    Returns:
        Scalar >= 0 without unit. 0 iff every frame is at its center, or if no frame is left; 1, with no gradient, if
        there is only one center.
    """
    has_center = (counts > 0).astype(centers.dtype)
    middle = (centers * has_center.unsqueeze(1)).sum(axis=0, keepdim=True) / has_center.sum().clip(min=1)
    spread = center_loss(features, assignments, middle.expand(centers.shape), counts)
    return center_loss(features, assignments, centers, counts) / spread.clip(min=1e-12)


@paddle.no_grad()
def class_sums(features: Tensor, assignments: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """The sum of the features of each class, and the number of its frames.

    Args:
        features: (B, T, D) or (N, D).
        assignments: (B, T) or (N,) integers.
        num_classes: C.
    Returns:
        (C, D) sums and (C,) numbers of frames, both at least float32, without gradient. Those of the blank are 0.
    """
    x, y = to_float32(features.reshape([-1, features.shape[-1]])), assignments.flatten()
    is_character = (y != 0).unsqueeze(1)
    # The counts are one more column, so that several processes need only one exchange.
    columns = paddle.concat([paddle.where(is_character, x, paddle.zeros_like(x)), is_character.astype(x.dtype)], axis=1)
    totals = paddle.zeros([num_classes, columns.shape[1]], x.dtype).index_add(y, 0, columns)
    return totals[:, :-1], totals[:, -1]


@paddle.no_grad()
def update_centers(centers: Tensor, counts: Tensor, sums: Tensor, frames: Tensor, momentum: float = 0.9) -> None:
    """Move the centers towards the class means of a batch, in place. All processes of a distributed run get the same.

    .. math:: c <- c + r (sum / n - c),  r = max(1 - momentum, n / (N + n)),  N <- N + n

    The first batches are averaged evenly, so that no center depends on one batch alone. For later ones the momentum
    sets the rate.

    Args:
        centers: (C, D) float32.
        counts: (C,) integers, N.
        sums, frames: (C, D) and (C,) of :func:`class_sums`, of this process alone. A class without frames stays as it
            is.
        momentum: in [0, 1]. 0 gives the mean of the last batch, 1 the mean of all frames so far.
    """
    if paddle.distributed.is_initialized() and paddle.distributed.get_world_size() > 1:
        columns = paddle.concat([sums, frames.unsqueeze(1)], axis=1)
        paddle.distributed.all_reduce(columns)
        sums, frames = columns[:, :-1], columns[:, -1]
    batch_share = frames / (counts.astype(frames.dtype) + frames).clip(min=1)
    rate = paddle.where(frames > 0, batch_share.clip(min=1 - momentum), paddle.zeros_like(batch_share)).unsqueeze(1)
    centers.add_(rate * (sums / frames.clip(min=1).unsqueeze(1) - centers))
    counts.add_(frames.astype(counts.dtype))


@paddle.no_grad()
def read_classes(logits: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
    """(B, T) the most likely class of each frame, as published. ``labels`` and ``lengths`` are unused."""
    return logits.argmax(axis=-1)


ASSIGNMENTS = {"alignment": align, "argmax": read_classes}
DISTANCES = {"squared": center_loss, "relative": relative_center_loss}


@LOSSES.register
class CTCCenterLoss(nn.Layer):
    """CTC and center loss of one network with a :class:`~.head.CenterCTCHead`. Each call also updates the centers.

    .. math:: L = ctc_weight CTC + center_weight center

    CTC is in nats per line; ``distance`` says the unit of the center term. The log shows both unweighted as ctc and
    center, or as ctc_<network> and center_<network> if ``network`` is set. A term of weight 0 is left out, and without
    the center term the centers stay as they are. The head holds the centers, because PaddleOCR saves the model and no
    loss. The first batch with a character only sets its center; from the second on its frames are drawn to it.

    Args:
        ctc_weight: >= 0. Use 0 beside :class:`~ppocrv2_ext.plugins.udml.loss.UDMLLoss`, which has its own CTC terms.
        center_weight: gamma, >= 0. Published 0.05 (PaddleOCR's config) and 0.25 (its document), both for a mean over
            all frames. For the relative distance 2 is a good start.
        assignment: how a frame gets its class: "alignment" with the label, or "argmax", as published.
        momentum: of :func:`update_centers`, in [0, 1].
        network: a name in ``Architecture.Models``; None for a single network.
        distance: "squared", in squared units of the features, as published; or "relative", without unit, of
            :func:`relative_center_loss`.
        center_mean_over: of the squared distance: "frames", all of them with the blanks, as published; or
            "character_frames", of which the same weight is several times stronger (:func:`center_loss`). None is
            "frames". The relative distance is a quotient of two sums and has no such choice.
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        ctc_weight: float = 1.0,
        center_weight: float = 0.05,
        assignment: str = "alignment",
        momentum: float = 0.9,
        network: str | None = None,
        distance: str = "squared",
        center_mean_over: str | None = None,
    ) -> None:
        super().__init__()
        self.ctc_weight = non_negative(ctc_weight, "ctc_weight")
        self.center_weight = non_negative(center_weight, "center_weight")
        if not (ctc_weight or center_weight):
            raise ValueError("one of `ctc_weight`, `center_weight` must be above 0.")
        self.assign = choose(assignment, "assignment", ASSIGNMENTS)
        self.distance = choose(distance, "distance", DISTANCES)
        if distance == "squared":
            mean_over = "frames" if center_mean_over is None else center_mean_over
            choose(mean_over, "center_mean_over", CENTER_MEANS)
            self.distance = functools.partial(center_loss, mean_over=mean_over)
        elif center_mean_over is not None:
            raise ValueError(
                f"`center_mean_over` has no effect on the relative distance, got {center_mean_over!r}; leave it out."
            )
        self.momentum, self.network = number(momentum, "momentum", 0, 1), network

    def forward(self, predicts: Any, batch: Sequence[Any]) -> dict[str, Tensor]:
        """The loss of one batch, and the update of the centers.

        Args:
            predicts: what the model returned in training.
            batch: [images, labels (B, L), lengths (B,)].
        Returns:
            {"loss": scalar, each term by its name, "infeasible": how many labels of the batch are too long for their
            frames}. The CombinedLoss of a clone of PaddleOCR multiplies all of it by the weight of this loss; ours
            leaves the number of labels as it is.
        Raises:
            UserError: the network has another head, its centers are not float32, or a label holds a class that the
                head does not have.
        """
        head = output_of(predicts, self.network)
        if not isinstance(head, CenterHeadOutput):
            raise UserError("CTCCenterLoss needs the features and centers of a CenterCTCHead; put it into `Head`.")
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
        if self.center_weight:
            self._learn_centers(head, classes, report["loss"])
        return report

    def _learn_centers(self, head: CenterHeadOutput, classes: Tensor, loss: Tensor) -> None:
        sums, frames = class_sums(head.features, classes, len(head.counts))
        # In the centers a NaN would stay for good: a batch with one counts no frame.
        is_sound = paddle.isfinite(loss) & paddle.isfinite(sums).all()
        sums = paddle.where(is_sound, sums, paddle.zeros_like(sums))
        frames = paddle.where(is_sound, frames, paddle.zeros_like(frames))
        update_centers(head.centers, head.counts, sums, frames, momentum=self.momentum)
