"""Matching of text regions by the protocol of ICDAR 2015; stands in for ``ppocr/metrics/eval_det_iou.py``.

A region is (K, 2) points in pixels. A label or prediction whose outline crosses itself is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from shapely.geometry import Polygon

IOU = 0.5  # a prediction finds a label if it overlaps it by more than this
IGNORED_SHARE = 0.5  # a prediction with more than this share of its area on an ignored label does not count


def _valid_polygons(regions: Sequence[np.ndarray]) -> list[Polygon]:
    polygons = [Polygon(points) for points in regions]
    return [polygon for polygon in polygons if polygon.is_valid]


def _bounds(polygons: list[Polygon]) -> np.ndarray:
    """(N, 4) of x0, y0, x1, y1."""
    return np.array([polygon.bounds for polygon in polygons], dtype=np.float64).reshape(-1, 4)


def _boxes_touch(polygons: list[Polygon], others: list[Polygon]) -> np.ndarray:
    """(N, M) bool. Where the bounding boxes do not touch, the overlap is 0 and need not be computed."""
    a, b = _bounds(polygons)[:, None], _bounds(others)[None]
    return np.all(a[..., :2] <= b[..., 2:], axis=-1) & np.all(b[..., :2] <= a[..., 2:], axis=-1)


def _iou(a: Polygon, b: Polygon) -> float:
    intersection = a.intersection(b).area
    return intersection / a.union(b).area if intersection > 0 else 0.0


def _is_mostly_inside(polygon: Polygon, ignored: Polygon) -> bool:
    return polygon.area > 0 and polygon.intersection(ignored).area / polygon.area > IGNORED_SHARE


def match_regions(
    labels: Sequence[np.ndarray], ignored: Sequence[np.ndarray], predictions: Sequence[np.ndarray]
) -> tuple[int, int, int]:
    """Match the predictions for one image with its labels.

    Each label takes the first free prediction that overlaps it enough, in the order given.

    Args:
        labels: Regions with text.
        ignored: Regions with text that need not be found.
        predictions: Regions that the detector found.
    Returns:
        (number of labels, number of predictions that count, number of labels that were found).
    """
    labels, ignored, predictions = map(_valid_polygons, (labels, ignored, predictions))
    counted = [
        polygon
        for polygon, touches in zip(predictions, _boxes_touch(predictions, ignored))
        if not any(_is_mostly_inside(polygon, ignored[j]) for j in np.flatnonzero(touches))
    ]
    free = np.ones(len(counted), dtype=bool)
    for label, touches in zip(labels, _boxes_touch(labels, counted)):
        match = next((j for j in np.flatnonzero(touches & free) if _iou(label, counted[j]) > IOU), None)
        if match is not None:
            free[match] = False
    return len(labels), len(counted), int((~free).sum())


def precision_recall_hmean(label_count: int, prediction_count: int, found_count: int) -> dict[str, float]:
    """Precision, recall and their harmonic mean from the sums over all images; 0 instead of a division by 0."""
    precision = found_count / prediction_count if prediction_count else 0
    recall = found_count / label_count if label_count else 0
    hmean = 2 * recall * precision / (recall + precision) if found_count else 0
    return {"precision": precision, "recall": recall, "hmean": hmean}
