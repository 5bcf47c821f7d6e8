"""Collaborative mutual learning for detection (PP-OCRv2, arXiv:2109.03144): labels, peers and a frozen teacher.

Shapes: B batch, H height, W width.
"""

import functools
import itertools
import math

import paddle
from paddle import nn

from ...config.names import DB_MAPS
from ...config.numbers import non_negative, positive, share, whole_number
from ...errors import UserError, did_you_mean
from ...registry import LOSSES
from ..terms import weighted_sum
from . import maps


@LOSSES.register
class CMLLoss(nn.Layer):
    """gt_weight GT + mutual_weight DML + distill_weight Distill, summed over students and over their pairs.

    DML alone is the same loss with ``teacher: null`` or ``distill_weight: 0``; a term of weight 0 is not computed.

    Args:
        students: Names of the networks that learn, as in ``Architecture.Models``, at least one.
        teacher: Name of the network they imitate, which gets no gradient; None for none.
        alpha, beta: Weights of the probability and of the threshold map in GT (:func:`maps.db_loss`).
        ohem_ratio: Other pixels per text pixel in BCE, > 0; None is 3. "dice" must leave it out.
        main_loss: Probability term of GT and Distill: "bce" as published, "dice" as PaddleOCR's DBLoss has it, or their
            sum "bce+dice".
        mutual: "bernoulli" for the divergence as published, "stock" for PaddleOCR's, without its (1 - p) terms.
        mutual_weight, distill_weight, gt_weight: Weights of the terms, >= 0 and not all 0.
        gamma: Weight of the probability map in Distill.
        threshold: The teacher's text is where its probability is larger, in [0, 1).
        dilation: Side in pixels of the window that dilates the teacher's text, >= 1; 1 for none.
    """

    def __init__(
        self,
        students=("Student", "Student2"),
        teacher="Teacher",
        alpha=5.0,
        beta=10.0,
        ohem_ratio=None,
        main_loss="bce",
        mutual="bernoulli",
        mutual_weight=1.0,
        distill_weight=1.0,
        gamma=5.0,
        threshold=0.3,
        dilation=2,
        gt_weight=1.0,
    ):
        super().__init__()
        self.students = _students(students)
        if teacher is not None and (not isinstance(teacher, str) or teacher in self.students):
            raise ValueError(f"`teacher` must name a network that is no student, or be null; got {teacher!r}.")
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
                f"it has nothing to learn from: students {self.students}, teacher {teacher!r}, gt_weight"
                f" {gt_weight}, mutual_weight {mutual_weight}, distill_weight {distill_weight}; set one above 0."
            )
        self.probability_loss = _probability_loss(main_loss, ohem_ratio)
        self.mutual_loss = _chosen("mutual", mutual, maps.MUTUAL_LOSSES)
        self.threshold = share(threshold, "threshold")
        self.dilation = whole_number(dilation, "dilation")

    def forward(self, predicts, batch):
        """predicts: {network: {"maps": (B, 3, H, W)}}, of the teacher the first map is enough, which is what a network
        in evaluation has; batch: [images, threshold label, its mask, text label, its mask], labels (B, H, W).

        Returns:
            {"loss": scalar, "gt_Student": ..., "mutual_Student_Student2": ..., "distill_Student": ...}, all but the
            first for the log: unweighted and without gradient.
        """
        with paddle.amp.auto_cast(enable=False):  # sums of millions of pixels do not fit half precision
            return self._losses(predicts, batch)

    def _losses(self, predicts, batch):
        outputs = {name: _maps(predicts, name) for name in self.students}
        labels = _labels(batch, outputs)
        mask = labels[3]
        terms = {}
        if self.gt_weight:
            for name, output in outputs.items():
                loss = maps.db_loss(output, labels, self.probability_loss, self.alpha, self.beta)
                terms[f"gt_{name}"] = self.gt_weight, loss
        for one, other in self.pairs:
            loss = self.mutual_loss(outputs[one][:, 0], outputs[other][:, 0])
            terms[f"mutual_{one}_{other}"] = self.mutual_weight, loss
        if self.teacher is not None:
            text = maps.dilated_text(_teacher_map(predicts, self.teacher, mask), self.threshold, self.dilation)
            for name, output in outputs.items():
                loss = maps.distillation_loss(output, text, mask, self.probability_loss, self.gamma)
                terms[f"distill_{name}"] = self.distill_weight, loss
        return weighted_sum(terms)


def _students(students):
    names = list(students) if isinstance(students, (list, tuple)) else []
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ValueError(
            f"`students` must list names of networks, each once, for example [Student, Student2]; got {students!r}."
        )
    return names


def _chosen(argument, name, table):
    if not isinstance(name, str) or name not in table:
        raise ValueError(f"there is no `{argument}` {name!r}{did_you_mean(name, table)}")
    return table[name]


def _probability_loss(main_loss, ohem_ratio):
    loss = _chosen("main_loss", main_loss, maps.MAIN_LOSSES)
    if main_loss == "dice":
        if ohem_ratio is not None:
            raise ValueError(
                "`ohem_ratio` has no effect on main_loss 'dice', which rates no single pixel;"
                f" got {ohem_ratio!r}, set it to null or main_loss to 'bce'."
            )
        return loss
    # Without other pixels everything would become text.
    return functools.partial(loss, ohem_ratio=3.0 if ohem_ratio is None else positive(ohem_ratio, "ohem_ratio"))


def _maps(predicts, name, channels=(3,)):
    """The (B, one of channels, H, W) maps of one network."""
    if not isinstance(predicts, dict):
        raise UserError(f"CMLLoss needs a model of several networks, {{name: output}}; got {type(predicts).__name__}.")
    if name not in predicts:
        raise UserError(f"CMLLoss: the model has no network {name!r}{did_you_mean(name, predicts)}")
    output = predicts[name]
    if not isinstance(output, dict) or "maps" not in output:
        got = sorted(output) if isinstance(output, dict) else type(output).__name__
        raise UserError(f"CMLLoss: network {name!r} must end in a head with `maps`, such as DBHead; got {got}.")
    found = output["maps"]
    if found.ndim != 4 or found.shape[1] not in channels:
        raise UserError(
            f"the maps of {name!r} must be (B, {' or '.join(map(str, channels))}, H, W), got {found.shape};"
            " DBHead gives probability, threshold and binary map in training mode only."
        )
    return found


def _teacher_map(predicts, name, mask):
    """(B, H, W) probability map without gradient."""
    found = _maps(predicts, name, channels=(1, 3)).detach()[:, 0].astype("float32")
    if found.shape != mask.shape:
        raise UserError(f"the maps of {name!r} must be of the students' size {mask.shape}, got {found.shape}.")
    # The comparison with the threshold would make background of NaN.
    if not math.isfinite(float(found.sum())):
        raise FloatingPointError(f"the map of {name!r} holds NaN or infinity; its weights are broken, load others.")
    return found


def _labels(batch, outputs):
    """The four label maps, float32, in the order of :data:`DB_MAPS`."""
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
