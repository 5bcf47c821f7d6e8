"""Exact match and edit distance of text lines; stands in for ``RecMetric`` of ``ppocr/metrics/rec_metric.py``."""

from __future__ import annotations

from rapidfuzz.distance import Levenshtein

EPS = 1e-5  # PaddleOCR's, so that values agree to the last digit


class RecMetric:
    """``acc``, the share of lines that match exactly, and ``norm_edit_dis``, the mean of 1 - edits / longer length.

    Both are in [0, 1].

    Args:
        main_indicator: "acc" or "norm_edit_dis".
        ignore_space: Remove the spaces before comparing, which is PaddleOCR's default. A recognizer whose dictionary
            has the space (``Global.use_space_char``) is only judged on its spaces with false.
    """

    def __init__(self, main_indicator: str = "acc", ignore_space: bool = True):
        self.main_indicator = main_indicator
        self.ignore_space = ignore_space
        self.reset()

    def _normalize(self, text: str) -> str:
        return text.replace(" ", "") if self.ignore_space else text

    def __call__(self, pred_label: tuple[list, list], batch: list | None = None) -> None:
        """pred_label: (predictions, labels), each a list of (text, score); batch is unused."""
        pairs = [(self._normalize(pred), self._normalize(label)) for (pred, _), (label, _) in zip(*pred_label)]
        self.right += sum(pred == label for pred, label in pairs)
        self.edits += sum(Levenshtein.normalized_distance(pred, label) for pred, label in pairs)
        self.count += len(pairs)

    def get_metric(self) -> dict[str, float]:
        values = {
            "acc": self.right / (self.count + EPS),
            "norm_edit_dis": 1 - self.edits / (self.count + EPS),
        }
        self.reset()
        return values

    def reset(self) -> None:
        self.right = self.count = 0
        self.edits = 0.0
