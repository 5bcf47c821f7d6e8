"""The rows of the paper's two ablation tables (PP-OCRv2, arXiv:2109.03144), and the same rows for PP-OCRv6 tiny.

Each row is a built-in config, or one of PaddleOCR.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from ppocrv2_ext.errors import UserError, did_you_mean

CLONE_CONFIGS = "configs/rec/ch_PP-OCRv2"
MOBILENET = "{name: MobileNetV3, scale: 0.35, model_name: small, small_stride: [1, 2, 2, 2]}"
NOT_AUGMENTED = (
    "{tia_prob: 0, crop_prob: 0, reverse_prob: 0, noise_prob: 0, jitter_prob: 0, blur_prob: 0, hsv_aug_prob: 0}"
)
NARROW = ("Architecture.Backbone.scale=0.35",)
# PaddleOCR's MobileNetV1Enhance has twice the width of our LCNet at the same scale. It rounds down, ours to multiples
# of 8: here its stem has 5 channels and ours 8, so neither can start from the weights of the other.
NARROW_IN_CLONE = ("Architecture.Backbone.scale=0.175",)


def _override_pair(overrides: Sequence[str], names: Sequence[str] = ("Student", "Teacher")) -> tuple[str, ...]:
    """``overrides`` of one network, for both networks of a pair."""
    return tuple(
        override.replace("Architecture.", f"Architecture.Models.{name}.", 1) for name in names for override in overrides
    )


TRAINED_NORM = ("Architecture.freeze_norm=false",)  # from noise there are no statistics to keep
STUDENTS_FROM_NOISE = (
    *_override_pair(TRAINED_NORM, ("Student", "Student2")),
    "Architecture.Models.Student2.perturbation=null",  # two draws of noise differ by themselves
)
NOT_AVERAGED = ("Global.use_ema=false",)  # as the configs of the other rows
PASTE = ("Train.dataset.transforms.TextCopyPaste.p=1",)
V6_REC_PAIR = "clone/PP-OCRv6_tiny_rec_udml_center_finetune"
WITHOUT_CENTER = (  # the pair of networks and its U-DML, with no centers to learn
    *_override_pair(("Architecture.Head.name=CTCHead",)),
    "Loss.loss_config_list=[{UDMLLoss: {weight: 1.0, pair: [Student, Teacher], mutual_weight: 5.0, "
    "mutual_mean_over: frames, detach_targets: true}}]",
)
_V6_STUDENT = (
    "merged: true, restore_norm: true, return_all_feats: false, model_type: det, algorithm: DB, "
    "Backbone: {name: PPLCNetV4, det: true, model_size: tiny}, "
    "Neck: {name: RepLKFPN, out_channels: 64, dilated_kernel_size: 5, shortcut: true}, "
    "Head: {name: DBHead, k: 50, fix_nan: true}"
)
V6_STUDENTS_ALONE = (  # the config has a third network, the teacher
    f"Architecture.Models={{Student: {{{_V6_STUDENT}}}, Student2: {{perturbation: 0.02, {_V6_STUDENT}}}}}",
    "Loss.teacher=null",
    "PostProcess.model_name=[Student, Student2]",
)


class Row(NamedTuple):
    """One experiment of a table."""

    key: str
    label: str
    config: str  # name of a built-in config, or a path
    paper: float | None  # the main measure on the authors' own set; None where the paper has no such row
    overrides: tuple[str, ...] = ()
    in_clone: bool = False  # `config` is a path in a clone of PaddleOCR
    schedule_of: str | None = None  # key of another row, whose `Task.schedule_keys` this one takes


class Task(NamedTuple):
    """One table of the paper."""

    rows: tuple[Row, ...]
    measures: tuple[str, ...]  # PaddleOCR's names of what the evaluation prints; the first one decides
    schedule_keys: tuple[str, ...] = ()  # keys of a config: learning rate, batch and image size
    overrides: tuple[str, ...] = ()  # of every row, before the row's own
    needs_clone: bool = False  # its networks are newer than the wheel

    @property
    def baseline(self) -> Row:
        """The row of a single network. Its config measures the weights before any training."""
        return self.rows[0]

    def select_rows(self, keys: Sequence[str] | None) -> list[Row]:
        """The rows with these keys, in this order. For None all rows; those of a clone only where there is a clone.

        Raises:
            UserError: there is no such row, or a key is there twice.
        """
        known = {row.key: row for row in self.rows}
        for key in keys or ():
            if key not in known:
                raise UserError(f"--rows: there is no row {key!r}{did_you_mean(key, known)}")
        if keys and len(set(keys)) < len(keys):
            raise UserError(f"--rows: each row must be there once, got {','.join(keys)}.")
        if keys:
            return [known[key] for key in keys]
        return [row for row in self.rows if not row.in_clone or os.environ.get("PADDLEOCR_HOME")]


TASKS = {
    "rec": Task(
        rows=(
            Row("ctc", "CTC", "rec/ch_PP-OCRv2_rec_finetune", 0.693),
            Row("center", "CTC + center loss", "rec/ch_PP-OCRv2_rec_enhanced_ctc_loss_finetune", None),
            Row("udml", "CTC + U-DML", "rec/ch_PP-OCRv2_rec_distillation_finetune", 0.739),
            Row("both", "CTC + U-DML + center loss", "rec/ch_PP-OCRv2_rec_udml_center_finetune", 0.748),
            Row("stock", "PaddleOCR's recipe", "rec/ch_PP-OCRv2_rec", None, schedule_of="ctc"),
        ),
        measures=("acc", "norm_edit_dis"),
        schedule_keys=(
            "Optimizer.lr",
            "Global.epoch_num",
            "Train.loader.batch_size_per_card",
            "Train.loader.num_workers",
            "Train.dataset.transforms.RecResizeImg.image_shape",
            "Eval.dataset.transforms.RecResizeImg.image_shape",
        ),
    ),
    "scratch": Task(  # narrow recognizers that start from noise, on words that a CPU can learn in minutes
        rows=(
            Row(
                "mobilenet",
                "MobileNetV3",
                "rec/ch_PP-OCRv2_rec",
                0.667,
                (f"Architecture.Backbone={MOBILENET}", "Architecture.Neck.hidden_size=48"),
            ),
            Row("lcnet", "PP-LCNet", "rec/ch_PP-OCRv2_rec", 0.693, NARROW),
            Row("udml", "+ U-DML", "rec/ch_PP-OCRv2_rec_distillation", 0.739, _override_pair(NARROW)),
            Row("both", "+ U-DML + center loss", "rec/ch_PP-OCRv2_rec_udml_center", 0.748, _override_pair(NARROW)),
            Row(
                "stock_lcnet",
                "PaddleOCR's PP-LCNet",
                f"{CLONE_CONFIGS}/ch_PP-OCRv2_rec.yml",
                0.693,
                NARROW_IN_CLONE,
                in_clone=True,
            ),
            Row(
                "stock_udml",
                "PaddleOCR's U-DML",
                f"{CLONE_CONFIGS}/ch_PP-OCRv2_rec_distillation.yml",
                0.739,
                _override_pair(NARROW_IN_CLONE),
                in_clone=True,
            ),
        ),
        measures=("acc", "norm_edit_dis"),
        overrides=(
            "Train.dataset.transforms.RecResizeImg.image_shape=[3,32,64]",
            "Eval.dataset.transforms.RecResizeImg.image_shape=[3,32,64]",
            "Train.loader.batch_size_per_card=32",
            "Eval.loader.batch_size_per_card=64",
            "Train.loader.num_workers=0",
            "Eval.loader.num_workers=0",
            "Global.use_space_char=false",
            "Global.cal_metric_during_train=false",
            # Rendered text is degraded already. A high learning rate shortens the time in which no character is read.
            f"Train.dataset.transforms.RecAug={NOT_AUGMENTED}",
            "Optimizer.lr={name: Cosine, learning_rate: 0.008, warmup_epoch: 0.05}",
        ),
    ),
    "det": Task(
        rows=(
            Row("student", "one student", "det/ch_PP-OCRv2_det_student_finetune", 0.759, NOT_AVERAGED),
            Row("dml", "DML, two students", "det/ch_PP-OCRv2_det_dml_finetune", 0.777),
            Row("cml", "CML, with a teacher", "det/ch_PP-OCRv2_det_cml_finetune", 0.789),
            Row("paste", "CML + Copy-Paste", "det/ch_PP-OCRv2_det_cml_finetune", 0.795, PASTE),
        ),
        measures=("hmean", "precision", "recall"),
    ),
    "det_scratch": Task(  # students that start from noise, on windows that a CPU can pay for
        rows=(
            Row(
                "student",
                "one student",
                "det/ch_PP-OCRv2_det_student_finetune",
                0.759,
                (*NOT_AVERAGED, *TRAINED_NORM),
            ),
            Row("dml", "DML, two students", "det/ch_PP-OCRv2_det_dml_finetune", 0.777, STUDENTS_FROM_NOISE),
            Row("cml", "CML, with a teacher", "det/ch_PP-OCRv2_det_cml_finetune", 0.789, STUDENTS_FROM_NOISE),
            Row(
                "paste",
                "CML + Copy-Paste",
                "det/ch_PP-OCRv2_det_cml_finetune",
                0.795,
                (*STUDENTS_FROM_NOISE, *PASTE),
            ),
        ),
        measures=("hmean", "precision", "recall"),
        overrides=(
            "Train.dataset.transforms.RandomSceneWindow.size=[320,320]",
            "Train.loader.num_workers=0",
            "Eval.loader.num_workers=0",
        ),
    ),
    "v6_rec": Task(
        rows=(
            Row("ctc", "PP-OCRv6 tiny, CTC", "clone/PP-OCRv6_tiny_rec_finetune", None),
            Row("udml", "+ U-DML", V6_REC_PAIR, None, WITHOUT_CENTER),
            Row("both", "+ U-DML + center loss", V6_REC_PAIR, None),
        ),
        measures=("acc", "norm_edit_dis"),
        overrides=(*NOT_AVERAGED, "Global.epoch_num=4", "Optimizer.lr.learning_rate=0.001"),
        needs_clone=True,
    ),
    "v6_det": Task(
        rows=(
            Row("student", "PP-OCRv6 tiny alone", "clone/PP-OCRv6_tiny_det_finetune", None),
            Row("dml", "DML, two students", "clone/PP-OCRv6_tiny_det_cml_finetune", None, V6_STUDENTS_ALONE),
            Row("cml", "CML, with PP-OCRv6 small", "clone/PP-OCRv6_tiny_det_cml_finetune", None),
            Row("paste", "CML + Copy-Paste", "clone/PP-OCRv6_tiny_det_cml_finetune", None, PASTE),
        ),
        measures=("hmean", "precision", "recall"),
        overrides=NOT_AVERAGED,
        needs_clone=True,
    ),
}
