"""Matching of text regions by the protocol of ICDAR 2015; stands in for ``ppocr/metrics/eval_det_iou.py``.

Regions are (K, 2) points in pixels. A region whose outline crosses itself is left out, on both sides.
"""

import numpy as np
from shapely.geometry import Polygon

IOU = 0.5  # a label is found by a prediction that overlaps it by more than this
IGNORED_SHARE = 0.5  # a prediction with more than this of its area on an ignored label does not count


def _polygons(regions):
    polygons = [Polygon(points) for points in regions]
    return [polygon for polygon in polygons if polygon.is_valid]


def _bounds(polygons):
    """(N, 4) of x0, y0, x1, y1."""
    return np.array([polygon.bounds for polygon in polygons], dtype=np.float64).reshape(-1, 4)


def _touching(polygons, others):
    """(N, M) bool: do the bounding boxes touch? Where they do not, the overlap is 0 and need not be computed."""
    a, b = _bounds(polygons)[:, None], _bounds(others)[None]
    return (a[..., :2] <= b[..., 2:]).all(-1) & (b[..., :2] <= a[..., 2:]).all(-1)


def _iou(a, b):
    intersection = a.intersection(b).area
    return intersection / a.union(b).area if intersection > 0 else 0.0


def _mostly_inside(polygon, ignored):
    return polygon.area > 0 and polygon.intersection(ignored).area / polygon.area > IGNORED_SHARE


def match_regions(labels, ignored, predictions):
    """Counts for one image.

    Args:
        labels: Regions that are text.
        ignored: Regions that are text nobody has to find.
        predictions: Regions found.
    Returns:
        (number of labels, number of predictions that count, number of labels found). Each label takes the first free
        prediction that overlaps it enough, in the order given.
    """
    labels, ignored, predictions = _polygons(labels), _polygons(ignored), _polygons(predictions)
    touching = _touching(predictions, ignored)
    counted = [
        polygon
        for polygon, row in zip(predictions, touching)
        if not any(_mostly_inside(polygon, ignored[j]) for j in np.flatnonzero(row))
    ]
    free = np.ones(len(counted), dtype=bool)
    for label, row in zip(labels, _touching(labels, counted)):
        hit = next((j for j in np.flatnonzero(row & free) if _iou(label, counted[j]) > IOU), None)
        if hit is not None:
            free[hit] = False
    return len(labels), len(counted), int((~free).sum())


def precision_recall_hmean(label_count, prediction_count, found):
    """From sums over all images; 0 where there is nothing to divide by."""
    precision = found / prediction_count if prediction_count else 0
    recall = found / label_count if label_count else 0
    hmean = 2 * recall * precision / (recall + precision) if found else 0
    return {"precision": precision, "recall": recall, "hmean": hmean}
