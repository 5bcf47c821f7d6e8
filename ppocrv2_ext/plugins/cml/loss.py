"""Collaborative mutual learning for detection (PP-OCRv2, arXiv:2109.03144).

Each student learns from the labels, from the other students and from a frozen teacher.
Shape legend: B batch, H height, W width.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import paddle
from paddle import Tensor, nn

from ...arguments import non_negative, positive, share, whole_number
from ...data.sample_keys import DB_MAPS
from ...errors import UserError, did_you_mean
from ...registry import LOSSES
from ..terms import choose, weighted_sum
from . import maps


@LOSSES.register
class CMLLoss(nn.Layer):
    """gt_weight GT + mutual_weight DML + distill_weight Distill.

    GT and Distill are summed over the students, DML over the pairs of students. With ``teacher: null`` or
    ``distill_weight: 0`` it is the loss of DML. A term of weight 0 is not computed.

    Args:
        students: names of the networks that learn, as in ``Architecture.Models``; at least one.
        teacher: name of the network that the students imitate; None for none. It gets no gradient.
        alpha: weight of the probability map in GT (:func:`maps.db_loss`), >= 0.
        beta: weight of the threshold map in GT, >= 0.
        ohem_ratio: background pixels per text pixel in BCE, > 0; None is 3. "dice" has no such option.
        main_loss: loss of the probability map in GT and Distill. "bce" as published, "dice" as in PaddleOCR's DBLoss,
            or their sum "bce+dice".
        mutual: divergence in DML. "bernoulli" as published, "stock" as in PaddleOCR, without the terms in 1 - p.
        mutual_weight, distill_weight, gt_weight: weights of the terms, >= 0 and not all 0.
        gamma: weight of the probability map in Distill, >= 0.
        threshold: the teacher sees text where its probability is larger, in [0, 1).
        dilation: side in pixels of the window that dilates the teacher's text, >= 1. 1 dilates nothing.
    Raises:
        ValueError: an argument is out of range, or there is nothing to learn from.
    """

    def __init__(
        self,
        students: Sequence[str] = ("Student", "Student2"),
        teacher: str | None = "Teacher",
        alpha: float = 5.0,
        beta: float = 10.0,
        ohem_ratio: float | None = None,
        main_loss: str = "bce",
        mutual: str = "bernoulli",
        mutual_weight: float = 1.0,
        distill_weight: float = 1.0,
        gamma: float = 5.0,
        threshold: float = 0.3,
        dilation: int = 2,
        gt_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.students = _check_students(students)
        if teacher is not None and (not isinstance(teacher, str) or teacher in self.students):
            raise ValueError(f"`teacher` must name a network that is not a student, or be null; got {teacher!r}.")
        self.alpha = non_negative(alpha, "alpha")
        self.beta = non_negative(beta, "beta")
        self.gamma = non_negative(gamma, "gamma")
        self.gt_weight = non_negative(gt_weight, "gt_weight")
        self.mutual_weight = non_negative(mutual_weight, "mutual_weight")
        self.distill_weight = non_negative(distill_weight, "distill_weight")
        self.teacher = teacher if self.distill_weight else None
        self.pairs = list(itertools.combinations(self.students, 2)) if self.mutual_weight else []
        if not (self.gt_weight or self.pairs or self.teacher):
            raise ValueError(
                f"there is nothing to learn from: students {self.students}, teacher {teacher!r}, gt_weight"
                f" {gt_weight}, mutual_weight {mutual_weight}, distill_weight {distill_weight}; set one above 0."
            )
        self.probability_loss = _choose_probability_loss(main_loss, ohem_ratio)
        self.mutual_loss = choose(mutual, "mutual", maps.MUTUAL_LOSSES)
        self.threshold = share(threshold, "threshold")
        self.dilation = whole_number(dilation, "dilation")

    def forward(self, predicts: dict[str, Any], batch: Sequence[Any]) -> dict[str, Tensor]:
        """The loss of one batch.

        Args:
            predicts: {network: {"maps": (B, 3, H, W)}}, the probability, threshold and binary map of each network.
                The teacher may return the probability map alone, (B, 1, H, W): a frozen network is in evaluation
                mode, where DBHead returns no other.
            batch: [images, threshold label, its mask, text label, its mask], labels and masks (B, H, W).
        Returns:
            {"loss": scalar, "gt_Student": ..., "mutual_Student_Student2": ..., "distill_Student": ...}. All but the
            first are for the log: unweighted and without gradient.
        Raises:
            UserError: a network or a label is missing, or a map has another shape.
        """
        with paddle.amp.auto_cast(enable=False):  # sums of millions of pixels do not fit half precision
            return self._losses(predicts, batch)

    def _losses(self, predicts: dict[str, Any], batch: Sequence[Any]) -> dict[str, Tensor]:
        outputs = {name: _read_maps(predicts, name) for name in self.students}
        labels = _read_labels(batch, outputs)
        # The three maps of a student are taken apart once, so that their gradients are put together once.
        maps_of = {name: output.astype("float32").unbind(1) for name, output in outputs.items()}
        mask = labels[3]
        terms = {}
        if self.gt_weight:
            for name, output in maps_of.items():
                loss = maps.db_loss(output, labels, self.probability_loss, self.alpha, self.beta)
                terms[f"gt_{name}"] = self.gt_weight, loss
        for one, other in self.pairs:
            loss = self.mutual_loss(maps_of[one][0], maps_of[other][0])
            terms[f"mutual_{one}_{other}"] = self.mutual_weight, loss
        if self.teacher is not None:
            probability = _read_teacher_map(predicts, self.teacher, mask)
            text = maps.teacher_text(probability, self.threshold, self.dilation)
            # A NaN is not above the threshold, so it would silently become background. This makes the terms NaN.
            broken = 0 * probability.sum()
            for name, output in maps_of.items():
                loss = maps.distillation_loss(output, text, mask, self.probability_loss, self.gamma)
                terms[f"distill_{name}"] = self.distill_weight, loss + broken
        return weighted_sum(terms)


def _check_students(students: Sequence[str]) -> list[str]:
    names = list(students) if isinstance(students, (list, tuple)) else []
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ValueError(
            f"`students` must list names of networks, each once, for example [Student, Student2]; got {students!r}."
        )
    return names


def _choose_probability_loss(main_loss: str, ohem_ratio: float | None) -> Callable[..., Tensor]:
    loss = choose(main_loss, "main_loss", maps.MAIN_LOSSES)
    if main_loss == "dice":
        if ohem_ratio is not None:
            raise ValueError(
                "`ohem_ratio` has no effect on main_loss 'dice', which weights no single pixel;"
                f" got {ohem_ratio!r}, set it to null or main_loss to 'bce'."
            )
        return loss
    # Never 0: without background pixels everything would become text.
    return functools.partial(loss, ohem_ratio=3.0 if ohem_ratio is None else positive(ohem_ratio, "ohem_ratio"))


def _read_maps(predicts: Any, name: str, channels: tuple[int, ...] = (3,)) -> Tensor:
    """The (B, C, H, W) maps of one network, with C in ``channels``."""
    if not isinstance(predicts, dict):
        raise UserError(f"CMLLoss needs a model of several networks, {{name: output}}; got {type(predicts).__name__}.")
    if name not in predicts:
        raise UserError(f"CMLLoss: the model has no network {name!r}{did_you_mean(name, predicts)}")
    output = predicts[name]
    if not isinstance(output, dict) or "maps" not in output:
        got = sorted(output) if isinstance(output, dict) else type(output).__name__
        raise UserError(f"CMLLoss: network {name!r} must end in a head with `maps`, such as DBHead; got {got}.")
    output_maps = output["maps"]
    if output_maps.ndim != 4 or output_maps.shape[1] not in channels:
        raise UserError(
            f"the maps of {name!r} must be (B, {' or '.join(map(str, channels))}, H, W), got {output_maps.shape};"
            " DBHead gives probability, threshold and binary map in training mode only."
        )
    return output_maps


def _read_teacher_map(predicts: Any, name: str, mask: Tensor) -> Tensor:
    """(B, H, W) probability map without gradient."""
    probability = _read_maps(predicts, name, channels=(1, 3)).detach()[:, 0].astype("float32")
    if probability.shape != mask.shape:
        raise UserError(f"the maps of {name!r} must be of the students' size {mask.shape}, got {probability.shape}.")
    return probability


def _read_labels(batch: Any, outputs: Mapping[str, Tensor]) -> list[Tensor]:
    """The four label maps, float32, in the order of :data:`~ppocrv2_ext.data.sample_keys.DB_MAPS`."""
    if not isinstance(batch, (list, tuple)) or len(batch) != 5:
        got = len(batch) if isinstance(batch, (list, tuple)) else type(batch).__name__
        raise UserError(f"CMLLoss needs KeepKeys to keep image, {', '.join(DB_MAPS)} in this order; got {got} entries.")
    size = batch[1].shape
    for label, value in zip(DB_MAPS, batch[1:]):
        if value.ndim != 3 or value.shape != size:
            raise UserError(f"`{label}` must be (B, H, W) like the other labels, {size}; got {value.shape}.")
    for name, output in outputs.items():
        if [output.shape[0], *output.shape[2:]] != size:
            raise UserError(f"the maps of {name!r} must be of the labels' size {size}, got {output.shape}.")
    return [value.astype("float32") for value in batch[1:]]
