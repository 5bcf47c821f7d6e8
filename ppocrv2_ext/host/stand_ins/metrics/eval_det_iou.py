"""Matching of text regions by the protocol of ICDAR 2015; stands in for ``ppocr/metrics/eval_det_iou.py``.

A region is (K, 2) points in pixels. A label or prediction whose outline crosses itself is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from shapely.geometry import Polygon

from ppocrv2_ext.data.matching import match_boxes


def match_regions(
    labels: Sequence[np.ndarray], ignored: Sequence[np.ndarray], predictions: Sequence[np.ndarray]
) -> tuple[int, int, int]:
    """Match the predictions for one image with its labels, as :func:`~ppocrv2_ext.data.matching.match_boxes`.

    Args:
        labels: Regions with text.
        ignored: Regions with text that need not be found.
        predictions: Regions that the detector found.
    Returns:
        (number of labels, number of predictions that count, number of labels that were found).
    """
    labels, ignored, predictions = map(_keep_valid, (labels, ignored, predictions))
    is_ignored = [False] * len(labels) + [True] * len(ignored)
    pairs, counts = match_boxes([*labels, *ignored], is_ignored, predictions)
    return len(labels), int(counts.sum()), len(pairs)


def _keep_valid(regions: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [points for points in regions if Polygon(points).is_valid]


def precision_recall_hmean(label_count: int, prediction_count: int, found_count: int) -> dict[str, float]:
    """Precision, recall and their harmonic mean from the sums over all images; 0 instead of a division by 0."""
    precision = found_count / prediction_count if prediction_count else 0
    recall = found_count / label_count if label_count else 0
    hmean = 2 * recall * precision / (recall + precision) if found_count else 0
    return {"precision": precision, "recall": recall, "hmean": hmean}
