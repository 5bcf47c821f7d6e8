"""The rows of the paper's two ablation tables (PP-OCRv2, arXiv:2109.03144). Each row is a built-in config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ppocrv2_ext.errors import UserError, did_you_mean

PASTE = ("Train.dataset.transforms.TextCopyPaste.p=1",)


class Row(NamedTuple):
    """One experiment of a table."""

    key: str
    label: str
    config: str  # name of a built-in config, or a path
    paper: float | None  # the main measure on the authors' own set; None where the paper has no such row
    overrides: tuple[str, ...] = ()
    schedule_of: str | None = None  # key of another row, whose `Task.schedule_keys` this one takes


class Task(NamedTuple):
    """One table of the paper."""

    rows: tuple[Row, ...]
    measures: tuple[str, ...]  # PaddleOCR's names of what the evaluation prints; the first one decides
    schedule_keys: tuple[str, ...] = ()  # keys of a config: learning rate, batch and image size

    @property
    def baseline(self) -> Row:
        """The row of a single network. Its config measures the weights before any training."""
        return self.rows[0]

    def select_rows(self, keys: Sequence[str] | None) -> list[Row]:
        """The rows with these keys, in this order; all rows for None.

        Raises:
            UserError: there is no such row.
        """
        known = {row.key: row for row in self.rows}
        for key in keys or ():
            if key not in known:
                raise UserError(f"--rows: there is no row {key!r}{did_you_mean(key, known)}")
        return [known[key] for key in keys] if keys else list(self.rows)


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
    "det": Task(
        rows=(
            Row("student", "one student", "det/ch_PP-OCRv2_det_student_finetune", 0.759),
            Row("dml", "DML, two students", "det/ch_PP-OCRv2_det_dml_finetune", 0.777),
            Row("cml", "CML, with a teacher", "det/ch_PP-OCRv2_det_cml_finetune", 0.789),
            Row("paste", "CML + Copy-Paste", "det/ch_PP-OCRv2_det_cml_finetune", 0.795, PASTE),
        ),
        measures=("hmean", "precision", "recall"),
    ),
}
