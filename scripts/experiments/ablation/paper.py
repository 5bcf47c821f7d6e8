"""The rows of the paper's two ablation tables (PP-OCRv2, arXiv:2109.03144), each a built-in config."""

from typing import NamedTuple, Optional

from ppocrv2_ext.errors import UserError, did_you_mean

PASTE = ("Train.dataset.transforms.TextCopyPaste.p=1",)


class Row(NamedTuple):
    """One experiment of the table."""

    key: str
    label: str
    config: str  # name of a built-in config, or a path
    paper: Optional[float]  # the main measure on the authors' own set; None where the paper has no such row
    overrides: tuple = ()
    schedule_of: Optional[str] = None  # key of the row whose learning rate, batch and image size this one takes


class Task(NamedTuple):
    """One table. ``measures`` are PaddleOCR's names of what the evaluation prints; the first one decides."""

    rows: tuple
    measures: tuple
    taken: tuple  # what `schedule_of` takes from another row's config

    @property
    def baseline(self):
        """The row of a single network, by which the weights are measured before any training."""
        return self.rows[0]

    def chosen(self, keys):
        """The rows named by ``keys``, in that order; all for None."""
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
        taken=(
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
        taken=(),
    ),
}
