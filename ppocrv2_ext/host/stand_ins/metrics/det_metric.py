"""Precision, recall and harmonic mean of text regions; stands in for ``ppocr/metrics/det_metric.py``."""

from __future__ import annotations

from .eval_det_iou import match_regions, precision_recall_hmean


class DetMetric:
    """``precision``, ``recall`` and ``hmean`` over all images, in [0, 1]."""

    def __init__(self, main_indicator: str = "hmean"):
        self.main_indicator = main_indicator
        self.reset()

    def __call__(self, preds: list[dict], batch: list) -> None:
        """preds: {"points": (K, P, 2)} per image; batch: [images, shapes, regions (B, K, P, 2), ignore (B, K)]."""
        for pred, regions, ignore in zip(preds, batch[2], batch[3]):
            labels = [region for region, skip in zip(regions, ignore) if not skip]
            ignored = [region for region, skip in zip(regions, ignore) if skip]
            self.counts.append(match_regions(labels, ignored, pred["points"]))

    def get_metric(self) -> dict[str, float]:
        values = precision_recall_hmean(*map(sum, zip((0, 0, 0), *self.counts)))
        self.reset()
        return values

    def reset(self) -> None:
        self.counts = []
