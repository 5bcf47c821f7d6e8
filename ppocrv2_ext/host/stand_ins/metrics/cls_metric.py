"""Share of text lines with the right direction; stands in for ``ppocr/metrics/cls_metric.py``."""

from __future__ import annotations

EPS = 1e-5  # PaddleOCR's, so that values agree to the last digit


class ClsMetric:
    """``acc``, the share of lines with the right class, in [0, 1]."""

    def __init__(self, main_indicator: str = "acc"):
        self.main_indicator = main_indicator
        self.reset()

    def __call__(self, pred_label: tuple[list, list], batch: list | None = None) -> None:
        """pred_label: (predictions, labels), each a list of (class, score); batch is unused."""
        predictions, labels = pred_label
        self.right += sum(pred == label for (pred, _), (label, _) in zip(predictions, labels))
        self.count += len(predictions)

    def get_metric(self) -> dict[str, float]:
        value = {"acc": self.right / (self.count + EPS)}
        self.reset()
        return value

    def reset(self) -> None:
        self.right = self.count = 0
